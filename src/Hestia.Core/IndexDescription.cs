using Hestia.Core.Archiving;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

namespace Hestia.Core;

/// <summary>What can be known of an index without opening it.</summary>
public sealed record IndexDescription
{
    /// <summary>Full path of the directory.</summary>
    public required string Path { get; init; }

    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Identity, fixed at creation.</summary>
    public required Guid Id { get; init; }

    /// <summary>Settings as index.json has them.</summary>
    public required IndexSettings Settings { get; init; }

    /// <summary>When it was created, UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Whether a live process holds the lock now.</summary>
    public required bool InUse { get; init; }

    /// <summary>Who holds it, if <see cref="InUse"/> and if <c>.lock</c> says so.</summary>
    public LockOwner? Owner { get; init; }

    /// <summary>The LSN up to which segments hold everything.</summary>
    public required Lsn Checkpoint { get; init; }

    /// <summary>Live segments.</summary>
    public required int Segments { get; init; }

    /// <summary>Their bytes.</summary>
    public required long SegmentBytes { get; init; }

    /// <summary>Entries in them, overwritten ones and tombstones included: an upper bound of the live ones.</summary>
    public required long EntriesUpperBound { get; init; }

    /// <summary>Bytes of log files, retained ones included.</summary>
    public required long WalBytes { get; init; }

    /// <summary>Live segments per level, levels without any left out.</summary>
    public required IReadOnlyList<LevelStatistics> Levels { get; init; }

    /// <summary>The last backup made of it, or null if none is known.</summary>
    public LastBackup? LastBackup { get; init; }

    /// <summary>Whether the path holds an index.json, so that it is or was meant to be an index.</summary>
    public static bool IsIndex(string path) => File.Exists(System.IO.Path.Combine(path, FileNames.Settings));

    /// <summary>Reads index.json, the newest readable manifest and the lock. Opens and changes nothing.</summary>
    /// <exception cref="HestiaException">PathNotFound, NotAnIndex, SettingsDamaged, FormatTooNew, ManifestMissing, ManifestDamaged, AccessDenied, IoError.</exception>
    public static IndexDescription Read(string path) => Read(System.IO.Path.GetFullPath(path), FileSystem.Physical);

    internal static IndexDescription Read(string path, FileSystem files)
    {
        var settings = IndexSettingsFile.Read(files, path);
        try
        {
            var manifest = NewestManifest(files, path);
            var inUse = IndexLock.IsHeld(files, path);
            return new IndexDescription
            {
                Path = path,
                Name = settings.Settings.Name ?? System.IO.Path.GetFileName(path),
                Id = settings.Id,
                Settings = settings.Settings,
                Created = settings.Created,
                InUse = inUse,
                Owner = inUse ? LockOwner.Read(files, path) : null,
                Checkpoint = manifest.Checkpoint,
                Segments = manifest.Segments.Count,
                SegmentBytes = manifest.SegmentBytes,
                EntriesUpperBound = Entries(manifest),
                WalBytes = WalBytesOf(files, path),
                Levels = LevelsOf(manifest.Segments),
                LastBackup = LastBackup.Read(files, path, settings.Id),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    internal static IReadOnlyList<LevelStatistics> LevelsOf(IReadOnlyList<ManifestSegment> segments)
    {
        var levels = new LevelStatistics?[ManifestFormat.Levels];
        foreach (var segment in segments)
        {
            var level = levels[segment.Level] ?? new LevelStatistics(segment.Level, 0, 0, 0);
            levels[segment.Level] = level with { Segments = level.Segments + 1, Bytes = level.Bytes + segment.Size, Entries = level.Entries + segment.Entries };
        }

        var result = new List<LevelStatistics>();
        foreach (var level in levels)
            if (level is not null) result.Add(level);
        return result;
    }

    internal static long WalBytesOf(FileSystem files, string path)
    {
        var directory = System.IO.Path.Combine(path, FileNames.Wal);
        if (!files.DirectoryExists(directory)) return 0;
        long bytes = 0;
        foreach (var entry in files.List(directory))
            if (entry.Name.EndsWith(FileNames.WalExtension, StringComparison.Ordinal)) bytes += entry.Length;
        return bytes;
    }

    private static long Entries(ManifestDocument manifest)
    {
        long entries = 0;
        foreach (var segment in manifest.Segments) entries += segment.Entries;
        return entries;
    }

    private static ManifestDocument NewestManifest(FileSystem files, string path)
    {
        var store = new ManifestStore(files, path);
        var found = files.DirectoryExists(store.DirectoryPath) ? store.List() : [];
        string? reason = null;
        foreach (var file in found)
        {
            try
            {
                return store.Read(file);
            }
            catch (InvalidDataException e)
            {
                reason ??= e.Message;
            }
            catch (FileNotFoundException)
            {
                // the owner has pruned it since it was listed; an older one went before, so a newer one stands
            }
        }

        throw new HestiaException(
            reason is null ? HestiaErrorCode.ManifestMissing : HestiaErrorCode.ManifestDamaged,
            reason is null ? $"The index '{path}' has no manifest." : $"No manifest of the index '{path}' is readable: {reason}",
            path,
            "Run Test-HestiaIndex to see what is there, then Repair-HestiaIndex or restore the newest backup.");
    }
}
