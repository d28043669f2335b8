using System.Security.Cryptography;
using Hestia.Core.Caching;
using Hestia.Core.Checksums;
using Hestia.Core.IO;

namespace Hestia.Core.Segments;

/// <summary>
/// A file from front to back through one window, each byte read once and hashed on the way if wanted. Where the device gives nothing, the
/// bytes count as zeros and the place is remembered, so that one bad sector does not hide what lies behind it.
/// </summary>
internal sealed unsafe class SegmentScanner : IDisposable
{
    private const int ChunkBytes = 1 << 20;
    private const int SectorBytes = 4 << 10;
    private const int MaxUnreadablePlaces = 1000;

    private readonly StorageFile _file;
    private readonly IncrementalHash? _hash;
    private readonly Action<long>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly NativeBuffer _window;
    private readonly List<(long Offset, string Problem)> _unreadable = [];
    private long _windowStart;
    private int _windowLength;

    public SegmentScanner(StorageFile file, bool hash, Action<long>? progress, CancellationToken cancellation)
    {
        _file = file;
        Length = file.Length;
        _window = new NativeBuffer((nint)Math.Min(ChunkBytes, Length));
        _hash = hash ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        _progress = progress;
        _cancellation = cancellation;
    }

    public long Length { get; }

    public long Position { get; private set; }

    /// <summary>Places the device could not read (the first thousand).</summary>
    public IReadOnlyList<(long Offset, string Problem)> Unreadable => _unreadable;

    /// <summary>The next bytes without going on; fewer only at the end. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Peek(int count)
    {
        count = (int)Math.Min(count, Length - Position);
        if (Position + count > _windowStart + _windowLength) Fill(count);
        return new ReadOnlySpan<byte>(_window.Pointer + (Position - _windowStart), count);
    }

    /// <summary>What is left in the window, at least one byte before the end of the file.</summary>
    public ReadOnlySpan<byte> PeekWindow()
    {
        if (Position >= _windowStart + _windowLength) Fill((int)Math.Min(ChunkBytes, Length - Position));
        return new ReadOnlySpan<byte>(_window.Pointer + (Position - _windowStart), (int)(_windowStart + _windowLength - Position));
    }

    public void Skip(long count)
    {
        for (count = Math.Min(count, Length - Position); count > 0;)
        {
            var step = Math.Min(count, PeekWindow().Length);
            Position += step;
            count -= step;
        }
    }

    /// <summary>Goes over so many bytes and takes them into a CRC.</summary>
    public uint SkipChecksum(uint crc, long count)
    {
        for (count = Math.Min(count, Length - Position); count > 0;)
        {
            var bytes = PeekWindow();
            if (bytes.Length > count) bytes = bytes[..(int)count];
            crc = Crc32C.Append(crc, bytes);
            Position += bytes.Length;
            count -= bytes.Length;
        }

        return crc;
    }

    /// <summary>Goes to the end and returns the hash of the whole file.</summary>
    public SegmentId ReadHash()
    {
        Skip(Length - Position);
        Span<byte> hash = stackalloc byte[SegmentId.Size];
        _hash!.GetHashAndReset(hash);
        return new SegmentId(hash);
    }

    public void Dispose()
    {
        _window.Dispose();
        _hash?.Dispose();
    }

    private void Fill(int count)
    {
        _cancellation.ThrowIfCancellationRequested();
        var kept = (int)Math.Max(0, _windowStart + _windowLength - Position);
        var wanted = (int)Math.Min(Math.Max(count, ChunkBytes), Length - Position);
        var from = _window.Pointer + (Position - _windowStart);
        Buffer.MemoryCopy(from, _window.Pointer, _window.Capacity, kept);
        var window = _window.Grow(wanted, kept);
        var fresh = new Span<byte>(window + kept, wanted - kept);
        Read(Position + kept, fresh);
        _hash?.AppendData(fresh);
        _windowStart = Position;
        _windowLength = wanted;
        _progress?.Invoke(fresh.Length);
    }

    private void Read(long offset, Span<byte> buffer)
    {
        try
        {
            var read = _file.Read(offset, buffer);
            if (read == buffer.Length) return;
            // It was longer a moment ago.
            buffer[read..].Clear();
            AddUnreadable(offset + read, "the file became shorter while it was read");
        }
        catch (IOException)
        {
            for (var at = 0; at < buffer.Length;)
            {
                var size = Math.Min(buffer.Length - at, SectorBytes - (int)((offset + at) % SectorBytes));
                var sector = buffer.Slice(at, size);
                try
                {
                    sector[_file.Read(offset + at, sector)..].Clear();
                }
                catch (IOException e)
                {
                    sector.Clear();
                    AddUnreadable(offset + at, e.Message);
                }

                at += size;
            }
        }
    }

    private void AddUnreadable(long offset, string problem)
    {
        if (_unreadable.Count < MaxUnreadablePlaces) _unreadable.Add((offset, problem));
    }
}
