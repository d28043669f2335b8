using Hestia.Backup.FileSets;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.FileSets;

/// <summary>HestiaStore directories as backup and restore know them. Thread-safe.</summary>
public sealed class StoreFileSet : FileSetKind
{
    /// <inheritdoc/>
    public override string Name => "hestiastore";

    /// <inheritdoc/>
    public override string Title => "HestiaStore";

    /// <inheritdoc/>
    public override bool Recognizes(string path) => StoreDirectory.IsStoreDirectory(path);

    /// <inheritdoc/>
    public override FileSetDescription Describe(string path) => new(StoreDirectory.NameOf(FileSystem.Physical, path));

    /// <inheritdoc/>
    public override void RefuseIfInUse(string path, bool allowUnknownOwner) => StoreDirectory.RequireNotInUse(FileSystem.Physical, path, allowUnknownOwner);

    /// <inheritdoc/>
    public override bool Includes(string relativePath) =>
        relativePath != StoreFileNames.Lock && !relativePath.EndsWith("/" + StoreFileNames.Lock, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool IsOwnName(string relativePath)
    {
        var name = relativePath.EndsWith(StoreFileNames.TemporarySuffix, StringComparison.Ordinal)
            ? relativePath[..^StoreFileNames.TemporarySuffix.Length]
            : relativePath;
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0) return name is StoreFileNames.Manifest or StoreFileNames.RouteMap or StoreFileNames.Lock;
        var (folder, file) = (name[..slash], name[(slash + 1)..]);
        return folder == StoreFileNames.Wal
            ? file is StoreFileNames.WalFormat or StoreFileNames.WalCheckpoint || StoreFileNames.WalFirstLsn(file) is not null
            : StoreFileNames.SegmentId(folder) is not null && StoreFileNames.IsSegmentFile(file);
    }

    /// <inheritdoc/>
    public override FileSetCheck Check(string path, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) =>
        Check(path, countEntries: true, progress, cancellationToken);

    /// <inheritdoc/>
    public override FileSetCheck CheckBeforeBackup(string path, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) =>
        Check(path, countEntries: false, progress, cancellationToken);

    private static FileSetCheck Check(string path, bool countEntries, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        var report = StoreChecker.Check(
            FileSystem.Physical, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)), progress, cancellationToken, countEntries);
        // A crash leaves a torn end of the log; the copy has it as the directory does, and both are read without it.
        var errors = report.Findings.Where(static f => f.Severity == FindingSeverity.Error && f.Code != StoreFindings.WalTornTail).ToList();
        return new FileSetCheck(errors.Count == 0, report.Entries, errors);
    }
}
