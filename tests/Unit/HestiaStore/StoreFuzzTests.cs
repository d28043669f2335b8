using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Format;
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
    private const long FixedBytes = 2 << 20;
    private const long BytesPerByte = 96;

    public static TheoryData<string> Parsers => ["properties", "index.map", "sparse index", "sorted file", "chunk behind right checksums", "log file",
        "log metadata", "lock"];

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
        }

        var name = parser switch { "log metadata" => "checkpoint.meta", "lock" => ".lock", _ => "file" };
        var files = new SimulatedFileSystem(new SimulatedDisk(1));
        files.CreateDirectory("/disk");
        files.CreateDirectory(Root);
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
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(block, BlockReader.Magic);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(block[8..], Crc32.Compute(block[BlockReader.HeaderBytes..]));
        }
    }
}
