using Hestia.Core.Caching;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Consistency;

/// <summary>Names what lies in the folders of an index and is none of its live files.</summary>
internal sealed class StrayFiles(FileSystem files, string indexPath, List<Finding> findings)
{
    /// <summary>More files than this of one kind are told as a number.</summary>
    private const int MaxNamed = 100;

    private static readonly string[] Folders = [FileNames.Manifests, FileNames.Segments, FileNames.Wal];

    /// <summary>Folders that have to be there, even empty.</summary>
    public void CheckFolders()
    {
        foreach (var name in Folders)
        {
            if (!files.DirectoryExists(Path.Combine(indexPath, name)))
                findings.Add(new Finding(FindingSeverity.Error, CheckFindings.FolderMissing, $"The folder '{name}' is missing.", name));
        }
    }

    /// <summary>Everything else.</summary>
    /// <param name="survey">The manifests.</param>
    /// <param name="live">The one that counts, or null.</param>
    /// <param name="lastLsn">The last LSN the index holds.</param>
    public void Check(ManifestSurvey survey, ManifestDocument? live, Lsn lastLsn)
    {
        var unknown = new Tally(findings, FindingSeverity.Information, CheckFindings.UnknownFile,
            "It is none of the index's files and is left alone.");
        var unfinished = new Tally(
            findings, FindingSeverity.Information, CheckFindings.UnfinishedFile,
                "It was not complete when its writer ended; nothing refers to it. Opening removes it.");
        foreach (var entry in files.List(indexPath))
        {
            if (entry.IsDirectory ? Array.IndexOf(Folders, entry.Name) >= 0 || entry.Name == FileNames.Quarantine
                : entry.Name is FileNames.Settings or FileNames.Archive or FileNames.LastBackup or FileNames.Lock or FileNames.ControlSocket) continue;
            (IsTemporary(entry) ? unfinished : unknown).Add(entry.Name);
        }

        foreach (var entry in ListOrNothing(FileNames.Manifests))
        {
            if (entry.IsDirectory || !ManifestFormat.TryParseFileName(entry.Name, out _, out _))
                (IsTemporary(entry) ? unfinished : unknown).Add(Path.Combine(FileNames.Manifests, entry.Name));
        }

        foreach (var entry in ListOrNothing(FileNames.Wal))
        {
            // Other names there are told by the check of the log.
            if (IsTemporary(entry)) unfinished.Add(Path.Combine(FileNames.Wal, entry.Name));
        }

        CheckSegments(survey, live, lastLsn, unknown, unfinished);
        unknown.End();
        unfinished.End();
        CheckQuarantine();
    }

    public static bool TryParseSegmentName(DirectoryEntry entry, out SegmentId id)
    {
        id = default;
        return !entry.IsDirectory
            && entry.Name.EndsWith(FileNames.SegmentExtension, StringComparison.Ordinal)
            && SegmentId.TryParse(entry.Name[..^FileNames.SegmentExtension.Length], out id);
    }

    private void CheckSegments(ManifestSurvey survey, ManifestDocument? live, Lsn lastLsn, Tally unknown, Tally unfinished)
    {
        var named = new HashSet<SegmentId>();
        foreach (var evidence in survey.All)
            foreach (var segment in evidence.Document?.Segments ?? []) named.Add(segment.Id);
        var present = new HashSet<SegmentId>();
        var orphans = new Tally(findings, FindingSeverity.Information, CheckFindings.OrphanSegment,
            "No manifest names the segment: work cut short left it.");
        using var cache = new BlockCache(0);
        foreach (var entry in ListOrNothing(FileNames.Segments))
        {
            var name = Path.Combine(FileNames.Segments, entry.Name);
            if (!TryParseSegmentName(entry, out var id))
            {
                (IsTemporary(entry) ? unfinished : unknown).Add(name);
                continue;
            }

            present.Add(id);
            if (named.Contains(id)) continue;
            if (MaxLsnOf(name, id, entry.Length, cache) is { } last && last > lastLsn && live is not null)
            {
                findings.Add(new Finding(
                    FindingSeverity.Warning,
                    CheckFindings.OrphanBeyondEnd,
                    $"No manifest names the segment, and it holds writes up to LSN {last}, while the index ends at {lastLsn}. "
                    + "Either work was cut short whose writes had not been promised to be durable, or a manifest is gone.",
                    name,
                    FirstLsn: lastLsn.Next,
                    LastLsn: last));
            }
            else
            {
                orphans.Add(name);
            }
        }

        orphans.End();
        foreach (var evidence in survey.All)
        {
            if (evidence.Document is not { } document || ReferenceEquals(document, live)) continue;
            var missing = 0;
            foreach (var segment in document.Segments)
                if (!present.Contains(segment.Id)) missing++;
            if (missing == 0) continue;
            findings.Add(new Finding(
                FindingSeverity.Information,
                CheckFindings.OldManifestIncomplete,
                $"{missing:N0} of the {document.Segments.Count:N0} segments this older manifest names are gone; it could not stand in "
                    + "for a newer one.",
                evidence.RelativePath));
        }
    }

    private Lsn? MaxLsnOf(string name, SegmentId id, long size, BlockCache cache)
    {
        try
        {
            var reader = SegmentReader.Open(files, Path.Combine(indexPath, name), id, size, cache, new OpenFileLimit(1));
            try
            {
                return reader.ReadInfo().MaxLsn;
            }
            finally
            {
                reader.Release();
            }
        }
        catch (Exception e) when (e is HestiaException or IOException or UnauthorizedAccessException)
        {
            return null; // unfinished or damaged; nothing needs it
        }
    }

    private void CheckQuarantine()
    {
        long count = 0, bytes = 0;
        foreach (var entry in ListOrNothing(FileNames.Quarantine))
        {
            count++;
            bytes += entry.Length;
        }

        if (count == 0) return;
        findings.Add(new Finding(
            FindingSeverity.Information,
            CheckFindings.Quarantine,
            $"{count:N0} files ({bytes:N0} bytes) are in quarantine. Hestia never reads or deletes them; remove them once they are no "
                + "longer wanted.",
            FileNames.Quarantine));
    }

    private IReadOnlyList<DirectoryEntry> ListOrNothing(string folder)
    {
        var path = Path.Combine(indexPath, folder);
        return files.DirectoryExists(path) ? files.List(path) : [];
    }

    private static bool IsTemporary(DirectoryEntry entry) => !entry.IsDirectory
        && entry.Name.EndsWith(FileNames.TemporarySuffix, StringComparison.Ordinal);

    private sealed class Tally(List<Finding> findings, FindingSeverity severity, string code, string message)
    {
        private long _count;

        public void Add(string file)
        {
            if (++_count <= MaxNamed) findings.Add(new Finding(severity, code, message, file));
        }

        public void End()
        {
            if (_count > MaxNamed) findings.Add(new Finding(severity, code, $"{_count - MaxNamed:N0} more files like these. {message}"));
        }
    }
}
