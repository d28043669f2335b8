using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Memtable;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Importing;
using Hestia.HestiaStore.Types;
using Hestia.Unit.Backup;
using Hestia.Unit.Memtable;

namespace Hestia.Unit.HestiaStore;

/// <summary>Imports and exports of three times the entries hold no more memory: what is reachable, managed and native, looked at ten times a second.</summary>
[Collection(NativeMemoryCollection.Name)]
public sealed class StoreMemoryTests(ITestOutputHelper output) : IDisposable
{
    private const int Entries = 700_000; // more than one memtable

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a directory")]
    [InlineData("JSON lines")]
    [Trait("Category", "Soak")]
    public void It_does_not_grow_with_the_entries(string kind)
    {
        var (fewIn, fewOut, fewBack) = Peaks(kind, Entries);
        var (manyIn, manyOut, manyBack) = Peaks(kind, 3 * Entries);
        Within("import of " + kind, fewIn, manyIn);
        Within("export", fewOut, manyOut);
        Within("import of our own export", fewBack, manyBack);
    }

    private void Within(string what, long few, long many)
    {
        output.WriteLine($"{what}: {few >> 20:N0} MiB with {Entries:N0} entries, {many >> 20:N0} MiB with {3 * Entries:N0}");
        // A look may fall beside the moment when most is held, which differs by a fifth; three times the entries are far more than a half.
        Assert.True(many <= few * 3 / 2 + (4 << 20), $"{what}: {few:N0} bytes with {Entries:N0} entries, {many:N0} with {3 * Entries:N0}");
    }

    private (long Import, long Export, long ImportBack) Peaks(string kind, int entries)
    {
        var source = _folder[$"source-{entries}"];
        if (kind == "a directory") MakeDirectory(source, entries);
        else MakeJsonLines(source, entries);
        var import = Peak(progress =>
        {
            using var read = StoreImport.Open(source);
            var result = IndexImport.Create(read, _folder[$"index-{entries}"], null, progress);
            Assert.Equal((entries, 0L, true), (result.Entries, result.OutOfOrder, result.FingerprintsAgree));
        });
        var file = _folder[$"export-{entries}.jsonl"];
        var export = Peak(progress =>
        {
            using var index = HestiaIndex.Open(_folder[$"index-{entries}"], new IndexOptions { ReadOnly = true });
            IndexExport.Write(index, file, null, progress);
        });
        var back = Peak(progress =>
        {
            using var read = new ExportFileSource(file);
            var result = IndexImport.Create(read, _folder[$"back-{entries}"], null, progress);
            Assert.Equal((entries, true), (result.Entries, result.FingerprintsAgree));
        });
        return (import, export, back);
    }

    private static long Peak(Action<IProgress<WorkProgress>> work)
    {
        var before = Live();
        var watch = new Watch();
        work(watch);
        Assert.True(watch.Samples > 3, "it was not looked at");
        return watch.Highest - before;
    }

    private static long Live() => GC.GetTotalMemory(forceFullCollection: true) + NativeArena.OutstandingBytes;

    private static void MakeDirectory(string path, int entries)
    {
        var image = StoreImage.WithoutFilters(StoreFixture.Closed);
        Directory.CreateDirectory(Path.Combine(path, StoreWriter.Folder));
        File.WriteAllBytes(Path.Combine(path, "manifest.txt"), image["manifest.txt"]);
        var manifest = StoreManifest.Read(FileSystem.Physical, path);
        byte[] last = [];
        using (var writer = new SortedFileWriter(FileSystem.Physical, Path.Combine(path, StoreWriter.Main), manifest, 1_000, static (_, _) => { }))
        {
            for (var i = 0; i < entries; i++) writer.Add(last = Encoding.Latin1.GetBytes(Key(i)), Encoding.Latin1.GetBytes(Value(i)));
            writer.Complete();
        }

        var segment = new SegmentManifest { DeltaKeys = 0, MainKeys = entries, ScarceKeys = 0, DeltaFiles = 0, Version = 1 };
        File.WriteAllBytes(Path.Combine(path, StoreWriter.Folder, "manifest.txt"), segment.Serialize(DateTimeOffset.UnixEpoch));
        File.WriteAllBytes(Path.Combine(path, "index.map"), RouteMap.Serialize([new Route(last, 0)]));
    }

    private static void MakeJsonLines(string path, int entries)
    {
        Directory.CreateDirectory(path);
        var type = StoreType.Find("ShortString").Descriptor;
        using (var data = new StreamWriter(Path.Combine(path, "data.jsonl")))
            for (var i = 0; i < entries; i++)
                data.Write($$$"""{"key":{"representation":"text","value":"{{{Key(i)}}}"},"value":{"representation":"text","value":"{{{Value(i)}}}"}}""" + "\n");
        var config = $$"""{"indexName":"made","keyTypeDescriptor":"{{type}}","valueTypeDescriptor":"{{type}}"}""";
        File.WriteAllText(Path.Combine(path, "source-config.json"), config);
        File.WriteAllText(Path.Combine(path, "manifest.json"), $$"""
            {"formatVersion":1,"format":"JSONL","compression":"NONE","maxPartSizeBytes":1,"recordCount":{{entries}},"dataFileName":"data.jsonl","fromKeyText":null,
            "toKeyText":null,"limit":null,"parts":[],"sourceConfiguration":{{config}}}
            """);
        var sums = new StringBuilder();
        foreach (var name in (string[])["manifest.json", "source-config.json", "data.jsonl"])
        {
            using var stream = File.OpenRead(Path.Combine(path, name));
            sums.Append(Convert.ToHexString(SHA256.HashData(stream)).ToLowerInvariant()).Append("  ").Append(name).Append('\n');
        }

        File.WriteAllText(Path.Combine(path, "checksums.txt"), sums.ToString());
    }

    private static string Key(int i) => "key-" + i.ToString("D10", CultureInfo.InvariantCulture);

    private static string Value(int i) => string.Concat(Enumerable.Repeat((i * 2_654_435_761L).ToString("X16", CultureInfo.InvariantCulture), 6));

    /// <summary>Looks at memory where the work tells how far it is.</summary>
    private sealed class Watch : IProgress<WorkProgress>
    {
        public long Highest { get; private set; }

        public int Samples { get; private set; }

        public void Report(WorkProgress value)
        {
            Highest = Math.Max(Highest, Live());
            Samples++;
        }
    }
}
