using System.Security.Cryptography;
using Hestia.Backup.Encryption;
using Hestia.Backup.Format;
using Hestia.Backup.Stores;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Unit.Backup.Encryption;

/// <summary>Items in an encrypted store: what goes in comes out, and nothing else ever does.</summary>
public sealed class EncryptedItemTests : IDisposable
{
    private const int Chunk = EncryptionFormat.ChunkBytes;

    private readonly TemporaryFolder _folder = new();
    private readonly DirectoryStore _inner;
    private readonly EncryptedStore _store;
    private readonly RepositoryCipher _cipher = new(RandomNumberGenerator.GetBytes(32));

    public EncryptedItemTests()
    {
        var path = _folder["repository"];
        _inner = new DirectoryStore(FileSystem.Physical, path);
        _inner.Prepare(default);
        Assert.True(_inner.TryCreate(RepositoryNames.Descriptor, "{}"u8, default));
        _store = new EncryptedStore(_inner, _cipher);
    }

    public static TheoryData<int> Sizes =>
        [0, 1, 15, 16, 17, 4096, Chunk - 1, Chunk, Chunk + 1, (2 * Chunk) - 1, 2 * Chunk, (3 * Chunk) + 7];

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void What_goes_in_comes_out_whole_and_in_ranges(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        var name = Put(bytes);
        Assert.Equal(bytes, ReadAll(name));
        Span<long> sizes = stackalloc long[2];
        _store.GetSizes([name, name + "0"], sizes, default);
        Assert.Equal([size, -1], sizes.ToArray());
        Assert.Equal(size, Assert.Single(_store.List("objects/", default)).Size);
        Assert.Equal(EncryptionFormat.StoredLength(size), new FileInfo(PathOf(name)).Length);
        foreach (var offset in new[] { 0, 1, size / 2, Chunk - 1, Chunk, Chunk + 5, size - 1, size })
        {
            if (offset < 0 || offset > size) continue;
            foreach (var count in new long[] { 1, 100, Chunk, Chunk + 1, long.MaxValue })
            {
                using var reader = _store.OpenRead(name, offset, count, default)!;
                Assert.Equal(size, reader.Length);
                var buffer = new byte[size + 10];
                var read = reader.ReadFull(buffer);
                Assert.Equal(bytes.AsSpan(offset, (int)Math.Min(count, size - offset)).ToArray(), buffer[..read]);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(Chunk)]
    [InlineData(Chunk + 100)]
    [InlineData(8 << 20)]
    public void Any_buffer_gives_the_same_bytes(int buffer)
    {
        var bytes = RandomNumberGenerator.GetBytes((2 * Chunk) + 100);
        using var source = new BytesContent(bytes);
        using var content = new EncryptedContent(_cipher, "objects/x", source);
        var all = new List<byte>();
        var piece = new byte[buffer];
        for (int read; (read = content.Read(piece)) > 0;) all.AddRange(piece.AsSpan(0, read));
        content.Verify();
        Assert.Equal(content.Length, all.Count);
        using var stored = new BytesReader([.. all]);
        using var reader = new EncryptedReader(_cipher, "objects/x", stored, (_, _) => null, 0, long.MaxValue);
        var plain = new List<byte>();
        for (int read; (read = reader.Read(piece)) > 0;) plain.AddRange(piece.AsSpan(0, read));
        Assert.Equal(bytes, plain);
    }

    [Fact]
    public void A_flip_of_any_byte_is_seen()
    {
        var name = Put(RandomNumberGenerator.GetBytes(200));
        var stored = File.ReadAllBytes(PathOf(name));
        Assert.Equal(EncryptionFormat.HeaderBytes + 200 + EncryptionFormat.TagBytes, stored.Length);
        for (var i = 0; i < stored.Length; i++)
        {
            foreach (var mask in new byte[] { 1, 0x80 })
            {
                stored[i] ^= mask;
                File.WriteAllBytes(PathOf(name), stored);
                Assert.Throws<InvalidDataException>(() => ReadAll(name));
                stored[i] ^= mask;
            }
        }

        File.WriteAllBytes(PathOf(name), stored);
        Assert.Equal(200, ReadAll(name).Length);
    }

    [Fact]
    public void Cut_or_grown_at_any_length_is_seen()
    {
        var name = Put(RandomNumberGenerator.GetBytes(300));
        var stored = File.ReadAllBytes(PathOf(name));
        for (var length = 0; length < stored.Length; length++)
        {
            File.WriteAllBytes(PathOf(name), stored[..length]);
            Assert.Throws<InvalidDataException>(() => ReadAll(name));
        }

        for (var more = 1; more < 40; more++)
        {
            File.WriteAllBytes(PathOf(name), [.. stored, .. new byte[more]]);
            Assert.Throws<InvalidDataException>(() => ReadAll(name));
        }
    }

    [Fact]
    public void Chunks_left_out_put_in_another_order_or_taken_from_elsewhere_are_seen()
    {
        var name = Put(RandomNumberGenerator.GetBytes(4 * Chunk));
        var other = Put(RandomNumberGenerator.GetBytes(4 * Chunk));
        var stored = File.ReadAllBytes(PathOf(name));
        var foreign = File.ReadAllBytes(PathOf(other));
        var header = stored[..EncryptionFormat.HeaderBytes];
        var chunks = Enumerable.Range(0, 4).Select(i => Piece(stored, i)).ToArray();

        AssertSeen([.. header, .. chunks[0], .. chunks[1], .. chunks[2]]); // the end is missing at the border of a chunk
        AssertSeen([.. header, .. chunks[0]]);
        AssertSeen(header);
        AssertSeen([.. header, .. chunks[1], .. chunks[0], .. chunks[2], .. chunks[3]]);
        AssertSeen([.. header, .. chunks[0], .. chunks[2], .. chunks[3]]);
        AssertSeen([.. header, .. chunks[0], .. chunks[1], .. chunks[2], .. chunks[3], .. chunks[3]]);
        AssertSeen([.. header, .. chunks[0], .. chunks[1], .. chunks[2], .. Piece(foreign, 3)]);
        AssertSeen([.. header, .. foreign[EncryptionFormat.HeaderBytes..]]);
        AssertSeen(foreign); // the whole of another item, itself intact
        Assert.Equal(4 * Chunk, Read(stored).Length);

        void AssertSeen(byte[] bytes) => Assert.Throws<InvalidDataException>(() => Read(bytes));

        byte[] Read(byte[] bytes)
        {
            File.WriteAllBytes(PathOf(name), bytes);
            return ReadAll(name);
        }

        static byte[] Piece(byte[] bytes, int i) =>
            [.. bytes.Skip(EncryptionFormat.HeaderBytes + (i * EncryptionFormat.StoredChunkBytes)).Take(EncryptionFormat.StoredChunkBytes)];
    }

    [Fact]
    public void Damage_beyond_a_range_does_not_touch_it_and_damage_within_does()
    {
        var bytes = RandomNumberGenerator.GetBytes(3 * Chunk);
        var name = Put(bytes);
        var stored = File.ReadAllBytes(PathOf(name));
        stored[^1] ^= 1;
        File.WriteAllBytes(PathOf(name), stored);
        var buffer = new byte[Chunk];
        using (var reader = _store.OpenRead(name, Chunk, Chunk, default)!) Assert.Equal(Chunk, reader.ReadFull(buffer));
        Assert.Equal(bytes[Chunk..(2 * Chunk)], buffer);
        using var last = _store.OpenRead(name, 2 * Chunk, 10, default)!;
        Assert.Throws<InvalidDataException>(() => last.Read(buffer));
    }

    [Fact]
    public void The_same_bytes_are_never_encrypted_twice_the_same_not_even_after_a_rewind()
    {
        var bytes = RandomNumberGenerator.GetBytes(1000);
        using var source = new BytesContent(bytes);
        using var content = new EncryptedContent(_cipher, "objects/x", source);
        var first = new byte[content.Length];
        var second = new byte[content.Length];
        Assert.Equal(first.Length, content.ReadFull(first));
        content.Rewind();
        Assert.Equal(second.Length, content.ReadFull(second));
        content.Verify();
        Assert.Equal(first[..EncryptionFormat.MagicBytes], second[..EncryptionFormat.MagicBytes]);
        var same = 0;
        for (var i = EncryptionFormat.MagicBytes; i < first.Length; i++)
            if (first[i] == second[i]) same++;
        Assert.InRange(same, 0, 50);
    }

    [Fact]
    public void A_source_that_ends_early_is_not_stored()
    {
        using var content = new EncryptedContent(_cipher, "objects/x", new ShortContent(100));
        var buffer = new byte[1000];
        Assert.True(content.ReadFull(buffer) < content.Length);
        Assert.Throws<IOException>(content.Verify);
    }

    [Theory]
    [InlineData("backups/5f0c1a3e-7b0e-4b8e-9a53-5a6d9b6b9e10/bk-2026-04-15T03-00-00Z-7f3a91.json")]
    [InlineData("locks/backup-bk-2026-04-15T03-00-00Z-7f3a91.json")]
    [InlineData("archive/5f0c1a3e-7b0e-4b8e-9a53-5a6d9b6b9e10/00000000000000000041.wal")]
    [InlineData("archive/a/b/c/d")]
    public void Names_are_found_again_and_say_nothing(string name)
    {
        Assert.True(_store.TryCreate(name, "content 1"u8, default));
        Assert.False(_store.TryCreate(name, "content 2"u8, default));
        Assert.Equal("content 1"u8, _store.ReadAll(name, 100, default)!);
        var kind = name[..(name.IndexOf('/', StringComparison.Ordinal) + 1)];
        Assert.Equal(name, Assert.Single(_store.List(kind, default)).Name);
        Assert.Equal(name, Assert.Single(_store.List(name[..^3], default)).Name);
        Assert.Equal(name, Assert.Single(_store.List(name[..(name.LastIndexOf('/') + 1)], default)).Name);
        Assert.Empty(_store.List(kind + "zzz", default));

        var stored = Assert.Single(_inner.List(kind, default)).Name;
        Assert.StartsWith(kind, stored, StringComparison.Ordinal);
        Assert.Matches("^[a-z]+(/[0-9a-v]{26,})+$", stored);
        foreach (var part in name[kind.Length..].Split('/', '-', '.').Where(p => p.Length > 3))
            Assert.DoesNotContain(part, stored, StringComparison.Ordinal);
        _store.Delete(name, default);
        Assert.Empty(_inner.List(kind, default));
        Assert.True(_store.TryCreate(name, "content 3"u8, default));
        _store.Delete([name], default);
        Assert.Empty(_inner.List(kind, default));
    }

    [Fact]
    public void Names_of_another_key_or_changed_ones_are_none_of_ours()
    {
        const string Name = "backups/5f0c1a3e-7b0e-4b8e-9a53-5a6d9b6b9e10/bk-2026-04-15T03-00-00Z-7f3a91.json";
        var stored = _cipher.StoredName(Name);
        Assert.Equal(Name, _cipher.PlainName(stored));
        Assert.Equal(stored, _cipher.StoredName(Name));
        using var other = new RepositoryCipher(RandomNumberGenerator.GetBytes(32));
        Assert.Null(other.PlainName(stored));
        Assert.NotEqual(stored, other.StoredName(Name));
        for (var i = "backups/".Length; i < stored.Length; i++)
        {
            if (stored[i] == '/') continue;
            var changed = stored.ToCharArray();
            changed[i] = changed[i] == '0' ? '1' : '0';
            Assert.Null(_cipher.PlainName(new string(changed)));
        }

        // A part belongs to its folder: an item of one index cannot be moved to another.
        var parts = stored.Split('/');
        var elsewhere = _cipher.StoredName("backups/00000000-7b0e-4b8e-9a53-5a6d9b6b9e10/x").Split('/');
        Assert.Null(_cipher.PlainName($"backups/{elsewhere[1]}/{parts[2]}"));
        Assert.Null(_cipher.PlainName("backups/plain.json"));
        Assert.Null(_cipher.PlainName("backups/" + parts[1] + "0"));
    }

    [Fact]
    public void Object_names_are_keyed()
    {
        var id = new SegmentId(SHA256.HashData("known content"u8));
        using var other = new RepositoryCipher(RandomNumberGenerator.GetBytes(32));
        Assert.Equal(_cipher.ObjectName(id), _cipher.ObjectName(id));
        Assert.NotEqual(_cipher.ObjectName(id), other.ObjectName(id));
        Assert.NotEqual(RepositoryNames.Object(id), _cipher.ObjectName(id));
        Assert.Matches("^objects/([0-9a-f]{2})/\\1[0-9a-f]{62}$", _cipher.ObjectName(id));
    }

    [Fact]
    public void An_item_moved_to_another_name_is_seen()
    {
        Assert.True(_store.TryCreate("archive/a/1", "one"u8, default));
        Assert.True(_store.TryCreate("archive/a/2", "two"u8, default));
        var one = PathOf(_cipher.StoredName("archive/a/1"));
        var two = PathOf(_cipher.StoredName("archive/a/2"));
        File.Delete(two);
        File.Move(one, two);
        Assert.Throws<InvalidDataException>(() => _store.ReadAll("archive/a/2", 100, default));
    }

    [Fact]
    public void Sizes_that_nothing_encrypted_has_are_no_plain_sizes()
    {
        Assert.Null(EncryptionFormat.PlainLength(0));
        Assert.Null(EncryptionFormat.PlainLength(EncryptionFormat.HeaderBytes));
        Assert.Null(EncryptionFormat.PlainLength(EncryptionFormat.StoredLength(Chunk) + EncryptionFormat.TagBytes));
        Assert.Equal(0, EncryptionFormat.PlainLength(EncryptionFormat.StoredLength(0)));
        for (var plain = 0L; plain < 5 * Chunk; plain += 977)
            Assert.Equal(plain, EncryptionFormat.PlainLength(EncryptionFormat.StoredLength(plain)));
    }

    private string Put(byte[] bytes)
    {
        var name = _cipher.ObjectName(new SegmentId(SHA256.HashData(bytes)));
        using var content = new BytesContent(bytes);
        _store.Put(name, content, default);
        return name;
    }

    private byte[] ReadAll(string name)
    {
        using var reader = _store.OpenRead(name, 0, default)!;
        var bytes = new byte[Math.Max(1, reader.Length)]; // a read even of an empty one
        return bytes[..reader.ReadFull(bytes)];
    }

    private string PathOf(string storedName) => Path.Combine(_inner.Location, storedName.Replace('/', Path.DirectorySeparatorChar));

    private sealed class ShortContent(long length) : ObjectContent
    {
        public override long Length => length;

        public override int Read(Span<byte> buffer) => 0;

        public override void Rewind()
        {
        }

        public override void Verify()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class BytesReader(byte[] bytes) : StoredReader
    {
        private int _offset;

        public override long Length => bytes.Length;

        public override int Read(Span<byte> buffer)
        {
            var count = Math.Min(Math.Min(buffer.Length, 1000), bytes.Length - _offset);
            bytes.AsSpan(_offset, count).CopyTo(buffer);
            _offset += count;
            return count;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
