using Hestia.Backup.FileSets;
using Hestia.Core;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Reading;

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
    public override FileSetDescription Describe(string path) => new(StoreDirectory.Open(path).Name);

    /// <inheritdoc/>
    public override void RefuseIfInUse(string path, bool allowUnknownOwner) => StoreDirectory.Open(path).RequireNotInUse(allowUnknownOwner);

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
    public override FileSetCheck Check(string path, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            using var reader = StoreDirectory.Open(path).ReadEntries(new StoreReadOptions { AllowUnknownOwner = true }, cancellationToken);
            while (reader.Read(cancellationToken))
            {
                if (reader.Entries % 1024 == 0) progress?.Report(new WorkProgress($"Checking {path}", reader.BytesRead, reader.BytesTotal, reader.Entries, 0));
            }

            return new FileSetCheck(true, reader.Entries, []);
        }
        catch (HestiaException e) when (e.Code is not (HestiaErrorCode.IoError or HestiaErrorCode.AccessDenied or HestiaErrorCode.IndexInUse
            or HestiaErrorCode.SourceDamaged or HestiaErrorCode.DiskFull))
        {
            return new FileSetCheck(false, 0, [new Finding(FindingSeverity.Error, e.Code.ToString(), e.Message, path)]);
        }
    }
}
