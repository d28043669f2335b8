using Hestia.Core;
using Hestia.Core.Keys;
using Hestia.HestiaStore.Types;

namespace HestiaPS;

/// <summary>How keys or values of an index are shown and taken: by the encoding of ours, or by the type HestiaStore has them in.</summary>
internal readonly struct DataView
{
    private readonly DataEncoding _encoding;
    private readonly StoreType? _type;

    public DataView(DataEncoding encoding) => _encoding = encoding;

    public DataView(StoreType type) => _type = type;

    public static implicit operator DataView(DataEncoding encoding) => new(encoding);

    /// <summary>What the bytes stand for; the bytes themselves where they are none of the type.</summary>
    public object Decode(byte[] bytes) =>
        _type is null ? DataEncoder.Decode(_encoding, bytes) : _type.IsValid(bytes) ? _type.Decode(bytes) : bytes;

    /// <summary>The bytes of a bound or prefix that someone wrote.</summary>
    public byte[] EncodeBound(object bound) => _type is null ? EntryData.Encode(_encoding, bound) : _type.Encode(EntryData.Unwrap(bound)!);

    /// <summary>The bytes of a key that someone wrote.</summary>
    public byte[] EncodeKey(object key) => _type is null ? EntryData.EncodeKey(_encoding, key)
        : _type.Encode(EntryData.Unwrap(key)!);
}
