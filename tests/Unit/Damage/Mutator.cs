using System.Buffers.Binary;
using System.Text;

namespace Hestia.Unit.Damage;

/// <summary>Changes valid inputs the way accidents and attackers do. Everything follows from the seed.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 127, 128, 255, 256, 4095, 32_768, 65_535, 65_536, 1 << 20, (1 << 20) + 1, 64 << 20, int.MaxValue, 0x8000_0000, uint.MaxValue,
        uint.MaxValue + 1UL, long.MaxValue, 0x8000_0000_0000_0000, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    private static readonly string[] Values =
    [
        "0", "-1", "1", "2147483648", "9223372036854775807", "18446744073709551615", "1e400", "-0", "0.5", "null", "true", "[]", "{}", "\"\"",
        "\"x\"", "\"\\u0000\"", "\"zz\"", "[[[[[[[[]]]]]]]]", "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"", "\"9999-12-31T23:59:59Z\"",
        "\"0001-01-01T00:00:00+14:00\"", "\"Sync\"", "\"99\"", "{\"a\":", "\"" + "00" + "\"",
    ];

    private readonly Random _random = new(seed);

    public int Next(int limit) => _random.Next(limit);

    /// <summary>Random bytes, or bytes that are mostly zeros, or text.</summary>
    public byte[] Noise(int limit)
    {
        var bytes = new byte[_random.Next(limit)];
        switch (_random.Next(3))
        {
            case 0:
                _random.NextBytes(bytes);
                break;
            case 1:
                for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)(_random.Next(12) == 0 ? _random.Next(256) : 0);
                break;
            default:
                for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)"{}[]:,\"0123456789eE.-+ \n\tabcdeftrunl\\u"[_random.Next(37)];
                break;
        }

        return bytes;
    }

    /// <summary>One to four changes.</summary>
    public byte[] Mutate(byte[] valid)
    {
        var bytes = (byte[])valid.Clone();
        for (var i = _random.Next(1, 5); i > 0 && bytes.Length > 0; i--) bytes = Change(bytes);
        return bytes;
    }

    /// <summary>Other values for one to three members of a JSON text, which stays as it is otherwise.</summary>
    public byte[] MutateJson(byte[] valid)
    {
        var text = Encoding.UTF8.GetString(valid);
        for (var i = _random.Next(1, 4); i > 0; i--)
        {
            var colons = Positions(text, ':');
            if (colons.Count == 0) break;
            var at = colons[_random.Next(colons.Count)] + 1;
            var end = text.IndexOfAny([',', '}', ']'], at);
            if (end < 0) end = text.Length;
            text = _random.Next(8) switch
            {
                0 => text.Remove(at, end - at), // no value
                1 => text.Insert(end, text[at..end]), // twice
                2 => text[..at] + new string('[', 200) + text[at..], // deep
                3 => text[..at] + "\"" + new string('a', _random.Next(2000)) + "\"" + text[end..],
                _ => text[..at] + Values[_random.Next(Values.Length)] + text[end..],
            };
        }

        return Encoding.UTF8.GetBytes(text);
    }

    private byte[] Change(byte[] bytes)
    {
        var at = _random.Next(bytes.Length);
        var length = Math.Min(_random.Next(1, 1 + Math.Min(64, bytes.Length)), bytes.Length - at);
        switch (_random.Next(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)_random.Next(256);
                return bytes;
            case 2 when bytes.Length >= 4:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(Math.Min(at, bytes.Length - 4)), (uint)Numbers[_random.Next(Numbers.Length)]);
                return bytes;
            case 3 when bytes.Length >= 8:
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(Math.Min(at, bytes.Length - 8)), Numbers[_random.Next(Numbers.Length)]);
                return bytes;
            case 4:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 5:
                var inserted = new byte[length];
                _random.NextBytes(inserted);
                return [.. bytes[..at], .. inserted, .. bytes[at..]];
            case 6:
                return [.. bytes[..at], .. bytes[at..(at + length)], .. bytes[at..]];
            case 7:
                return bytes[..at];
            default:
                bytes.AsSpan(at, length).Clear();
                return bytes;
        }
    }

    private static List<int> Positions(string text, char wanted)
    {
        var found = new List<int>();
        for (var at = text.IndexOf(wanted, StringComparison.Ordinal); at >= 0; at = text.IndexOf(wanted, at + 1)) found.Add(at);
        return found;
    }
}
