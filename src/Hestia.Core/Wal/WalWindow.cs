using System.Buffers;
using System.Runtime.CompilerServices;
using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>
/// A buffer that moves over a file. Its memory is a chunk, or the one record that is larger; never more than the file has.
/// The length is taken once: a live writer may append meanwhile, and what it adds is not looked at.
/// </summary>
internal sealed class WalWindow : IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly StorageFile _file;
    private byte[] _buffer = [];
    private long _start;
    private int _count;

    public WalWindow(StorageFile file)
    {
        _file = file;
        Length = file.Length;
    }

    /// <summary>Bytes in the file; becomes less if the file turns out to end earlier.</summary>
    public long Length { get; private set; }

    /// <summary>
    /// What the buffer holds from <paramref name="offset"/> on: at least <paramref name="minimum"/> bytes, fewer only at the end of the
    /// file. Valid until the next call. The caller has made sure that the minimum is not a length it merely read somewhere.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<byte> Get(long offset, int minimum)
    {
        var index = offset - _start;
        return index >= 0 && index + minimum <= _count
            ? new ReadOnlySpan<byte>(_buffer, (int)index, _count - (int)index)
            : Load(offset, minimum);
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _count = 0;
    }

    private ReadOnlySpan<byte> Load(long offset, int minimum)
    {
        var left = Math.Max(0, Length - offset);
        var wanted = (int)Math.Min(Math.Max(minimum, ChunkBytes), left);
        var kept = ReadOnlySpan<byte>.Empty;
        if (offset >= _start && offset < _start + _count) kept = _buffer.AsSpan((int)(offset - _start), _count - (int)(offset - _start));
        if (kept.Length > wanted) kept = kept[..wanted];
        var old = _buffer;
        if (_buffer.Length < wanted) _buffer = ArrayPool<byte>.Shared.Rent(wanted);
        kept.CopyTo(_buffer);
        if (!ReferenceEquals(old, _buffer) && old.Length > 0) ArrayPool<byte>.Shared.Return(old);
        _start = offset;
        _count = kept.Length;
        if (wanted > _count)
        {
            var read = _file.Read(offset + _count, _buffer.AsSpan(_count, wanted - _count));
            if (read < wanted - _count) Length = offset + _count + read; // it was cut since
            _count += read;
        }

        return new ReadOnlySpan<byte>(_buffer, 0, _count);
    }
}
