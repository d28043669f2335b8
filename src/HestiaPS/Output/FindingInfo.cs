using Hestia.Core;

namespace HestiaPS;

/// <summary>One thing a check found: what, where, and what is at stake.</summary>
public sealed class FindingInfo
{
    internal FindingInfo(Finding finding, DataView keys)
    {
        Severity = finding.Severity;
        Code = finding.Code;
        Message = finding.Message;
        File = finding.File;
        Offset = finding.Offset;
        FirstLsn = finding.FirstLsn?.Value;
        LastLsn = finding.LastLsn?.Value;
        FirstKey = finding.FirstKey is null ? null : keys.Decode(finding.FirstKey);
        LastKey = finding.LastKey is null ? null : keys.Decode(finding.LastKey);
    }

    /// <summary>How bad it is.</summary>
    public FindingSeverity Severity { get; }

    /// <summary>Stable name, for scripts.</summary>
    public string Code { get; }

    /// <summary>What is wrong and what it means.</summary>
    public string Message { get; }

    /// <summary>File, relative to the index or repository, or null.</summary>
    public string? File { get; }

    /// <summary>Offset in the file, or null.</summary>
    public long? Offset { get; }

    /// <summary>First LSN at stake, or null.</summary>
    public ulong? FirstLsn { get; }

    /// <summary>Last LSN at stake, or null.</summary>
    public ulong? LastLsn { get; }

    /// <summary>First key at stake, or null.</summary>
    public object? FirstKey { get; }

    /// <summary>Last key at stake, or null.</summary>
    public object? LastKey { get; }

    /// <summary>All of it in one line.</summary>
    public override string ToString() =>
        $"{Severity} {Code}{(File is null ? "" : $" {File}{(Offset is { } offset ? $"@{offset}" : "")}")}: {Message}";

    internal static FindingInfo[] From(IReadOnlyList<Finding> findings, DataView keys)
    {
        var result = new FindingInfo[findings.Count];
        for (var i = 0; i < result.Length; i++) result[i] = new FindingInfo(findings[i], keys);
        return result;
    }

    /// <summary>Whether nothing is wrong but that something is not understood here, which is no damage.</summary>
    internal static bool IsOnlyUnsupported(FindingInfo[] findings)
    {
        var errors = Array.FindAll(findings, static f => f.Severity == FindingSeverity.Error);
        return errors.Length > 0 && Array.TrueForAll(errors, static f => f.Code == nameof(HestiaErrorCode.FormatUnsupported));
    }

    /// <summary>The worst finding in words and how many others there are; for error messages.</summary>
    internal static string Summary(FindingInfo[] findings)
    {
        var worst = Array.Find(findings, f => f.Severity == FindingSeverity.Error) ?? findings.FirstOrDefault();
        return worst is null ? "no details are known."
            : worst.Message + (findings.Length > 1 ? $" (and {findings.Length - 1:N0} more findings)" : "");
    }
}
