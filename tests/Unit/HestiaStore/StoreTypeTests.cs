using Hestia.Core;
using Hestia.HestiaStore.Types;

namespace Hestia.Unit.HestiaStore;

/// <summary>The types of HestiaStore: bytes, order, tombstones.</summary>
public sealed class StoreTypeTests
{
    public static TheoryData<string, object, string> Encodings => new()
    {
        { "Integer", 1, "00000001" },
        { "Integer", -2, "FFFFFFFE" },
        { "Long", 258L, "0000000000000102" },
        { "Double", -0.5, "BFE0000000000000" },
        { "Byte", (sbyte)-3, "FD" },
        { "String", "aé", "61E9" },
        { "ShortString", "", "" },
        { "ByteArray", new byte[] { 0, 255 }, "00FF" },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_value_and_its_bytes(string type, object value, string bytes)
    {
        var found = StoreType.Find(type);
        Assert.Equal(bytes, Convert.ToHexString(found.Encode(value)));
        Assert.Equal(value, found.Decode(Convert.FromHexString(bytes)));
        Assert.Same(found, StoreType.Find(found.Descriptor));
        Assert.Equal(found.ClrType, value.GetType());
    }

    [Theory]
    [InlineData("Integer", "80000001")]
    [InlineData("Long", "8000000000000001")]
    [InlineData("Double", "7FEFFFFFFFFFFFFF")]
    [InlineData("Byte", "80")]
    [InlineData("ShortString", "282A265E25242340212D316561613962326332")]
    public void Tombstones(string type, string begins)
    {
        var found = StoreType.Find(type);
        if (type != "ShortString") Assert.Equal(begins, Convert.ToHexString(found.Tombstone.Span));
        else Assert.Equal("(*&^%$#@!)-1eaa9b2c-3c11-11ee-be56-0242ac120002", found.Decode(found.Tombstone.Span));
        Assert.True(found.IsTombstone(found.Tombstone.Span));
    }

    [Fact]
    public void The_order_is_the_types_own()
    {
        AssertAscending("Integer", -5, -1, 0, 7);
        AssertAscending("Long", long.MinValue, -1L, 0L, long.MaxValue);
        AssertAscending("Double", double.NegativeInfinity, -1.5, -0.0, 0.0, 3e300, double.PositiveInfinity, double.NaN);
        AssertAscending("Byte", (sbyte)127, (sbyte)0, (sbyte)-128);
        AssertAscending("String", "", "a", "ab", "b", "é");
        AssertAscending("ByteArray", new byte[] { 1 }, new byte[] { 1, 0 }, new byte[] { 255 });
    }

    [Fact]
    public void What_HestiaStore_cannot_order_is_refused()
    {
        var type = StoreType.Find("Integer");
        var refused = Assert.Throws<HestiaException>(() => type.Compare(type.Encode(int.MinValue), type.Encode(int.MaxValue)));
        Assert.Equal(HestiaErrorCode.FormatUnsupported, refused.Code);
    }

    [Theory]
    [InlineData("Float")]
    [InlineData("org.hestiastore.index.datatype.TypeDescriptorNull")]
    [InlineData("com.example.MyType")]
    public void Other_types_are_refused_by_name(string type) =>
        Assert.Contains(type, Assert.Throws<HestiaException>(() => StoreType.Find(type)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("Integer", 3_000_000_000L)]
    [InlineData("Integer", 1.5)]
    [InlineData("Integer", "x")]
    [InlineData("String", "€")]
    [InlineData("ByteArray", "x")]
    public void What_does_not_fit_is_refused(string type, object value) =>
        Assert.Equal(HestiaErrorCode.EncodingMismatch, Assert.Throws<HestiaException>(() => StoreType.Find(type).Encode(value)).Code);

    [Theory]
    [InlineData("Long", 7)]
    [InlineData("Byte", 0)]
    public void Bytes_of_another_length_are_refused(string type, int length) =>
        Assert.Equal(HestiaErrorCode.EncodingMismatch, Assert.Throws<HestiaException>(() => StoreType.Find(type).Decode(new byte[length])).Code);

    private static void AssertAscending(string type, params object[] values)
    {
        var found = StoreType.Find(type);
        for (var i = 0; i < values.Length; i++)
            for (var j = 0; j < values.Length; j++)
                Assert.Equal(Math.Sign(i.CompareTo(j)), Math.Sign(found.Compare(found.Encode(values[i]), found.Encode(values[j]))));
    }
}
