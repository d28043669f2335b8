using System.Collections;
using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS;

/// <summary>What PowerShell hands over, turned into what the engine's encoder takes. Nothing is guessed beyond unwrapping.</summary>
internal static class EntryData
{
    private const string KeyProperty = "Key";

    /// <summary>The keys in an argument: one, or those of an array (bytes are one key).</summary>
    public static IEnumerable<object?> Keys(object? argument) => Unwrap(argument) switch
    {
        byte[] => [argument],
        object?[] keys => keys,
        IList keys => keys.Cast<object?>(),
        _ => [argument],
    };

    /// <summary>Bytes of a key. An entry, or any object with a Key, stands for its key.</summary>
    public static byte[] EncodeKey(DataEncoding encoding, object? key)
    {
        var plain = Unwrap(key);
        plain = plain switch
        {
            IndexEntry entry => entry.Key,
            DictionaryEntry pair => Unwrap(pair.Key),
            PSCustomObject when key is PSObject custom => Unwrap(custom.Properties[KeyProperty]?.Value) ?? plain,
            _ => plain,
        };
        var bytes = plain is null ? [] : EncodePlain(encoding, plain);
        if (bytes.Length == 0)
        {
            throw new HestiaException(
                HestiaErrorCode.KeyEmpty, "A key is empty; keys have 1 to 65,535 bytes.", action: "Give every entry a key.");
        }

        return bytes;
    }

    /// <summary>Bytes of a value; an empty one is a value, none at all is not.</summary>
    public static byte[] EncodeValue(DataEncoding encoding, object? value) => Unwrap(value) is { } plain
        ? EncodePlain(encoding, plain)
        : throw new HestiaCommandException(
            CommandErrors.EntryNotUnderstood, ErrorCategory.InvalidData, "The value is null.", null, "Give '' to store an empty value.");

    /// <summary>Bytes of a bound or prefix.</summary>
    public static byte[] Encode(DataEncoding encoding, object bound) => EncodePlain(encoding, Unwrap(bound)!);

    public static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    /// <summary>Text, numbers, GUIDs and bytes only: what a date or an object looks like as text is the caller's decision.</summary>
    private static byte[] EncodePlain(DataEncoding encoding, object plain) => plain switch
    {
        byte[] or string or char or Guid or System.Numerics.BigInteger => DataEncoder.Encode(encoding, plain),
        Enum or bool or DateTime => throw NotData(plain),
        IConvertible => DataEncoder.Encode(encoding, plain), // the numbers are what is left
        _ => throw NotData(plain),
    };

    private static HestiaException NotData(object plain) => new(
        HestiaErrorCode.EncodingMismatch, $"A {plain.GetType().Name} is not text, a number, a GUID or bytes.",
            action: "Convert it to what should be stored.");
}
