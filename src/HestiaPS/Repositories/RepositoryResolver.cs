using System.Management.Automation;
using Hestia.Backup;

namespace HestiaPS;

/// <summary>A repository that was asked for: where it is and how to reach it.</summary>
/// <param name="Location">Full path or URL.</param>
/// <param name="Options">How; null for a folder, or for what the environment says.</param>
/// <param name="Name">The name it is registered under, or null.</param>
internal sealed record RepositoryTarget(string Location, StoreOptions? Options, string? Name);

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
    public static RepositoryTarget Resolve(string given, Func<string, string> resolvePath, CommandInvocationIntrinsics? commands)
    {
        if (HestiaCmdlet.IsUrl(given))
        {
            if (RepositoryConnections.Find(given) is { } known) return new RepositoryTarget(given, known, null);
            return RepositoryRegistry.FindLocation(given) is { } registered
                ? Open(registered, commands)
                : new RepositoryTarget(given, null, null);
        }

        return IsName(given) && RepositoryRegistry.Find(given) is { } entry
            ? Open(entry, commands)
            : new RepositoryTarget(resolvePath(given), null, null);
    }

    /// <summary>Whether a text may be the name of a repository: what nobody takes for a path or a URL.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= 64 && text[0] != '.' && text.All(static c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.');

    private static RepositoryTarget Open(Registration entry, CommandInvocationIntrinsics? commands)
    {
        if (!HestiaCmdlet.IsUrl(entry.Location)) return new RepositoryTarget(entry.Location, null, entry.Name);
        var credential = entry.SecretName is not null && commands is not null ? GetSecret(entry, commands) : null;
        var options = entry.Settings.ToOptions(credential, null);
        if (commands is not null) RepositoryConnections.Remember(entry.Location, options);
        return new RepositoryTarget(entry.Location, options, entry.Name);
    }

    private static PSCredential GetSecret(Registration entry, CommandInvocationIntrinsics commands)
    {
        if (commands.GetCommand("Get-Secret", CommandTypes.Cmdlet | CommandTypes.Function) is null)
        {
            throw new HestiaCommandException(
                CommandErrors.SecretModuleMissing, ErrorCategory.NotInstalled,
                $"The credentials of repository '{entry.Name}' are in a vault, and there is no Get-Secret to read it with.", entry.Name,
                "Install Microsoft.PowerShell.SecretManagement and the vault's module, or give -Credential to Get-HestiaRepository.");
        }

        const string Script = "param($Arguments) Get-Secret @Arguments -ErrorAction Stop";
        var arguments = new System.Collections.Hashtable { ["Name"] = entry.SecretName };
        if (entry.Vault is not null) arguments["Vault"] = entry.Vault;
        var where = $"secret '{entry.SecretName}'" + (entry.Vault is null ? "" : $" in vault '{entry.Vault}'");
        try
        {
            var found = commands.InvokeScript(false, ScriptBlock.Create(Script), null, arguments);
            if (found is [{ BaseObject: PSCredential credential }]) return credential;
        }
        catch (RuntimeException e) when (e is not PipelineStoppedException)
        {
            throw new HestiaCommandException(
                CommandErrors.SecretUnavailable, ErrorCategory.ObjectNotFound,
                $"The credentials of repository '{entry.Name}', {where}, could not be read: {e.Message}", entry.Name,
                "Check that the vault is registered and unlocked for this user, and that it has the secret.");
        }

        throw new HestiaCommandException(
            CommandErrors.SecretUnavailable, ErrorCategory.InvalidType,
            $"The credentials of repository '{entry.Name}', {where}, are not a PSCredential.", entry.Name,
            "Store one: access key id as user name, secret as password.");
    }
}
