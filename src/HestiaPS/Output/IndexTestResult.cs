using Hestia.Core;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>What Test-HestiaIndex found.</summary>
public sealed class IndexTestResult
{
    internal IndexTestResult(CheckReport report, bool deep, DataEncoding keys, IndexVia via)
    {
        Name = report.Name;
        Path = report.Path;
        Healthy = report.Healthy;
        Deep = deep;
        Entries = report.Entries;
        Segments = report.Segments;
        Bytes = report.Bytes;
        LastLsn = report.LastLsn.Value;
        Checkpoint = report.Checkpoint.Value;
        Findings = FindingInfo.From(report.Findings, keys);
        Duration = report.Duration;
        Via = via;
    }

    /// <summary>Name of the index.</summary>
    public string Name { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>Whether nothing is damaged or missing.</summary>
    public bool Healthy { get; }

    /// <summary>Whether the bytes of each segment were hashed and compared with its name.</summary>
    public bool Deep { get; }

    /// <summary>Live entries counted.</summary>
    public long Entries { get; }

    /// <summary>Live segments.</summary>
    public int Segments { get; }

    /// <summary>Bytes checked.</summary>
    public long Bytes { get; }

    /// <summary>Last LSN.</summary>
    public ulong LastLsn { get; }

    /// <summary>LSN up to which segments hold everything.</summary>
    public ulong Checkpoint { get; }

    /// <summary>What was found; empty if nothing is worth a word.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Whether it was a session of this process, was done through the process that has the index open, or its files were read.</summary>
    public IndexVia Via { get; }
}
