using Hestia.Core.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Writing;

namespace Hestia.Core.Wal;

/// <summary>Takes the operations of a replay, in order of LSN. A struct, so that the call is direct.</summary>
internal interface IWalVisitor
{
    /// <summary>One operation. The spans are valid during the call.</summary>
    void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    /// <summary>All operations of a record were given.</summary>
    void EndRecord(ulong lastLsn, long commitMicroseconds);
}

/// <summary>What a replay gave.</summary>
internal readonly record struct WalReplayResult(long Records, long Operations, Lsn LastLsn, long LastCommitMicroseconds);

/// <summary>Goes once more through what a scan found usable and gives every operation above the checkpoint.</summary>
internal static class WalReplay
{
    private const long ProgressBytes = 1L << 20;

    /// <summary>
    /// Replays; nothing is allocated per operation. Between scan and replay the files may have been cut where the scan said, not more.
    /// </summary>
    /// <exception cref="HestiaException">WalDamaged: what the scan saw is not there any more; IoError.</exception>
    public static WalReplayResult Run<TVisitor>(
        FileSystem files,
        WalScanResult scan,
        Lsn after,
        ref TVisitor visitor,
        CancellationToken cancellationToken = default,
        ByteProgress? progress = null)
        where TVisitor : IWalVisitor
    {
        long records = 0, operations = 0, lastCommit = 0;
        var last = Lsn.None;
        progress?.Begin("Replaying the log", scan.BytesToReplay(after), 0);
        foreach (var scanned in scan.Files)
        {
            if (!scanned.IsReplayed(after)) continue;
            var counted = scanned.UsedFrom;
            try
            {
                using var file = files.Open(scanned.Path, FileOpenMode.ReadSequential);
                using var reader = new WalReader(file, scanned.Header.Seed, scanned.UsedFrom);
                while (reader.NextOffset < scanned.UsedUpTo)
                {
                    if (!reader.TryReadNext()) throw Changed(scanned, reader.NextOffset);
                    if (progress is not null && reader.NextOffset - counted >= ProgressBytes)
                    {
                        progress.AddBytes(reader.NextOffset - counted);
                        counted = reader.NextOffset;
                    }

                    var header = reader.Header;
                    lastCommit = header.CommitMicroseconds;
                    if (header.LastLsn <= after.Value) continue;
                    operations += Apply(reader.Payload, header, after.Value, ref visitor, scanned, reader.Offset);
                    last = new Lsn(header.LastLsn);
                    visitor.EndRecord(header.LastLsn, header.CommitMicroseconds);
                    if ((++records & 0xFFF) == 0) cancellationToken.ThrowIfCancellationRequested();
                }

                progress?.AddBytes(reader.NextOffset - counted);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw HestiaException.FromIO(e, scanned.Path, "reading");
            }
        }

        return new WalReplayResult(records, operations, last, lastCommit);
    }

    private static int Apply<TVisitor>(
        ReadOnlySpan<byte> payload,
        in WalRecordHeader header,
        ulong after,
        ref TVisitor visitor,
        WalScannedFile scanned,
        long offset)
        where TVisitor : IWalVisitor
    {
        var applied = 0;
        var lsn = header.FirstLsn;
        for (var left = header.Operations; left > 0; left--, lsn++)
        {
            if (!OperationEncoding.TryRead(payload, out var kind, out var key, out var value, out var size)) throw Changed(scanned, offset);
            payload = payload[size..];
            if (lsn <= after) continue;
            visitor.Apply(lsn, kind, key, value);
            applied++;
        }

        return applied;
    }

    private static HestiaException Changed(WalScannedFile scanned, long offset) => new(
        HestiaErrorCode.WalDamaged,
        $"'{scanned.Path}' changed while the index was being opened: the record at offset {offset:N0} was whole and is not now.",
        scanned.Path,
        "Check the device and see that no other program writes there, then open the index again.");
}
