using System.Buffers;
using System.Security.Cryptography;
using Hestia.Backup.Stores;

namespace Hestia.Backup.Encryption;

/// <summary>Content on its way into a store, encrypted while it is read. It does not own what it reads from.</summary>
internal sealed class EncryptedContent : ObjectContent
{
    private readonly RepositoryCipher _cipher;
    private readonly string _storedName;
    private readonly ObjectContent _source;
    private readonly ChunkBinding _binding;
    private readonly byte[] _plain = ArrayPool<byte>.Shared.Rent(EncryptionFormat.ChunkBytes);
    private readonly byte[] _held = ArrayPool<byte>.Shared.Rent(EncryptionFormat.StoredChunkBytes);
    private readonly byte[] _nonce = new byte[EncryptionFormat.NonceBytes];
    private AesGcm? _key;
    private long _done; // bytes of plaintext
    private long _index;
    private int _heldStart;
    private int _heldEnd;
    private bool _ended;
    private bool _disposed;

    public EncryptedContent(RepositoryCipher cipher, string storedName, ObjectContent source)
    {
        _cipher = cipher;
        _storedName = storedName;
        _source = source;
        _binding = new ChunkBinding(storedName);
        Length = EncryptionFormat.StoredLength(source.Length);
    }

    public override long Length { get; }

    public override int Read(Span<byte> buffer)
    {
        var total = 0;
        while (buffer.Length > 0)
        {
            int count;
            if (_heldEnd > _heldStart)
            {
                count = Math.Min(buffer.Length, _heldEnd - _heldStart);
                _held.AsSpan(_heldStart, count).CopyTo(buffer);
                _heldStart += count;
            }
            else if (_key is null)
            {
                Begin();
                continue;
            }
            else if (_ended)
            {
                break;
            }
            else if (buffer.Length >= EncryptionFormat.StoredChunkBytes)
            {
                count = Next(buffer); // straight to where it goes
            }
            else
            {
                _heldStart = 0;
                _heldEnd = Next(_held);
                continue;
            }

            buffer = buffer[count..];
            total += count;
        }

        return total;
    }

    /// <summary>Begins again under a new key: what is read now may differ from what was, and must not share its key stream.</summary>
    public override void Rewind()
    {
        _source.Rewind();
        _key?.Dispose();
        _key = null;
        _done = _index = _heldStart = _heldEnd = 0;
        _ended = false;
    }

    public override void Verify()
    {
        _source.Verify();
        if (_done != _source.Length) throw new IOException($"the source ended after {_done:N0} bytes instead of {_source.Length:N0}.");
    }

    protected override void Dispose(bool disposing)
    {
        if (_disposed) return;
        _disposed = true;
        _key?.Dispose();
        ArrayPool<byte>.Shared.Return(_plain);
        ArrayPool<byte>.Shared.Return(_held);
    }

    private void Begin()
    {
        EncryptionFormat.Magic.CopyTo(_held);
        var salt = _held.AsSpan(EncryptionFormat.MagicBytes, EncryptionFormat.SaltBytes);
        RandomNumberGenerator.Fill(salt);
        _key = _cipher.Key(salt, _storedName);
        _heldStart = 0;
        _heldEnd = EncryptionFormat.HeaderBytes;
    }

    /// <summary>Encrypts one chunk; 0 if the source ended too early, which <see cref="Verify"/> reports.</summary>
    private int Next(Span<byte> destination)
    {
        var length = (int)Math.Min(EncryptionFormat.ChunkBytes, _source.Length - _done);
        var plain = _plain.AsSpan(0, length);
        var read = _source.ReadFull(plain);
        _done += read;
        if (read != length)
        {
            _ended = true;
            return 0;
        }

        _ended = _done == _source.Length;
        ChunkBinding.WriteNonce(_nonce, _index);
        _key!.Encrypt(
            _nonce, plain, destination[..length], destination.Slice(length, EncryptionFormat.TagBytes),
            _binding.AssociatedData(_index, _ended));
        _index++;
        return length + EncryptionFormat.TagBytes;
    }
}
