using Hestia.Core.Archiving;
using Hestia.Core.Caching;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Recovery;

/// <summary>
/// Says what opening an index would refuse for before it comes to the log: the same looks in the same order as <see cref="IndexOpener"/>,
/// without its lock and without changing anything.
/// </summary>
internal static class OpenForecast
{
    private const int Attempts = 5;

    /// <summary>The first thing that opening would refuse for, the log left out; null if there is none.</summary>
    public static HestiaException? RefusalOf(FileSystem files, string indexPath, CancellationToken cancellationToken = default)
    {
        HestiaException? before = null;
        for (var attempt = 1; attempt <= Attempts; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var refusal = Look(files, indexPath);
            // An owner at work may have replaced a manifest and removed what the one before named. What would be refused is so a second time.
            if (refusal is null || refusal.Message == before?.Message) return refusal;
            before = refusal;
        }

        return null; // somebody is at work on it, so it is open
    }

    private static HestiaException? Look(FileSystem files, string indexPath)
    {
        try
        {
            var settings = IndexSettingsFile.Read(files, indexPath);
            var choice = ManifestChoice.Make(files, indexPath, settings.Id);
            ArchiveState.RefuseNewer(files, indexPath);
            LookAtSegments(files, indexPath, choice.Document);
            foreach (var folder in (string[])[FileNames.Segments, FileNames.Wal])
            {
                var path = Path.Combine(indexPath, folder);
                if (!files.DirectoryExists(path)) return HestiaException.FromIO(new DirectoryNotFoundException(), path, "opening");
            }

            return null;
        }
        catch (HestiaException e)
        {
            return e;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return HestiaException.FromIO(e, indexPath, "looking at");
        }
    }

    private static void LookAtSegments(FileSystem files, string indexPath, ManifestDocument manifest)
    {
        using var cache = new BlockCache(0);
        var table = new SegmentTable(files, indexPath, cache, new OpenFileLimit(1));
        foreach (var segment in manifest.Segments) table.Release(table.Acquire(segment));
    }
}
