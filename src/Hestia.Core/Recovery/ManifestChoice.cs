using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Wal;

namespace Hestia.Core.Recovery;

/// <summary>The manifest that recovery goes by, and what it had to pass over to get there.</summary>
/// <param name="Document">The manifest.</param>
/// <param name="Bytes">Its exact bytes.</param>
/// <param name="File">Its file.</param>
/// <param name="Older">Readable older manifests, newest first.</param>
/// <param name="Damaged">Newer ones that cannot be read; they go to quarantine once a new manifest stands in front of them.</param>
/// <param name="LastNumber">The largest number ever used, damaged and quarantined ones included.</param>
internal sealed record ManifestChoice(
    ManifestDocument Document,
    byte[] Bytes,
    ManifestFile File,
    IReadOnlyList<(ManifestDocument Document, ManifestFile File)> Older,
    IReadOnlyList<ManifestFile> Damaged,
    ulong LastNumber)
{
    /// <summary>
    /// Takes the newest manifest. If it is damaged, an older one may stand in for it, but only if the log reaches from that one's checkpoint to
    /// the checkpoint in the damaged one's name: then nothing the damaged one stood for is missing.
    /// </summary>
    /// <exception cref="HestiaException">ManifestMissing, ManifestDamaged, FormatTooNew, ForeignFile.</exception>
    public static ManifestChoice Make(FileSystem files, string indexPath, Guid indexId)
    {
        var store = new ManifestStore(files, indexPath);
        var found = List(files, store, indexPath);
        if (found.Count == 0)
        {
            throw new HestiaException(
                HestiaErrorCode.ManifestMissing,
                $"The index '{indexPath}' has no manifest in '{store.DirectoryPath}', so it is not known which segments are live.",
                store.DirectoryPath,
                "Restore the newest backup, or run Repair-HestiaIndex to build a manifest from the segments that are there.");
        }

        var damaged = new List<ManifestFile>();
        var reasons = new List<string>();
        ManifestDocument? chosen = null;
        ManifestFile chosenFile = default;
        byte[] chosenBytes = [];
        var older = new List<(ManifestDocument, ManifestFile)>();
        foreach (var file in found)
        {
            try
            {
                var document = store.Read(file, out var bytes);
                if (document.IndexId != indexId)
                {
                    if (chosen is not null) continue; // an old one that is not ours is nobody's business here; Test names it
                    throw new HestiaException(
                        HestiaErrorCode.ForeignFile,
                        $"'{file.Path}' belongs to index {document.IndexId}, not to this one ({indexId}).",
                        file.Path,
                        "Take the file out of the folder, or restore the newest backup.");
                }

                if (chosen is null) (chosen, chosenFile, chosenBytes) = (document, file, bytes);
                else older.Add((document, file));
            }
            catch (InvalidDataException e)
            {
                if (chosen is not null) continue; // an old one nobody needs
                damaged.Add(file);
                reasons.Add(e.Message);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw HestiaException.FromIO(e, file.Path, "reading");
            }
        }

        if (chosen is null) throw Damage(damaged[0], reasons[0], "No older manifest is readable either.");
        var last = FindLastNumber(files, indexPath, found[0].Number);
        if (damaged.Count > 0) RequireLogReaches(files, indexPath, indexId, chosen, damaged, reasons);
        return new ManifestChoice(chosen, chosenBytes, chosenFile, older, damaged, last);
    }

    private static List<ManifestFile> List(FileSystem files, ManifestStore store, string indexPath)
    {
        try
        {
            return files.DirectoryExists(store.DirectoryPath) ? store.List() : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, indexPath, "listing the manifests of");
        }
    }

    private static void RequireLogReaches(
        FileSystem files,
        string indexPath,
        Guid indexId,
        ManifestDocument chosen,
        List<ManifestFile> damaged,
        List<string> reasons)
    {
        var needed = chosen.Checkpoint;
        foreach (var file in damaged)
            if (file.Checkpoint > needed) needed = file.Checkpoint;
        if (needed == chosen.Checkpoint) return; // only the arrangement of segments changed, not what they hold
        var scan = WalScan.Run(files, Path.Combine(indexPath, FileNames.Wal), new WalScanOptions(indexId, chosen.Timeline.Id, chosen.Checkpoint));
        if (scan.CanOpen && scan.LastLsn >= needed) return;
        throw Damage(
            damaged[0],
            reasons[0],
            $"The older manifest {Path.GetFileName(chosenName(chosen))} ends at LSN {chosen.Checkpoint} and the log at {scan.LastLsn}, so LSN up to {needed} would be missing.");

        static string chosenName(ManifestDocument document) => ManifestFormat.FileName(document.Number, document.Checkpoint);
    }

    /// <summary>The largest number ever used. Quarantined manifests count too: a number is never used twice.</summary>
    public static ulong FindLastNumber(FileSystem files, string indexPath, ulong last)
    {
        var quarantine = Path.Combine(indexPath, FileNames.Quarantine);
        try
        {
            if (!files.DirectoryExists(quarantine)) return last;
            foreach (var entry in files.List(quarantine))
            {
                if (Recovery.Quarantine.OriginalName(entry.Name) is { } name && ManifestFormat.TryParseFileName(name, out var number, out _))
                    last = Math.Max(last, number);
            }

            return last;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, quarantine, "listing");
        }
    }

    private static HestiaException Damage(ManifestFile file, string reason, string why) => new(
        HestiaErrorCode.ManifestDamaged,
        $"The newest manifest '{file.Path}' is damaged: {reason} {why}",
        file.Path,
        "Restore the newest backup, or run Repair-HestiaIndex, which says what would be lost.");
}
