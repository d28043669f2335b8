using System.Buffers.Binary;
using Hestia.Core.IO;

namespace Hestia.HestiaStore.Format;

/// <summary>
/// The sparse index of a segment ("scarce"): the last key of each chunk with the position of the chunk, keys as differences, positions as 32
/// bits big-endian. It has no checksum. Read one by one, beside the chunks.
/// </summary>
internal sealed class ScarceIndex
{
    private const int MaxFileBytes = 1 << 30;

    private readonly byte[] _bytes;
    private readonly string _name;
    private readonly DiffKeyParser _keys = new();
    private int _at;

    private ScarceIndex(byte[] bytes, string name)
    {
        _bytes = bytes;
        _name = name;
    }

    public ReadOnlySpan<byte> Key => _keys.Key;

    public int Position { get; private set; }

    /// <exception cref="StoreDamageException">ScarceIndexDamaged: larger than HestiaStore could hold.</exception>
    public static ScarceIndex Open(FileSystem files, string directory, string name)
    {
        try
        {
            return new ScarceIndex(files.ReadAllBytes(Path.Combine(directory, name), MaxFileBytes), name);
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamageException(StoreFindings.ScarceIndexDamaged, e.Message, name);
        }
    }

    /// <summary>Moves to the next entry; false at the end.</summary>
    /// <exception cref="StoreDamageException">ScarceIndexDamaged.</exception>
    public bool MoveNext()
    {
        if (_at == _bytes.Length) return false;
        var offset = _at;
        var length = _keys.Read(_bytes.AsSpan(_at), out var problem);
        if (length < 0 || _bytes.Length - _at - length < sizeof(int))
            throw new StoreDamageException(StoreFindings.ScarceIndexDamaged, (length < 0 ? problem : "a position is cut short") + ".", _name, offset);
        Position = BinaryPrimitives.ReadInt32BigEndian(_bytes.AsSpan(_at + length));
        _at += length + sizeof(int);
        return true;
    }
}
