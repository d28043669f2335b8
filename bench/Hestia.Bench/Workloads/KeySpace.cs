using System.Buffers.Binary;

namespace Hestia.Bench.Workloads;

/// <summary>
/// The keys and values of entry number i: the same for every engine and round, made without memory. Keys are 16 bytes, either of i itself
/// (sequential) or of a mixed i (random); mixing is one-to-one, so every key is written once and keys past the end are missing.
/// </summary>
internal readonly struct KeySpace(bool random, int valueBytes, KeyKind keys, ValueKind values)
{
    public const int KeyBytes = 16;

    public int ValueBytes { get; } = valueBytes;

    public bool Random { get; } = random;

    public int EntryBytes => KeyBytes + ValueBytes;

    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    public void Key(long number, Span<byte> destination)
    {
        var value = Random ? Mix((ulong)number + 1) : (ulong)number;
        if (keys == KeyKind.Binary)
        {
            // The number last where order is that of the number; otherwise all 16 bytes are mixed.
            BinaryPrimitives.WriteUInt64BigEndian(destination, Random ? value : 0);
            BinaryPrimitives.WriteUInt64BigEndian(destination[sizeof(ulong)..], Random ? Mix(value) : value);
            return;
        }

        for (var i = KeyBytes - 1; i >= 0; i--)
        {
            destination[i] = "0123456789abcdef"u8[(int)(value & 15)];
            value >>= 4;
        }
    }

    public void Value(long number, Span<byte> destination)
    {
        var randomBytes = values switch { ValueKind.Constant => 0, ValueKind.Half => destination.Length / 2, _ => destination.Length };
        var state = Mix((ulong)number ^ 0x9E3779B97F4A7C15);
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        for (var i = 0; i < randomBytes; i += sizeof(ulong))
        {
            state = Mix(state + 0x9E3779B97F4A7C15);
            BinaryPrimitives.WriteUInt64LittleEndian(word, state);
            word[..Math.Min(sizeof(ulong), randomBytes - i)].CopyTo(destination[i..]);
        }

        destination[randomBytes..].Fill((byte)'v');
    }
}

/// <summary>What the 16 bytes of a key are.</summary>
internal enum KeyKind
{
    /// <summary>16 hex digits, 8 bytes of information.</summary>
    Hex,

    /// <summary>16 bytes, all of them information where keys are random.</summary>
    Binary,
}

/// <summary>What values are made of: decides how well they compress.</summary>
internal enum ValueKind
{
    /// <summary>The same letter throughout.</summary>
    Constant,

    /// <summary>The first half random, the rest constant.</summary>
    Half,

    /// <summary>Random throughout.</summary>
    Random,
}
