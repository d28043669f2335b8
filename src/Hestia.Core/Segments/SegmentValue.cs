using Hestia.Core.Caching;

namespace Hestia.Core.Segments;

/// <summary>What a point lookup found. The value lies in a pinned block until Dispose, which must be called once.</summary>
internal readonly unsafe struct SegmentValue : IDisposable
{
    private readonly BlockHandle _block;
    private readonly NativeBuffer? _large;
    private readonly byte* _value;
    private readonly int _length;

    internal SegmentValue(BlockHandle block, ulong lsn, OperationKind kind, byte* value, int length)
    {
        _block = block;
        _value = value;
        _length = length;
        Lsn = lsn;
        Kind = kind;
    }

    internal SegmentValue(NativeBuffer large, ulong lsn, int start, int length)
    {
        _large = large;
        _value = large.Pointer + start;
        _length = length;
        Lsn = lsn;
    }

    /// <summary>0 where it was dropped.</summary>
    public ulong Lsn { get; }

    public OperationKind Kind { get; }

    /// <summary>Empty for a tombstone.</summary>
    public ReadOnlySpan<byte> Value => new(_value, _length);

    public void Dispose()
    {
        _block.Release();
        _large?.Dispose();
    }
}
