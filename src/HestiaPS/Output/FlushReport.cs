using Hestia.Core;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>What a flush did.</summary>
public sealed class FlushReport
{
    internal FlushReport(IMaintainedIndex index, FlushResult result, IndexVia via)
    {
        IndexName = index.Name;
        Path = index.Path;
        SegmentsWritten = result.SegmentsWritten;
        BytesWritten = result.BytesWritten;
        WalCheckpoint = result.Checkpoint.Value;
        Duration = result.Duration;
        Via = via;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>Indices flushed: 1, one object comes for each.</summary>
    public int FlushedIndices => 1;

    /// <summary>Segments written; 0 if nothing had been written since the last flush.</summary>
    public int SegmentsWritten { get; }

    /// <summary>Their bytes.</summary>
    public long BytesWritten { get; }

    /// <summary>LSN up to which segments now hold everything.</summary>
    public ulong WalCheckpoint { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Whether the index was a session of this process, was opened for the work, or another process has it open.</summary>
    public IndexVia Via { get; }
}
