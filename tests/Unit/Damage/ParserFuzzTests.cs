using System.Buffers.Binary;
using Hestia.Backup.Format;
using Hestia.Core;
using Hestia.Core.Caching;
using Hestia.Core.Checksums;
using Hestia.Core.Compression;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;
using Hestia.Core.Repair;
using Hestia.Core.Segments;
using Hestia.Core.Wal;
using Hestia.Core.Writing;
using Hestia.Unit.Backup;
using Hestia.Unit.Segments;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.Damage;

/// <summary>
/// Every parser of every format against changed and random bytes: it ends in time, with nothing but a refusal that callers know, and takes
/// no more memory than the input's own size accounts for. Where a checksum would stop every change at the door, half of the inputs
/// have theirs made right again.
/// </summary>
public sealed class ParserFuzzTests(ITestOutputHelper output)
{
    private const int Rounds = 8000;
    private const string FilePath = "/disk/input";

    // A segment is read with buffers for blocks of the largest size.
    private const int SegmentFixedBytes = 384 << 10;

    public static TheoryData<string> Parsers =>
    [
        "WAL file header", "WAL file", "WAL record payload", "segment", "segment blocks behind right checksums", "Snappy", "manifest",
        "index.json", "index.json for salvage", "repository.json", "backup manifest", "backup head", "lock body",
    ];

    [Theory]
    [MemberData(nameof(Parsers))]
    public void Whatever_the_bytes_it_ends_refuses_and_stays_small(string parser) =>
        Make(parser).Run(parser, Rounds, output);

    private static FuzzTarget Make(string parser)
    {
        var crashed = DamageSource.All[Ending.Crashed].Value.Image.Files;
        byte[][] Of(string folder) => [.. crashed.Where(f => f.Key.StartsWith(folder, StringComparison.Ordinal)).Select(static f => f.Value)];
        var logs = Of(FileNames.Wal);
        var segments = Of(FileNames.Segments);
        var document = RepositoryFixture.Document([[1, 2, 3], [4]]);
        const string Id = "bk-2026-04-15T03-00-00Z-7f3a91";
        return parser switch
        {
            "WAL file header" => new FuzzTarget([.. logs.Select(static l => l[..WalFormat.FileHeaderBytes])], static b =>
                _ = WalFileHeader.Read(b, out _)) { Seal = SealHeader, AnythingGoes = true },
            "WAL file" => new FuzzTarget(logs, static b => FuzzTarget.WithFile("/disk/00000000000000000085.wal", b, ReadLog)) { Seal = SealLog, AnythingGoes = true },
            "WAL record payload" => new FuzzTarget([.. logs.Select(Payload)], static b => ReadOperations(b)) { AnythingGoes = true },
            "segment" => new FuzzTarget(segments, static b => FuzzTarget.WithFile(FilePath, b, ReadSegment)) { AnythingGoes = true, FixedBytes = SegmentFixedBytes },
            "segment blocks behind right checksums" => new FuzzTarget(segments, static b => FuzzTarget.WithFile(FilePath, b, ReadSegment))
            {
                Mutate = ChangeBlocks, AnythingGoes = true, FixedBytes = SegmentFixedBytes,
            },
            "Snappy" => new FuzzTarget([.. segments.Select(Compress)], ReadSnappy) { AnythingGoes = true },
            "manifest" => FuzzTarget.Json(Of(FileNames.Manifests), static b => ManifestDocument.Parse(b)),
            "index.json" => FuzzTarget.Json([crashed[FileNames.Settings]], static b => IndexSettingsFile.Parse(b)),
            "index.json for salvage" => FuzzTarget.Json([crashed[FileNames.Settings]], static b => FuzzTarget.WithFile("/disk/index.json", b, static (files, folder) =>
                SettingsSalvage.Make(files, Path.GetDirectoryName(folder)!, Guid.Empty, readOld: true, out _))) with { AnythingGoes = true },
            "repository.json" => FuzzTarget.Json([new RepositoryDescriptor(Guid.NewGuid(), DateTimeOffset.UnixEpoch).Serialize()],
                static b => RepositoryDescriptor.Parse(b)),
            "backup manifest" => FuzzTarget.Json([RepositoryFixture.Serialize(document, Id)], static b => BackupManifest.Parse(b)) with { Seal = FuzzTarget.SealBackup },
            "backup head" => FuzzTarget.Json([RepositoryFixture.Serialize(document, Id)], static b => BackupSummary.ParseHead(b, out _)) with { Seal = FuzzTarget.SealBackup },
            "lock body" => FuzzTarget.Json([crashed[FileNames.Lock]], static b => FuzzTarget.WithFile("/disk/.lock", b, static (files, file) =>
                LockOwner.Read(files, Path.GetDirectoryName(file)!)?.ToString())) with { AnythingGoes = true },
            _ => throw new ArgumentOutOfRangeException(nameof(parser)),
        };
    }

    private static void ReadLog(FileSystem files, string path)
    {
        var options = new WalScanOptions(null, null, null, IncludeUnneeded: true);
        Assert.NotEmpty(WalInspector.Check(files, path, options).OpenWould);
        foreach (var record in WalInspector.ReadRecords(files, path)) Assert.True(record.Bytes >= 0);
        WalScan.Run(files, "/disk", options);
    }

    private static void ReadOperations(ReadOnlySpan<byte> payload)
    {
        for (var operations = 1; operations < 6; operations++) _ = WalOperations.AreWellFormed(payload, operations);
        while (OperationEncoding.TryRead(payload, out _, out var key, out var value, out var size))
        {
            Assert.True(size >= key.Length + value.Length);
            payload = payload[size..];
        }
    }

    private static byte[] Payload(byte[] log)
    {
        var header = WalRecordHeader.Decode(log.AsSpan(WalFormat.FileHeaderBytes));
        return log.AsSpan(WalFormat.FileHeaderBytes + WalFormat.RecordHeaderBytes, header.PayloadLength).ToArray();
    }

    /// <summary>The checksum of the header, so that its fields are what the parser sees.</summary>
    private static byte[] SealHeader(byte[] bytes)
    {
        if (bytes.Length < WalFormat.FileHeaderBytes) return bytes;
        WalFormat.Magic.CopyTo(bytes);
        var at = WalFormat.FileHeaderBytes - sizeof(uint);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), Crc32C.Compute(bytes.AsSpan(0, at)));
        return bytes;
    }

    /// <summary>Of the file header and of the headers of the records that begin where the ones before them end.</summary>
    private static byte[] SealLog(byte[] bytes)
    {
        SealHeader(bytes);
        if (WalFileHeader.Read(bytes, out var header) != WalHeaderStatus.Valid) return bytes;
        for (long at = WalFormat.FileHeaderBytes; at + WalFormat.RecordHeaderBytes <= bytes.Length;)
        {
            var record = WalRecordHeader.Decode(bytes.AsSpan((int)at));
            record.Write(bytes.AsSpan((int)at), at, header!.Seed);
            if (record.PayloadLength <= 0) break;
            at += (long)WalFormat.RecordHeaderBytes + record.PayloadLength;
        }

        return bytes;
    }

    private static byte[] ChangeBlocks(Mutator mutator, byte[] valid)
    {
        var bytes = (byte[])valid.Clone();
        var blocks = SegmentFixture.FindBlocks(bytes);
        for (var i = 1 + mutator.Next(3); i > 0; i--)
        {
            // Filter, index and properties are the last three; each as likely as all the data together.
            var (offset, length) = blocks[mutator.Next(2) == 0 ? mutator.Next(blocks.Count) : blocks.Count - 1 - mutator.Next(3)];
            var changed = mutator.Mutate(bytes.AsSpan(offset + SegmentFormat.BlockHeaderBytes, length).ToArray());
            changed.AsSpan(0, Math.Min(length, changed.Length)).CopyTo(bytes.AsSpan(offset + SegmentFormat.BlockHeaderBytes));
        }

        if (mutator.Next(4) == 0) bytes[^(SegmentFormat.FooterBytes - mutator.Next(80))] = (byte)mutator.Next(256);
        SegmentFixture.Seal(bytes, blocks);
        return bytes;
    }

    private static void ReadSegment(FileSystem files, string path)
    {
        Refusable(() => SegmentVerifier.Verify(files, path, "segments/x.seg", null, null, deep: true));
        Refusable(() =>
        {
            using var salvage = SegmentSalvage.Open(files, path);
            while (salvage.Next()) Assert.True(salvage.Key.Length is > 0 and <= Limits.MaxKeyBytes);
        });
        using var cache = new BlockCache(0);
        Refusable(() =>
        {
            var reader = SegmentReader.Open(files, path, default, files.FileLength(path)!.Value, cache, new OpenFileLimit(16));
            try
            {
                _ = reader.ReadInfo();
                if (reader.TryGet("k07"u8, SegmentReader.HashKey("k07"u8), out var value)) value.Dispose();
                using var cursor = reader.CreateCursor(true, 4096);
                for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next()) _ = cursor.Value.Length;
                for (cursor.SeekToLast(); cursor.IsValid; cursor.Previous()) _ = cursor.Key.Length;
            }
            finally
            {
                reader.Release();
            }
        });
    }

    /// <summary>A parser's refusal is not the end: the next one gets the same bytes.</summary>
    private static void Refusable(Action read)
    {
        try
        {
            read();
        }
        catch (HestiaException e)
        {
            Assert.True(e.Code is HestiaErrorCode.SegmentDamaged or HestiaErrorCode.FormatTooNew, e.ToString());
        }
    }

    private static byte[] Compress(byte[] data)
    {
        var target = new byte[SnappyCodec.MaxCompressedLength(data.Length)];
        return target[..SnappyCodec.Compress(data, target)];
    }

    private static void ReadSnappy(byte[] bytes)
    {
        // A block says how long it is by itself; what the codec says must not be believed beyond that.
        if (!SnappyCodec.TryGetUncompressedLength(bytes, out var length)) return;
        if (length > 22L * bytes.Length) length = bytes.Length;
        _ = SnappyCodec.TryDecompress(bytes, new byte[length]);
    }
}
