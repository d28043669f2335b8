using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Control;
using Hestia.HestiaStore;

namespace HestiaPS.Commands;

/// <summary>Lists this process's open sessions, or reports indexes by path without opening them: what their owner says, or their files.</summary>
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
                if (TryItem<object>(one, () => Describe(one), out var info)) WriteObject(info);
        }
    }

    private object Describe(string path) => PathFormats.IsHestiaStore(path)
        ? new StoreIndexInfo(StoreDescription.Read(path))
        : Run($"Asking for {path}", (_, token) => Look(path, token));

    /// <summary>Of an owner that cannot be asked at least the files tell who it is.</summary>
    private static IndexInfo Look(string path, CancellationToken token)
    {
        if (SessionRegistry.Find(path) is { } session) return new IndexInfo(session.Engine.GetStatus(token), session.Path, IndexVia.Session);
        var description = IndexDescription.Read(path);
        if (!description.InUse) return new IndexInfo(description);
        try
        {
            if (RemoteIndex.Find(path, token) is { } remote) return new IndexInfo(remote.GetStatus(token), remote.Path, IndexVia.Endpoint);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.IndexInUse or HestiaErrorCode.AccessDenied or HestiaErrorCode.TimedOut
            or HestiaErrorCode.OwnerLost or HestiaErrorCode.IndexClosed or HestiaErrorCode.ControlUnsupported)
        {
            return new IndexInfo(description);
        }

        return new IndexInfo(IndexDescription.Read(path)); // closed meanwhile
    }

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
