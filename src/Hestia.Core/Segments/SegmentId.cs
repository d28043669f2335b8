using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hestia.Core.Segments;

/// <summary>The name of a segment: the SHA-256 of its bytes. Written as 64 lower-case hexadecimal digits.</summary>
public readonly record struct SegmentId : IComparable<SegmentId>
{
    /// <summary>Length of the hash, in bytes.</summary>
    public const int Size = 32;

    private readonly Bytes _bytes;

    /// <summary>Takes the 32 bytes of a SHA-256.</summary>
    /// <exception cref="ArgumentException">Not 32 bytes.</exception>
    public SegmentId(ReadOnlySpan<byte> hash)
    {
        if (hash.Length != Size) throw new ArgumentException("A segment id is 32 bytes.", nameof(hash));
        hash.CopyTo(_bytes);
    }

    /// <summary>Reads 64 hexadecimal digits; false if it is anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SegmentId id)
    {
        id = default;
        if (text is not { Length: 2 * Size }) return false;
        foreach (var c in text)
            if (!char.IsAsciiHexDigitLower(c) && !char.IsAsciiDigit(c)) return false;
        id = new SegmentId(Convert.FromHexString(text));
        return true;
    }

    /// <summary>Copies the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination) => ((ReadOnlySpan<byte>)_bytes).CopyTo(destination);

    /// <inheritdoc/>
    public bool Equals(SegmentId other) => ((ReadOnlySpan<byte>)_bytes).SequenceEqual(other._bytes);

    /// <inheritdoc/>
    public override int GetHashCode() => BitConverter.ToInt32(_bytes);

    /// <inheritdoc/>
    public int CompareTo(SegmentId other) => ((ReadOnlySpan<byte>)_bytes).SequenceCompareTo(other._bytes);

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexString(_bytes).ToLowerInvariant();

    [InlineArray(Size)]
    private struct Bytes
    {
        private byte _first;
    }
}
