using Hestia.Core.Diagnostics;
using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>
/// Examines a log directory and says what recovery may do with it. Reads only; never changes a byte. This class finds and reads the files
/// and tells those that count; <see cref="WalChain"/> applies the rules.
/// </summary>
internal static class WalScan
{
    /// <summary>Examines a directory; one that is not there is one without files.</summary>
    /// <exception cref="HestiaException">A file cannot be read (AccessDenied, IoError).</exception>
    public static WalScanResult Run(
        FileSystem files,
        string walDirectory,
        WalScanOptions options,
        CancellationToken cancellationToken = default)
    {
        var findings = new List<Finding>();
        var found = new List<WalFileFacts>();
        try
        {
            if (files.DirectoryExists(walDirectory))
            {
                foreach (var entry in files.List(walDirectory))
                {
                    if (!entry.IsDirectory && WalFormat.TryParseFileName(entry.Name, out var firstLsn))
                    {
                        var path = Path.Combine(walDirectory, entry.Name);
                        found.Add(new WalFileFacts { Path = path, Name = entry.Name, NameLsn = firstLsn });
                    }
                    else if (!FileNames.IsTemporary(entry.Name))
                    {
                        findings.Add(new Finding(
                            FindingSeverity.Information,
                            WalFindings.UnknownFile,
                            "This is no log file by its name; it is left alone.",
                            RelativePath(entry.Name)));
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, walDirectory, "listing");
        }

        found.Sort(static (a, b) => a.NameLsn.CompareTo(b.NameLsn));
        return Examine(files, found, options, findings, cancellationToken);
    }

    /// <summary>Examines one file by itself.</summary>
    public static WalScanResult RunFile(
        FileSystem files,
        string path,
        WalScanOptions options,
        CancellationToken cancellationToken = default)
    {
        var name = Path.GetFileName(path);
        var findings = new List<Finding>();
        if (!WalFormat.TryParseFileName(name, out var firstLsn))
        {
            // Under another name (a copy, a piece from quarantine) the header alone says where it begins.
            var probe = new WalFileFacts { Path = path, Name = name, NameLsn = new Lsn(1) };
            TryRead(files, probe, scan: false, cancellationToken);
            firstLsn = probe.Header?.FirstLsn ?? new Lsn(1);
        }

        List<WalFileFacts> found = [new WalFileFacts { Path = path, Name = name, NameLsn = firstLsn }];
        return Examine(files, found, options, findings, cancellationToken);
    }

    public static string RelativePath(string name) => Path.Combine(FileNames.Wal, name);

    private static WalScanResult Examine(
        FileSystem files,
        List<WalFileFacts> found,
        WalScanOptions options,
        List<Finding> findings,
        CancellationToken cancellationToken)
    {
        // A file that vanishes between listing and reading was pruned by the owner, which does that only with what no one needs.
        for (var i = found.Count - 1; i >= 0; i--)
        {
            if (!TryRead(files, found[i], scan: false, cancellationToken)) found.RemoveAt(i);
        }

        if (options.IndexId is null) options = options with { IndexId = NewestIndexId(found) };
        var firstNeeded = FirstNeeded(found, options);
        var gone = new List<WalFileFacts>();
        var from = options.IncludeUnneeded ? 0 : firstNeeded;
        options.Progress?.Begin("Checking the log", found.Skip(from).Sum(static f => f.Length), 0);
        for (var i = from; i < found.Count; i++)
        {
            var again = new WalFileFacts { Path = found[i].Path, Name = found[i].Name, NameLsn = found[i].NameLsn };
            if (TryRead(files, again, scan: true, cancellationToken, options.Progress)) found[i] = again;
            else gone.Add(found[i]);
        }

        // Without them another file may be the first that counts.
        if (gone.Count > 0) return Examine(files, [.. found.Except(gone)], options, findings, cancellationToken);

        return new WalChain(found, firstNeeded, options, findings).Judge();
    }

    /// <summary>
    /// The first file that may hold a record above the checkpoint: the last one that begins at or below the LSN after the checkpoint, for
    /// all before it end below its begin. Only a whole header of this index is believed; a name alone is not.
    /// </summary>
    private static int FirstNeeded(List<WalFileFacts> found, WalScanOptions options)
    {
        if (options.Checkpoint is not { } checkpoint) return 0;
        for (var i = found.Count - 1; i > 0; i--)
        {
            if (found[i].Header is { } header
                && header.IndexId == options.IndexId
                && header.FirstLsn == found[i].NameLsn
                && header.FirstLsn <= checkpoint.Next)
            {
                return i;
            }
        }

        return 0;
    }

    private static Guid? NewestIndexId(List<WalFileFacts> found)
    {
        for (var i = found.Count - 1; i >= 0; i--)
        {
            if (found[i].Header is { } header) return header.IndexId;
        }

        return null;
    }

    private static bool TryRead(
        FileSystem files, WalFileFacts facts, bool scan, CancellationToken cancellationToken, ByteProgress? progress = null)
    {
        try
        {
            facts.Read(files, scan, cancellationToken, progress);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, facts.Path, "reading");
        }
    }
}
