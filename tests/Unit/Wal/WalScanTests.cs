using Hestia.Core;
using Hestia.Core.Wal;

namespace Hestia.Unit.Wal;

public sealed class WalScanTests
{
    private static readonly string[] Torn = ["WalTornTail"];
    private static readonly string[] Damaged = ["WalDamaged"];
    private static readonly string[] Gap = ["WalGap"];

    private static string[] Codes(WalScanResult scan) => [.. scan.Findings.Select(f => f.Code).Distinct()];

    private static ulong[] Range(ulong first, ulong last)
    {
        var result = new List<ulong>();
        for (var i = first; i <= last; i++) result.Add(i);
        return [.. result];
    }

    /// <summary>Three files; records of the last one synced in the middle.</summary>
    private static WalTestLog ThreeFiles()
    {
        var log = new WalTestLog().Rotate();
        for (var i = 0; i < 5; i++) log.Add(sync: true);
        log.Rotate();
        for (var i = 0; i < 5; i++) log.Add(2, sync: true);
        log.Rotate();
        for (var i = 0; i < 5; i++) log.Add(sync: true);
        return log;
    }

    private static string PathOf(WalTestLog log, int file) => log.Records.Select(r => r.Path).Distinct().ElementAt(file);

    [Fact]
    public void A_whole_log_has_no_findings_and_replays_completely()
    {
        var log = ThreeFiles();
        var scan = log.Scan();
        Assert.Empty(scan.Findings);
        Assert.True(scan.CanOpen);
        Assert.False(scan.NeedsChange);
        Assert.Equal((1UL, 20UL, 15L, 20L), (scan.FirstLsn.Value, scan.LastLsn.Value, scan.Records, scan.Operations));
        Assert.Equal(log.Writer.AsPredecessor, scan.Predecessor);
        Assert.Equal(Range(1, 20), WalTestLog.Replay(log.Files, scan));
        Assert.Equal(Range(8, 20), WalTestLog.Replay(log.Files, scan, after: 7));
    }

    [Fact]
    public void Every_truncation_of_the_only_file_is_a_normal_end_or_a_torn_tail()
    {
        var log = new WalTestLog().Rotate();
        for (var i = 0; i < 6; i++) log.Add(2, sync: i % 2 == 0);
        var path = log.Writer.Path;
        var whole = log.Files[path];
        for (var length = 0; length <= whole.Length; length++)
        {
            var files = log.Copy();
            files[path] = whole[..length];
            var scan = log.Scan(files: files);
            Assert.True(scan.CanOpen, $"length {length}");
            var kept = log.Records.Where(r => r.End <= length).ToList();
            Assert.Equal(kept.Count == 0 ? 0 : kept[^1].Last, scan.LastLsn.Value);
            var end = kept.Count == 0 ? WalFormat.FileHeaderBytes : kept[^1].End;
            // Zeros only at the cut look like the normal end; anything else there is a tail.
            var clean = length >= end && !whole.AsSpan((int)end, length - (int)end).ContainsAnyExcept((byte)0);
            Assert.Equal(clean ? [] : Torn, Codes(scan));
            if (kept.Count == 0) Assert.Equal(WalFileAction.Remove, scan.Files[0].Action);
            else if (!clean) Assert.Equal((WalFileAction.CutTail, (long?)end), (scan.Files[0].Action, scan.Files[0].CutOffset));
            Assert.Equal(Range(1, scan.LastLsn.Value), WalTestLog.Replay(files, scan));
        }
    }

    [Fact]
    public void Every_truncation_of_a_middle_file_is_refused_unless_only_zeros_are_lost()
    {
        var log = ThreeFiles();
        var path = PathOf(log, 1);
        var whole = log.Files[path];
        var end = log.Records.Last(r => r.Path == path).End;
        for (var length = 0; length <= whole.Length; length++)
        {
            var files = log.Copy();
            files[path] = whole[..length];
            var scan = log.Scan(files: files);
            Assert.Equal(length >= end, scan.CanOpen);
            if (length >= end) Assert.Empty(scan.Findings);
            else Assert.Subset(new HashSet<string> { "WalDamaged", "WalGap" }, Codes(scan).ToHashSet());
        }
    }

    [Theory]
    [InlineData(0x01)]
    [InlineData(0x80)]
    [InlineData(0xFF)]
    public void Every_flipped_byte_is_classified_by_what_proves_it_synced(int mask)
    {
        var log = new WalTestLog().Rotate();
        log.Add(sync: true).Add(2).Add().Add(sync: true).Add().Add();
        var path = log.Writer.Path;
        var whole = log.Files[path];
        for (var at = 0; at < whole.Length; at++)
        {
            var bytes = (byte[])whole.Clone();
            bytes[at] ^= (byte)mask;
            var files = log.Copy();
            files[path] = bytes;
            var scan = log.Scan(files: files);
            if (at < WalFormat.FileHeaderBytes)
            {
                Assert.Equal(Damaged, Codes(scan));
                Assert.False(scan.CanOpen);
                Assert.Equal(0UL, scan.LastLsn.Value);
                continue;
            }

            var hit = log.Records.FindIndex(r => at >= r.Offset && at < r.End);
            var offset = hit < 0 ? log.Records[^1].End : log.Records[hit].Offset;
            var before = log.Records.Where(r => r.End <= offset).ToList();
            var proven = log.Records.Where((r, i) => i != hit).Max(r => r.Synced);
            Assert.Equal(proven > offset ? Damaged : Torn, Codes(scan));
            Assert.Equal(proven <= offset, scan.CanOpen);
            var finding = Assert.Single(scan.Findings);
            Assert.Equal(offset, finding.Offset);
            if (before.Count == 0) continue;
            Assert.Equal(before[^1].Last, scan.LastLsn.Value);
            if (scan.CanOpen)
            {
                Assert.Equal(offset, scan.Files[0].CutOffset);
                Assert.Equal(Range(1, before[^1].Last), WalTestLog.Replay(files, scan));
            }
            else
            {
                Assert.Equal(
                    (log.Records[hit].First, log.Records[hit].Last),
                    (finding.FirstLsn!.Value.Value, finding.LastLsn!.Value.Value));
            }
        }
    }

    [Fact]
    public void Every_flipped_byte_of_a_file_with_a_successor_is_damage_and_below_the_checkpoint_a_warning()
    {
        var log = ThreeFiles();
        var path = PathOf(log, 1);
        var whole = log.Files[path];
        for (var at = 0; at < whole.Length; at++)
        {
            var bytes = (byte[])whole.Clone();
            bytes[at] ^= 0x10;
            var files = log.Copy();
            files[path] = bytes;
            Assert.Equal(Damaged, Codes(log.Scan(files: files)));
            Assert.Equal(Damaged, Codes(log.Scan(checkpoint: null, files: files)));
            Assert.Equal(Damaged, Codes(log.Scan(checkpoint: 14, files: files)));

            // The checkpoint covers the file: recovery does not look, a complete check warns.
            var open = log.Scan(checkpoint: 15, files: files);
            Assert.True(open.CanOpen);
            Assert.Equal(Range(16, 20), WalTestLog.Replay(files, open, after: 15));
            var check = log.Scan(checkpoint: 15, all: true, files: files);
            Assert.True(check.CanOpen);
            Assert.NotEmpty(check.Findings);
            Assert.DoesNotContain(check.Findings, f => f.Severity == FindingSeverity.Error);
        }
    }

    [Fact]
    public void Damage_below_the_checkpoint_in_a_file_that_is_needed_is_passed_over()
    {
        var log = new WalTestLog().Rotate();
        for (var i = 0; i < 8; i++) log.Add(sync: true);
        var files = log.Copy();
        var bytes = files[log.Writer.Path];
        bytes[log.Records[2].Offset + 45] ^= 1;
        files[log.Writer.Path] = bytes;

        var scan = log.Scan(checkpoint: 3, files: files);
        Assert.Equal(FindingSeverity.Warning, Assert.Single(scan.Findings).Severity);
        Assert.Equal(Range(4, 8), WalTestLog.Replay(files, scan, after: 3));
        Assert.Equal(log.Writer.AsPredecessor, scan.Predecessor);
        Assert.False(log.Scan(checkpoint: 2, files: files).CanOpen);
    }

    [Fact]
    public void Unsynced_records_that_reach_the_disk_out_of_order_are_a_torn_tail()
    {
        var log = new WalTestLog().Rotate();
        log.Add(sync: true).Add().Add().Add().Add();
        var files = log.Copy();
        var bytes = files[log.Writer.Path];
        var lost = log.Records[2];
        bytes.AsSpan((int)lost.Offset, (int)(lost.End - lost.Offset)).Clear();
        files[log.Writer.Path] = bytes;
        var scan = log.Scan(files: files);
        Assert.Equal(Torn, Codes(scan));
        Assert.Equal((2UL, (long?)lost.Offset), (scan.LastLsn.Value, scan.Files[0].CutOffset));
    }

    [Fact]
    public void A_header_of_a_torn_record_still_proves_what_was_synced()
    {
        var log = new WalTestLog().Rotate();
        log.Add().Add(sync: true).Add();
        var files = log.Copy();
        var bytes = files[log.Writer.Path];
        bytes[log.Records[0].Offset + 50] ^= 1; // synced
        bytes[log.Records[2].End - 1] ^= 1; // torn, but its header says that the first was synced
        bytes[log.Records[1].Offset + 50] ^= 1;
        files[log.Writer.Path] = bytes;
        Assert.Equal(Damaged, Codes(log.Scan(files: files)));
    }

    [Fact]
    public void A_rotation_torn_by_a_crash_leaves_a_stale_successor_that_is_set_aside()
    {
        foreach (var wipe in new[] { true, false })
        {
            var log = new WalTestLog().Rotate();
            log.Add(sync: true).Add().Add();
            var old = log.Writer.Path;
            log.Rotate(syncBefore: false);
            var files = log.Copy();
            var bytes = files[old];
            var lost = log.Records[1];
            if (wipe) bytes.AsSpan((int)lost.Offset).Clear();
            else bytes[lost.Offset + 1] ^= 1;
            files[old] = bytes;
            var scan = log.Scan(files: files);
            Assert.True(scan.CanOpen);
            Assert.Equal(Torn, Codes(scan));
            Assert.Equal(1UL, scan.LastLsn.Value);
            Assert.Equal(wipe ? WalFileAction.Keep : WalFileAction.CutTail, scan.Files[0].Action);
            Assert.Equal(WalFileAction.Remove, scan.Files[1].Action);

            // Once the successor has a record, the same loss is damage or a gap.
            log.Add();
            files[log.Writer.Path] = log.Files[log.Writer.Path];
            Assert.Equal(wipe ? Gap : Damaged, Codes(log.Scan(files: files)));

            // A third file proves it as well, even where the second's records are gone.
            files[log.Writer.Path] = log.Files[log.Writer.Path][..128];
            log.Rotate();
            files[log.Writer.Path] = log.Files[log.Writer.Path];
            Assert.False(log.Scan(files: files).CanOpen);
        }
    }

    [Fact]
    public void An_empty_newest_file_is_no_finding_and_may_be_removed()
    {
        var log = new WalTestLog().Rotate().Add().Add().Rotate();
        var scan = log.Scan();
        Assert.Empty(scan.Findings);
        Assert.Equal((WalFileAction.Remove, true), (scan.Files[1].Action, scan.Files[1].IsEmpty));
        Assert.Equal(2UL, scan.LastLsn.Value);

        scan = log.Scan(checkpoint: 2);
        Assert.Empty(scan.Findings);
        Assert.False(scan.Files[0].Needed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(60)]
    [InlineData(128)]
    [InlineData(4096)]
    public void A_blank_newest_file_is_a_torn_creation_and_a_blank_middle_one_is_damage(int length)
    {
        var log = ThreeFiles();
        var files = log.Copy();
        var path = Path.Combine(WalTestLog.Wal, WalFormat.FileName(new Lsn(21)));
        files[path] = new byte[length];
        var scan = log.Scan(files: files);
        Assert.Equal(Torn, Codes(scan));
        Assert.Equal((20UL, WalFileAction.Remove), (scan.LastLsn.Value, scan.Files[3].Action));

        files = log.Copy();
        files[PathOf(log, 1)] = new byte[length];
        Assert.Equal(Damaged, Codes(log.Scan(files: files)));
    }

    [Fact]
    public void A_missing_file_is_a_gap_and_names_the_range()
    {
        var log = ThreeFiles();
        var files = log.Copy();
        files.DeleteFile(PathOf(log, 1));
        var finding = Assert.Single(log.Scan(files: files).Findings);
        Assert.Equal(("WalGap", 6UL, 15UL), (finding.Code, finding.FirstLsn!.Value.Value, finding.LastLsn!.Value.Value));
        Assert.True(log.Scan(checkpoint: 15, files: files).CanOpen);

        files = log.Copy();
        files.DeleteFile(PathOf(log, 0));
        finding = Assert.Single(log.Scan(checkpoint: 2, files: files).Findings);
        Assert.Equal(("WalGap", 3UL, 5UL), (finding.Code, finding.FirstLsn!.Value.Value, finding.LastLsn!.Value.Value));
        Assert.True(log.Scan(checkpoint: 5, files: files).CanOpen);
    }

    [Fact]
    public void A_chain_that_does_not_match_is_a_gap()
    {
        var log = ThreeFiles();
        var other = new WalTestLog().Rotate();
        for (var i = 0; i < 5; i++) other.Add(value: [1, 2], sync: true);
        log.Files[PathOf(log, 0)] = other.Files[PathOf(other, 0)];
        Assert.Equal(Gap, Codes(log.Scan()));
    }

    [Fact]
    public void Lsns_skipped_within_a_file_are_a_gap()
    {
        var log = new WalTestLog().Rotate().Add();
        var header = log.Writer.Header;
        using var builder = new WalRecordBuilder();
        builder.Start(log.Writer.AppendOffset, log.Writer.Seed);
        builder.BeginRecord();
        builder.AddOperation(OperationKind.Put, WalTestLog.Key(9), WalTestLog.Value(9));
        builder.EndRecord(new Lsn(9), 1, 1, 128);
        var records = builder.Records.ToArray();
        Assert.Throws<ArgumentException>(() => log.Writer.Append(records));
        var bytes = log.Files[log.Writer.Path];
        records.CopyTo(bytes.AsSpan((int)log.Writer.AppendOffset));
        log.Files[log.Writer.Path] = bytes;
        var finding = Assert.Single(log.Scan().Findings);
        Assert.Equal(("WalGap", 2UL, 8UL), (finding.Code, finding.FirstLsn!.Value.Value, finding.LastLsn!.Value.Value));
        Assert.Equal(1UL, header.FirstLsn.Value);
    }

    /// <summary>The owner flushes and prunes while somebody else checks: between the header of a file and its records.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    public void A_file_that_goes_while_the_log_is_read_is_as_if_it_had_never_been_listed(int file, bool all)
    {
        var log = ThreeFiles();
        var path = PathOf(log, file);
        var files = log.Copy();
        var opened = 0;
        files.OnOpen = name =>
        {
            if (name == path && ++opened == 2) files.DeleteFile(path);
        };
        // Needed by the manifest the check goes by, or (the first file, from LSN 5 on) not.
        foreach (var checkpoint in new ulong[] { 0, 5 })
        {
            opened = 0;
            files[path] = log.Files[path];
            var scan = log.Scan(checkpoint, all, files);
            var without = log.Copy();
            without.DeleteFile(path);
            if (opened < 2) continue; // not needed, so not read
            var expected = log.Scan(checkpoint, all, without);
            Assert.Equal(expected.Findings, scan.Findings);
            Assert.Equal(expected.Files.Select(f => (f.Name, f.Needed, f.Records)), scan.Files.Select(f => (f.Name, f.Needed, f.Records)));
        }
    }

    [Fact]
    public void A_foreign_or_newer_or_renamed_file_is_refused()
    {
        var log = ThreeFiles();
        var other = WalScan.Run(
            log.Files,
            WalTestLog.Wal,
            new WalScanOptions(Guid.NewGuid(), null, Lsn.None),
            TestContext.Current.CancellationToken);
        Assert.Equal(["ForeignFile"], Codes(other));
        other = WalScan.Run(
            log.Files,
            WalTestLog.Wal,
            new WalScanOptions(WalTestLog.Index, Guid.NewGuid(), Lsn.None),
            TestContext.Current.CancellationToken);
        Assert.Equal(["ForeignFile"], Codes(other));

        var newest = PathOf(log, 2);
        var files = log.Copy();
        var bytes = files[newest];
        bytes[8] = 2; // the version, with a checksum that is right
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(
            bytes.AsSpan(124),
            Hestia.Core.Checksums.Crc32C.Compute(bytes.AsSpan(0, 124)));
        files[newest] = bytes;
        Assert.Equal(["FormatTooNew"], Codes(log.Scan(files: files)));
        Assert.False(log.Scan(files: files).CanOpen);

        files = log.Copy();
        files.RenameFile(newest, Path.Combine(WalTestLog.Wal, WalFormat.FileName(new Lsn(99))));
        Assert.Equal(Damaged, Codes(log.Scan(files: files)));
    }

    [Fact]
    public void A_log_that_ends_below_the_checkpoint_opens_and_says_so()
    {
        var log = ThreeFiles();
        var scan = log.Scan(checkpoint: 50);
        Assert.True(scan.CanOpen);
        Assert.Equal(["WalBehindCheckpoint"], Codes(scan));
        Assert.True(log.Scan(checkpoint: 7, files: new WalTestFiles()).CanOpen);
        Assert.Empty(log.Scan(checkpoint: 20).Findings);
    }

    [Fact]
    public void Files_that_are_no_log_are_left_alone()
    {
        var log = ThreeFiles();
        log.Files[Path.Combine(WalTestLog.Wal, "0123456789abcdef0123456789abcdef.tmp")] = [1];
        Assert.Empty(log.Scan().Findings);
        log.Files[Path.Combine(WalTestLog.Wal, "notes.txt")] = [1];
        Assert.Equal(FindingSeverity.Information, Assert.Single(log.Scan().Findings).Severity);
    }
}
