using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Control;
using Hestia.HestiaStore.Wal;

namespace HestiaPS;

/// <summary>
/// A cmdlet that works on indexes given as sessions, or by path: of a session of this process, of a closed index, or of one that another process
/// has open. It finds out by itself, and its results say which it was.
/// </summary>
public abstract class IndexTargetCmdlet : HestiaCmdlet
{
    private protected const string IndexSet = "Index";
    private protected const string PathSet = "Path";
    private protected const string LiteralPathSet = "LiteralPath";

    /// <summary>Sessions from Open-HestiaIndex.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = IndexSet)]
    [IndexSessionTransformation]
    [ArgumentCompleter(typeof(Completion.SessionCompleter))]
    [ValidateNotNullOrEmpty]
    public IndexSession[] Index { get; set; } = [];

    /// <summary>Directories of indexes, open or not, here or in another process; wildcards are resolved.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Directories of indexes, taken as they are written.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == IndexSet)
        {
            foreach (var session in Index)
                if (TryItem(session, () => session.Engine, out _)) ProcessTarget(new IndexTarget(session, session.Path));
            return;
        }

        foreach (var path in ParameterSetName == PathSet ? Path : LiteralPath)
        {
            if (!TryItem(path, () => ParameterSetName == PathSet ? ResolveMany(path) : [ResolveOne(path)], out var resolved)) continue;
            foreach (var one in resolved) ProcessTarget(new IndexTarget(SessionRegistry.Find(one), one));
        }
    }

    /// <summary>Does one index. Its failures are non-terminating.</summary>
    private protected abstract void ProcessTarget(IndexTarget target);

    /// <summary>Works on the session's index; on the index through the process that has it open; or on the closed one, opened for that time.</summary>
    private protected static T WithIndex<T>(IndexTarget target, Func<IMaintainedIndex, IndexVia, T> work, IProgress<WorkProgress> progress,
        CancellationToken cancellationToken, IndexOptions? options = null)
    {
        if (target.Session is { } session) return work(session.Engine, IndexVia.Session);
        using var access = IndexAccess.Open(target.Path, options, progress, cancellationToken);
        var result = work(access.Index, access.Via);
        access.Close(progress); // says so if its flush fails; Dispose would not
        return result;
    }
}

/// <summary>One index a cmdlet works on.</summary>
/// <param name="Session">The session on it, or null if this process has none.</param>
/// <param name="Path">Full path of its directory.</param>
internal readonly record struct IndexTarget(IndexSession? Session, string Path)
{
    /// <summary>Name for messages.</summary>
    public string Name => Session?.Name ?? System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(Path));

    /// <summary>How to show its keys and values; bytes where the settings cannot be read.</summary>
    public (DataView Keys, DataView Values) Encodings()
    {
        if (Session is { } session) return (session.KeyEncoding, session.ValueEncoding);
        if (PathFormats.HasHestiaStoreLog(Path))
            return StoreWalInspector.TypesNear(Path) is { } types ? (new DataView(types.Keys), new DataView(types.Values)) : (DataEncoding.Bytes, DataEncoding.Bytes);
        return SettingsNear(Path) is { } settings ? (settings.KeyEncoding, settings.ValueEncoding)
            : (DataEncoding.Bytes, DataEncoding.Bytes);
    }

    /// <summary>The settings of the index a path is in: the index itself, its wal directory, or one file there.</summary>
    private static IndexSettings? SettingsNear(string path)
    {
        for (var depth = 0; depth < 3 && !string.IsNullOrEmpty(path); depth++, path = System.IO.Path.GetDirectoryName(path)!)
        {
            try
            {
                if (IndexDescription.IsIndex(path)) return IndexDescription.Read(path).Settings;
            }
            catch (Exception e) when (Failures.IsReportable(e))
            {
                return null;
            }
        }

        return null;
    }
}
