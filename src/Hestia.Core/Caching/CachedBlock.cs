using System.Runtime.InteropServices;

namespace Hestia.Core.Caching;

/// <summary>
/// What stands in front of a block's bytes in native memory. <see cref="References"/> counts the pins, plus one while the block is in
/// the cache's table; whoever takes it to zero frees the memory. A pin is only taken under the shard's lock or from a pin already held,
/// so under the lock a count of one proves that nobody else uses the block.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal unsafe struct CachedBlock
{
    public const int Size = 64;

    public ulong Segment;
    public ulong Offset;
    public CachedBlock* Next;
    public int References;
    public int Length;
    public int ChunkBytes;
    public int ClockIndex;
    public int Shard;
    public bool Recent;

    public static byte* DataOf(CachedBlock* block) => (byte*)block + Size;
}

/// <summary>
/// A pinned block: its bytes stay where they are until <see cref="Release"/>, which must be called exactly once.
/// Copies of the struct are the same pin.
/// </summary>
internal readonly unsafe struct BlockHandle
{
    private readonly BlockCache? _cache;
    private readonly CachedBlock* _block;

    internal BlockHandle(BlockCache cache, CachedBlock* block)
    {
        _cache = cache;
        _block = block;
    }

    public bool IsEmpty => _block == null;

    public byte* Data => CachedBlock.DataOf(_block);

    public int Length => _block->Length;

    internal CachedBlock* Block => _block;

    public ReadOnlySpan<byte> Span => new(Data, Length);

    public void Release()
    {
        if (_block != null) _cache!.Release(_block);
    }
}
