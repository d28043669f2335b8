using System.Management.Automation;
using System.Security;
using Hestia.Backup;

namespace HestiaPS;

/// <summary>A repository that was asked for: where it is and how to reach it.</summary>
/// <param name="Location">Full path or URL.</param>
/// <param name="Options">How; null for a folder, or for what the environment says.</param>
/// <param name="Name">The name it is registered under, or null.</param>
/// <param name="Key">What opens it, if it is encrypted: what was given, what its registration names, or what opened it before.</param>
internal sealed record RepositoryTarget(string Location, StoreOptions? Options, string? Name, RepositoryKey? Key = null);

/// <summary>
/// The one place that says what a text given as -Repository stands for: a registered name, a URL, or a path. A text is a name if it is
/// registered and could be the name of a file; ./name is the path.
/// </summary>
internal static class RepositoryResolver
{
    /// <summary>Resolves on the pipeline thread: a registration may have to ask a vault.</summary>
    /// <param name="given">What was given.</param>
    /// <param name="resolvePath">Turns a PowerShell path into a full one.</param>
    /// <param name="commands">To call Get-Secret with; null where secrets are not to be asked for.</param>
    /// <param name="key">The key that was given, or null.</param>
    public static RepositoryTarget Resolve(
        string given, Func<string, string> resolvePath, CommandInvocationIntrinsics? commands, RepositoryKey? key = null)
    {
        var target = Find(given, resolvePath, commands, key);
        return target with { Key = target.Key ?? RepositoryConnections.FindKey(target.Location) };
    }

    private static RepositoryTarget Find(
        string given, Func<string, string> resolvePath, CommandInvocationIntrinsics? commands, RepositoryKey? key)
    {
        if (HestiaCmdlet.IsUrl(given))
        {
            if (RepositoryConnections.Find(given) is { } known) return new RepositoryTarget(given, known, null, key);
            return RepositoryRegistry.FindLocation(given) is { } registered
                ? Open(registered, commands, key)
                : new RepositoryTarget(given, null, null, key);
        }

        return IsName(given) && RepositoryRegistry.Find(given) is { } entry
            ? Open(entry, commands, key)
            : new RepositoryTarget(resolvePath(given), null, null, key);
    }

    /// <summary>Whether a text may be the name of a repository: what nobody takes for a path or a URL.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= 64 && text[0] != '.' && text.All(static c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.');

    private static RepositoryTarget Open(Registration entry, CommandInvocationIntrinsics? commands, RepositoryKey? key)
    {
        if (commands is not null) key ??= RegisteredKey(entry, commands);
        if (!HestiaCmdlet.IsUrl(entry.Location)) return new RepositoryTarget(entry.Location, null, entry.Name, key);
        var credential = entry.SecretName is not null && commands is not null ? GetCredential(entry, entry.SecretName, commands) : null;
        var options = entry.Settings.ToOptions(credential, null);
        if (commands is not null) RepositoryConnections.Remember(entry.Location, options);
        return new RepositoryTarget(entry.Location, options, entry.Name, key);
    }

    private static RepositoryKey? RegisteredKey(Registration entry, CommandInvocationIntrinsics commands)
    {
        if (entry.KeyFile is not null) return RepositoryKey.FromKeyFile(entry.KeyFile);
        if (entry.KeySecretName is null) return null;
        return GetSecret(entry, entry.KeySecretName, "passphrase", commands) switch
        {
            SecureString passphrase => RepositoryKey.FromPassphrase(passphrase),
            PSCredential credential => RepositoryKey.FromPassphrase(credential.Password),
            _ => throw WrongSecret(entry, entry.KeySecretName, "passphrase", "a SecureString", "Store the passphrase as a secure string."),
        };
    }

    private static PSCredential GetCredential(Registration entry, string secretName, CommandInvocationIntrinsics commands) =>
        GetSecret(entry, secretName, "credentials", commands) as PSCredential ?? throw WrongSecret(
            entry, secretName, "credentials", "a PSCredential", "Store one: access key id as user name, secret as password.");

    private static object? GetSecret(Registration entry, string secretName, string what, CommandInvocationIntrinsics commands)
    {
        if (commands.GetCommand("Get-Secret", CommandTypes.Cmdlet | CommandTypes.Function) is null)
        {
            throw new HestiaCommandException(
                CommandErrors.SecretModuleMissing, ErrorCategory.NotInstalled,
                $"What repository '{entry.Name}' needs, its {what}, is in a vault, and there is no Get-Secret to read it with.", entry.Name,
                "Install Microsoft.PowerShell.SecretManagement and the vault's module, or give what is in it to Get-HestiaRepository.");
        }

        const string Script = "param($Arguments) Get-Secret @Arguments -ErrorAction Stop";
        var arguments = new System.Collections.Hashtable { ["Name"] = secretName };
        if (entry.Vault is not null) arguments["Vault"] = entry.Vault;
        try
        {
            var found = commands.InvokeScript(false, ScriptBlock.Create(Script), null, arguments);
            return found is [{ } one] ? one.BaseObject : null;
        }
        catch (RuntimeException e) when (e is not PipelineStoppedException)
        {
            throw new HestiaCommandException(
                CommandErrors.SecretUnavailable, ErrorCategory.ObjectNotFound,
                $"The {what} of repository '{entry.Name}', {Where(entry, secretName)}, could not be read: {e.Message}", entry.Name,
                "Check that the vault is registered and unlocked for this user, and that it has the secret.");
        }
    }

    private static HestiaCommandException WrongSecret(
        Registration entry, string secretName, string what, string kind, string action) => new(
        CommandErrors.SecretUnavailable, ErrorCategory.InvalidType,
        $"The {what} of repository '{entry.Name}', {Where(entry, secretName)}, should be {kind} and something else was found.",
        entry.Name, action);

    private static string Where(Registration entry, string secretName) =>
        $"secret '{secretName}'" + (entry.Vault is null ? "" : $" in vault '{entry.Vault}'");
}
