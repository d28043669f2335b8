using Hestia.Core;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>What a compaction did.</summary>
public sealed class OptimizeReport
{
    internal OptimizeReport(IMaintainedIndex index, CompactionResult result, IndexVia via)
    {
        IndexName = index.Name;
        Path = index.Path;
        SegmentsBefore = result.SegmentsBefore;
        SegmentsAfter = result.SegmentsAfter;
        BytesBefore = result.BytesBefore;
        BytesAfter = result.BytesAfter;
        BytesRewritten = result.BytesRewritten;
        Duration = result.Duration;
        Via = via;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>Live segments before.</summary>
    public int SegmentsBefore { get; }

    /// <summary>Live segments after.</summary>
    public int SegmentsAfter { get; }

    /// <summary>Bytes of the segments before.</summary>
    public long BytesBefore { get; }

    /// <summary>Bytes of the segments after.</summary>
    public long BytesAfter { get; }

    /// <summary>Bytes of new segments: what the next backup has to send for it.</summary>
    public long BytesRewritten { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Whether the index was a session of this process, was opened for the work, or another process has it open.</summary>
    public IndexVia Via { get; }
}
