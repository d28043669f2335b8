using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Types;
using Hestia.HestiaStore.Wal;

namespace Hestia.HestiaStore;

/// <summary>What can be known of a HestiaStore directory from its manifests, without reading its entries.</summary>
public sealed record StoreDescription
{
    /// <summary>Full path.</summary>
    public required string Path { get; init; }

    /// <summary>Name of the index.</summary>
    public required string Name { get; init; }

    /// <summary>Type of the keys.</summary>
    public required StoreType KeyType { get; init; }

    /// <summary>Type of the values.</summary>
    public required StoreType ValueType { get; init; }

    /// <summary>Who has it open, as far as can be known from here.</summary>
    public required StoreLock Lock { get; init; }

    /// <summary>Segments in index.map.</summary>
    public required int Segments { get; init; }

    /// <summary>Bytes of all segment folders.</summary>
    public required long SegmentBytes { get; init; }

    /// <summary>Entries as the manifests count them, overwritten ones and tombstones included; the log is not among them.</summary>
    public required long EntriesUpperBound { get; init; }

    /// <summary>Whether writes go to a log first.</summary>
    public required bool WalEnabled { get; init; }

    /// <summary>Bytes of log files.</summary>
    public required long WalBytes { get; init; }

    /// <summary>The LSN up to which segments hold everything; None without a log or where it cannot be read.</summary>
    public required Lsn Checkpoint { get; init; }

    /// <summary>When manifest.txt was last written, UTC.</summary>
    public required DateTimeOffset ManifestWritten { get; init; }

    /// <summary>Reads it.</summary>
    /// <exception cref="HestiaException">
    /// PathNotFound, NotAnIndex, FormatUnsupported, ManifestMissing, ManifestDamaged, SegmentMissing, AccessDenied, IoError.
    /// </exception>
    public static StoreDescription Read(string path) => Read(FileSystem.Physical,
        System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path)));

    internal static StoreDescription Read(FileSystem files, string path)
    {
        var directory = StoreDirectory.Open(files, path);
        try
        {
            var map = RouteMap.Read(files, path, directory.KeyType) ?? new RouteMap([]);
            long entries = 0, segmentBytes = 0, walBytes = 0;
            foreach (var route in map.Routes)
            {
                var segment = SegmentFiles.Read(files, path, route.Segment).Manifest;
                entries += segment.MainKeys + segment.DeltaKeys;
            }

            var written = DateTimeOffset.MinValue;
            foreach (var file in directory.ListFiles())
            {
                if (file.RelativePath.StartsWith("segment-", StringComparison.Ordinal)) segmentBytes += file.Length;
                else if (file.RelativePath.StartsWith("wal/", StringComparison.Ordinal) && file.RelativePath.EndsWith(".wal",
                    StringComparison.Ordinal)) walBytes += file.Length;
                else if (file.RelativePath == StoreFileNames.Manifest) written = new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero);
            }

            return new StoreDescription
            {
                Path = path,
                Name = directory.Name,
                KeyType = directory.KeyType,
                ValueType = directory.ValueType,
                Lock = directory.ReadLock(),
                Segments = map.Routes.Count,
                SegmentBytes = segmentBytes,
                EntriesUpperBound = entries,
                WalEnabled = directory.WalEnabled,
                WalBytes = walBytes,
                Checkpoint = new Lsn((ulong)CheckpointOf(files, path)),
                ManifestWritten = written,
            };
        }
        catch (StoreDamageException e)
        {
            throw e.ToHestiaException(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    private static long CheckpointOf(FileSystem files, string path)
    {
        var wal = System.IO.Path.Combine(path, StoreFileNames.Wal);
        try
        {
            return files.DirectoryExists(wal) ? WalMetadata.ReadCheckpoint(files, wal) : 0;
        }
        catch (StoreDamageException)
        {
            return 0;
        }
    }
}
