using Hestia.Core.Control;
using Hestia.Core.Suspending;

namespace HestiaPS;

/// <summary>An index that is suspended.</summary>
public sealed class SuspensionReport
{
    internal SuspensionReport(IMaintainedIndex index, SuspensionInfo info, IndexVia via)
    {
        IndexName = index.Name;
        Path = index.Path;
        Lsn = info.Lsn.Value;
        Began = info.Began;
        Until = info.Until;
        Via = via;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>LSN of the last write that the files of the directory hold; a snapshot taken now stands for it.</summary>
    public ulong Lsn { get; }

    /// <summary>When it began (UTC).</summary>
    public DateTimeOffset Began { get; }

    /// <summary>When it ends at the latest (UTC).</summary>
    public DateTimeOffset Until { get; }

    /// <summary>Whether it is a session of this process or its owner did it.</summary>
    public IndexVia Via { get; }
}
