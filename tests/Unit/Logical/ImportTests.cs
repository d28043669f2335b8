using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Logical;

public sealed class ImportTests : IDisposable
{
    private readonly LogicalFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void What_was_exported_becomes_the_same_index_again()
    {
        ExportResult exported;
        using (var index = _fixture.CreateText(5_000)) exported = _fixture.Export(index, "export.jsonl.gz", new ExportOptions { Gzip = true });
        var expected = _fixture.ReadAll("source");
        var result = Import(exported.Path, "target");
        Assert.Equal(expected, _fixture.ReadAll("target"));
        Assert.Equal((5_003L, exported.DataBytes, 0L, 0L), (result.Entries, result.DataBytes, result.Duplicates, result.OutOfOrder));
        Assert.Equal((5_003L, 0L, 0L), (result.Added, result.Replaced, result.Unchanged));
        Assert.Equal((exported.Fingerprint, exported.Fingerprint), (result.SourceFingerprint, result.Fingerprint));
        Assert.True(result.FingerprintsAgree);
        Assert.Equal(("target", "Hestia export", new FileInfo(exported.Path).Length), (result.IndexName, result.SourceKind, result.BytesRead));
        Assert.Empty(result.Findings);
        using (var index = HestiaIndex.Open(_fixture.Folder["target"]))
        {
            Assert.Equal((result.Lsn, DataEncoding.Utf8, Durability.GroupSync), (index.LastLsn, index.Settings.KeyEncoding, index.Durability));
            Assert.Equal(result.Lsn.Next, index.Put([1], [2]));
        }

        Assert.True(IndexChecker.Check(_fixture.Folder["target"], new CheckOptions { Deep = true }).Healthy);
        Assert.Equal(["export.jsonl.gz", "source", "target"], _fixture.Names());
    }

    [Fact]
    public void Entries_out_of_order_and_doubled_are_put_right_and_counted()
    {
        // A program of somebody else's wrote it: random order, and every third key again with another value.
        var random = new Random(7);
        var numbers = Enumerable.Range(0, 3_000).ToArray();
        var expected = new SortedDictionary<int, string>();
        var lines = new List<string>();
        long bytes = 0;
        random.Shuffle(numbers.AsSpan(500)); // the first in order
        foreach (var i in numbers.Concat(numbers.Where(static n => n % 3 == 0)))
        {
            var value = $"v{lines.Count}";
            expected[i] = value;
            lines.Add($$"""{"key":{{i}},"value":"{{value}}"}""");
            bytes += 8 + value.Length;
        }

        var path = _fixture.Folder["foreign.jsonl"];
        File.WriteAllLines(path, [
            """{"format":"hestia-export","formatVersion":1,"features":[],"indexName":"x","keyEncoding":"Int64","valueEncoding":"Utf8"}""",
            .. lines,
            $$"""{"entries":{{lines.Count}},"bytes":{{bytes}},"fingerprint":null,"sha256":null}"""]);
        var result = Import(path, "target");
        Assert.Equal(
            expected.Select(e => (Convert.ToHexString(LogicalFixture.Number(e.Key)), Convert.ToHexString(IndexFixture.Bytes(e.Value)))),
            _fixture.ReadAll("target"));
        Assert.Equal((3_000L, 1_000L), (result.Entries, result.Duplicates));
        Assert.InRange(result.OutOfOrder, 2_000, 3_500);
        Assert.Equal(["Duplicates", "OutOfOrder"], result.Findings.Select(static f => f.Code));
        Assert.True(result.FingerprintsAgree);
        using var index = HestiaIndex.Open(_fixture.Folder["target"], new IndexOptions { ReadOnly = true });
        using var snapshot = index.CreateSnapshot();
        Assert.Equal(LogicalFingerprint.Compute(snapshot), result.Fingerprint);
    }

    [Fact]
    public void A_damaged_export_leaves_nothing()
    {
        string path;
        using (var index = _fixture.CreateText(2_000)) path = _fixture.Export(index).Path;
        var good = File.ReadAllBytes(path);
        foreach (var (at, flip) in new[] { (good.Length / 2, 1), (good.Length - 20, 1), (good.Length - 150, 2) })
        {
            var bytes = (byte[])good.Clone();
            bytes[at] ^= (byte)flip;
            File.WriteAllBytes(path, bytes);
            Refused(HestiaErrorCode.ExportDamaged, () => Import(path, "target"));
        }

        File.WriteAllBytes(path, good[..(good.Length - 200)]);
        Refused(HestiaErrorCode.ExportDamaged, () => Import(path, "target"));
        Assert.Equal(["export.jsonl", "source"], _fixture.Names());
    }

    [Fact]
    public void An_index_is_replaced_with_force_only_and_stays_when_the_import_fails()
    {
        string path;
        using (var index = _fixture.CreateText(100)) path = _fixture.Export(index).Path;
        using (var old = _fixture.Create("target", DataEncoding.Bytes, DataEncoding.Bytes)) old.Put([9], [9]);
        Refused(HestiaErrorCode.IndexExists, () => Import(path, "target"));
        var good = File.ReadAllBytes(path);
        File.WriteAllBytes(path, good[..^10]);
        Refused(HestiaErrorCode.ExportDamaged, () => Import(path, "target", new ImportOptions { Force = true }));
        Assert.Single(_fixture.ReadAll("target"));
        File.WriteAllBytes(path, good);
        using (HestiaIndex.Open(_fixture.Folder["target"]))
            Refused(HestiaErrorCode.IndexInUse, () => Import(path, "target", new ImportOptions { Force = true }));
        var result = Import(path, "target", new ImportOptions { Force = true, Name = "renamed" });
        Assert.True(result.ReplacedIndex);
        Assert.Equal("renamed", result.IndexName);
        Assert.Equal(103, _fixture.ReadAll("target").Count);
        Directory.CreateDirectory(_fixture.Folder["other"]);
        File.WriteAllText(_fixture.Folder["other", "mine"], "");
        Refused(HestiaErrorCode.TargetNotEmpty, () => Import(path, "other", new ImportOptions { Force = true }));
        Refused(HestiaErrorCode.InvalidOption, () => Import(path, Path.Combine("export.jsonl", "in")));
        Assert.Equal(["export.jsonl", "other", "source", "target"], _fixture.Names());
    }

    [Fact]
    public void A_cancelled_import_leaves_nothing()
    {
        string path;
        using (var index = _fixture.CreateText(5_000)) path = _fixture.Export(index).Path;
        using var stop = new CancellationTokenSource();
        using var source = new StopAfter(new ExportFileSource(path), 2_000, stop);
        Assert.ThrowsAny<OperationCanceledException>(() => IndexImport.Create(source, _fixture.Folder["target"], null, null, stop.Token));
        Assert.Equal(["export.jsonl", "source"], _fixture.Names());
    }

    [Fact]
    public void An_open_index_takes_what_it_lacks_and_refuses_what_differs_before_it_writes()
    {
        string path;
        using (var index = _fixture.CreateText(2_000)) path = _fixture.Export(index).Path;
        using var target = _fixture.Create("target", DataEncoding.Utf8, DataEncoding.Utf8);
        IndexFixture.Fill(target, 0, 500);
        target.Put("zz"u8, "own"u8);
        target.Put(IndexFixture.Bytes(IndexFixture.Key(7)), "other"u8);
        var before = target.LastLsn;
        var e = Refused(HestiaErrorCode.EntriesDiffer, () => Into(path, target));
        Assert.Contains(IndexFixture.Key(7), e.Message, StringComparison.Ordinal);
        Assert.Equal(before, target.LastLsn);
        var result = Into(path, target, new ImportOptions { Force = true });
        Assert.Equal((2_003L, 1_503L, 1L, 499L), (result.Entries, result.Added, result.Replaced, result.Unchanged));
        Assert.True(result.FingerprintsAgree);
        Assert.Equal(target.LastLsn, result.Lsn);
        Assert.Equal(IndexFixture.Bytes(IndexFixture.Value(7)), target.Get(IndexFixture.Bytes(IndexFixture.Key(7))));
        Assert.Equal("own"u8.ToArray(), target.Get("zz"u8));
        var again = Into(path, target);
        Assert.Equal((0L, 0L, 2_003L, result.Lsn), (again.Added, again.Replaced, again.Unchanged, again.Lsn));
        using (var numbers = _fixture.Create("numbers", DataEncoding.Int64, DataEncoding.Utf8))
            Refused(HestiaErrorCode.EncodingMismatch, () => Into(path, numbers));
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^1]);
        Refused(HestiaErrorCode.ExportDamaged, () => Into(path, target));
        Assert.Equal(["export.jsonl", "numbers", "source", "target"], _fixture.Names());
    }

    [Fact]
    public void The_digest_of_a_set_does_not_depend_on_order_and_gives_entries_back()
    {
        var a = new EntrySetDigest();
        var b = new EntrySetDigest();
        for (var i = 0; i < 500; i++) a.Add(LogicalFixture.Number(i), [1]);
        b.Add([5], new byte[1000]);
        for (var i = 499; i >= 0; i--) b.Add(LogicalFixture.Number(i), [1]);
        Assert.False(a.Equals(b));
        b.Remove([5], new byte[1000]);
        Assert.True(a.Equals(b));
        b.Remove(LogicalFixture.Number(3), [1]);
        b.Add(LogicalFixture.Number(3), [2]);
        Assert.False(a.Equals(b));
    }

    private ImportResult Import(string path, string target, ImportOptions? options = null)
    {
        using var source = new ExportFileSource(path);
        return IndexImport.Create(source, _fixture.Folder[target], options);
    }

    private static ImportResult Into(string path, HestiaIndex target, ImportOptions? options = null)
    {
        using var source = new ExportFileSource(path);
        return IndexImport.Into(source, target, options);
    }

    private static HestiaException Refused(HestiaErrorCode code, Action action)
    {
        var e = Assert.Throws<HestiaException>(action);
        Assert.True(e.Code == code, e.ToString());
        return e;
    }

    private sealed class StopAfter(EntrySource inner, int entries, CancellationTokenSource stop) : EntrySource
    {
        private int _count;

        public override string Kind => inner.Kind;

        public override string Path => inner.Path;

        public override string? IndexName => inner.IndexName;

        public override DataEncoding KeyEncoding => inner.KeyEncoding;

        public override DataEncoding ValueEncoding => inner.ValueEncoding;

        public override long BytesTotal => inner.BytesTotal;

        public override long BytesRead => inner.BytesRead;

        public override ReadOnlySpan<byte> Key => inner.Key;

        public override ReadOnlySpan<byte> Value => inner.Value;

        public override bool MoveNext()
        {
            if (++_count == entries) stop.Cancel();
            return inner.MoveNext();
        }

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
