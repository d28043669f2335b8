namespace Hestia.HestiaStore.Format;

/// <summary>
/// Reads keys of which each gives only what differs from the one before: <c>[u8 shared][u8 rest][rest bytes]</c>. Used by chunks, index.map
/// and sparse indexes. A key is at most 510 bytes long, so the buffer never grows past that.
/// </summary>
internal sealed class DiffKeyParser
{
    private const int MaxKeyBytes = 2 * byte.MaxValue;

    private readonly byte[] _key = new byte[MaxKeyBytes];
    private int _length;

    public ReadOnlySpan<byte> Key => _key.AsSpan(0, _length);

    /// <summary>Forgets the key before, as at the beginning of each chunk and file.</summary>
    public void Reset() => _length = 0;

    /// <summary>Reads the key at the beginning of <paramref name="source"/>; returns its bytes there, or -1 if no whole key is there.</summary>
    public int Read(ReadOnlySpan<byte> source, out string problem)
    {
        problem = "";
        if (source.Length < 2)
        {
            problem = "a single byte is left where a key should begin";
            return -1;
        }

        int shared = source[0], rest = source[1];
        if (shared > _length)
        {
            problem = $"a key shares {shared:N0} bytes with the key before, which has {_length:N0}";
            return -1;
        }

        if (source.Length - 2 < rest)
        {
            problem = $"a key ends {rest - (source.Length - 2):N0} bytes after the end";
            return -1;
        }

        if (shared + rest > MaxKeyBytes)
        {
            problem = $"a key has {shared + rest:N0} bytes";
            return -1;
        }

        source.Slice(2, rest).CopyTo(_key.AsSpan(shared));
        _length = shared + rest;
        return 2 + rest;
    }
}
