using Hestia.Core;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Wal;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Wal;

/// <summary>
/// Reads and checks HestiaStore's write-ahead log, in a directory that is open or not, without changing a byte. A path is that of an index or
/// of its wal folder. Thread-safe.
/// </summary>
public static class StoreWalInspector
{
    /// <summary>Whether a path is a HestiaStore directory or the wal folder of one. Never throws.</summary>
    public static bool IsStoreWal(string path) => IsStoreWal(FileSystem.Physical, path);

    /// <summary>
    /// Checks metadata, every record, the order of LSNs and that they go on from the checkpoint without a gap. It finds what HestiaStore's own verifier
    /// finds, in its words, and what that does not look for: a gap behind the checkpoint, and whether good records are behind the damage.
    /// </summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex: there is no log of HestiaStore; AccessDenied, IoError.</exception>
    public static WalReport Check(string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Check(FileSystem.Physical, Path.GetFullPath(path), progress, cancellationToken);

    /// <summary>
    /// Streams the records in order, in constant memory, and goes on behind damage, which is an entry of its own. Every record is one operation.
    /// </summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex, AccessDenied, IoError, InvalidOption.</exception>
    public static IEnumerable<WalRecord> ReadRecords(string path, WalReadOptions? options = null, CancellationToken cancellationToken = default) =>
        ReadRecords(FileSystem.Physical, Path.GetFullPath(path), options ?? new WalReadOptions(), cancellationToken);

    /// <summary>The types of keys and values near a path, or null where no manifest says them.</summary>
    public static (StoreType Keys, StoreType Values)? TypesNear(string path) => Types(FileSystem.Physical, Path.GetFullPath(path));

    internal static bool IsStoreWal(FileSystem files, string path)
    {
        try
        {
            return StoreDirectory.IsStoreDirectory(files, path) || IsWalFolder(files, path)
                || (files.FileExists(path) && Path.GetDirectoryName(path) is { } parent && IsWalFolder(files, parent));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    internal static WalReport Check(
        FileSystem files, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var wal = Locate(files, path);
        try
        {
            var types = Types(files, path);
            var scan = WalDirectoryScan.Run(files, wal, types is { } known ? WalTypes.Check(known.Keys, known.Values) : null, null, cancellationToken,
                new ByteProgress(progress));
            return new WalReport
            {
                Healthy = scan.Healthy,
                CheckedPath = path,
                Files = scan.Files.Count,
                Records = scan.Records,
                Operations = scan.Records,
                Bytes = scan.Bytes,
                FirstLsn = new Lsn((ulong)scan.FirstLsn),
                LastLsn = new Lsn((ulong)scan.LastLsn),
                LastCommitTime = null,
                Findings = scan.Findings,
                OpenWould = OpenWould(scan),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, wal, "reading");
        }
    }

    internal static IEnumerable<WalRecord> ReadRecords(FileSystem files, string path, WalReadOptions options, CancellationToken cancellationToken)
    {
        if (options.Last is <= 0) throw new HestiaException(HestiaErrorCode.InvalidOption, $"Last is {options.Last}; it must be above 0.");
        var wal = Locate(files, path);
        var records = Filter(Read(files, wal, cancellationToken), options);
        return options.Last is { } last ? LastOf(records, last) : records;
    }

    private static IEnumerable<WalRecord> Read(FileSystem files, string wal, CancellationToken cancellationToken)
    {
        long lastLsn = 0;
        foreach (var name in Names(files, wal))
        {
            var file = Path.Combine(wal, name);
            using var reader = new WalFileReader(files, file);
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (reader.MoveNext())
                {
                    var damage = reader.Lsn <= lastLsn ? "Non-monotonic or invalid LSN." : null;
                    lastLsn = Math.Max(lastLsn, reader.Lsn);
                    yield return Record(file, reader, damage);
                }
                else if (reader.Problem is { } problem)
                {
                    var offset = reader.Offset;
                    var next = reader.FindRecord(lastLsn, cancellationToken);
                    yield return Damage(file, offset, (next ?? reader.Length) - offset, lastLsn + 1, next is null ? 0 : reader.Lsn - 1, problem);
                    if (next is null) break;
                    reader.TrySeek(next.Value);
                    lastLsn = reader.Lsn;
                    yield return Record(file, reader, null);
                }
                else
                {
                    break;
                }
            }
        }
    }

    private static List<string> Names(FileSystem files, string wal)
    {
        try
        {
            var names = new List<string>();
            foreach (var entry in files.List(wal))
                if (!entry.IsDirectory && StoreFileNames.WalFirstLsn(entry.Name) is not null) names.Add(entry.Name);
            names.Sort(StringComparer.Ordinal);
            return names;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, wal, "listing");
        }
    }

    private static WalRecord Record(string file, WalFileReader reader, string? damage)
    {
        var lsn = new Lsn((ulong)Math.Max(0, reader.Lsn));
        var value = reader.Value.ToArray();
        var operation = new WalOperation(lsn, reader.IsDelete ? OperationKind.Delete : OperationKind.Put, reader.Key.ToArray(), value.Length, value);
        return new WalRecord { File = file, Offset = reader.Offset, Bytes = reader.Bytes, FirstLsn = lsn, LastLsn = lsn, Operations = [operation],
            Damage = damage };
    }

    private static WalRecord Damage(string file, long offset, long bytes, long first, long last, string problem) => new()
    {
        File = file, Offset = offset, Bytes = bytes, FirstLsn = new Lsn((ulong)first), LastLsn = last >= first ? new Lsn((ulong)last) : Lsn.None,
            Damage = problem,
    };

    private static IEnumerable<WalRecord> Filter(IEnumerable<WalRecord> records, WalReadOptions options)
    {
        foreach (var record in records)
        {
            if (record.Damage is null)
            {
                if (options.FromLsn is { } from && record.LastLsn < from) continue;
                if (options.ToLsn is { } to && record.FirstLsn > to) continue;
                if (options.Key is { } key && !record.Operations[0].Key.AsSpan().SequenceEqual(key)) continue;
            }

            yield return record;
        }
    }

    private static IEnumerable<WalRecord> LastOf(IEnumerable<WalRecord> records, int count)
    {
        var last = new Queue<WalRecord>(Math.Min(count, 1024));
        foreach (var record in records)
        {
            if (last.Count == count) last.Dequeue();
            last.Enqueue(record);
        }

        return last;
    }

    private static string OpenWould(WalDirectoryScan scan)
    {
        if (scan.Findings.Any(static f =>
            f.Code is StoreFindings.WalCheckpointDamaged or StoreFindings.WalFileName || f.Code == StoreFindings.FormatUnsupported))
            return "HestiaStore would refuse to open the index.";
        if (RefusesFormat(scan)) return "HestiaStore would refuse to open the index.";
        if (scan.Break is { NextFile: not null } broken)
            return $"HestiaStore would cut the log at offset {broken.Offset:N0} of {broken.File} and delete everything behind it, LSN "
                + $"{broken.NextLsn} and later, without a word.";
        if (scan.Break is { } torn)
            return $"HestiaStore would cut the log at offset {torn.Offset:N0} of {torn.File} and replay {scan.PendingRecords:N0} operations, or "
                + $"refuse where wal.corruptionPolicy is FAIL_FAST.";
        return scan.PendingRecords > 0 ? $"HestiaStore would replay {scan.PendingRecords:N0} operations above the checkpoint (LSN {scan.Checkpoint})." : "HestiaStore would have nothing to replay.";
    }

    /// <summary>HestiaStore makes a format.meta that is missing, and refuses one that is wrong.</summary>
    internal static bool RefusesFormat(WalDirectoryScan scan) => scan.Findings.Any(static f => f.Code == StoreFindings.WalFormatDamaged) && !scan.FormatIsMissing;

    private static string Locate(FileSystem files, string path)
    {
        if (files.FileExists(path) && Path.GetDirectoryName(path) is { } parent && IsWalFolder(files, parent))
            throw new HestiaException(HestiaErrorCode.InvalidOption, $"'{path}' is one file of a HestiaStore log.", path, $"Give the folder '{parent}'.");
        if (!files.DirectoryExists(path)) throw new HestiaException(HestiaErrorCode.PathNotFound, $"There is no directory '{path}'.", path,
            "Check the path.");
        if (IsWalFolder(files, path)) return path;
        var wal = Path.Combine(path, StoreFileNames.Wal);
        if (StoreDirectory.IsStoreDirectory(files, path) && files.DirectoryExists(wal)) return wal;
        throw new HestiaException(
            StoreDirectory.IsStoreDirectory(files, path) ? HestiaErrorCode.PathNotFound : HestiaErrorCode.NotAnIndex, $"'{path}' has no log of HestiaStore: no folder {StoreFileNames.Wal}.", path,
                "The index may have been made without one; Test-HestiaIndex checks the rest.");
    }

    private static bool IsWalFolder(FileSystem files, string path) => files.DirectoryExists(path)
        && (files.FileExists(Path.Combine(path, StoreFileNames.WalFormat)) || files.FileExists(Path.Combine(path, StoreFileNames.WalCheckpoint))
            || (Path.GetFileName(path) == StoreFileNames.Wal && Path.GetDirectoryName(path) is { } parent && StoreDirectory.IsStoreDirectory(files, parent)));

    private static (StoreType Keys, StoreType Values)? Types(FileSystem files, string path)
    {
        try
        {
            for (var depth = 0; depth < 2 && !string.IsNullOrEmpty(path); depth++, path = Path.GetDirectoryName(path)!)
            {
                if (!files.FileExists(Path.Combine(path, StoreFileNames.Manifest))) continue;
                var manifest = StoreManifest.Read(files, path);
                return (manifest.KeyType, manifest.ValueType);
            }
        }
        catch (Exception e) when (e is StoreDamageException or IOException or UnauthorizedAccessException)
        {
            // Then keys are bytes.
        }

        return null;
    }
}
