using Hestia.Core;
using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Wal;

/// <summary>One log file of a wal folder.</summary>
internal sealed record WalFileName(string Name, long FirstLsn, long Length);

/// <summary>Where records of the log end before the file does.</summary>
/// <param name="File">Name of the log file.</param>
/// <param name="Offset">Where no record begins.</param>
/// <param name="Problem">Why, in the words of HestiaStore's verifier.</param>
/// <param name="NextFile">File of the first good record behind it, or null: then it may be what a crash left.</param>
/// <param name="NextOffset">Offset of that record.</param>
/// <param name="NextLsn">LSN of that record.</param>
internal sealed record WalBreak(string File, long Offset, string Problem, string? NextFile, long NextOffset, long NextLsn);

/// <summary>
/// Reads a wal folder whole: both metadata files, names, every record, the order of LSNs and the way from the checkpoint on. HestiaStore's own verifier
/// has no objection where the first files are gone, and does not say what lies behind damage; this does.
/// </summary>
internal sealed class WalDirectoryScan
{
    private readonly List<Finding> _findings = [];

    private WalDirectoryScan(string path) => Path = path;

    /// <summary>Told of every good record; null key check: the types are not known.</summary>
    public delegate void RecordHandler(WalFileName file, WalFileReader record);

    public string Path { get; }

    public IReadOnlyList<Finding> Findings => _findings;

    public List<WalFileName> Files { get; } = [];

    /// <summary>Whether there is no format.meta.</summary>
    public bool FormatIsMissing { get; private set; }

    public long? Checkpoint { get; private set; }

    public long Records { get; private set; }

    public long Bytes { get; private set; }

    public long FirstLsn { get; private set; }

    public long LastLsn { get; private set; }

    /// <summary>
    /// The highest LSN that the log shows to have been handed out: that of its last record, or the one before those that its last file was made for
    /// and does not hold.
    /// </summary>
    public long End { get; private set; }

    /// <summary>
    /// Whether the log ends before the place up to which segments hold everything. No crash leaves that, since the end of a log is written after
    /// its beginning; so
    /// operations above the checkpoint may be gone as well, and nobody can say how many.
    /// </summary>
    public bool EndsBelowCheckpoint => End < (Checkpoint ?? 0);

    /// <summary>The last operation that was handed out, is in no segment, and of which the log has none; 0 where there is none.</summary>
    public long LastMissing => Checkpoint is { } checkpoint && End > Math.Max(LastLsn, checkpoint) ? End : 0;

    /// <summary>Records above the checkpoint: what opening replays.</summary>
    public long PendingRecords { get; private set; }

    /// <summary>Where the good records end before the files do, or null.</summary>
    public WalBreak? Break { get; private set; }

    public bool Healthy => !_findings.Exists(static f => f.Severity == FindingSeverity.Error);

    /// <summary>Scans; what is found is in <see cref="Findings"/>, and <paramref name="onRecord"/> gets each good record before the first damage.</summary>
    /// <param name="files">Where the folder is.</param>
    /// <param name="wal">Its full path.</param>
    /// <param name="types">Whether a record's key and value are of the index's types, or null where those are not known.</param>
    /// <param name="onRecord">Gets each record, or null.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="progress">Told of the files that were read, or null.</param>
    public static WalDirectoryScan Run(
        FileSystem files, string wal, Func<WalFileReader, string?>? types, RecordHandler? onRecord, CancellationToken cancellationToken,
        ByteProgress? progress = null)
    {
        var scan = new WalDirectoryScan(wal);
        scan.FormatIsMissing = !files.FileExists(System.IO.Path.Combine(wal, StoreFileNames.WalFormat))
            && !files.FileExists(System.IO.Path.Combine(wal, StoreFileNames.WalFormat + StoreFileNames.TemporarySuffix));
        scan.Try(() => WalMetadata.CheckFormat(files, wal));
        scan.Try(() => scan.Checkpoint = WalMetadata.ReadCheckpoint(files, wal));
        scan.Discover(files);
        progress?.Begin("Checking the log", scan.Bytes, 0);
        scan.ReadFiles(files, types, onRecord, progress, cancellationToken);
        scan.CheckCheckpoint();
        return scan;
    }

    private void Try(Action read)
    {
        try
        {
            read();
        }
        catch (StoreDamageException e)
        {
            _findings.Add(e.ToFinding());
        }
    }

    private void Discover(FileSystem files)
    {
        foreach (var entry in files.List(Path))
        {
            if (!entry.Name.EndsWith(StoreFileNames.WalExtension, StringComparison.Ordinal)) continue;
            if (entry.IsDirectory || StoreFileNames.WalFirstLsn(entry.Name) is not { } first)
            {
                _findings.Add(new Finding(
                    FindingSeverity.Error, StoreFindings.WalFileName,
                        "It is no log file's name (20 digits and .wal); HestiaStore refuses to open the index.", entry.Name));
                continue;
            }

            Files.Add(new WalFileName(entry.Name, first, entry.Length));
            Bytes += entry.Length;
        }

        Files.Sort(static (a, b) => a.FirstLsn.CompareTo(b.FirstLsn));
    }

    private void ReadFiles(
        FileSystem files, Func<WalFileReader, string?>? types, RecordHandler? onRecord, ByteProgress? progress, CancellationToken cancellationToken)
    {
        for (var i = 0; i < Files.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var file = Files[i];
            using var reader = new WalFileReader(files, System.IO.Path.Combine(Path, file.Name));
            while (reader.MoveNext())
            {
                if (Records % 4096 == 0) cancellationToken.ThrowIfCancellationRequested();
                var problem = reader.Lsn <= 0 || (LastLsn > 0 && reader.Lsn <= LastLsn) ? "Non-monotonic or invalid LSN." : types?.Invoke(reader);
                if (problem is not null)
                {
                    SetBreak(files, i, reader, problem, cancellationToken);
                    return;
                }

                CheckGap(file, reader);
                if (FirstLsn == 0) FirstLsn = reader.Lsn;
                LastLsn = reader.Lsn;
                Records++;
                if (Checkpoint is { } checkpoint && reader.Lsn > checkpoint) PendingRecords++;
                onRecord?.Invoke(file, reader);
            }

            progress?.AddBytes(file.Length);
            if (reader.Problem is null) continue;
            SetBreak(files, i, reader, reader.Problem, cancellationToken);
            return;
        }

        End = Math.Max(LastLsn, Files.Count > 0 ? Files[^1].FirstLsn - 1 : 0);
        if (LastMissing == 0) return;
        _findings.Add(new Finding(
            FindingSeverity.Error,
            StoreFindings.WalGap,
            $"The file begins at LSN {Files[^1].FirstLsn} and holds no record, and the log before it ends at LSN {LastLsn}: operations are missing.",
            Files[^1].Name,
            0,
            new Lsn((ulong)Math.Max(LastLsn, Checkpoint ?? 0) + 1),
            new Lsn((ulong)LastMissing)));
    }

    /// <summary>LSNs are handed out one by one, so a step of more than one is a record that is not there.</summary>
    private void CheckGap(WalFileName file, WalFileReader reader)
    {
        var expected = Records > 0 ? LastLsn + 1 : Checkpoint is { } checkpoint ? Math.Min(reader.Lsn, checkpoint + 1) : reader.Lsn;
        if (reader.Lsn <= expected) return;
        _findings.Add(new Finding(
            FindingSeverity.Error,
            StoreFindings.WalGap,
            $"LSN {expected} should follow, and LSN {reader.Lsn} does: {reader.Lsn - expected:N0} operations are missing"
                + (Records > 0 ? "." : $" between the checkpoint (LSN {Checkpoint}) and the first record; HestiaStore's verifier does not notice."),
            file.Name,
            reader.Offset,
            new Lsn((ulong)expected),
            new Lsn((ulong)reader.Lsn - 1)));
    }

    private void SetBreak(FileSystem files, int number, WalFileReader reader, string problem, CancellationToken cancellationToken)
    {
        var offset = reader.Offset;
        var (nextFile, nextOffset, nextLsn) = FindNext(files, number, reader, cancellationToken);
        Break = new WalBreak(Files[number].Name, offset, problem, nextFile, nextOffset, nextLsn);
        // Files behind hold no record either; but their names say how far the log once went.
        if (nextFile is null) End = Math.Max(LastLsn, number < Files.Count - 1 || offset == 0 ? Files[^1].FirstLsn - 1 : 0);
        else End = Math.Max(LastLsn, nextLsn - 1);
        var isTail = nextFile is null && !EndsBelowCheckpoint && LastMissing == 0;
        var first = new Lsn((ulong)(LastLsn > 0 ? LastLsn + 1 : Math.Max(1, Files[number].FirstLsn)));
        _findings.Add(new Finding(
            FindingSeverity.Error,
            isTail ? StoreFindings.WalTornTail : StoreFindings.WalDamaged,
            $"{problem} " + (nextFile is not null
                ? $"Good records are behind it, the first in {nextFile} at offset {nextOffset:N0} with LSN {nextLsn}: no crash leaves that. "
                    + "HestiaStore would cut here and delete all of them."
                : isTail
                ? $"{reader.Length - offset:N0} bytes at the end are no record, and no record is behind them: the end that a crash leaves, or damage "
                    + $"of the last records. HestiaStore would cut them; what is whole ends at LSN {LastLsn}."
                : LastMissing > 0
                ? $"What is whole ends at LSN {LastLsn}, and the log once went to LSN {LastMissing}: no crash leaves that, and operations are missing."
                : $"What is whole ends at LSN {LastLsn}, below the checkpoint (LSN {Checkpoint}): no crash leaves that. Operations above the checkpoint, "
                    + "which no segment holds, are gone if there were any; HestiaStore would cut here, set the checkpoint back and not say so."),
            Files[number].Name,
            offset,
            first,
            nextLsn > 1 ? new Lsn((ulong)Math.Max(nextLsn - 1, (long)first.Value)) : LastMissing > 0 ? new Lsn((ulong)LastMissing) : null));
    }

    private (string? File, long Offset, long Lsn) FindNext(FileSystem files, int number, WalFileReader reader, CancellationToken cancellationToken)
    {
        // A record that was refused for its LSN or types is followed by others at once.
        if (reader.FindRecord(LastLsn, cancellationToken) is { } offset) return (Files[number].Name, offset, reader.Lsn);
        for (var i = number + 1; i < Files.Count; i++)
        {
            using var next = new WalFileReader(files, System.IO.Path.Combine(Path, Files[i].Name));
            if (next.Length == 0) continue;
            if (next.TrySeek(0) && next.Lsn > LastLsn) return (Files[i].Name, 0, next.Lsn);
            if (next.FindRecord(LastLsn, cancellationToken) is { } found) return (Files[i].Name, found, next.Lsn);
        }

        return (null, 0, 0);
    }

    private void CheckCheckpoint()
    {
        if (!EndsBelowCheckpoint || Break is not null) return;
        // A new last file is made before its first record, so a crash may leave one that begins behind the checkpoint and is empty: that one ends at the
        // checkpoint. HestiaStore deletes such a file when it opens the index, and otherwise never the last one; so a log without any file is that, or one
        // whose files are gone, and nothing tells the two apart.
        _findings.Add(new Finding(
            FindingSeverity.Error,
            StoreFindings.WalCheckpointAhead,
            Files.Count == 0
                ? $"The checkpoint is LSN {Checkpoint}, and there is no log file. HestiaStore leaves that where it opened an index whose last log file held no "
                    + "record, and then nothing is missing: one write there makes a new file. If log files were taken away, operations above the checkpoint "
                    + "are gone with them. Which it is cannot be told; Repair-HestiaIndex -Force takes the index as it is."
                : $"The checkpoint is LSN {Checkpoint}, but the log ends at LSN {End}: the end of the log is missing, and operations above the checkpoint with it "
                + "if there were any. HestiaStore would not notice.",
            StoreFileNames.WalCheckpoint,
            FirstLsn: new Lsn((ulong)End + 1),
            LastLsn: new Lsn((ulong)Checkpoint!.Value)));
    }
}
