#pragma warning disable CA1822, IDE0060, CA1801, CA1065
using Hestia.Core;
namespace Hestia.Backup;
/// <summary>A place where backups live. Open one, then back up, list, verify, restore. Thread-safe.</summary>
public sealed class BackupRepository : IDisposable
{
    /// <summary>Creates a repository in a directory that is empty or not there. RepositoryExists, TargetNotEmpty.</summary>
    public static BackupRepository Create(string location, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>RepositoryNotFound (backup never creates one), RepositoryDamaged, FormatTooNew.</summary>
    public static BackupRepository Open(string location, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public string Location => throw new NotImplementedException();
    public Guid Id => throw new NotImplementedException();
    public DateTimeOffset Created => throw new NotImplementedException();
    /// <summary>Backs up an open index: flush, pin, copy, unpin; writers go on.</summary>
    public BackupResult Backup(HestiaIndex index, BackupOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Backs up a closed index (opens it for the time of the backup; IndexInUse if another process has it).</summary>
    public BackupResult Backup(string indexPath, BackupOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>Complete backups, oldest first.</summary>
    public IReadOnlyList<BackupInfo> List(CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>One backup; BackupNotFound.</summary>
    public BackupInfo Get(string backupId, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public BackupVerification Verify(string backupId, VerifyOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public RestorePlan PlanRestore(string backupId, string targetPath, RestoreOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public RestoreResult Restore(string backupId, string targetPath, RestoreOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    /// <summary>What a backup of this index would send now, without flushing (for -WhatIf).</summary>
    public BackupPlan PlanBackup(HestiaIndex index, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    public void Dispose() => throw new NotImplementedException();
}
public sealed record BackupOptions
{
    /// <summary>Transfers at once; 1 to 64. Default 4 (or cores).</summary>
    public int Parallelism { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);
}
public sealed record BackupPlan(int Segments, long Bytes, int SegmentsToSend, long BytesToSend);
/// <summary>A complete backup.</summary>
public sealed record BackupInfo
{
    public required string BackupId { get; init; }
    public required string IndexName { get; init; }
    public required Guid IndexId { get; init; }
    public required string SourcePath { get; init; }
    public required string SourceHost { get; init; }
    /// <summary>Location of the repository it is in.</summary>
    public required string Repository { get; init; }
    public required Lsn Lsn { get; init; }
    public required DateTimeOffset Started { get; init; }
    public required DateTimeOffset Completed { get; init; }
    public required int Segments { get; init; }
    public required long Bytes { get; init; }
    public required long BytesSent { get; init; }
    public required long Entries { get; init; }
    public required IndexSettings Settings { get; init; }
}
public sealed record BackupResult
{
    public required string BackupId { get; init; }
    public required string IndexName { get; init; }
    public required string SourcePath { get; init; }
    public required string Repository { get; init; }
    public required Lsn Lsn { get; init; }
    public required long Bytes { get; init; }
    public required long BytesSent { get; init; }
    public required int SegmentsSent { get; init; }
    public required int SegmentsReused { get; init; }
    public required TimeSpan Duration { get; init; }
}
public sealed record VerifyOptions
{
    /// <summary>Read and hash every byte; otherwise presence and size.</summary>
    public bool Deep { get; init; }
    public int Parallelism { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);
}
public sealed record BackupVerification
{
    public required string BackupId { get; init; }
    public required string IndexName { get; init; }
    public required bool Healthy { get; init; }
    public required int ObjectsChecked { get; init; }
    public required long BytesChecked { get; init; }
    public required bool Deep { get; init; }
    public required IReadOnlyList<Finding> Findings { get; init; }
    public required TimeSpan Duration { get; init; }
}
public sealed record RestoreOptions
{
    /// <summary>Replace an index that is at the target. Never one that is in use.</summary>
    public bool Force { get; init; }
    public int Parallelism { get; init; } = Math.Clamp(Environment.ProcessorCount, 2, 8);
}
public sealed record RestorePlan(string BackupId, string TargetPath, bool ReplacesIndex, int Segments, int SegmentsReused, long Bytes, long BytesToFetch, long AvailableBytes);
public sealed record RestoreResult
{
    public required string BackupId { get; init; }
    public required string IndexName { get; init; }
    public required string Path { get; init; }
    public required Lsn Lsn { get; init; }
    /// <summary>Moment of the restored state.</summary>
    public required DateTimeOffset PointInTime { get; init; }
    public required long Entries { get; init; }
    public required long Bytes { get; init; }
    public required long BytesFetched { get; init; }
    public required int SegmentsFetched { get; init; }
    public required int SegmentsReused { get; init; }
    public required int ObjectsVerified { get; init; }
    public required bool ReplacedIndex { get; init; }
    public required TimeSpan Duration { get; init; }
}
