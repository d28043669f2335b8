using System.Diagnostics;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup.Logical;

/// <summary>
/// Imports entries into an index: a new one, which appears once it is complete and proven equal to its source; or an open one, which is written
/// to only after the whole source was read and proven. Memory does not grow with the number of entries.
/// </summary>
public static class IndexImport
{
    /// <summary>Ends the name under which entries for an open index are staged beside it.</summary>
    private const string StagedForOpen = ".import";

    /// <summary>Whether there is an index at a place that an import would replace; refuses what the import would refuse of the place.</summary>
    /// <param name="source">What to import.</param>
    /// <param name="targetPath">Folder of the new index.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="HestiaException">As <see cref="Create"/>.</exception>
    public static bool Replaces(EntrySource source, string targetPath, ImportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        RefuseOverlap(source, Path.GetFullPath(targetPath));
        using var target = RestoreTarget.Inspect(FileSystem.Physical, targetPath, options?.Force ?? false);
        return target.State == TargetState.Index;
    }

    /// <summary>
    /// Imports into a new index. It is staged beside the target, closed, read back and compared with what was read from the source, and then put in
    /// place as a whole: until then, and if anything fails, the target is as it was.
    /// </summary>
    /// <param name="source">What to import; read to its end, not disposed.</param>
    /// <param name="targetPath">Folder of the new index: missing, empty, or with Force an index. Its parent must be there.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Bytes are those read from the source; called at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels; the target is as it was.</param>
    /// <exception cref="HestiaException">
    /// ExportDamaged, SourceDamaged, TargetNotEmpty, IndexExists, IndexInUse, PathNotFound, InvalidOption, DiskFull, LockUnsupported,
    /// AccessDenied, IoError.
    /// </exception>
    public static ImportResult Create(
        EntrySource source,
        string targetPath,
        ImportOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default) => CreateOn(FileSystem.Physical, source, targetPath, options, progress, cancellationToken);

    internal static ImportResult CreateOn(
        FileSystem files, EntrySource source, string targetPath, ImportOptions? options, IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentException.ThrowIfNullOrEmpty(targetPath);
        options ??= new ImportOptions();
        var begun = Stopwatch.GetTimestamp();
        RefuseOverlap(source, Path.GetFullPath(targetPath));
        using var target = RestoreTarget.Claim(files, targetPath, options.Force);
        var name = options.Name ?? IndexCreation.DefaultName(target.Path);
        StagedImport staged;
        try
        {
            target.CreateStaging();
            staged = new StagedImport(files, target.StagingPath, source, progress, cancellationToken);
            staged.Run(new IndexSettings { Name = name, KeyEncoding = source.KeyEncoding, ValueEncoding = source.ValueEncoding });
            target.CopyOwnership(new HashSet<string>());
            target.SyncStaging();
            cancellationToken.ThrowIfCancellationRequested();
            target.Swap();
        }
        catch (Exception e)
        {
            target.Discard();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, target.StagingPath, "writing");
            throw;
        }

        var findings = FindingsOf(source, staged);
        if (target.RemoveReplaced() is { } kept) findings.Add(kept);
        return Result(source, staged, begun, findings) with
        {
            IndexName = name,
            Path = target.Path,
            KeyEncoding = source.KeyEncoding,
            ValueEncoding = source.ValueEncoding,
            Lsn = staged.Lsn,
            Added = staged.Entries,
            Fingerprint = staged.Fingerprint,
            ReplacedIndex = target.State == TargetState.Index,
        };
    }

    /// <summary>
    /// Imports into an open index. The source is first read to its end into a scratch index beside the target, which proves it whole and undamaged;
    /// then what the open index does not have is written to it, in batches. Keys it holds with other values are refused before anything is written,
    /// unless Force overwrites them. Cut off while it writes, some entries are there; run again, it goes on.
    /// </summary>
    /// <param name="source">What to import; read to its end, not disposed.</param>
    /// <param name="index">An open index; its encodings must be the source's, or Bytes.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Called at most ten times a second.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">
    /// As <see cref="Create"/>; also EntriesDiffer, EncodingMismatch, IndexReadOnly, IndexFailed, IndexClosed.
    /// </exception>
    public static ImportResult Into(
        EntrySource source,
        HestiaIndex index,
        ImportOptions? options = null,
        IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(index);
        options ??= new ImportOptions();
        var begun = Stopwatch.GetTimestamp();
        RefuseUnfit(source, index);
        RefuseOverlap(source, index.Path);
        var files = index.Context.Options.FileSystem;
        using var place = RestoreTarget.Claim(files, index.Path + StagedForOpen, force: false);
        try
        {
            place.CreateStaging();
            var staged = new StagedImport(files, place.StagingPath, source, progress, cancellationToken);
            staged.Run(new IndexSettings { Name = "import", KeyEncoding = source.KeyEncoding, ValueEncoding = source.ValueEncoding });
            using var entries = staged.Open();
            var merge = new ImportMerge(entries, index, staged, progress, cancellationToken);
            merge.Compare(options.Force);
            merge.Write();
            var findings = FindingsOf(source, staged);
            return Result(source, staged, begun, findings) with
            {
                IndexName = index.Name,
                Path = index.Path,
                KeyEncoding = index.Settings.KeyEncoding,
                ValueEncoding = index.Settings.ValueEncoding,
                Lsn = merge.LastLsn,
                Added = merge.Added,
                Replaced = merge.Differing,
                Unchanged = merge.Unchanged,
                Fingerprint = merge.ReadBack(),
                Duration = Stopwatch.GetElapsedTime(begun),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, place.StagingPath, "writing");
        }
        finally
        {
            place.Discard();
        }
    }

    private static ImportResult Result(EntrySource source, StagedImport staged, long begun, List<Finding> findings) => new()
    {
        IndexName = "",
        Path = "",
        Source = source.Path,
        SourceKind = source.Kind,
        KeyEncoding = default,
        ValueEncoding = default,
        Entries = staged.Entries,
        DataBytes = staged.DataBytes,
        BytesRead = source.BytesRead,
        Duplicates = staged.Duplicates,
        OutOfOrder = staged.OutOfOrder,
        Added = 0,
        Replaced = 0,
        Unchanged = 0,
        Lsn = default,
        SourceFingerprint = staged.Fingerprint,
        Fingerprint = "",
        Findings = findings,
        Duration = Stopwatch.GetElapsedTime(begun),
    };

    private static List<Finding> FindingsOf(EntrySource source, StagedImport staged)
    {
        var findings = new List<Finding>(source.Findings);
        if (staged.Duplicates > 0)
        {
            findings.Add(new Finding(
                FindingSeverity.Warning, "Duplicates",
                $"{staged.Duplicates:N0} entries of '{source.Path}' have a key that comes again later in it; the last one counts.", source.Path));
        }

        if (staged.OutOfOrder > 0)
        {
            findings.Add(new Finding(
                FindingSeverity.Information, "OutOfOrder",
                $"{staged.OutOfOrder:N0} entries of '{source.Path}' do not come in key order; they were put in order.", source.Path));
        }

        return findings;
    }

    private static void RefuseUnfit(EntrySource source, HestiaIndex index)
    {
        var keys = index.Settings.KeyEncoding;
        var values = index.Settings.ValueEncoding;
        if ((keys == source.KeyEncoding || keys == DataEncoding.Bytes) && (values == source.ValueEncoding || values == DataEncoding.Bytes)) return;
        throw new HestiaException(
            HestiaErrorCode.EncodingMismatch,
            $"'{source.Path}' has {source.KeyEncoding} keys and {source.ValueEncoding} values, and the index '{index.Path}' {keys} keys and {values} values.",
            source.Path,
            "Import into a new index, or into one with the same encodings.");
    }

    /// <summary>What is staged lies beside the target, and must not lie in the source, which is never changed.</summary>
    private static void RefuseOverlap(EntrySource source, string targetPath)
    {
        if (!Paths.IsIn(targetPath, source.Path) && !Paths.IsIn(source.Path, targetPath)) return;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"The target '{targetPath}' and the source '{source.Path}' lie one inside the other.",
            targetPath,
            "Import into another folder.");
    }
}
