using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Segments;

namespace HestiaPS.Commands;

/// <summary>Opens an index, or creates one with -Create, and returns the session the other cmdlets take.</summary>
[Cmdlet(VerbsCommon.Open, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(IndexSession))]
public sealed class OpenHestiaIndexCommand : HestiaCmdlet
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string CreateSet = "Create";
    private const string CreateLiteralSet = "CreateLiteralPath";

    /// <summary>Directory of the index. With -Create it is taken as it is written; otherwise wildcards may stand for exactly one.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true,
        ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = CreateSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string Path { get; set; } = "";

    /// <summary>Directory of the index, taken as it is written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = CreateLiteralSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string LiteralPath { get; set; } = "";

    /// <summary>Creates the index in a directory that is empty or not there yet.</summary>
    [Parameter(Mandatory = true, ParameterSetName = CreateSet)]
    [Parameter(Mandatory = true, ParameterSetName = CreateLiteralSet)]
    public SwitchParameter Create { get; set; }

    /// <summary>Name of the new index; the folder's name by default.</summary>
    [Parameter(ParameterSetName = CreateSet)]
    [Parameter(ParameterSetName = CreateLiteralSet)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>How keys are taken and shown: Utf8 (default), Int64, Guid or Bytes. Fixed at creation.</summary>
    [Parameter(ParameterSetName = CreateSet)]
    [Parameter(ParameterSetName = CreateLiteralSet)]
    public DataEncoding KeyEncoding { get; set; } = DataEncoding.Utf8;

    /// <summary>How values are taken and shown: Utf8 (default), Int64, Guid or Bytes. Fixed at creation.</summary>
    [Parameter(ParameterSetName = CreateSet)]
    [Parameter(ParameterSetName = CreateLiteralSet)]
    public DataEncoding ValueEncoding { get; set; } = DataEncoding.Utf8;

    /// <summary>Codec of the data blocks: Snappy (default) or None. Fixed at creation.</summary>
    [Parameter(ParameterSetName = CreateSet)]
    [Parameter(ParameterSetName = CreateLiteralSet)]
    public BlockCodec Codec { get; set; } = BlockCodec.Snappy;

    /// <summary>Bytes a data block aims at, 1KB to 1MB; default 4KB. Fixed at creation.</summary>
    [Parameter(ParameterSetName = CreateSet)]
    [Parameter(ParameterSetName = CreateLiteralSet)]
    [ValidateRange(1 << 10, 1 << 20)]
    public int BlockBytes { get; set; } = 4 << 10;

    /// <summary>Bits per key of the Bloom filters, 0 to 32; default 10. Fixed at creation.</summary>
    [Parameter(ParameterSetName = CreateSet)]
    [Parameter(ParameterSetName = CreateLiteralSet)]
    [ValidateRange(0, 32)]
    public int BloomBitsPerKey { get; set; } = 10;

    /// <summary>Only reads; nothing in the directory is changed.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    public SwitchParameter ReadOnly { get; set; }

    /// <summary>When a write is acknowledged. With -Create it becomes the index's own; otherwise it holds for this session.</summary>
    [Parameter]
    public Durability Durability { get; set; }

    /// <summary>How long the leader of a group commit may wait for company; 0 to 1 s.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan GroupDelay { get; set; }

    /// <summary>Size at which the memtable is written out, 64KB to 1GB; default 64MB.</summary>
    [Parameter]
    [ValidateRange(64L << 10, 1L << 30)]
    public long MemtableBytes { get; set; }

    /// <summary>Budget of the block cache, 0 to 1TB; default 64MB.</summary>
    [Parameter]
    [ValidateRange(0L, 1L << 40)]
    public long CacheBytes { get; set; }

    /// <summary>How long files no longer needed stay for a plain copy that is running; default 15m.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan RetiredAge { get; set; }

    /// <summary>How many bytes of such files may stay.</summary>
    [Parameter]
    [ValidateRange(0L, long.MaxValue)]
    public long RetiredBytes { get; set; }

    /// <summary>Serves no control endpoint: other processes cannot flush, back up or look at the index while it is open here.</summary>
    [Parameter]
    public SwitchParameter NoControl { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName is LiteralPathSet or CreateLiteralSet;
        var path = Require(literal ? LiteralPath : Path, () => Create
            ? ResolveOne(literal ? LiteralPath : Path)
            : ResolveSingle(literal ? null : Path, literal ? LiteralPath : null));
        if (Create && !ShouldProcess(path, $"Create an index ({Given(nameof(Durability), Durability, Durability.GroupSync)}, "
            + $"{KeyEncoding} keys, {ValueEncoding} values)")) return;
        var session = Require(path, () => Open(path));
        foreach (var notice in session.Recovery!.Notices) WriteWarning($"{notice.Code}: {notice.Message}");
        WriteObject(session);
    }

    private IndexSession Open(string path)
    {
        if (SessionRegistry.Find(path) is { } open) throw InUseHere(open);
        var index = Run(Create ? $"Creating {path}" : $"Opening {path}", (progress, token) => Create
            ? HestiaIndex.Create(path, Settings(), Options(), token)
            : HestiaIndex.Open(path, Options(), progress, token));
        if (StopToken.IsCancellationRequested)
        {
            // Nobody would get the session: it must not stay open behind a pipeline that was stopped.
            index.Close();
            throw new PipelineStoppedException();
        }

        return SessionRegistry.Add(index, System.Management.Automation.Runspaces.Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty);
    }

    private static HestiaException InUseHere(IndexSession open) => new(
        HestiaErrorCode.IndexInUse,
        $"The index '{open.Path}' is in use by this process (pid {Environment.ProcessId} on {Environment.MachineName}): "
            + $"a session has it open since {Display.Time(open.Opened)}.",
        open.Path,
        "Use that session (Get-HestiaIndex lists it), or close it with Close-HestiaIndex first.");

    private IndexSettings Settings() => new()
    {
        Name = Name,
        KeyEncoding = KeyEncoding,
        ValueEncoding = ValueEncoding,
        Codec = Codec,
        BlockBytes = BlockBytes,
        BloomBitsPerKey = BloomBitsPerKey,
        Durability = Given(nameof(Durability), Durability, Durability.GroupSync),
        GroupDelay = Given(nameof(GroupDelay), GroupDelay, TimeSpan.Zero),
    };

    private IndexOptions Options()
    {
        var defaults = new IndexOptions();
        return defaults with
        {
            ReadOnly = ReadOnly,
            Durability = Given<Durability?>(nameof(Durability), Durability, null),
            GroupDelay = Given<TimeSpan?>(nameof(GroupDelay), GroupDelay, null),
            MemtableBytes = Given(nameof(MemtableBytes), MemtableBytes, defaults.MemtableBytes),
            CacheBytes = Given(nameof(CacheBytes), CacheBytes, defaults.CacheBytes),
            RetiredAge = Given(nameof(RetiredAge), RetiredAge, defaults.RetiredAge),
            RetiredBytes = Given<long?>(nameof(RetiredBytes), RetiredBytes, null),
            ControlEndpoint = !NoControl,
        };
    }

    private T Given<T>(string parameter, T value, T otherwise) => MyInvocation.BoundParameters.ContainsKey(parameter) ? value : otherwise;
}
