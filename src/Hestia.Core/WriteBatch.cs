using System.Buffers;

namespace Hestia.Core;

/// <summary>
/// Puts and deletes that become visible together or not at all. The bytes are kept in the form the log stores them in, so that writing a
/// batch copies them once. Reusable after <see cref="Clear"/>. Not thread-safe.
/// </summary>
public sealed class WriteBatch : IDisposable
{
    private byte[] _buffer;
    private int _length;

    /// <summary>Creates an empty batch.</summary>
    public WriteBatch() => _buffer = ArrayPool<byte>.Shared.Rent(256);

    /// <summary>Operations in the batch.</summary>
    public int Count { get; private set; }

    /// <summary>Encoded bytes; at most <see cref="Limits.MaxBatchBytes"/>.</summary>
    public int EncodedBytes => _length;

    /// <summary>Bytes of memory it holds.</summary>
    internal int CapacityBytes => _buffer.Length;

    /// <summary>The operations as the log stores them: kind (1 byte), varint key length, for a put varint value length, key, value.</summary>
    internal ReadOnlySpan<byte> Encoded => _buffer.AsSpan(0, _length);

    /// <summary>Adds a put. A later operation on the same key in the batch wins.</summary>
    /// <exception cref="HestiaException">KeyEmpty, KeyTooLong, ValueTooLarge, BatchTooLarge; the batch is as it was.</exception>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Add(OperationKind.Put, key, value);

    /// <summary>Adds a delete; deleting a key that is not there is no error.</summary>
    /// <exception cref="HestiaException">KeyEmpty, KeyTooLong, BatchTooLarge; the batch is as it was.</exception>
    public void Delete(ReadOnlySpan<byte> key) => Add(OperationKind.Delete, key, default);

    /// <summary>Empties the batch and keeps its memory.</summary>
    public void Clear()
    {
        _length = 0;
        Count = 0;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        Clear();
        if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Add(OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Writing.OperationEncoding.Validate(key, value);
        var size = Writing.OperationEncoding.SizeOf(kind, key.Length, value.Length);
        if ((long)_length + size > Limits.MaxBatchBytes)
        {
            throw new HestiaException(
                HestiaErrorCode.BatchTooLarge,
                $"The batch would be {(long)_length + size:N0} bytes; at most {Limits.MaxBatchBytes:N0} are taken at once.",
                action: "Write it as several batches.");
        }

        if (_buffer.Length - _length < size) Grow(size);
        _length += Writing.OperationEncoding.Write(_buffer.AsSpan(_length), kind, key, value);
        Count++;
    }

    private void Grow(int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max((long)_length + size, 2L * _buffer.Length), Limits.MaxBatchBytes));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
