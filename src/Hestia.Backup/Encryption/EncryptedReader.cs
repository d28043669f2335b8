using System.Buffers;
using System.Security.Cryptography;
using Hestia.Backup.Stores;

namespace Hestia.Backup.Encryption;

/// <summary>
/// An encrypted item being read. What it gives out is proven to be what was written, at that place of that item; anything else is
/// InvalidDataException. It looks at nothing before the first read, so that opening never fails for damage.
/// </summary>
internal sealed class EncryptedReader : StoredReader
{
    private readonly RepositoryCipher _cipher;
    private readonly string _storedName;
    private readonly ChunkBinding _binding;
    private readonly long _storedLength;
    private readonly long _offset;
    private readonly Func<long, long, StoredReader?> _open;
    private readonly byte[] _stored = ArrayPool<byte>.Shared.Rent(EncryptionFormat.StoredChunkBytes);
    private readonly byte[] _nonce = new byte[EncryptionFormat.NonceBytes];
    private StoredReader _reader;
    private byte[]? _plain;
    private AesGcm? _key;
    private long _left;
    private long _index;
    private int _plainStart;
    private int _plainEnd;
    private bool _disposed;

    /// <param name="cipher">Keys of the repository.</param>
    /// <param name="storedName">Name the item has in the store.</param>
    /// <param name="reader">The item, open from its first byte on; owned from here on.</param>
    /// <param name="open">Opens it again from another place.</param>
    /// <param name="offset">Where to begin, in bytes of the plaintext.</param>
    /// <param name="maxBytes">How much to read at most.</param>
    public EncryptedReader(
        RepositoryCipher cipher, string storedName, StoredReader reader, Func<long, long, StoredReader?> open, long offset, long maxBytes)
    {
        _cipher = cipher;
        _storedName = storedName;
        _binding = new ChunkBinding(storedName);
        _reader = reader;
        _open = open;
        _offset = offset;
        _storedLength = reader.Length;
        Length = EncryptionFormat.PlainLength(_storedLength) ?? _storedLength;
        _left = Math.Min(maxBytes, Length - offset);
        _index = offset / EncryptionFormat.ChunkBytes;
    }

    /// <summary>Bytes to open of a stored item so that a read from the front gets what it wants.</summary>
    public static long StoredBytesFor(long offset, long maxBytes) =>
        offset > 0 ? EncryptionFormat.HeaderBytes
        : maxBytes > long.MaxValue / 2 ? long.MaxValue
        : EncryptionFormat.HeaderBytes + (EncryptionFormat.Chunks(maxBytes) * EncryptionFormat.StoredChunkBytes);

    public override long Length { get; }

    public override int Read(Span<byte> buffer)
    {
        if (buffer.Length == 0) return 0;
        // An empty item has a chunk too: that it is empty has to be proven.
        if (_left <= 0 && (Length > 0 || _key is not null)) return 0;
        if (_key is null) Begin();
        if (_plainEnd == _plainStart)
        {
            var skip = (int)Math.Max(0, _offset - (_index * EncryptionFormat.ChunkBytes));
            var length = ReadChunk();
            if (skip == 0 && buffer.Length >= length && _left >= length)
            {
                Decrypt(length, buffer[..length]);
                _left -= length;
                return length;
            }

            _plain ??= ArrayPool<byte>.Shared.Rent(EncryptionFormat.ChunkBytes);
            Decrypt(length, _plain.AsSpan(0, length));
            _plainStart = skip;
            _plainEnd = length;
        }

        var count = (int)Math.Min(Math.Min(buffer.Length, _plainEnd - _plainStart), _left);
        _plain.AsSpan(_plainStart, count).CopyTo(buffer);
        _plainStart += count;
        _left -= count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _key?.Dispose();
        _reader.Dispose();
        ArrayPool<byte>.Shared.Return(_stored);
        if (_plain is not null) ArrayPool<byte>.Shared.Return(_plain);
    }

    private void Begin()
    {
        if (EncryptionFormat.PlainLength(_storedLength) is null) throw CutShort();
        var header = _stored.AsSpan(0, EncryptionFormat.HeaderBytes);
        if (_reader.ReadFull(header) != header.Length) throw CutShort();
        if (!header.StartsWith(EncryptionFormat.Magic))
            throw new InvalidDataException("it is not encrypted, or was encrypted in another way.");
        if (_offset > 0)
        {
            _reader.Dispose();
            var from = EncryptionFormat.HeaderBytes + (_index * EncryptionFormat.StoredChunkBytes);
            var last = _offset + _left - 1;
            var to = EncryptionFormat.HeaderBytes + (((last / EncryptionFormat.ChunkBytes) + 1) * EncryptionFormat.StoredChunkBytes);
            _reader = _open(from, to - from) ?? throw new InvalidDataException("it was removed while it was read.");
            if (_reader.Length != _storedLength) throw new InvalidDataException("it was replaced while it was read.");
        }

        _key = _cipher.Key(header[EncryptionFormat.MagicBytes..], _storedName);
    }

    /// <summary>Reads the next chunk as it is stored; returns the length of its plaintext.</summary>
    private int ReadChunk()
    {
        var start = EncryptionFormat.HeaderBytes + (_index * EncryptionFormat.StoredChunkBytes);
        var length = (int)Math.Min(EncryptionFormat.StoredChunkBytes, _storedLength - start);
        if (_reader.ReadFull(_stored.AsSpan(0, length)) != length) throw CutShort();
        return length - EncryptionFormat.TagBytes;
    }

    private void Decrypt(int length, Span<byte> plain)
    {
        var end = EncryptionFormat.HeaderBytes + (_index * EncryptionFormat.StoredChunkBytes) + length + EncryptionFormat.TagBytes;
        ChunkBinding.WriteNonce(_nonce, _index);
        try
        {
            _key!.Decrypt(
                _nonce, _stored.AsSpan(0, length), _stored.AsSpan(length, EncryptionFormat.TagBytes), plain,
                _binding.AssociatedData(_index, end == _storedLength));
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new InvalidDataException($"its encrypted piece {_index + 1:N0} is not what was written there.");
        }

        _index++;
    }

    private static InvalidDataException CutShort() => new("it is cut short: its encrypted form is not complete.");
}
