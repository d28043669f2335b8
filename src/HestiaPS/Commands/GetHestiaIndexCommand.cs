using System.Management.Automation;
using Hestia.Core;
using Hestia.HestiaStore;

namespace HestiaPS.Commands;

/// <summary>Lists this process's open sessions, or reports indexes by path without opening them.</summary>
[Cmdlet(VerbsCommon.Get, "HestiaIndex", DefaultParameterSetName = SessionSet)]
[OutputType(typeof(IndexSession), ParameterSetName = [SessionSet])]
[OutputType(typeof(IndexInfo), typeof(StoreIndexInfo), ParameterSetName = [PathSet, LiteralPathSet])]
public sealed class GetHestiaIndexCommand : HestiaCmdlet
{
    private const string SessionSet = "Session";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Only sessions of indexes with these names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = SessionSet)]
    [ArgumentCompleter(typeof(Completion.IndexNameCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <summary>Directories of indexes to report without opening them; wildcards are resolved.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true,
        ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Directories of indexes to report without opening them, taken as they are written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == SessionSet)
        {
            WriteSessions();
            return;
        }

        foreach (var path in ParameterSetName == PathSet ? Path : LiteralPath)
        {
            if (!TryItem(path, () => ParameterSetName == PathSet ? ResolveMany(path) : [ResolveOne(path)], out var resolved)) continue;
            foreach (var one in resolved)
                if (TryItem<object>(one, () => Describe(one), out var description)) WriteObject(description);
        }
    }

    private static object Describe(string path) => PathFormats.IsHestiaStore(path)
        ? new StoreIndexInfo(StoreDescription.Read(path)) : new IndexInfo(IndexDescription.Read(path));

    private void WriteSessions()
    {
        var sessions = SessionRegistry.All();
        if (Name is null)
        {
            WriteObject(sessions, enumerateCollection: true);
            return;
        }

        foreach (var name in Name)
        {
            var pattern = new WildcardPattern(name, WildcardOptions.IgnoreCase);
            var found = Array.FindAll(sessions, s => pattern.IsMatch(s.Name));
            WriteObject(found, enumerateCollection: true);
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                WriteError(Failures.ToErrorRecord(new HestiaCommandException(
                    CommandErrors.SessionNotFound, ErrorCategory.ObjectNotFound, $"This process has no open index named '{name}'.", name,
                    "Get-HestiaIndex lists the open ones; Open-HestiaIndex opens one.")));
            }
        }
    }
}
