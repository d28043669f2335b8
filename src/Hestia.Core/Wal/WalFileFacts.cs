using Hestia.Core.Diagnostics;
using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>Records that follow each other without a break; perhaps none.</summary>
internal sealed class WalRun
{
    public required long StartOffset { get; init; }

    /// <summary>Behind the last record.</summary>
    public long EndOffset { get; set; }

    public ulong FirstLsn { get; set; }

    public ulong LastLsn { get; set; }

    public long Records { get; set; }

    public long Operations { get; set; }

    public uint LastHeaderCrc { get; set; }

    public long LastCommitMicroseconds { get; set; }

    /// <summary>What ended the run; null at the normal end of the file.</summary>
    public WalDamage? Break { get; set; }
}

/// <summary>All that one log file shows by itself, without judgement; <see cref="WalChain"/> judges.</summary>
internal sealed class WalFileFacts
{
    /// <summary>Beyond this many breaks the file is a ruin, and more detail only takes memory.</summary>
    private const int MaxRuns = 1024;

    private const long ProgressBytes = 1L << 20;

    public required string Path { get; init; }

    public required string Name { get; init; }

    /// <summary>The LSN its name says.</summary>
    public required Lsn NameLsn { get; init; }

    public long Length { get; private set; }

    public WalHeaderStatus HeaderStatus { get; private set; }

    /// <summary>Null unless the status is Valid.</summary>
    public WalFileHeader? Header { get; private set; }

    /// <summary>Whether the records were read, not the header alone.</summary>
    public bool Scanned { get; private set; }

    /// <summary>The first begins behind the file header, even if it has no records. Empty where no seed is known.</summary>
    public List<WalRun> Runs { get; } = [];

    /// <summary>Whether a record header that passes its checksum was met: the file took a record.</summary>
    public bool SawRecord { get; private set; }

    public long HighestSyncedOffset { get; private set; }

    /// <summary>Whole records in all runs.</summary>
    public long Records { get; private set; }

    /// <summary>Reads the header, and the records if <paramref name="scan"/> says so.</summary>
    public void Read(FileSystem files, bool scan, CancellationToken cancellationToken, ByteProgress? progress = null)
    {
        using var file = files.Open(Path, FileOpenMode.ReadSequential);
        var window = new WalWindow(file);
        try
        {
            Length = window.Length;
            HeaderStatus = WalFileHeader.Read(window.Get(0, WalFormat.MaxLaterHeaderBytes), out var header);
            Header = header;
            if (!scan || HeaderStatus == WalHeaderStatus.TooNew) return;
            Scanned = true;
            uint seed;
            if (header is not null) seed = header.Seed;
            else if (!WalSeedRecovery.TryFind(window, NameLsn, cancellationToken, out seed)) return;
            using var reader = new WalReader(window, seed);
            window = null;
            ReadRuns(reader, (header?.FirstLsn ?? NameLsn).Value, progress, cancellationToken);
            Length = reader.FileLength;
        }
        finally
        {
            window?.Dispose();
        }
    }

    private void ReadRuns(WalReader reader, ulong expected, ByteProgress? progress, CancellationToken cancellationToken)
    {
        var counted = 0L;
        var run = Begin(WalFormat.FileHeaderBytes);
        while (true)
        {
            while (reader.TryReadNext())
            {
                var header = reader.Header;
                if (!WalOperations.AreWellFormed(reader.Payload, header.Operations))
                {
                    run.Break = new WalDamage(reader.Offset, WalDamageKind.Malformed);
                    run = Begin(reader.NextOffset);
                    continue;
                }

                if (header.FirstLsn != expected)
                {
                    // A record found behind damage begins the run that was begun for it; any other break is one by itself.
                    if (run.Records > 0 || run.StartOffset == WalFormat.FileHeaderBytes)
                    {
                        run.Break = new WalDamage(reader.Offset, WalDamageKind.LsnMismatch);
                        run = Begin(reader.Offset);
                    }
                }

                if (run.Records == 0) run.FirstLsn = header.FirstLsn;
                run.Records++;
                run.Operations += header.Operations;
                run.LastLsn = header.LastLsn;
                run.LastHeaderCrc = header.HeaderCrc;
                run.LastCommitMicroseconds = header.CommitMicroseconds;
                run.EndOffset = reader.NextOffset;
                expected = header.LastLsn + 1;
                Records++;
                if (progress is not null && run.EndOffset - counted >= ProgressBytes) Count(run.EndOffset);
                if ((Records & 0xFFF) == 0) cancellationToken.ThrowIfCancellationRequested();
            }

            run.Break ??= reader.Damage;
            if (reader.Damage is null || !reader.Resynchronise(cancellationToken)) break;
            run = Begin(reader.NextOffset);
        }

        SawRecord = reader.SawHeader;
        HighestSyncedOffset = reader.HighestSyncedOffset;
        Count(reader.FileLength);

        void Count(long offset)
        {
            progress?.AddBytes(offset - counted);
            counted = offset;
        }
    }

    private WalRun Begin(long offset)
    {
        var run = new WalRun { StartOffset = offset, EndOffset = offset };
        if (Runs.Count < MaxRuns) Runs.Add(run);
        return run;
    }
}
