using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hestia.Backup;
using Hestia.Backup.Archive;
using Hestia.Backup.Encryption;
using Hestia.Backup.FileSets;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Logical;
using Hestia.Backup.Pruning;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Checksums;
using Hestia.Core.Control;
using Hestia.Core.Control.Operations;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;
using Hestia.Core.Wal;
using Hestia.Unit.Backup;
using Hestia.Unit.Backup.Pruning;
using Hestia.Unit.Logical;

namespace Hestia.Unit.Damage;

/// <summary>The parsers of everything around an index (its side files, repository, archive, exports, control endpoint), as
/// <see cref="ParserFuzzTests"/> does to those of the index itself.</summary>
public sealed class RepositoryFuzzTests(ITestOutputHelper output)
{
    private const int Rounds = 3000;
    private const string BackupId = "bk-2026-04-15T03-00-00Z-7f3a91";
    private const string Item = "backups/x";

    // Lines of exports are read into a buffer that one of them may fill; encrypted items by the chunk. Both are pooled, and taken at most once.
    private const int BufferedFixedBytes = 640 << 10;

    private static readonly Guid s_repository = new("5d2f6f4e-0a35-4c3f-9d0b-2f6f0c9c1a77");
    private static readonly RepositoryCipher s_cipher = new(new byte[32]);

    public static TheoryData<string> Parsers =>
    [
        "archive.json", "backup.json", "archive piece header", "archive piece", "archive name", "marker of a backup", "marker of a prune",
        "key slots", "manifest of files", "what is shown of a backup", "encrypted item", "encrypted name", "control frame", "control request",
        "control answer", "export", "compressed export",
    ];

    [Theory]
    [MemberData(nameof(Parsers))]
    public void Whatever_the_bytes_it_ends_refuses_and_stays_small(string parser) => Make(parser).Run(parser, Rounds, output);

    private static FuzzTarget Make(string parser) => parser switch
    {
        "archive.json" => FuzzTarget.Json([Source(FileNames.Archive), State().Serialize()], static b => ArchiveState.Parse(b).With(s_repository, null)),
        "backup.json" => FuzzTarget.Json([Source(FileNames.LastBackup)], static b => LastBackup.Parse(b)),
        "archive piece header" => new FuzzTarget([Piece()[..ArchivePieceHeader.Bytes]], static b => ArchivePieceHeader.Read(b, "a piece")) { Seal = SealHeader },
        "archive piece" => new FuzzTarget([Piece()], ReadPiece) { Seal = SealPiece },
        "archive name" => new FuzzTarget([Encoding.Latin1.GetBytes(ArchiveNames.Piece(s_repository, Guid.NewGuid(), new Lsn(1), new Lsn(9)))],
            static b => ArchiveNames.Parse(Encoding.Latin1.GetString(b), b.Length)) { AnythingGoes = true },
        "marker of a backup" => FuzzTarget.PlainJson([Marker(isPrune: false)], static b => ReadMarker(b, isPrune: false)) with { AnythingGoes = true },
        "marker of a prune" => FuzzTarget.PlainJson([Marker(isPrune: true)], static b => ReadMarker(b, isPrune: true)) with { AnythingGoes = true },
        "key slots" => FuzzTarget.PlainJson([Encrypted()], static b => RepositoryDescriptor.Parse(b)),
        "manifest of files" => FuzzTarget.Json([Files()], static b => BackupManifest.Parse(b)) with { Seal = FuzzTarget.SealBackup },
        "what is shown of a backup" => FuzzTarget.Json([Files(), RepositoryFixture.Serialize(RepositoryFixture.Document([[1, 2, 3], [4]]), BackupId)],
            static b => BackupSummary.ParseHead(b, out _).ToInfo("/backups")) with { Seal = FuzzTarget.SealBackup },
        "encrypted item" => new FuzzTarget([Encrypt([]), Encrypt(new byte[300]), Encrypt(new byte[EncryptionFormat.ChunkBytes + 9])], ReadEncrypted)
        {
            FixedBytes = BufferedFixedBytes,
        },
        "encrypted name" => new FuzzTarget([Encoding.Latin1.GetBytes(s_cipher.StoredName("backups/" + s_repository + "/" + BackupId + ".json"))],
            static b => s_cipher.PlainName(Encoding.Latin1.GetString(b))) { AnythingGoes = true },
        "control frame" => new FuzzTarget([Frame(ControlFrameKind.Request), Frame(ControlFrameKind.Data)], ReadFrame),
        "control request" => FuzzTarget.PlainJson(Requests(), ReadRequest),
        "control answer" => FuzzTarget.PlainJson(Answers(), ReadAnswer),
        "export" => new FuzzTarget(Exports(compressed: false), static b => FuzzTarget.WithFile("/disk/x.jsonl", b, ReadExport))
        {
            FixedBytes = BufferedFixedBytes,
        },
        "compressed export" => new FuzzTarget(Exports(compressed: true), static b => FuzzTarget.WithFile("/disk/x.jsonl.gz", b, ReadExport))
        {
            FixedBytes = BufferedFixedBytes,
        },
        _ => throw new ArgumentOutOfRangeException(nameof(parser)),
    };

    private static byte[] Source(string name) => DamageSource.All[Ending.Crashed].Value.Image.Files[name];

    private static ArchiveState State() => ArchiveKeeper.UnknownState(Guid.NewGuid(), "/data").Leaving(Timeline.First()).Leaving(Timeline.First().Branch(new Lsn(9)))
        with { DroppedThrough = new Lsn(7) };

    private static byte[] Piece()
    {
        var log = DamageSource.All[Ending.Crashed].Value.Image.Files.First(static f => f.Key.EndsWith(FileNames.WalExtension, StringComparison.Ordinal)).Value;
        Assert.Equal(WalHeaderStatus.Valid, WalFileHeader.Read(log, out var header));
        using var builder = new PieceBuilder();
        WalRecordHeader record;
        for (var at = WalFormat.FileHeaderBytes; at + WalFormat.RecordHeaderBytes < log.Length; at += record.TotalBytes)
        {
            if (!WalRecordHeader.TryRead(log.AsSpan(at), at, header!.Seed, out record)) break;
            builder.Add(record, at, log.AsSpan(at, record.TotalBytes));
        }

        return builder.Finish(header!, Timeline.First(), 0x1234).ToArray();
    }

    private static void ReadPiece(byte[] bytes)
    {
        var header = ArchivePieceHeader.Read(bytes, "a piece");
        var name = ArchiveNames.Piece(header.IndexId, header.Timeline, header.FirstLsn, header.LastLsn);
        var piece = ArchivePiece.Parse(bytes, new ArchiveItem(name, header.IndexId, header.Timeline, header.FirstLsn, header.LastLsn, false, bytes.Length));
        Assert.True(ArchivePiece.Agree(piece, piece));
    }

    private static byte[] SealHeader(byte[] bytes)
    {
        if (bytes.Length < ArchivePieceHeader.Bytes) return bytes;
        "HESTARC1"u8.CopyTo(bytes);
        const int CrcAt = ArchivePieceHeader.Bytes - sizeof(uint);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(CrcAt), Crc32C.Compute(bytes.AsSpan(0, CrcAt)));
        return bytes;
    }

    private static byte[] SealPiece(byte[] bytes)
    {
        const int RecordBytesAt = 112, HashAt = 144;
        if (bytes.Length < ArchivePieceHeader.Bytes) return bytes;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(RecordBytesAt), bytes.Length - ArchivePieceHeader.Bytes);
        SHA256.HashData(bytes.AsSpan(ArchivePieceHeader.Bytes), bytes.AsSpan(HashAt));
        return SealHeader(bytes);
    }

    private static byte[] Marker(bool isPrune)
    {
        var store = new MemoryStore(static () => { });
        using RepositoryMarker marker = isPrune
            ? PruneMarker.Write(Context(store), ["objects/ab/abcdef0123456789abcdef", "objects/cd/cdef0123456789abcdef01"], default)
            : BackupMarker.Write(Context(store), DateTimeOffset.UnixEpoch, s_repository, default);
        return store.ReadAll(store.List(RepositoryNames.Locks, default).First().Name, 1 << 20, default)!;
    }

    private static RepositoryContext Context(MemoryStore store) =>
        new(store, new RepositoryDescriptor(s_repository, DateTimeOffset.UnixEpoch), FileSystem.Physical);

    private static void ReadMarker(byte[] bytes, bool isPrune)
    {
        var store = new MemoryStore(static () => { });
        var name = isPrune ? RepositoryNames.PruneMarker("0123456789abcdef0123456789abcdef") : RepositoryNames.BackupMarker(BackupId);
        store.TryCreate(name, bytes, default);
        var board = new MarkerBoard(Context(store));
        Assert.NotEmpty(board.Describe(board.List(default), default));
        board.PrunesThatCondemned(["objects/ab/abcdef0123456789abcdef"], default);
        board.FindIndexesAtWork(default);
    }

    private static byte[] Encrypted()
    {
        using var key = RepositoryKey.FromPassphrase("a passphrase for fuzzing", 1000);
        var (descriptor, cipher) = EncryptionParameters.Begin(new RepositoryDescriptor(s_repository, DateTimeOffset.UnixEpoch), key, null);
        cipher.Dispose();
        return descriptor.Serialize();
    }

    private static byte[] Files()
    {
        var id = new SegmentId(SHA256.HashData([1]));
        var files = new FileSetManifest([new FileSetEntry("a/b.txt", id, 1), new FileSetEntry("empty", id, 0)], ["a", "wal"]);
        var summary = RepositoryFixture.Summary(RepositoryFixture.Document([[1, 2, 3]]), BackupId) with
        {
            FileSet = new FileSetHead("hestiastore", "HestiaStore"), Tags = ["weekly", "x"], Segments = 1, Bytes = 1, SettingsBytes = [],
        };
        return BackupManifest.Serialize(summary, files);
    }

    private static byte[] Encrypt(byte[] plain)
    {
        using var source = new BytesContent(plain);
        using var content = new EncryptedContent(s_cipher, Item, source);
        var all = new byte[content.Length];
        for (var at = 0; at < all.Length;) at += content.Read(all.AsSpan(at));
        return all;
    }

    private static void ReadEncrypted(byte[] bytes)
    {
        Span<byte> buffer = stackalloc byte[4096];
        using var reader = new EncryptedReader(s_cipher, Item, new Bytes(bytes, 0), (offset, _) => new Bytes(bytes, offset), 0, long.MaxValue);
        long read = 0;
        for (int n; (n = reader.Read(buffer)) > 0;) read += n;
        Assert.Equal(reader.Length, read);
        using var part = new EncryptedReader(s_cipher, Item, new Bytes(bytes, 0), (offset, _) => new Bytes(bytes, offset), read / 2, long.MaxValue);
        while (part.Read(buffer) > 0)
        {
        }
    }

    private static byte[] Frame(ControlFrameKind kind)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new ControlRequest { Operation = "status", Arguments = JsonElement.Parse("{}") }, ControlJson.Default.ControlRequest);
        var frame = new byte[ControlFormat.HeaderBytes + body.Length];
        ControlFormat.WriteHeader(frame, kind, body.Length);
        body.CopyTo(frame, ControlFormat.HeaderBytes);
        return frame;
    }

    /// <summary>As both sides read: the length is what the sender claims, and is believed up to the longest a frame may have.</summary>
    private static void ReadFrame(byte[] bytes)
    {
        try
        {
            using var stream = new MemoryStream(bytes);
            while (ControlStream.ReadHeaderAsync(stream, default).GetAwaiter().GetResult() is { } header)
            {
                if (header.Length > ControlFormat.MaxResponseBytes) throw new InvalidDataException("it is too long.");
                ControlStream.ReadBodyAsync(stream, (int)header.Length, default).GetAwaiter().GetResult();
            }
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static List<byte[]> Requests()
    {
        var lease = JsonSerializer.SerializeToElement(new LeaseName("x"), ControlJson.Default.LeaseName);
        var save = JsonSerializer.SerializeToElement(new ArchiveSaveArguments("x", State().Serialize(), null), ControlJson.Default.ArchiveSaveArguments);
        var check = JsonSerializer.SerializeToElement(new Core.Consistency.CheckOptions { Deep = true }, ControlJson.Default.CheckOptions);
        return
        [
            .. new[] { ("release", lease), ("archive-save", save), ("check", check) }.Select(static r => JsonSerializer.SerializeToUtf8Bytes(
                new ControlRequest { Operation = r.Item1, Index = s_repository, Arguments = r.Item2 }, ControlJson.Default.ControlRequest)),
        ];
    }

    private static void ReadRequest(byte[] bytes) => Json(() =>
    {
        var request = JsonSerializer.Deserialize(bytes, ControlJson.Default.ControlRequest) ?? throw new JsonException("empty");
        if (ControlOperations.Find(request.Operation) is null || request.Arguments.ValueKind == JsonValueKind.Undefined) throw new JsonException("unknown");
        _ = request.Operation switch
        {
            "archive-save" => (object?)request.Arguments.Deserialize(ControlJson.Default.ArchiveSaveArguments),
            "check" => request.Arguments.Deserialize(ControlJson.Default.CheckOptions),
            "release" => request.Arguments.Deserialize(ControlJson.Default.LeaseName),
            _ => request.Arguments.Deserialize(ControlJson.Default.NoArguments),
        };
    });

    private static List<byte[]> Answers()
    {
        using var fixture = new LogicalFixture();
        using var index = fixture.CreateText(20);
        index.Flush();
        return
        [
            JsonSerializer.SerializeToUtf8Bytes(index.GetStatus(default), ControlJson.Default.IndexStatus),
            JsonSerializer.SerializeToUtf8Bytes(index.Check(), ControlJson.Default.CheckReport),
            JsonSerializer.SerializeToUtf8Bytes(new WorkProgress("x", 1, 2, 3, 4), ControlJson.Default.WorkProgress),
            JsonSerializer.SerializeToUtf8Bytes(
                ControlError.From(new HestiaException(HestiaErrorCode.IndexClosed, "It is closed.", "/data", "Open it.")), ControlJson.Default.ControlError),
        ];
    }

    private static void ReadAnswer(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes, 0, Math.Min(bytes.Length, 200));
        Json(() =>
        {
            if (text.Contains("\"findings\"", StringComparison.OrdinalIgnoreCase)) JsonSerializer.Deserialize(bytes, ControlJson.Default.CheckReport);
            else if (text.Contains("\"code\"", StringComparison.OrdinalIgnoreCase)) JsonSerializer.Deserialize(bytes, ControlJson.Default.ControlError)?.ToException();
            else if (text.Contains("\"statistics\"", StringComparison.OrdinalIgnoreCase)) JsonSerializer.Deserialize(bytes, ControlJson.Default.IndexStatus);
            else JsonSerializer.Deserialize(bytes, ControlJson.Default.WorkProgress);
        });
    }

    /// <summary>Both ends know JsonException, and no other, for what they do not understand.</summary>
    private static void Json(Action read)
    {
        try
        {
            read();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static List<byte[]> Exports(bool compressed)
    {
        using var fixture = new LogicalFixture();
        using var index = fixture.CreateText(30);
        fixture.Export(index);
        var bytes = File.ReadAllBytes(fixture.Folder["export.jsonl"]);
        if (!compressed) return [bytes];
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal)) gzip.Write(bytes);
        return [target.ToArray()];
    }

    private static void ReadExport(FileSystem files, string path)
    {
        using var source = new ExportFileSource(path, files);
        while (source.MoveNext()) Assert.True(source.Key.Length is > 0 and <= Limits.MaxKeyBytes);
    }

    private sealed class Bytes(byte[] bytes, long offset) : StoredReader
    {
        private long _offset = Math.Min(offset, bytes.Length);

        public override long Length => bytes.Length;

        public override int Read(Span<byte> buffer)
        {
            var count = (int)Math.Min(buffer.Length, bytes.Length - _offset);
            bytes.AsSpan((int)_offset, count).CopyTo(buffer);
            _offset += count;
            return count;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
