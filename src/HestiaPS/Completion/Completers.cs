using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using Hestia.Backup;

namespace HestiaPS.Completion;

/// <summary>What the completers share. Completion never fails aloud: without an answer there are no suggestions.</summary>
public abstract class HestiaCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        try
        {
            var word = (wordToComplete ?? "").Trim('\'', '"');
            return [.. Complete(word, fakeBoundParameters)];
        }
        catch (Exception e) when (Failures.IsReportable(e) || e is RuntimeException or ArgumentException or NotSupportedException)
        {
            return [];
        }
    }

    private protected abstract IEnumerable<CompletionResult> Complete(string word, IDictionary bound);

    private protected static bool Starts(string text, string word) => text.StartsWith(word, StringComparison.OrdinalIgnoreCase);

    private protected static string Quote(string text) =>
        text.Length > 0 && text.All(static c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.')
        ? text
        : "'" + CodeGeneration.EscapeSingleQuotedStringContent(text) + "'";

    private protected static IReadOnlyList<BackupInfo> Backups(IDictionary bound)
    {
        var given = bound["Repository"];
        if (given is PSObject wrapped) given = wrapped.BaseObject;
        var text = given switch
        {
            RepositoryInfo repository => repository.Use(),
            RepositoryRegistration registration => registration.Name,
            string plain => plain,
            _ => null,
        };
        if (text is null) return [];
        // No vault is asked for a suggestion.
        var target = RepositoryResolver.Resolve(text, new SessionState().Path.GetUnresolvedProviderPathFromPSPath, commands: null);
        using var opened = BackupRepository.Open(target.Location, target.Options, target.Key);
        return opened.List();
    }
}

/// <summary>Registered names of repositories.</summary>
public sealed class RepositoryCompleter : HestiaCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(string word, IDictionary bound) =>
        RepositoryRegistry.Read().Where(e => Starts(e.Name, word))
            .Select(e => new CompletionResult(Quote(e.Name), e.Name, CompletionResultType.ParameterValue, e.Location));
}

/// <summary>Backup ids in the repository that -Repository names, newest first.</summary>
public sealed class BackupIdCompleter : HestiaCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(string word, IDictionary bound)
    {
        var name = (bound["IndexName"] as string[])?.FirstOrDefault() ?? bound["IndexName"] as string;
        return Backups(bound).Reverse()
            .Where(b => Starts(b.BackupId, word) && (name is null || string.Equals(b.IndexName, name, StringComparison.OrdinalIgnoreCase)))
            .Select(b => new CompletionResult(
                Quote(b.BackupId), b.BackupId, CompletionResultType.ParameterValue,
                $"{b.IndexName}, {Display.Time(b.Completed)}, LSN {b.Lsn}, {Display.Size(b.Bytes)}"));
    }
}

/// <summary>Index names: those in the repository that -Repository names, or else those of open sessions.</summary>
public sealed class IndexNameCompleter : HestiaCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(string word, IDictionary bound)
    {
        var names = bound.Contains("Repository") ? Backups(bound).Select(b => b.IndexName) : SessionRegistry.All().Select(s => s.Name);
        return names.Distinct().Where(n => Starts(n, word)).Order(StringComparer.OrdinalIgnoreCase)
            .Select(n => new CompletionResult(Quote(n), n, CompletionResultType.ParameterValue, n));
    }
}

/// <summary>Sessions that are open in this process, as the expression that yields them.</summary>
public sealed class SessionCompleter : HestiaCompleter
{
    private protected override IEnumerable<CompletionResult> Complete(string word, IDictionary bound) =>
        SessionRegistry.All().Where(s => Starts(s.Name, word))
            .Select(s => new CompletionResult(
                $"(Get-HestiaIndex -Name {Quote(s.Name)})", s.Name,
                    CompletionResultType.ParameterValue, $"{s.Path}, {s.State}, LSN {s.LastLsn}"));
}
