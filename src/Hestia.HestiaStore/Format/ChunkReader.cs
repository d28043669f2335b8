using System.Buffers;
using System.Buffers.Binary;
using Hestia.Core.IO;

namespace Hestia.HestiaStore.Format;

/// <summary>
/// The chunks of a sorted file one after the other: <c>[u64 magic][i32 version][i32 stored length][u64 CRC-32][u64 flags][payload to 16
/// bytes]</c>, big-endian. Zeros, not a wrong magic number, are the end: HestiaStore takes either, and so loses what stands behind a chunk
/// whose header is damaged. Holds one block and one decoded chunk.
/// </summary>
internal sealed class ChunkReader : IDisposable
{
    public const int HeaderBytes = 32;
    public const int Alignment = 16;

    /// <summary>"theodora"</summary>
    public const ulong Magic = 0x7468656F646F7261;

    private const int Version = 1;
    private const int CancellationStride = 64 << 10;

    private readonly BlockReader _blocks;
    private readonly ChunkFilter[] _filters;
    private readonly string _name;
    private byte[] _payload = [];
    private int _length;

    public ChunkReader(FileSystem files, string path, string name, int blockBytes, ChunkFilter[] filters, Action<long>? onRead = null)
    {
        _blocks = new BlockReader(files, path, name, blockBytes, onRead);
        _filters = filters;
        _name = name;
    }

    /// <summary>The entries of the chunk, decoded. Valid until the next call.</summary>
    public ReadOnlySpan<byte> Payload => _payload.AsSpan(0, _length);

    /// <summary>Where the chunk begins, as the sparse index names it.</summary>
    public long Position { get; private set; }

    /// <summary>Where the chunk begins in the file.</summary>
    public long FileOffset => _blocks.FileOffset(Position);

    /// <summary>Goes on behind damage at the next place where a chunk begins; false if there is none.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public bool Resume(CancellationToken cancellation)
    {
        _length = 0;
        Span<byte> magic = stackalloc byte[sizeof(ulong)];
        var position = Position + Alignment;
        while (_blocks.FileOffset(position) + HeaderBytes <= _blocks.Length)
        {
            if (position % CancellationStride == 0) cancellation.ThrowIfCancellationRequested();
            try
            {
                _blocks.Seek(position);
                if (_blocks.Read(magic) == magic.Length && BinaryPrimitives.ReadUInt64BigEndian(magic) == Magic)
                {
                    _blocks.Seek(position);
                    Position = position;
                    return true;
                }

                position += Alignment;
            }
            catch (StoreDamageException)
            {
                position = (position / _blocks.BlockPayloadBytes + 1) * _blocks.BlockPayloadBytes;
            }
        }

        return false;
    }

    /// <summary>Moves to the next chunk; false at the end.</summary>
    /// <exception cref="StoreDamageException">BlockDamaged, ChunkDamaged.</exception>
    public bool MoveNext()
    {
        _length = 0;
        Position = _blocks.Position;
        Span<byte> header = stackalloc byte[HeaderBytes];
        var read = _blocks.Read(header);
        if (read == 0) return false;
        if (read < HeaderBytes || BinaryPrimitives.ReadUInt64BigEndian(header) != Magic)
        {
            if (!header[..read].ContainsAnyExcept((byte)0) && _blocks.RestIsZero()) return false;
            throw Damaged("no chunk begins here, and it is not the end; HestiaStore would take it for the end and lose what follows.");
        }

        var version = BinaryPrimitives.ReadInt32BigEndian(header[8..]);
        if (version != Version) throw new StoreDamageException(StoreFindings.FormatUnsupported,
            $"the chunk has version {version}; {Version} is understood.", _name, FileOffset);
        var stored = BinaryPrimitives.ReadInt32BigEndian(header[12..]);
        var padded = ((long)stored + Alignment - 1) / Alignment * Alignment;
        if (stored <= 0 || stored > ChunkFilters.MaxPayloadBytes || padded > _blocks.Remaining)
            throw Damaged($"the chunk claims {stored:N0} bytes, where {_blocks.Remaining:N0} are left.");
        Rent((int)padded);
        if (_blocks.Read(_payload.AsSpan(0, (int)padded)) < padded) throw Damaged("the chunk is cut short.");
        var length = stored;
        var problem = ChunkFilters.Decode(
            _filters, BinaryPrimitives.ReadUInt64BigEndian(header[16..]), BinaryPrimitives.ReadUInt64BigEndian(header[24..]), ref _payload, ref length);
        if (problem is not null) throw Damaged(problem + ".");
        _length = length;
        return true;
    }

    public void Dispose()
    {
        _blocks.Dispose();
        Return();
    }

    private void Rent(int bytes)
    {
        if (_payload.Length >= bytes) return;
        Return();
        _payload = ArrayPool<byte>.Shared.Rent(bytes);
    }

    private void Return()
    {
        var payload = _payload;
        _payload = [];
        _length = 0;
        if (payload.Length > 0) ArrayPool<byte>.Shared.Return(payload);
    }

    private StoreDamageException Damaged(string message) => new(StoreFindings.ChunkDamaged, message, _name, FileOffset);
}
