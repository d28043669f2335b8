using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using Hestia.Backup.Archive;
using Hestia.Backup.Format;
using Hestia.Backup.Pruning;
using Hestia.Core;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>
/// Verifies one backup: every object is there and has its size; deep, every byte is read and hashed; or that of a random sample of
/// objects. An object that does not hold what it should is noted, so that the next backup that has the segment replaces it.
/// </summary>
internal sealed class VerifyJob(
    RepositoryContext repository, VerifyOptions options, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
{
    /// <summary>Small enough to stay in the processor's cache between the read and the hash.</summary>
    private const int ReadBytes = 256 << 10;

    private readonly int _parallelism = RepositoryContext.CheckParallelism(options.Parallelism);
    private readonly List<Finding> _findings = [];
    private BackupManifest? _manifest;
    private int _hashed;
    private int _archivePieces;
    private long _hashedBytes;

    public BackupVerification Run(string backupId)
    {
        var begun = Stopwatch.GetTimestamp();
        if (options.SamplePercent is not (null or (> 0 and <= 100)))
        {
            throw new HestiaException(
                HestiaErrorCode.InvalidOption, $"SamplePercent is {options.SamplePercent}; it can be above 0 and up to 100.",
                action: "Choose a value in that range.");
        }

        var catalog = new BackupCatalog(repository);
        var summary = catalog.ReadSummary(backupId, cancellationToken);
        BackupManifest manifest;
        try
        {
            manifest = catalog.Read(backupId, cancellationToken);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.BackupDamaged)
        {
            var name = RepositoryNames.Backup(summary.IndexId, backupId);
            _findings.Add(new Finding(FindingSeverity.Error, nameof(HestiaErrorCode.BackupDamaged), e.Message, name));
            return Result(summary, 0, 0, begun);
        }

        _manifest = manifest;
        var segments = manifest.Segments;
        var ids = new SegmentId[segments.Count];
        for (var i = 0; i < ids.Length; i++) ids[i] = segments[i].Id;
        var sizes = repository.ObjectSizes(ids, _parallelism, cancellationToken);
        var sound = new List<BackupSegment>();
        for (var i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] < 0) Add(nameof(HestiaErrorCode.ObjectMissing), segments[i], "is missing");
            else if (sizes[i] != segments[i].Size)
                Add(nameof(HestiaErrorCode.ObjectDamaged), segments[i], $"is {sizes[i]:N0} bytes long instead of {segments[i].Size:N0}");
            else sound.Add(segments[i]);
        }

        var bytes = sound.Sum(static s => s.Size);
        if (options.Deep)
        {
            HashAll(sound, $"Verifying {backupId}");
            ReadArchive(summary);
        }
        else if (options.SamplePercent is { } percent) HashAll(Sample(sound, percent), $"Verifying a sample of {backupId}");
        _findings.Sort(static (a, b) => string.CompareOrdinal(a.File, b.File));
        return Result(summary, segments.Count, bytes, begun);
    }

    private BackupVerification Result(BackupSummary summary, int objects, long bytes, long begun) => new()
    {
        BackupId = summary.BackupId,
        IndexName = summary.IndexName,
        Healthy = _findings.Count == 0,
        ObjectsChecked = objects,
        BytesChecked = bytes,
        ArchivePiecesRead = _archivePieces,
        Deep = options.Deep,
        ObjectsHashed = _hashed,
        BytesHashed = _hashedBytes,
        Findings = _findings,
        Duration = Stopwatch.GetElapsedTime(begun),
    };

    /// <summary>So many percent of the objects, at least one, any as likely as another: over many runs all are looked at.</summary>
    private static List<BackupSegment> Sample(List<BackupSegment> segments, double percent)
    {
        var shuffled = segments.ToArray();
        RandomNumberGenerator.Shuffle(shuffled.AsSpan());
        return [.. shuffled.AsSpan(0, (int)Math.Min(shuffled.Length, Math.Ceiling(shuffled.Length * percent / 100)))];
    }

    private void HashAll(List<BackupSegment> segments, string activity)
    {
        var meter = new ProgressMeter(progress, activity, segments.Sum(static s => s.Size), segments.Count);
        segments.Sort(static (a, b) => b.Size.CompareTo(a.Size));
        Workers.Run(
            segments,
            _parallelism,
            (segment, token) =>
            {
                try
                {
                    if (Hash(segment, meter, token) is { } wrong)
                    {
                        Add(wrong.Code, segment, wrong.What);
                        if (wrong.Code == nameof(HestiaErrorCode.ObjectDamaged))
                            DamageNotes.Add(repository, repository.ObjectName(segment.Id), token);
                    }

                    Interlocked.Increment(ref _hashed);
                    Interlocked.Add(ref _hashedBytes, segment.Size);
                }
                catch (InvalidDataException e)
                {
                    DamageNotes.Add(repository, repository.ObjectName(segment.Id), token);
                    Add(
                        nameof(HestiaErrorCode.ObjectDamaged), segment,
                        "does not hold what was written into it: " + e.Message.TrimEnd('.'));
                }
                catch (HestiaException e) when (e.Code is HestiaErrorCode.IoError or HestiaErrorCode.AccessDenied)
                {
                    Add("ObjectUnreadable", segment, "cannot be read: " + e.Message);
                }

                meter.AddItem();
            },
            cancellationToken);
        meter.Finish();
    }

    /// <summary>The log behind the backup, as far as it continues it: without it the backup cannot be restored to what Get-HestiaBackup shows.</summary>
    private void ReadArchive(BackupSummary summary)
    {
        if (summary.FileSet is not null) return;
        var archived = new ArchiveCatalog(repository).Load(summary.IndexId, cancellationToken);
        if (!archived.TryGetValue((summary.IndexId, summary.Timeline), out var timeline)) return;
        var pieces = timeline.Continue(summary.Lsn, new Lsn(ulong.MaxValue));
        if (pieces.Count == 0) return;
        var meter = new ProgressMeter(progress, $"Reading the log archived behind {summary.BackupId}", pieces.Sum(static p => p.Size), pieces.Count);
        ArchiveSurvey.ReadAll(
            repository, pieces,
            (piece, wrong) =>
            {
                if (wrong is not null) lock (_findings) _findings.Add(ArchiveSurvey.Tell(piece, wrong));
                meter.AddBytes(piece.Size);
                meter.AddItem();
            },
            cancellationToken);
        meter.Finish();
        _archivePieces = pieces.Count;
    }

    private (string Code, string What)? Hash(BackupSegment segment, ProgressMeter meter, CancellationToken token)
    {
        using var reader = repository.Store.OpenRead(repository.ObjectName(segment.Id), 0, token);
        if (reader is null) return (nameof(HestiaErrorCode.ObjectMissing), "is missing");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            for (int read; (read = reader.Read(buffer.AsSpan(0, ReadBytes))) > 0;)
            {
                hash.AppendData(buffer, 0, read);
                meter.AddBytes(read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Span<byte> result = stackalloc byte[SegmentId.Size];
        hash.GetHashAndReset(result);
        return new SegmentId(result) == segment.Id
            ? null
            : (nameof(HestiaErrorCode.ObjectDamaged), $"does not hold what was written into it: its SHA-256 is {new SegmentId(result)}");
    }

    private void Add(string code, BackupSegment segment, string what)
    {
        var name = repository.ObjectName(segment.Id);
        var finding = new Finding(FindingSeverity.Error, code, $"Object {name} {what}. {Holds(segment)}; every backup that names it needs it.", name);
        if (InIndex(segment) is { } known)
        {
            finding = finding with
            {
                FirstLsn = known.MinLsn == Lsn.None ? null : known.MinLsn,
                LastLsn = known.MaxLsn == Lsn.None ? null : known.MaxLsn,
                FirstKey = known.LowerBound,
                LastKey = known.UpperBound,
            };
        }

        lock (_findings) _findings.Add(finding);
    }

    private string Holds(BackupSegment segment)
    {
        if (InIndex(segment) is { } known) return $"It holds {known.Entries:N0} entries of level {known.Level}";
        foreach (var file in _manifest?.Files?.Files ?? [])
            if (file.Id == segment.Id) return $"It holds the file '{file.Path}'";
        return "It is of an unknown file";
    }

    private ManifestSegment? InIndex(BackupSegment segment)
    {
        foreach (var known in _manifest?.Index?.Segments ?? [])
            if (known.Id == segment.Id) return known;
        return null;
    }
}
