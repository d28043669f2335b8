namespace Hestia.Core.Reading;

/// <summary>The bounds of a scan in one form: a first key included, and an end key included or not. Null is open.</summary>
internal readonly struct ScanBounds
{
    public ScanBounds(in ScanOptions options)
    {
        Lower = options.From?.ToArray();
        Upper = options.To?.ToArray();
        UpperInclusive = options.ToInclusive;
        if (options.Prefix is not { Length: > 0 } prefix) return;
        var first = prefix.ToArray();
        if (Lower is null || Lower.AsSpan().SequenceCompareTo(first) < 0) Lower = first;
        var end = After(first);
        if (end is null) return;
        if (Upper is null || Upper.AsSpan().SequenceCompareTo(end) >= 0)
        {
            Upper = end;
            UpperInclusive = false;
        }
    }

    public byte[]? Lower { get; }

    public byte[]? Upper { get; }

    public bool UpperInclusive { get; }

    public bool IsPastUpper(ReadOnlySpan<byte> key)
    {
        if (Upper is null) return false;
        var order = key.SequenceCompareTo(Upper);
        return UpperInclusive ? order > 0 : order >= 0;
    }

    public bool IsBeforeLower(ReadOnlySpan<byte> key) => Lower is not null && key.SequenceCompareTo(Lower) < 0;

    /// <summary>The smallest key after every key with this prefix; null if the prefix is all 0xFF.</summary>
    private static byte[]? After(byte[] prefix)
    {
        for (var i = prefix.Length - 1; i >= 0; i--)
        {
            if (prefix[i] == 0xFF) continue;
            var end = prefix[..(i + 1)];
            end[i]++;
            return end;
        }

        return null;
    }
}
