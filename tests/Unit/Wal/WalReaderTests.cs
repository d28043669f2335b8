using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Unit.Wal;

public sealed class WalReaderTests
{
    [Fact]
    public void Records_of_every_size_cross_the_chunks_of_the_reader()
    {
        var random = new Random(1);
        var log = new WalTestLog().Rotate(preallocate: 0);
        var values = new List<byte[]>();
        for (var i = 0; i < 400; i++)
        {
            var value = new byte[i % 50 == 49 ? random.Next(3 << 20) : random.Next(20_000)];
            random.NextBytes(value);
            values.Add(value);
            log.Add(value: value, sync: i % 3 == 0);
        }

        using var file = log.Files.Open(log.Writer.Path, FileOpenMode.Read);
        using var reader = new WalReader(file, log.Writer.Seed);
        foreach (var record in log.Records)
        {
            Assert.True(reader.TryReadNext());
            Assert.Equal((record.Offset, record.First), (reader.Offset, reader.Header.FirstLsn));
            Assert.True(reader.Payload.EndsWith(values[(int)record.First - 1]));
        }

        Assert.False(reader.TryReadNext());
        Assert.Null(reader.Damage);
    }

    [Fact]
    public void The_largest_batch_is_written_and_read()
    {
        var log = new WalTestLog().Rotate(preallocate: 0);
        using var builder = new WalRecordBuilder();
        builder.Start(log.Writer.AppendOffset, log.Writer.Seed);
        builder.BeginRecord();
        var value = new byte[Limits.MaxValueBytes];
        new Random(3).NextBytes(value);
        builder.AddOperation(OperationKind.Put, [1], value);
        builder.AddOperation(OperationKind.Put, [2], value.AsSpan(0, Limits.MaxBatchBytes - builder.Length + 40 - 7));
        Assert.Equal(Limits.MaxBatchBytes + 40, builder.Length);
        builder.EndRecord(new Lsn(1), 2, 1, 128);
        log.Writer.Append(builder.Records);
        Assert.Equal(2UL, log.Scan().LastLsn.Value);
        Assert.Empty(log.Scan().Findings);
        builder.BeginRecord();
        builder.AddPayload([0]);
        Assert.Throws<InvalidOperationException>(() => builder.EndRecord(new Lsn(3), 1, 1, 128));
    }

    [Fact]
    public void A_value_that_holds_log_bytes_and_a_moved_record_are_no_records()
    {
        // The value holds the file itself, and records built for where they will stand in the value, under another salt.
        var other = new WalTestLog().Rotate().Add().Add();
        var log = new WalTestLog().Rotate().Add(sync: true).Add(sync: true);
        var own = log.Files[log.Writer.Path][128..(int)log.Writer.AppendOffset];
        var foreign = other.Files[other.Writer.Path][128..(int)other.Writer.AppendOffset];
        log.Add(value: [.. own, .. foreign, .. own]);
        log.Add();
        var files = log.Copy();
        var bytes = files[log.Writer.Path];
        bytes[log.Records[2].Offset + 8] ^= 1; // its header is gone, so a scan walks through the value
        files[log.Writer.Path] = bytes;
        using (var file = files.Open(log.Writer.Path, FileOpenMode.Read))
        using (var reader = new WalReader(file, log.Writer.Seed))
        {
            Assert.True(reader.TryReadNext() && reader.TryReadNext());
            Assert.False(reader.TryReadNext());
            Assert.Equal(log.Records[2].Offset, reader.Damage!.Offset);
            Assert.True(reader.Resynchronise(TestContext.Current.CancellationToken));
            Assert.Equal(log.Records[3].Offset, reader.NextOffset);
        }

        // A record copied to where the log ends is not taken either.
        bytes = log.Files[log.Writer.Path];
        own.AsSpan(0, 60).CopyTo(bytes.AsSpan((int)log.Writer.AppendOffset));
        files[log.Writer.Path] = bytes;
        Assert.Equal("WalTornTail", Assert.Single(log.Scan(files: files).Findings).Code);
    }

    [Fact]
    public void The_inspector_goes_on_behind_damage_and_marks_it()
    {
        var log = new WalTestLog().Rotate();
        for (var i = 0; i < 6; i++) log.Add(2, sync: true);
        log.Rotate().Add().Add();
        var cancel = TestContext.Current.CancellationToken;
        var first = log.Records[0].Path;
        var bytes = log.Files[first];
        bytes[log.Records[2].Offset + 44] ^= 1;
        log.Files[first] = bytes;

        var all = WalInspector.ReadRecords(log.Files, WalTestLog.Root, null, cancel).ToList();
        Assert.Equal([1, 3, 5, 7, 9, 11, 13, 14], all.Select(r => r.FirstLsn.Value).ToArray());
        var damage = Assert.Single(all, r => r.Damage is not null);
        Assert.Equal(
            (log.Records[2].Offset, log.Records[3].Offset - log.Records[2].Offset, 6UL),
            (damage.Offset, damage.Bytes, damage.LastLsn.Value));
        Assert.Equal(WalTestLog.Value(3), all[1].Operations[0].Value);

        ulong[] Lsns(WalReadOptions o) =>
            [.. WalInspector.ReadRecords(log.Files, WalTestLog.Wal, o, cancel).Where(r => r.Damage is null).Select(r => r.FirstLsn.Value)];
        Assert.Equal([9, 11, 13], Lsns(new WalReadOptions { FromLsn = new Lsn(10), ToLsn = new Lsn(13) }));
        Assert.Equal([13, 14], Lsns(new WalReadOptions { Last = 2 }));
        var onKey = WalInspector.ReadRecords(log.Files, WalTestLog.Wal, new WalReadOptions { Key = WalTestLog.Key(10) }, cancel);
        Assert.Equal(10UL, Assert.Single(Assert.Single(onKey, r => r.Damage is null).Operations).Lsn.Value);

        var report = WalInspector.Check(log.Files, WalTestLog.Root, new WalScanOptions(null, null, null), cancel);
        Assert.False(report.Healthy);
        Assert.Contains("refuse with WalDamaged", report.OpenWould);
        report = WalInspector.Check(log.Files, log.Writer.Path, new WalScanOptions(null, null, null), cancel);
        Assert.True(report.Healthy);
        Assert.Equal((1, 2L, 14UL), (report.Files, report.Records, report.LastLsn.Value));
        Assert.Contains("replay up to 2 records", report.OpenWould);
        var missing = Assert.Throws<HestiaException>(() =>
            WalInspector.Check(log.Files, Path.Combine(WalTestLog.Root, "nowhere"), new WalScanOptions(null, null, null), cancel));
        Assert.Equal(HestiaErrorCode.PathNotFound, missing.Code);
    }

    [Fact]
    public void Records_behind_a_damaged_file_header_are_still_readable()
    {
        var log = new WalTestLog().Rotate().Add(3).Add().Add();
        var bytes = log.Files[log.Writer.Path];
        bytes.AsSpan(0, 128).Clear();
        bytes[log.Records[0].Offset] ^= 1; // and the first record's as well
        log.Files[log.Writer.Path] = bytes;
        var entries = WalInspector.ReadRecords(log.Files, WalTestLog.Wal, null, TestContext.Current.CancellationToken).ToList();
        Assert.Equal([4, 5], entries.Where(e => e.Damage is null).Select(e => e.FirstLsn.Value).ToArray());
        Assert.Equal(2, entries.Count(e => e.Damage is not null));
    }

    [Fact]
    public void Whatever_the_bytes_nothing_crashes_or_returns_a_wrong_record()
    {
        var random = new Random(7);
        var log = new WalTestLog().Rotate();
        for (var i = 0; i < 12; i++) log.Add(1 + i % 3, sync: i % 4 == 0);
        log.Rotate();
        for (var i = 0; i < 12; i++) log.Add(1 + i % 3, sync: i % 4 == 0);
        var cancel = TestContext.Current.CancellationToken;
        var paths = log.Files.Names.ToArray();
        for (var round = 0; round < 4000; round++)
        {
            var files = log.Copy();
            foreach (var path in paths)
            {
                var bytes = files[path];
                for (var change = random.Next(4); change > 0; change--)
                {
                    var at = random.Next(random.Next(2) == 0 ? 1600 : bytes.Length);
                    var length = Math.Min(random.Next(1, 200), bytes.Length - at);
                    switch (random.Next(5))
                    {
                        case 0: random.NextBytes(bytes.AsSpan(at, length)); break;
                        case 1: bytes.AsSpan(at, length).Clear(); break;
                        case 2: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                        case 3: bytes.AsSpan(at, length).CopyTo(bytes.AsSpan(random.Next(bytes.Length - length))); break;
                        default: bytes = bytes[..Math.Max(1, random.Next(bytes.Length))]; break;
                    }

                    if (bytes.Length < 1600) break;
                }

                files[path] = bytes;
            }

            var checkpoint = (ulong)random.Next(30);
            var scan = log.Scan(checkpoint, all: round % 2 == 0, files: files);
            if (scan.CanOpen)
            {
                // What opens has every LSN from the checkpoint to its end.
                var next = checkpoint;
                Assert.All(WalTestLog.Replay(files, scan, checkpoint), lsn => Assert.Equal(++next, lsn));
                Assert.Equal(Math.Max(checkpoint, scan.LastLsn.Value), next);
            }

            foreach (var record in WalInspector.ReadRecords(files, WalTestLog.Wal, null, cancel))
            {
                Assert.All(record.Operations, o => Assert.Equal(WalTestLog.Value(o.Lsn.Value), o.Value));
            }
        }

        for (var round = 0; round < 300; round++)
        {
            var files = new WalTestFiles();
            var bytes = new byte[random.Next(20_000)];
            if (round % 3 == 0) random.NextBytes(bytes);
            else for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(random.Next(12) == 0 ? random.Next(4) : 0);
            if (round % 2 == 0 && bytes.Length >= 128) log.Header(1).Write(bytes);
            files[paths[0]] = bytes;
            Assert.Equal(0UL, log.Scan(files: files).LastLsn.Value);
            Assert.DoesNotContain(WalInspector.ReadRecords(files, WalTestLog.Wal, null, cancel), r => r.Damage is null);
        }
    }

    [Fact]
    public void A_file_made_of_headers_that_all_claim_a_large_payload_is_read_in_linear_time()
    {
        var log = new WalTestLog().Rotate(preallocate: 0);
        var bytes = new byte[4 << 20];
        log.Files[log.Writer.Path].CopyTo(bytes, 0);
        for (var at = 128 + 1; at + 40 <= bytes.Length; at += 40)
        {
            new WalRecordHeader { PayloadLength = Math.Max(3, (bytes.Length - at) / 2), Operations = 1, FirstLsn = 1, SyncedOffset = 128 }
                .Write(bytes.AsSpan(at), at, log.Writer.Seed);
        }

        log.Files[log.Writer.Path] = bytes;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(0UL, log.Scan().LastLsn.Value);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_file_name_is_twenty_digits_and_nothing_else()
    {
        Assert.Equal("00000000000000000007.wal", WalFormat.FileName(new Lsn(7)));
        Assert.True(WalFormat.TryParseFileName("18446744073709551615.wal", out var largest));
        Assert.Equal(ulong.MaxValue, largest.Value);
        string[] others =
        [
            "00000000000000000000.wal", "7.wal", "0000000000000000000a.wal", "00000000000000000007.WAL",
            "18446744073709551616.wal", "",
        ];
        foreach (var name in others)
        {
            Assert.False(WalFormat.TryParseFileName(name, out _));
        }
    }
}
