using System.Diagnostics;
using System.Reflection;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup.Logical;

/// <summary>
/// Exports an index as JSON lines (docs/format-export.md): readable by people and other programs, and taken back by <see cref="IndexImport"/>.
/// Thread-safe; writers go on meanwhile.
/// </summary>
public static class IndexExport
{
    /// <summary>Entries between two looks at the cancellation token.</summary>
    private const int CheckInterval = 1024;

    private static readonly TimeSpan s_deadAfter = TimeSpan.FromDays(1);

    private static readonly string s_tool =
        "Hestia " + typeof(IndexExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    /// <summary>What an export of now would write. Reads the range, writes nothing.</summary>
    /// <param name="index">An open index.</param>
    /// <param name="path">The file it would write.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="Write"/>.</exception>
    public static ExportPlan Plan(HestiaIndex index, string path, ExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(index);
        options ??= new ExportOptions();
        var replaces = Refuse(index, Full(path), options);
        using var snapshot = index.CreateSnapshot();
        using var cursor = snapshot.Scan(options.Range);
        long entries = 0;
        long bytes = 0;
        while (cursor.MoveNext())
        {
            if (entries++ % CheckInterval == 0) cancellationToken.ThrowIfCancellationRequested();
            bytes += cursor.Key.Length + cursor.Value.Length;
        }

        return new ExportPlan(entries, bytes, snapshot.Lsn, replaces);
    }

    /// <summary>
    /// Writes the entries of now, in key order, into a file. It is written under a temporary name, synced and renamed, so the file is there whole
    /// or not at all. Memory does not grow with the number of entries.
    /// </summary>
    /// <param name="index">An open index.</param>
    /// <param name="path">The file; its folder must be there.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Bytes are those of keys and values; called at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels: no file is left.</param>
    /// <exception cref="HestiaException">
    /// FileExists, PathNotFound, InvalidOption, DiskFull, AccessDenied, IoError, SegmentDamaged, SnapshotLimit, IndexClosed.
    /// </exception>
    public static ExportResult Write(
        HestiaIndex index,
        string path,
        ExportOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(index);
        options ??= new ExportOptions();
        var begun = Stopwatch.GetTimestamp();
        var files = index.Context.Options.FileSystem;
        path = Full(path);
        Refuse(index, path, options);
        RemoveDead(files, path);
        var temporary = $"{path}.{Guid.NewGuid().ToString("n")[..8]}{FileNames.TemporarySuffix}";
        try
        {
            using var snapshot = index.CreateSnapshot();
            ExportResult result;
            using (var writer = new ExportWriter(files, temporary, options.Gzip, index.Settings.KeyEncoding, index.Settings.ValueEncoding))
            {
                writer.WriteHeader(index, snapshot.Lsn, options.Range, files.Clock.GetUtcNow(), s_tool);
                Copy(snapshot, options, writer, new ProgressMeter(progress, $"Exporting {index.Name}", 0, 0), cancellationToken);
                writer.Complete();
                result = new ExportResult
                {
                    IndexName = index.Name,
                    SourcePath = index.Path,
                    Path = path,
                    Gzip = options.Gzip,
                    Entries = writer.Fingerprint.Entries,
                    DataBytes = writer.Fingerprint.Bytes,
                    FileBytes = writer.FileBytes,
                    Lsn = snapshot.Lsn,
                    Fingerprint = writer.Fingerprint.Current(),
                    Duration = default,
                };
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (options.Force) files.RenameFile(temporary, path);
            else if (!files.TryRenameFile(temporary, path)) throw Exists(path);
            files.SyncDirectory(Path.GetDirectoryName(path)!);
            return result with { Duration = Stopwatch.GetElapsedTime(begun) };
        }
        catch (Exception e)
        {
            Delete(files, temporary);
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "writing");
            throw;
        }
    }

    private static void Copy(
        Hestia.Core.Reading.IndexSnapshot snapshot, ExportOptions options, ExportWriter writer, ProgressMeter meter, CancellationToken token)
    {
        using var cursor = snapshot.Scan(options.Range);
        long told = 0;
        while (cursor.MoveNext())
        {
            writer.WriteEntry(cursor.Key, cursor.Value);
            if (writer.Fingerprint.Entries % CheckInterval != 0) continue;
            token.ThrowIfCancellationRequested();
            meter.Add(writer.Fingerprint.Bytes - told, CheckInterval);
            told = writer.Fingerprint.Bytes;
        }

        meter.Add(writer.Fingerprint.Bytes - told, writer.Fingerprint.Entries % CheckInterval);
        meter.Finish();
    }

    /// <summary>Whether a file is there that would be replaced; refuses what cannot be done.</summary>
    private static bool Refuse(HestiaIndex index, string path, ExportOptions options)
    {
        if (options.Range.Reverse)
            throw new HestiaException(HestiaErrorCode.InvalidOption, "An export is in key order; Reverse is not for it.", action: "Leave it out.");
        var files = index.Context.Options.FileSystem;
        var folder = Path.GetDirectoryName(path);
        if (folder is null || !files.DirectoryExists(folder))
        {
            throw new HestiaException(
                HestiaErrorCode.PathNotFound, $"There is no folder '{folder}' to export into.", folder ?? path, "Create it, or mount it, first.");
        }

        if (files.DirectoryExists(path))
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{path}' is a folder; an export is one file.", path, "Give the name of a file in it.");
        }

        if (Paths.IsIn(path, index.Path))
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"'{path}' lies in the index itself.", path, "Export into another folder, best on another disk.");
        }

        if (!files.FileExists(path)) return false;
        return options.Force ? true : throw Exists(path);
    }

    private static HestiaException Exists(string path) => new(
        HestiaErrorCode.FileExists, $"'{path}' is there already. It was not changed.", path, "Choose another name, or replace it with -Force.");

    /// <summary>What a killed export left under a temporary name, once it is a day old.</summary>
    private static void RemoveDead(FileSystem files, string path)
    {
        var name = Path.GetFileName(path);
        var folder = Path.GetDirectoryName(path)!;
        try
        {
            foreach (var entry in files.List(folder))
            {
                if (entry.IsDirectory || entry.Name.Length != name.Length + 9 + FileNames.TemporarySuffix.Length
                    || !entry.Name.StartsWith(name + ".", StringComparison.Ordinal)
                    || !entry.Name.EndsWith(FileNames.TemporarySuffix, StringComparison.Ordinal)) continue;
                var isId = true;
                foreach (var c in entry.Name.AsSpan(name.Length + 1, 8)) isId &= char.IsAsciiHexDigitLower(c);
                if (isId && files.Clock.GetUtcNow().UtcDateTime - entry.LastWriteTimeUtc > s_deadAfter)
                    files.DeleteFile(Path.Combine(folder, entry.Name));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It only tidies up.
        }
    }

    private static void Delete(FileSystem files, string path)
    {
        try
        {
            files.DeleteFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }

    private static string Full(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Path.GetFullPath(path);
    }
}
