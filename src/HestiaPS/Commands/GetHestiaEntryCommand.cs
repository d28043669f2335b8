using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>Reads entries by key, prefix or range, in key order.</summary>
[Cmdlet(VerbsCommon.Get, "HestiaEntry", DefaultParameterSetName = RangeSet)]
[OutputType(typeof(IndexEntry))]
public sealed class GetHestiaEntryCommand : HestiaCmdlet
{
    private const string RangeSet = "Range";
    private const string KeySet = "Key";

    private HestiaIndex _index = null!;

    /// <summary>A session from Open-HestiaIndex.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [IndexSessionTransformation]
    [ArgumentCompleter(typeof(Completion.SessionCompleter))]
    [ValidateNotNull]
    public IndexSession Index { get; set; } = null!;

    /// <summary>Keys to read. A missing one is the non-terminating error EntryNotFound.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = KeySet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public object? Key { get; set; }

    /// <summary>Only keys that start with this.</summary>
    [Parameter(ParameterSetName = RangeSet)]
    [ValidateNotNull]
    public object? Prefix { get; set; }

    /// <summary>First key, included.</summary>
    [Parameter(ParameterSetName = RangeSet)]
    [ValidateNotNull]
    public object? From { get; set; }

    /// <summary>End key, excluded unless -ToInclusive is given.</summary>
    [Parameter(ParameterSetName = RangeSet)]
    [ValidateNotNull]
    public object? To { get; set; }

    /// <summary>Includes the key -To names.</summary>
    [Parameter(ParameterSetName = RangeSet)]
    public SwitchParameter ToInclusive { get; set; }

    /// <summary>At most so many entries.</summary>
    [Parameter(ParameterSetName = RangeSet)]
    [ValidateRange(1L, long.MaxValue)]
    public long First { get; set; }

    /// <summary>From the largest key to the smallest.</summary>
    [Parameter(ParameterSetName = RangeSet)]
    public SwitchParameter Reverse { get; set; }

    /// <summary>Keys and values as bytes, whatever the encoding of the index.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    private DataEncoding KeyEncoding => Raw ? DataEncoding.Bytes : Index.KeyEncoding;

    private DataEncoding ValueEncoding => Raw ? DataEncoding.Bytes : Index.ValueEncoding;

    /// <inheritdoc/>
    protected override void BeginProcessing() => _index = Require(Index, () => Index.Engine);

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == KeySet)
        {
            foreach (var key in EntryData.Keys(Key)) WriteEntry(key);
        }
        else
        {
            WriteRange();
        }
    }

    private void WriteEntry(object? key)
    {
        var found = TryItem(key, () =>
        {
            var bytes = EntryData.EncodeKey(Index.KeyEncoding, key);
            return _index.Get(bytes, out var lsn) is { } value
                ? new IndexEntry(DataEncoder.Decode(KeyEncoding, bytes), DataEncoder.Decode(ValueEncoding, value), lsn.Value)
                : throw new HestiaCommandException(
                    CommandErrors.EntryNotFound, ErrorCategory.ObjectNotFound,
                    $"Index '{Index.Name}' has no entry with the key '{DataEncoder.Display(Index.KeyEncoding, bytes)}'.", key,
                    "Get-HestiaEntry -Prefix lists what is there.");
        }, out var entry);
        if (found) WriteObject(entry);
    }

    private void WriteRange()
    {
        using var cursor = Require(Index, () => _index.Scan(Options()));
        while (Require(Index, () => cursor.MoveNext()))
        {
            if (StopToken.IsCancellationRequested) throw new PipelineStoppedException();
            WriteObject(new IndexEntry(
                DataEncoder.Decode(KeyEncoding, cursor.Key), DataEncoder.Decode(ValueEncoding, cursor.Value), cursor.Lsn.Value));
        }
    }

    private ScanOptions Options() => new()
    {
        Prefix = Bound(Prefix),
        From = Bound(From),
        To = Bound(To),
        ToInclusive = ToInclusive,
        Limit = First,
        Reverse = Reverse,
    };

    // Spelled out, because a null array would convert to an empty bound.
    private ReadOnlyMemory<byte>? Bound(object? bound) =>
        bound is null ? default(ReadOnlyMemory<byte>?) : new ReadOnlyMemory<byte>(EntryData.Encode(Index.KeyEncoding, bound));
}
