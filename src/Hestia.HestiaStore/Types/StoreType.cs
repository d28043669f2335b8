using Hestia.Core;

namespace Hestia.HestiaStore.Types;

/// <summary>
/// A key or value type of HestiaStore: how its type descriptor turns it into bytes, orders it, and which value it keeps for a deleted
/// entry. Immutable and thread-safe.
/// </summary>
public abstract class StoreType
{
    private const string Package = "org.hestiastore.index.datatype.";

    private static readonly StoreType[] s_all =
    [
        new StringType("String", isShort: false), new StringType("ShortString", isShort: true), new IntegerType(), new LongType(),
        new DoubleType(), new ByteType(), new ByteArrayType(),
    ];

    private readonly byte[] _tombstone;

    private protected StoreType(string name, Type clrType, byte[] tombstone)
    {
        Name = name;
        ClrType = clrType;
        _tombstone = tombstone;
    }

    /// <summary>Every type that is understood.</summary>
    public static IReadOnlyList<StoreType> All => s_all;

    /// <summary>Its name as HestiaStore has it, for example "Long" or "ShortString".</summary>
    public string Name { get; }

    /// <summary>The Java class that a manifest names it by.</summary>
    public string Descriptor => Package + "TypeDescriptor" + Name;

    /// <summary>What <see cref="Decode"/> gives: string, int, long, double, sbyte or byte[].</summary>
    public Type ClrType { get; }

    /// <summary>The bytes of the value that stands for a deleted entry.</summary>
    public ReadOnlyMemory<byte> Tombstone => _tombstone;

    /// <summary>Bytes of every key or value, or null where they differ in length.</summary>
    public virtual int? FixedLength => null;

    /// <summary>The type with that name ("Long") or descriptor class; refuses every other by name.</summary>
    /// <exception cref="HestiaException">FormatUnsupported.</exception>
    public static StoreType Find(string nameOrDescriptor) => TryFind(nameOrDescriptor) ?? throw new HestiaException(
        HestiaErrorCode.FormatUnsupported,
        $"The HestiaStore type '{nameOrDescriptor}' is not understood; {string.Join(", ", s_all.Select(static t => t.Name))} are.",
        nameOrDescriptor,
        "Use HestiaStore's own export to move such an index.");

    /// <summary>The type with that name or descriptor class, or null.</summary>
    public static StoreType? TryFind(string nameOrDescriptor)
    {
        foreach (var type in s_all)
            if (type.Name == nameOrDescriptor || type.Descriptor == nameOrDescriptor) return type;
        return null;
    }

    /// <summary>Whether bytes can be one of this type; says nothing about tombstones.</summary>
    public virtual bool IsValid(ReadOnlySpan<byte> bytes) => FixedLength is not { } length || bytes.Length == length;

    /// <summary>The object that bytes stand for; its type is <see cref="ClrType"/>.</summary>
    /// <exception cref="HestiaException">EncodingMismatch: the bytes are none of this type.</exception>
    public object Decode(ReadOnlySpan<byte> bytes) => IsValid(bytes)
        ? DecodeValid(bytes)
        : throw new HestiaException(HestiaErrorCode.EncodingMismatch, $"{bytes.Length:N0} bytes are no {Name} of HestiaStore.", Name);

    /// <summary>The bytes of an object, which is converted to <see cref="ClrType"/> where nothing is lost by that.</summary>
    /// <exception cref="HestiaException">EncodingMismatch: it is none of this type.</exception>
    public byte[] Encode(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        try
        {
            return EncodeObject(value);
        }
        catch (Exception e) when (e is InvalidCastException or FormatException or OverflowException)
        {
            throw new HestiaException(
                HestiaErrorCode.EncodingMismatch, $"'{value}' ({value.GetType().Name}) is no {Name} of HestiaStore: {e.Message}", Name, null, e);
        }
    }

    /// <summary>
    /// The order HestiaStore keeps keys in: negative, zero or positive. It is not always the order of the bytes (negative numbers), and for
    /// Byte it descends.
    /// </summary>
    /// <exception cref="HestiaException">FormatUnsupported: Integer keys 2^31 or more apart, which HestiaStore's comparator cannot order.</exception>
    public abstract int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right);

    /// <summary>Whether a value stands for a deleted entry.</summary>
    public bool IsTombstone(ReadOnlySpan<byte> value) => value.SequenceEqual(_tombstone);

    /// <summary>"Long"</summary>
    public override string ToString() => Name;

    /// <summary>Where the value at the beginning of a sorted file's bytes is: its bytes begin after <paramref name="header"/> bytes.</summary>
    /// <returns>False if no whole value is there.</returns>
    internal virtual bool TryMeasureStored(ReadOnlySpan<byte> source, out int header, out int length)
    {
        header = 0;
        length = FixedLength!.Value;
        return source.Length >= length;
    }

    /// <summary>Bytes that stand before a value of this type in a sorted file.</summary>
    internal virtual byte[] StoredHeader(int length) => [];

    private protected abstract object DecodeValid(ReadOnlySpan<byte> bytes);

    private protected abstract byte[] EncodeObject(object value);
}
