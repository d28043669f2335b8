using Hestia.Core;
using Hestia.Core.Control;
using Hestia.Core.Wal;

namespace HestiaPS;

/// <summary>What Test-HestiaWal found.</summary>
public sealed class WalTestResult
{
    internal WalTestResult(WalReport report, DataView keys, IndexVia via)
    {
        Path = report.CheckedPath;
        Healthy = report.Healthy;
        Files = report.Files;
        Records = report.Records;
        Operations = report.Operations;
        Bytes = report.Bytes;
        FirstLsn = report.FirstLsn.Value;
        LastLsn = report.LastLsn.Value;
        LastCommitTime = report.LastCommitTime?.ToUniversalTime();
        OpenWould = report.OpenWould;
        WouldOpen = report.WouldOpen;
        OpenRefusal = report.OpenRefusal is { } refusal ? new FindingInfo(refusal, keys) : null;
        Findings = FindingInfo.From(report.Findings, keys);
        Via = via;
    }

    /// <summary>What was tested.</summary>
    public string Path { get; }

    /// <summary>Whether nothing is damaged or missing; a torn tail after a crash is normal.</summary>
    public bool Healthy { get; }

    /// <summary>Log files.</summary>
    public int Files { get; }

    /// <summary>Records (batches) in them, those below the checkpoint included.</summary>
    public long Records { get; }

    /// <summary>Puts and deletes in them.</summary>
    public long Operations { get; }

    /// <summary>Bytes of the files.</summary>
    public long Bytes { get; }

    /// <summary>First LSN; 0 if the log is empty.</summary>
    public ulong FirstLsn { get; }

    /// <summary>Last LSN; 0 if the log is empty.</summary>
    public ulong LastLsn { get; }

    /// <summary>When the last record was committed (UTC); null if the log is empty.</summary>
    public DateTimeOffset? LastCommitTime { get; }

    /// <summary>What Open-HestiaIndex would do with it.</summary>
    public string OpenWould { get; }

    /// <summary>Whether Open-HestiaIndex would go on: neither the log nor anything else of the index is in its way.</summary>
    public bool WouldOpen { get; }

    /// <summary>What Open-HestiaIndex would refuse for besides the log (settings, manifest, a segment); also in Findings. Null for nothing.</summary>
    public FindingInfo? OpenRefusal { get; }

    /// <summary>What was found.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>Whether it was a session of this process, was done through the process that has the index open, or its files were read.</summary>
    public IndexVia Via { get; }
}
