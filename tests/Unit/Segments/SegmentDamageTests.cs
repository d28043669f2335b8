using Hestia.Core;
using Hestia.Core.Segments;

namespace Hestia.Unit.Segments;

public sealed class SegmentDamageTests : IDisposable
{
    private readonly SegmentFixture _fixture = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(BlockCodec.None)]
    [InlineData(BlockCodec.Snappy)]
    public void Every_flipped_byte_is_found_without_the_hash(BlockCodec codec)
    {
        var entries = SegmentFixture.MakeSimple(150);
        entries[70] = entries[70] with { Kind = OperationKind.Put, Value = new byte[Limits.LargeValueBytes] };
        var options = new SegmentWriterOptions { BlockBytes = 1024, Codec = codec };
        var bytes = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries, options)));
        Assert.Empty(_fixture.VerifyBytes(bytes).Findings);
        // Inside the large value every 97th byte stands for its neighbours: all are under the same checksum.
        for (var at = 0; at < bytes.Length; at += IsInRun(bytes, at) ? 97 : 1)
        {
            bytes[at] ^= (byte)(1 << (at % 8));
            Assert.NotEmpty(_fixture.VerifyBytes(bytes).Findings);
            bytes[at] ^= (byte)(1 << (at % 8));
        }
    }

    [Fact]
    public void Every_flipped_byte_leaves_a_salvage_that_returns_only_what_was_written()
    {
        var entries = SegmentFixture.MakeSimple(150);
        var bytes = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries, new SegmentWriterOptions { BlockBytes = 1024 })));
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 0x40;
            CheckSalvage(bytes, entries);
            bytes[at] ^= 0x40;
        }
    }

    [Fact]
    public void Every_truncation_refuses_cleanly_and_is_found_and_salvaged()
    {
        var entries = SegmentFixture.MakeSimple(60);
        var bytes = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries, new SegmentWriterOptions { BlockBytes = 1024 })));
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            Assert.Equal(HestiaErrorCode.SegmentDamaged, Assert.Throws<HestiaException>(() => _fixture.OpenBytes(cut)).Code);
            Assert.NotEmpty(_fixture.VerifyBytes(cut).Findings);
            var (salvaged, _) = _fixture.SalvageBytes(cut);
            for (var i = 0; i < salvaged.Count; i++) SegmentFixture.AssertEqual(entries[i], salvaged[i]);
        }

        // Everything but the last byte of the footer: nothing is lost.
        Assert.Equal(entries.Count, _fixture.SalvageBytes(bytes[..^1]).Entries.Count);
    }

    [Fact]
    public void Appended_bytes_are_found()
    {
        var bytes = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(SegmentFixture.MakeSimple(60))));
        Assert.NotEmpty(_fixture.VerifyBytes([.. bytes, 0]).Findings);
        Assert.NotEmpty(_fixture.VerifyBytes([.. bytes, .. bytes]).Findings);
    }

    [Fact]
    public void Random_damage_never_crashes_a_reader()
    {
        var random = new Random(99);
        var entries = SegmentFixture.MakeRandom(random, 600, large: false);
        entries[300] = entries[300] with { Kind = OperationKind.Put, Value = new byte[40_000] };
        foreach (var codec in new[] { BlockCodec.None, BlockCodec.Snappy })
        {
            var clean =
                File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries, new SegmentWriterOptions { BlockBytes = 1024, Codec = codec })));
            for (var round = 0; round < 300; round++)
            {
                var bytes = (byte[])clean.Clone();
                for (var i = random.Next(1, 6); i > 0; i--)
                {
                    var at = random.Next(3) == 0 ? bytes.Length - 1 - random.Next(800) : random.Next(bytes.Length);
                    if (random.Next(2) == 0) bytes[at] = (byte)random.Next(256);
                    else bytes.AsSpan(at, Math.Min(random.Next(100), bytes.Length - at)).Clear();
                }

                ReadEverything(bytes, entries);
                _fixture.VerifyBytes(bytes);
                CheckSalvage(bytes, entries);
            }
        }
    }

    [Fact]
    public void Damage_behind_right_checksums_never_crashes_a_reader()
    {
        // An attacker recomputes checksums; chance does not. Blocks, index and footer then hold anything.
        var random = new Random(5);
        var entries = SegmentFixture.MakeSimple(300);
        foreach (var codec in new[] { BlockCodec.None, BlockCodec.Snappy })
        {
            var clean =
                File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries, new SegmentWriterOptions { BlockBytes = 1024, Codec = codec })));
            for (var round = 0; round < 1500; round++)
            {
                var bytes = (byte[])clean.Clone();
                var blocks = SegmentFixture.FindBlocks(bytes);
                var (offset, length) = blocks[random.Next(3) == 0 ? blocks.Count - 1 - random.Next(3) : random.Next(blocks.Count)];
                for (var i = random.Next(1, 4); i > 0; i--)
                {
                    var inside = random.Next(2) == 0 ? random.Next(length) : length - 1 - random.Next(Math.Min(length, 20));
                    bytes[offset + SegmentFormat.BlockHeaderBytes + inside] = (byte)random.Next(256);
                }

                if (random.Next(4) == 0) bytes[^(SegmentFormat.FooterBytes - random.Next(80))] = (byte)random.Next(256);
                SegmentFixture.Seal(bytes, blocks);
                ReadEverything(bytes, null);
                var findings = _fixture.VerifyBytes(bytes).Findings;
                if (!findings.Any(f => f.Code == "SegmentFormatTooNew")) _fixture.SalvageBytes(bytes);
            }
        }
    }

    [Fact]
    public void Salvage_finds_everything_outside_a_damaged_block_and_names_what_is_lost()
    {
        var entries = SegmentFixture.MakeSimple(2000);
        var clean = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries, new SegmentWriterOptions { BlockBytes = 1024 })));
        var blocks = SegmentFixture.FindBlocks(clean);
        for (var damage = 0; damage < 4; damage++)
        {
            var bytes = (byte[])clean.Clone();
            var (offset, length) = blocks[5];
            if (damage % 2 == 0) bytes[offset + 40] ^= 1; // payload
            else bytes[offset + 5] ^= 1; // header
            if (damage >= 2) bytes[^10] ^= 1; // footer: no index to help
            var (salvaged, lost) = _fixture.SalvageBytes(bytes);
            var range = Assert.Single(lost);
            Assert.Equal(offset, range.Offset);
            Assert.Equal(length + SegmentFormat.BlockOverhead, range.Length);
            var missing = entries.Where(e => !salvaged.Exists(s => s.Key.AsSpan().SequenceEqual(e.Key))).ToList();
            Assert.InRange(missing.Count, 10, 100);
            Assert.Equal(entries.Count, missing.Count + salvaged.Count);
            Assert.All(missing, e => Assert.True(
                e.Key.AsSpan().SequenceCompareTo(range.FirstKey) >= 0 && e.Key.AsSpan().SequenceCompareTo(range.LastKey) <= 0));
            var findings = _fixture.VerifyBytes(bytes).Findings;
            Assert.Contains(findings, f => f.Code == "SegmentBlock" && f.Offset == offset && f.Severity == FindingSeverity.Error);
        }
    }

    [Fact]
    public void A_damaged_large_value_takes_only_its_own_key()
    {
        var entries = SegmentFixture.MakeSimple(300);
        entries[100] = entries[100] with { Kind = OperationKind.Put, Value = new byte[100_000] };
        new Random(1).NextBytes(entries[100].Value);
        var info = _fixture.Write(entries);
        var bytes = File.ReadAllBytes(_fixture.PathOf(info));
        var large = SegmentFixture.FindBlocks(bytes).MaxBy(b => b.Length);
        bytes[large.Offset + 5000] ^= 1;
        var (salvaged, lost) = _fixture.SalvageBytes(bytes);
        Assert.Equal(299, salvaged.Count);
        Assert.Equal(entries[100].Key, Assert.Single(lost).FirstKey);
        Assert.Contains(_fixture.VerifyBytes(bytes).Findings, f => f.Code == "SegmentLargeValue"
            && entries[100].Key.AsSpan().SequenceEqual(f.FirstKey));
        var reader = _fixture.OpenBytes(bytes);
        var failure = Assert.Throws<HestiaException>(() => reader.TryGet(entries[100].Key, SegmentReader.HashKey(entries[100].Key), out _));
        Assert.Equal(HestiaErrorCode.SegmentDamaged, failure.Code);
        Assert.Contains("Repair-HestiaIndex", failure.Message, StringComparison.Ordinal);
        reader.Release();
        Assert.Equal(_fixture.Cache.UsedBytes, _fixture.Cache.NativeBytes);
    }

    [Fact]
    public void A_segment_stored_as_a_value_is_not_taken_for_blocks()
    {
        var inner = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(SegmentFixture.MakeSimple(5000))));
        List<Entry> entries =
        [
            new("a"u8.ToArray(), 1, OperationKind.Put, inner),
            new("b"u8.ToArray(), 2, OperationKind.Put, "x"u8.ToArray()),
        ];
        var bytes = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(entries)));
        bytes[SegmentFormat.HeaderBytes] ^= 1; // the header of the large value: the walk has to look for the next block inside it
        var (salvaged, _) = _fixture.SalvageBytes(bytes);
        Assert.All(salvaged, e => Assert.Equal("b"u8.ToArray(), e.Key));
        Assert.Single(salvaged);
    }

    [Fact]
    public void A_hash_that_is_not_the_name_is_found_by_the_deep_check_alone()
    {
        var info = _fixture.Write(SegmentFixture.MakeSimple(50));
        var other = new SegmentId(new byte[32]);
        var path = _fixture.PathOf(info);
        var quick = SegmentVerifier.Verify(Core.IO.FileSystem.Physical, path, "x", other, info.Size, deep: false, null, Token);
        var deep = SegmentVerifier.Verify(Core.IO.FileSystem.Physical, path, "x", other, info.Size, deep: true, null, Token);
        Assert.Empty(quick.Findings);
        Assert.Equal("SegmentHash", Assert.Single(deep.Findings).Code);
    }

    [Fact]
    public void The_check_reports_its_bytes_and_stops_when_told()
    {
        var info = _fixture.Write(SegmentFixture.MakeSimple(200_000));
        long seen = 0;
        SegmentVerifier.Verify(Core.IO.FileSystem.Physical, _fixture.PathOf(info), "x", info.Id, info.Size, true, n => seen += n, Token);
        Assert.Equal(info.Size, seen);
        using var source = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => SegmentVerifier.Verify(
            Core.IO.FileSystem.Physical, _fixture.PathOf(info), "x", info.Id, info.Size, true, _ => source.Cancel(), source.Token));
    }

    [Fact]
    public void A_newer_version_is_named_and_not_touched()
    {
        var bytes = File.ReadAllBytes(_fixture.PathOf(_fixture.Write(SegmentFixture.MakeSimple(50))));
        bytes[bytes.Length - SegmentFormat.FooterBytes + 60] = 2;
        SegmentFixture.Seal(bytes, []);
        Assert.Equal(HestiaErrorCode.FormatTooNew, Assert.Throws<HestiaException>(() => _fixture.OpenBytes(bytes)).Code);
        Assert.Equal("SegmentFormatTooNew", Assert.Single(_fixture.VerifyBytes(bytes).Findings).Code);
        Assert.Equal(HestiaErrorCode.FormatTooNew, Assert.Throws<HestiaException>(() => _fixture.SalvageBytes(bytes)).Code);
    }

    private void CheckSalvage(byte[] bytes, List<Entry> entries)
    {
        var (salvaged, lost) = _fixture.SalvageBytes(bytes);
        var at = 0;
        foreach (var e in salvaged)
        {
            while (at < entries.Count && !entries[at].Key.AsSpan().SequenceEqual(e.Key)) at++;
            Assert.True(at < entries.Count);
            SegmentFixture.AssertEqual(entries[at], e);
        }

        // What is gone lies in a range that says so.
        var found = salvaged.Select(e => Convert.ToHexString(e.Key)).ToHashSet();
        foreach (var e in entries.Where(e => !found.Contains(Convert.ToHexString(e.Key))))
        {
            Assert.Contains(lost, r => (r.FirstKey is null || e.Key.AsSpan().SequenceCompareTo(r.FirstKey) >= 0)
                && (r.LastKey is null || e.Key.AsSpan().SequenceCompareTo(r.LastKey) <= 0));
        }
    }

    private void ReadEverything(byte[] bytes, List<Entry>? entries)
    {
        SegmentReader reader;
        try
        {
            reader = _fixture.OpenBytes(bytes);
        }
        catch (HestiaException e)
        {
            Assert.True(e.Code is HestiaErrorCode.SegmentDamaged or HestiaErrorCode.FormatTooNew);
            return;
        }

        Refusable(() =>
        {
            using var cursor = reader.CreateCursor(true, 4096);
            for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next()) _ = cursor.Value.Length + (int)cursor.Lsn;
        });
        Refusable(() =>
        {
            using var cursor = reader.CreateCursor(false, 4096);
            for (cursor.SeekToLast(); cursor.IsValid; cursor.Previous()) _ = cursor.Value.Length;
        });
        for (var i = 0; i < 20; i++)
        {
            var key = entries is null ? SegmentFixture.MakeSimple(300)[i * 14].Key : entries[i * 28].Key;
            Refusable(() =>
            {
                if (!reader.TryGet(key, SegmentReader.HashKey(key), out var value)) return;
                using (value)
                    if (entries is not null) Assert.True(value.Value.SequenceEqual(entries[i * 28].Value));
            });
        }

        reader.Release();
    }

    private static void Refusable(Action read)
    {
        try
        {
            read();
        }
        catch (HestiaException e)
        {
            Assert.Equal(HestiaErrorCode.SegmentDamaged, e.Code);
        }
    }

    private static bool IsInRun(byte[] bytes, int at) =>
        at > 97 && at + 97 < bytes.Length && !bytes.AsSpan(at - 97, 194).ContainsAnyExcept((byte)0);
}
