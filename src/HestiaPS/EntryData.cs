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
        var bytes = plain is null ? [] : DataEncoder.Encode(encoding, plain);
        if (bytes.Length == 0)
        {
            throw new HestiaException(
                HestiaErrorCode.KeyEmpty, "A key is empty; keys have 1 to 65,535 bytes.", action: "Give every entry a key.");
        }

        return bytes;
    }

    /// <summary>Bytes of a value; an empty one is a value, none at all is not.</summary>
    public static byte[] EncodeValue(DataEncoding encoding, object? value) => Unwrap(value) is { } plain
        ? DataEncoder.Encode(encoding, plain)
        : throw new HestiaCommandException(
            CommandErrors.EntryNotUnderstood, ErrorCategory.InvalidData, "The value is null.", null, "Give '' to store an empty value.");

    /// <summary>Bytes of a bound or prefix.</summary>
    public static byte[] Encode(DataEncoding encoding, object bound) => DataEncoder.Encode(encoding, Unwrap(bound)!);

    public static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
