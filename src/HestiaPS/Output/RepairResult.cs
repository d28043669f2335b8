using Hestia.Core;

namespace HestiaPS;

/// <summary>What Repair-HestiaIndex found, did, quarantined and lost.</summary>
public sealed class RepairResult
{
    internal RepairResult(RepairReport report, DataView keys)
    {
        Name = report.Name;
        Path = report.Path;
        Changed = report.Changed;
        Findings = FindingInfo.From(report.Findings, keys);
        Done = [.. report.Actions];
        Quarantined = [.. report.Quarantined];
        Lost = [.. report.Lost.Select(loss => new LossInfo(loss, keys))];
        EntriesKept = report.EntriesKept;
        LastLsn = report.LastLsn.Value;
        Duration = report.Duration;
    }

    /// <summary>Name of the index.</summary>
    public string Name { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>False if nothing had to be done.</summary>
    public bool Changed { get; }

    /// <summary>What was found.</summary>
    public FindingInfo[] Findings { get; }

    /// <summary>What was done.</summary>
    public RepairAction[] Done { get; }

    /// <summary>Files moved to quarantine/.</summary>
    public string[] Quarantined { get; }

    /// <summary>What could not be saved: LSN and key ranges.</summary>
    public LossInfo[] Lost { get; }

    /// <summary>Live entries after it.</summary>
    public long EntriesKept { get; }

    /// <summary>Last LSN after it.</summary>
    public ulong LastLsn { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }
}

/// <summary>A range of entries that repair could not save; null where a bound is not known.</summary>
public sealed class LossInfo
{
    internal LossInfo(RepairLoss loss, DataView keys)
    {
        Message = loss.Message;
        FirstLsn = loss.FirstLsn?.Value;
        LastLsn = loss.LastLsn?.Value;
        FirstKey = loss.FirstKey is null ? null : keys.Decode(loss.FirstKey);
        LastKey = loss.LastKey is null ? null : keys.Decode(loss.LastKey);
    }

    /// <summary>What is lost, in words.</summary>
    public string Message { get; }

    /// <summary>First LSN lost.</summary>
    public ulong? FirstLsn { get; }

    /// <summary>Last LSN lost.</summary>
    public ulong? LastLsn { get; }

    /// <summary>First key lost.</summary>
    public object? FirstKey { get; }

    /// <summary>Last key lost.</summary>
    public object? LastKey { get; }

    /// <summary>What is lost, in words.</summary>
    public override string ToString() => Message;
}
