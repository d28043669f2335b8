using System.Buffers;
using System.Buffers.Binary;
using Hestia.Core.IO;

namespace Hestia.HestiaStore.Format;

/// <summary>
/// The payload of a file of checked blocks as one stream of bytes: <c>[u64 magic][u64 CRC-32 of the rest][payload, zeros to the end]</c>,
/// big-endian. Positions are those of the payload, as sparse indexes have them. Holds one block.
/// </summary>
internal sealed class BlockReader : IDisposable
{
    public const int HeaderBytes = 16;

    /// <summary>"nicholas"</summary>
    public const ulong Magic = 0x6E6963686F6C6173;

    private readonly StorageFile _file;
    private readonly string _name;
    private readonly int _blockBytes;
    private readonly Action<long>? _onRead;
    private byte[] _block;
    private long _blockNumber = -1;
    private long _loaded = -1; // the block that is in memory and was found right
    private int _at;

    /// <param name="files">Where the file is.</param>
    /// <param name="path">Its full path.</param>
    /// <param name="name">Its name in messages, relative to the directory.</param>
    /// <param name="blockBytes">Bytes of a block.</param>
    /// <param name="onRead">Told of bytes as they are read, or null.</param>
    public BlockReader(FileSystem files, string path, string name, int blockBytes, Action<long>? onRead = null)
    {
        _name = name;
        _blockBytes = blockBytes;
        _onRead = onRead;
        _at = PayloadBytes;
        _file = files.Open(path, FileOpenMode.ReadSequential);
        Length = _file.Length;
        _block = ArrayPool<byte>.Shared.Rent(blockBytes);
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>Position in the payload of what is read next.</summary>
    public long Position => _blockNumber < 0 ? 0 : _blockNumber * PayloadBytes + _at;

    /// <summary>Bytes of payload from here to the end of the last whole block.</summary>
    public long Remaining => Length / _blockBytes * PayloadBytes - Position;

    private int PayloadBytes => _blockBytes - HeaderBytes;

    /// <summary>Bytes of payload of a block.</summary>
    public int BlockPayloadBytes => PayloadBytes;

    /// <summary>Goes to a position of the payload; the block there is read and checked, unless it is the one in memory.</summary>
    /// <exception cref="StoreDamageException">BlockDamaged.</exception>
    public void Seek(long position)
    {
        if (position / PayloadBytes == _loaded)
        {
            _blockNumber = _loaded;
            _at = (int)(position % PayloadBytes);
            return;
        }

        _blockNumber = position / PayloadBytes - 1;
        _at = PayloadBytes;
        if (NextBlock()) _at = (int)(position % PayloadBytes);
    }

    /// <summary>Where a position of the payload is in the file.</summary>
    public long FileOffset(long position) => position / PayloadBytes * _blockBytes + HeaderBytes + position % PayloadBytes;

    /// <summary>Fills <paramref name="target"/>; fewer bytes only at the end.</summary>
    /// <exception cref="StoreDamageException">BlockDamaged.</exception>
    public int Read(Span<byte> target)
    {
        var total = 0;
        while (total < target.Length)
        {
            if (_at == PayloadBytes && !NextBlock()) break;
            var count = Math.Min(PayloadBytes - _at, target.Length - total);
            _block.AsSpan(HeaderBytes + _at, count).CopyTo(target[total..]);
            _at += count;
            total += count;
        }

        return total;
    }

    /// <summary>Reads to the end and returns whether everything there was zero.</summary>
    /// <exception cref="StoreDamageException">BlockDamaged.</exception>
    public bool RestIsZero()
    {
        do
        {
            if (_at < PayloadBytes && _block.AsSpan(HeaderBytes + _at, PayloadBytes - _at).ContainsAnyExcept((byte)0)) return false;
            _at = PayloadBytes;
        }
        while (NextBlock());
        return true;
    }

    public void Dispose()
    {
        _file.Dispose();
        var block = _block;
        _block = [];
        if (block.Length > 0) ArrayPool<byte>.Shared.Return(block);
    }

    private bool NextBlock()
    {
        var offset = (_blockNumber + 1) * _blockBytes;
        if (offset >= Length) return false;
        var block = _block.AsSpan(0, _blockBytes);
        _loaded = -1;
        var read = _file.Read(offset, block);
        _onRead?.Invoke(read);
        if (read < _blockBytes) throw Damaged($"the last block is cut short: {read:N0} of {_blockBytes:N0} bytes are there.", offset);
        if (BinaryPrimitives.ReadUInt64BigEndian(block) != Magic) throw Damaged("no block begins here.", offset);
        if (BinaryPrimitives.ReadUInt64BigEndian(block[8..]) != Crc32.Compute(block[HeaderBytes..]))
            throw Damaged("the checksum of the block is wrong.", offset);
        _loaded = ++_blockNumber;
        _at = 0;
        return true;
    }

    private StoreDamageException Damaged(string message, long offset) => new(StoreFindings.BlockDamaged, message, _name, offset);
}
