using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Backup.Logical;

/// <summary>
/// What tells the same entries from others, wherever they lie: the SHA-256 of every entry in key order, each as key length (4 bytes, big-endian),
/// key, value length (4 bytes, big-endian), value. docs/format-export.md says it too. Of text that is all ASCII it is the one HestiaStore's own
/// tools give.
/// </summary>
public sealed class LogicalFingerprint : IDisposable
{
    private const int LengthBytes = 4;

    /// <summary>Entries are gathered, since hashing four short pieces each would cost more than the hash.</summary>
    private const int BufferBytes = 64 << 10;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _length;
    private bool _disposed;

    /// <summary>Entries added.</summary>
    public long Entries { get; private set; }

    /// <summary>Bytes of their keys and values.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adds an entry; whoever calls adds them in key order, each key once.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="value">Its value.</param>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Append(key);
        Append(value);
        Entries++;
        Bytes += key.Length + value.Length;
    }

    /// <summary>The fingerprint of what was added so far, as 64 lower-case hexadecimal digits; more may be added after it.</summary>
    public string Current()
    {
        Hash();
        Span<byte> result = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetCurrentHash(result);
        return Convert.ToHexString(result).ToLowerInvariant();
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _hash.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private void Append(ReadOnlySpan<byte> data)
    {
        var needed = LengthBytes + data.Length;
        if (needed > BufferBytes - _length) Hash();
        if (needed > BufferBytes)
        {
            Span<byte> length = stackalloc byte[LengthBytes];
            BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
            _hash.AppendData(length);
            _hash.AppendData(data);
            return;
        }

        BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(_length), data.Length);
        data.CopyTo(_buffer.AsSpan(_length + LengthBytes));
        _length += needed;
    }

    private void Hash()
    {
        _hash.AppendData(_buffer.AsSpan(0, _length));
        _length = 0;
    }

    /// <summary>The fingerprint of what a snapshot shows.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="options">Which entries; a reverse scan is refused.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">SegmentDamaged, IoError, InvalidOption.</exception>
    public static string Compute(IndexSnapshot snapshot, ScanOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        if (options.Reverse) throw new HestiaException(HestiaErrorCode.InvalidOption, "A fingerprint is taken in key order.", action: "Leave Reverse out.");
        using var fingerprint = new LogicalFingerprint();
        using var cursor = snapshot.Scan(options);
        while (cursor.MoveNext())
        {
            if ((fingerprint.Entries & 0xFFF) == 0) cancellationToken.ThrowIfCancellationRequested();
            fingerprint.Add(cursor.Key, cursor.Value);
        }

        return fingerprint.Current();
    }
}
