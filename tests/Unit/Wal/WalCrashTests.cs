using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Unit.Wal;

/// <summary>
/// Power cuts, simulated: of what was written since a file's last sync, any 512-byte sectors are on the disk and the others are not. No
/// such cut may ever be called damage, and nothing that was synced may be missing afterwards.
/// </summary>
public sealed class WalCrashTests
{
    private const int Sector = 512;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void No_power_cut_is_called_damage_and_none_loses_what_was_synced(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 1500; round++) Run(random);
    }

    private static void Run(Random random)
    {
        var log = new WalTestLog();
        var durable = new Dictionary<string, byte[]>();
        var failing = false;
        log.Files.OnSync = path => durable[path] = log.Files[path];
        log.Files.FailWrite = (_, offset, length) => failing && offset >= 128 ? random.Next(length + 1) : -1;
        log.Rotate(preallocate: random.Next(2) * 4096);
        WalWriter? old = null;
        ulong rotated = 1;
        for (var steps = random.Next(1, 40); steps > 0; steps--)
        {
            switch (random.Next(8))
            {
                case 0:
                    log.Writer.SyncData();
                    break;
                case 1 when log.LastLsn >= rotated:
                    old = log.Writer;
                    rotated = log.LastLsn + 1;
                    log.Rotate(syncBefore: false, preallocate: random.Next(2) * 4096);
                    break;
                case 2:
                    old?.SyncData();
                    failing = true;
                    Assert.Throws<IOException>(() => log.Add(2));
                    failing = false;
                    break;
                default:
                    old?.SyncData(); // before the new file takes its first record
                    log.Add(random.Next(1, 3), random.Next(4) == 0 ? new byte[random.Next(3000)] : null);
                    break;
            }
        }

        var after = new WalTestFiles();
        foreach (var path in log.Files.Names) after[path] = Cut(random, durable[path], log.Files[path]);
        var writers = new List<WalWriter> { log.Writer };
        if (old is not null) writers.Add(old);
        var synced = log.Records
            .Where(r => writers.TrueForAll(w => w.Path != r.Path || r.End <= w.SyncedOffset))
            .Select(r => r.Last)
            .LastOrDefault();

        var scan = log.Scan(files: after);
        Assert.True(scan.CanOpen, scan.FirstError?.ToString());
        Assert.True(scan.LastLsn.Value >= synced, $"synced {synced}, found {scan.LastLsn}");
        var next = 0UL;
        Assert.All(WalTestLog.Replay(after, scan, checkValues: false), lsn => Assert.Equal(++next, lsn));
        Assert.Equal(scan.LastLsn.Value, next);

        // Once recovery has done what the scan says, the log is whole, and a new file can follow.
        foreach (var file in scan.Files)
        {
            if (file.Action == WalFileAction.CutTail) after[file.Path] = after[file.Path][..(int)file.CutOffset!];
            else if (file.Action == WalFileAction.Remove) after.DeleteFile(file.Path);
        }

        using var successor = WalWriter.Create(after, WalTestLog.Wal, log.Header(next + 1, scan.Predecessor), 4096);
        using var builder = new WalRecordBuilder();
        builder.Start(successor.AppendOffset, successor.Seed);
        builder.BeginRecord();
        builder.AddOperation(OperationKind.Put, WalTestLog.Key(next + 1), []);
        builder.EndRecord(new Lsn(next + 1), 1, 1, successor.SyncedOffset);
        successor.Append(builder.Records);
        scan = log.Scan(files: after);
        Assert.Empty(scan.Findings);
        Assert.Equal(next + 1, scan.LastLsn.Value);
    }

    private static byte[] Cut(Random random, byte[] durable, byte[] written)
    {
        var result = new byte[random.Next(Math.Min(durable.Length, written.Length), Math.Max(durable.Length, written.Length) + 1)];
        var persisted = random.Next(4);
        for (var at = 0; at < result.Length; at += Sector)
        {
            var source = persisted switch { 0 => durable, 1 => written, _ => random.Next(2) == 0 ? durable : written };
            var length = Math.Min(Sector, Math.Min(result.Length, source.Length) - at);
            if (length > 0) source.AsSpan(at, length).CopyTo(result.AsSpan(at));
        }

        return result;
    }
}
