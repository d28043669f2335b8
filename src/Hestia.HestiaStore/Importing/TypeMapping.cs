using System.Buffers.Binary;
using System.Text;
using Hestia.Core;
using Hestia.Core.Keys;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Importing;

/// <summary>
/// How keys or values of a HestiaStore type are stored in an index of ours. Keys keep the order people expect of the type (numbers by value, text by
/// character), whatever the order HestiaStore had. docs/hestiastore.md has the table.
/// </summary>
internal sealed class TypeMapping
{
    private const ulong SignBit = 1UL << 63;

    private readonly StoreType _type;
    private readonly bool _isKey;
    private byte[] _buffer = new byte[256];

    public TypeMapping(StoreType type, bool isKey)
    {
        _type = type;
        _isKey = isKey;
        Encoding = type switch
        {
            StringType => DataEncoding.Utf8,
            IntegerType or LongType or ByteType => DataEncoding.Int64,
            _ => DataEncoding.Bytes,
        };
    }

    /// <summary>How they are shown.</summary>
    public DataEncoding Encoding { get; }

    /// <summary>The bytes in an index of ours; valid until the next call.</summary>
    public ReadOnlySpan<byte> Map(ReadOnlySpan<byte> bytes)
    {
        switch (_type)
        {
            case StringType:
                return FromLatin1(bytes);
            case IntegerType:
                return FromNumber(BinaryPrimitives.ReadInt32BigEndian(bytes));
            case LongType:
                return FromNumber(BinaryPrimitives.ReadInt64BigEndian(bytes));
            case ByteType:
                return FromNumber((sbyte)bytes[0]);
            case DoubleType when _isKey:
                var bits = BinaryPrimitives.ReadUInt64BigEndian(bytes);
                BinaryPrimitives.WriteUInt64BigEndian(_buffer, (bits & SignBit) != 0 ? ~bits : bits | SignBit);
                return _buffer.AsSpan(0, sizeof(ulong));
            default:
                return bytes;
        }
    }

    /// <summary>ISO-8859-1 is the first 256 characters: each takes one byte or two.</summary>
    private ReadOnlySpan<byte> FromLatin1(ReadOnlySpan<byte> bytes)
    {
        if (Ascii.IsValid(bytes)) return bytes;
        if (_buffer.Length < 2 * bytes.Length) _buffer = new byte[2 * bytes.Length];
        var length = 0;
        foreach (var b in bytes)
        {
            if (b < 0x80)
            {
                _buffer[length++] = b;
                continue;
            }

            _buffer[length++] = (byte)(0xC0 | (b >> 6));
            _buffer[length++] = (byte)(0x80 | (b & 0x3F));
        }

        return _buffer.AsSpan(0, length);
    }

    private ReadOnlySpan<byte> FromNumber(long number)
    {
        DataEncoder.EncodeInt64(number, _buffer);
        return _buffer.AsSpan(0, sizeof(long));
    }
}
