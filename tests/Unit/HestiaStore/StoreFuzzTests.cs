using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Importing;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Types;
using Hestia.HestiaStore.Wal;
using Hestia.Unit.Damage;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.HestiaStore;

/// <summary>Every parser of HestiaStore's formats against changed and random bytes: it ends, refuses in ways callers know, and takes no more memory
/// than its input explains.</summary>
public sealed class StoreFuzzTests
{
    private const int Rounds = 800;
    private const string Root = "/disk/store";
    private const long FixedBytes = 256 << 10;

    // Lines are read into one pooled buffer that grows as they do; the rest is the files of the export beside the one that is changed.
    private const long ExportFixedBytes = 768 << 10;
    private const long BytesPerByte = 96;

    private static readonly string[] s_exports = ["bundle", "compressed bundle", "JSON lines", "manifest of an export"];

    public static TheoryData<string> Exports => [.. s_exports];

    public static TheoryData<string> Parsers => ["properties", "index.map", "sparse index", "sorted file", "chunk behind right checksums", "log file",
        "log metadata", "lock", "index manifest", "segment manifest", "chunk filters"];

    [Theory]
    [MemberData(nameof(Parsers))]
    public void Whatever_the_bytes_it_ends_refuses_and_stays_small(string parser)
    {
        var mutator = new Mutator(parser.Length);
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        using var split = new StoreFixture(StoreFixture.Split);
        var valid = parser switch
        {
            "properties" => File.ReadAllBytes(fixture["manifest.txt"]),
            "index.map" => File.ReadAllBytes(split["index.map"]),
            "sparse index" => File.ReadAllBytes(split["segment-00003", "v01-scarce.sst"]),
            "sorted file" or "chunk behind right checksums" => File.ReadAllBytes(split["segment-00003", "v01-delta-0001.cache"]),
            "log file" => File.ReadAllBytes(fixture["wal", "00000000000000000001.wal"])[..20_000],
            "index manifest" => File.ReadAllBytes(split["manifest.txt"]),
            "segment manifest" => File.ReadAllBytes(split["segment-00003", "manifest.txt"]),
            "chunk filters" => "p=crc32,p=magic-number,p=snappy,p=xor,do-nothing"u8.ToArray(),
            "log metadata" => File.ReadAllBytes(fixture["wal", "checkpoint.meta"]),
            _ => File.ReadAllBytes(fixture[".lock"]),
        };
        var manifest = StoreDirectory.Open(split.Path).Manifest;
        var type = StoreType.Find("ShortString");
        Run(parser, valid, manifest, type);
        for (var round = 0; round < Rounds; round++)
        {
            var input = round % 4 == 3 ? mutator.Noise(4_000) : mutator.Mutate(valid);
            if (parser == "chunk behind right checksums") Seal(input, manifest.BlockBytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            try
            {
                Run(parser, input, manifest, type);
            }
            catch (Exception e) when (e is StoreDamageException or InvalidDataException or HestiaException { Code: not HestiaErrorCode.InternalError })
            {
                // Refused in a way that callers know.
            }

            var taken = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(taken <= FixedBytes + BytesPerByte * input.Length, $"round {round}: {taken:N0} bytes for {input.Length:N0}");
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"round {round} took {clock.Elapsed}");
        }
    }

    /// <summary>One file of an export changed, in half of the rounds with its checksum made right again.</summary>
    [Theory]
    [MemberData(nameof(Exports))]
    public void Whatever_an_export_holds_it_is_read_refused_and_stays_small(string parser)
    {
        var mutator = new Mutator(parser.Length);
        var (valid, changed) = SmallExport(parser);
        ReadExport(valid);
        for (var round = 0; round < Rounds; round++)
        {
            var files = new SortedDictionary<string, byte[]>(valid, StringComparer.Ordinal);
            var input = round % 4 == 3 ? mutator.Noise(4_000) : changed.EndsWith(".json", StringComparison.Ordinal)
                ? mutator.MutateJson(valid[changed]) : mutator.Mutate(valid[changed]);
            files[changed] = input;
            if (round % 2 == 0) SealExport(files);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            try
            {
                ReadExport(files);
            }
            catch (HestiaException e) when (e.Code != HestiaErrorCode.InternalError)
            {
                // Refused in a way that callers know.
            }

            var taken = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(taken <= ExportFixedBytes + BytesPerByte * input.Length, $"round {round}: {taken:N0} bytes for {input.Length:N0}");
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"round {round} took {clock.Elapsed}");
        }
    }

    [Fact]
    public void An_entry_that_claims_what_its_file_has_not_takes_no_memory()
    {
        var (files, part) = SmallExport("bundle");
        files[part] = [0, 0, 0, 9, 4, 0, 0, 0]; // a key of 9 bytes and a value of 64 MiB, of which there is nothing
        SealExport(files);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(HestiaErrorCode.ExportDamaged, Assert.Throws<HestiaException>(() => ReadExport(files)).Code);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, ExportFixedBytes);
    }

    /// <summary>An export by HestiaStore 1.0, cut to its first entries; and the file of it that is to be changed.</summary>
    private static (SortedDictionary<string, byte[]> Files, string Changed) SmallExport(string parser)
    {
        const int Entries = 40;
        var isLines = parser == "JSON lines";
        using var fixture = new StoreFixture(isLines ? "wal-closed-jsonl" : "wal-closed-bundle");
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var path in Directory.GetFiles(fixture.Path)) files.Add(Path.GetFileName(path), File.ReadAllBytes(path));
        var data = files.Keys.Single(static f => f.EndsWith(".gz", StringComparison.Ordinal));
        using var unzipped = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(files[data]), CompressionMode.Decompress)) gzip.CopyTo(unzipped);
        var all = unzipped.ToArray();
        var end = 0;
        for (var i = 0; i < Entries; i++)
        {
            end += isLines ? all.AsSpan(end).IndexOf((byte)'\n') + 1
                : 8 + BinaryPrimitives.ReadInt32BigEndian(all.AsSpan(end)) + BinaryPrimitives.ReadInt32BigEndian(all.AsSpan(end + 4));
        }

        files.Remove(data);
        var isCompressed = parser == "compressed bundle";
        var name = isCompressed ? data : data[..^3];
        files[name] = isCompressed ? Zip(all[..end]) : all[..end];
        var manifest = JsonNode.Parse(files["manifest.json"])!;
        manifest["recordCount"] = Entries;
        manifest["compression"] = isCompressed ? "GZIP" : "NONE";
        if (isLines) manifest["dataFileName"] = name;
        else manifest["parts"] = new JsonArray(new JsonObject
        {
            ["fileName"] = name, ["recordCount"] = Entries, ["encodedBytes"] = end, ["fileSizeBytes"] = files[name].Length,
        });
        files["manifest.json"] = Encoding.UTF8.GetBytes(manifest.ToJsonString());
        SealExport(files);
        return (files, parser == "manifest of an export" ? "manifest.json" : name);
    }

    private static byte[] Zip(byte[] bytes)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal)) gzip.Write(bytes);
        return target.ToArray();
    }

    private static void SealExport(SortedDictionary<string, byte[]> files) => files["checksums.txt"] = Encoding.UTF8.GetBytes(string.Concat(files
        .Where(static f => f.Key != "checksums.txt")
        .Select(static f => $"{Convert.ToHexString(SHA256.HashData(f.Value)).ToLowerInvariant()}  {f.Key}\n")));

    private static void ReadExport(SortedDictionary<string, byte[]> content)
    {
        var files = new SimulatedFileSystem(new SimulatedDisk(1));
        files.CreateDirectory("/disk");
        files.CreateDirectory(Root);
        foreach (var (name, bytes) in content)
        {
            using var file = files.Open(Path.Combine(Root, name), FileOpenMode.CreateNew);
            if (bytes.Length > 0) file.Write(0, bytes);
        }

        var export = StoreExport.Read(files, Root);
        using StoreExportSource source = export.IsBundle ? new StoreBundleSource(export, default) : new StoreJsonLinesSource(export, default);
        while (source.MoveNext()) Assert.True(source.Key.Length <= Limits.MaxKeyBytes);
    }

    private static void Run(string parser, byte[] input, StoreManifest manifest, StoreType type)
    {
        switch (parser)
        {
            case "properties":
                StoreManifest.IsOne(JavaProperties.Parse(input));
                return;
            case "index.map":
                RouteMap.Parse(input, type);
                return;
            case "chunk filters":
                ChunkFilters.Parse(Encoding.Latin1.GetString(input));
                return;
        }

        var name = parser switch { "log metadata" => "checkpoint.meta", "lock" => ".lock", "index manifest" => StoreFileNames.Manifest,
            "segment manifest" => Path.Combine(StoreFileNames.Segment(3), StoreFileNames.Manifest), _ => "file" };
        var files = new SimulatedFileSystem(new SimulatedDisk(1));
        files.CreateDirectory("/disk");
        files.CreateDirectory(Root);
        if (parser == "segment manifest") files.CreateDirectory(Path.Combine(Root, StoreFileNames.Segment(3)));
        using (var file = files.Open(Path.Combine(Root, name), FileOpenMode.CreateNew))
            if (input.Length > 0) file.Write(0, input);
        switch (parser)
        {
            case "sparse index":
                var scarce = ScarceIndex.Open(files, Root, name);
                while (scarce.MoveNext())
                {
                }

                return;
            case "sorted file" or "chunk behind right checksums":
                foreach (var salvage in new[] { true, false })
                {
                    using var source = new SortedFileSource(files, Root, name, manifest, onDamage: salvage ? static _ => { } : null);
                    while (source.MoveNext())
                    {
                    }
                }

                return;
            case "log file":
                using (var reader = new WalFileReader(files, Path.Combine(Root, name)))
                {
                    while (reader.MoveNext() || (reader.Problem is not null && reader.FindRecord(0, default) is { } next && reader.TrySeek(next)))
                    {
                    }
                }

                return;
            case "index manifest":
                StoreManifest.Read(files, Root);
                return;
            case "segment manifest":
                SegmentManifest.Read(files, Root, 3);
                return;
            case "log metadata":
                WalMetadata.ReadCheckpoint(files, Root);
                return;
            default:
                StoreLock.Read(files, Root);
                return;
        }
    }

    /// <summary>Makes the checksums of whole blocks right again, so that what is behind them is reached.</summary>
    private static void Seal(byte[] bytes, int blockBytes)
    {
        for (var at = 0; at + blockBytes <= bytes.Length; at += blockBytes)
        {
            var block = bytes.AsSpan(at, blockBytes);
            BinaryPrimitives.WriteUInt64BigEndian(block, BlockReader.Magic);
            BinaryPrimitives.WriteUInt64BigEndian(block[8..], Crc32.Compute(block[BlockReader.HeaderBytes..]));
        }
    }
}
