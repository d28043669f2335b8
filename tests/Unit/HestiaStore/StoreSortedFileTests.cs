using System.Text;
using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Repair;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Importing;
using Hestia.HestiaStore.Repair;
using Hestia.HestiaStore.Types;
using Hestia.Unit.Backup;

namespace Hestia.Unit.HestiaStore;

/// <summary>Main and delta files of every type and through every filter, written from the description of the format alone.</summary>
public sealed class StoreSortedFileTests
{
    private static readonly string[] s_types = ["String", "ShortString", "Integer", "Long", "Double", "Byte", "ByteArray"];

    public static TheoryData<string, string> Types
    {
        get
        {
            var data = new TheoryData<string, string>();
            for (var i = 0; i < s_types.Length; i++)
            {
                data.Add(s_types[i], s_types[i]);
                data.Add(s_types[i], s_types[(i + 3) % s_types.Length]);
            }

            return data;
        }
    }

    public static TheoryData<string> Filters => ["", "do-nothing", "crc32", "magic-number", "snappy", "xor", "crc32,magic-number", "crc32,magic-number,snappy",
        "crc32,magic-number,snappy,xor", "xor,snappy,crc32", "snappy,do-nothing,xor"];

    /// <summary>Delta 0 changes the second key and deletes the third, delta 1 puts the third again, deletes the last and adds nothing new.</summary>
    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_is_read_checked_repaired_and_imported(string keyType, string valueType)
    {
        var keys = Sample(keyType);
        var values = Sample(valueType);
        var tombstone = StoreType.Find(valueType).Tombstone.ToArray();
        var main = StoreWriter.Entries(keyType, keys, valueType, [.. Enumerable.Range(0, keys.Length).Select(i => values[i % values.Length])]);
        (byte[], byte[])[] first = [(main[1].Key, main[0].Value), (main[2].Key, tombstone)];
        (byte[], byte[])[] second = [(main[2].Key, main[1].Value), (main[^1].Key, tombstone)];
        var image = new StoreWriter(keyType, valueType, "crc32", "magic-number").Image(main, first, second);
        var expected = main[..^1];
        expected[1].Value = main[0].Value;
        expected[2].Value = main[1].Value;

        var files = StoreImage.Load(image);
        AssertHolds(files, expected);
        files.DeleteFile(Path.Combine(StoreImage.Root, StoreWriter.Folder, "v01-scarce.sst"));
        Assert.Empty(StoreRepairer.Repair(files, StoreImage.Root, new RepairOptions(), null, default).Lost);
        AssertHolds(files, expected);

        using var folder = new TemporaryFolder();
        Write(image, folder["source"]);
        using var source = StoreImport.Open(folder["source"]);
        var result = IndexImport.Create(source, folder["imported"]);
        Assert.Equal((expected.Length, true), (result.Entries, result.FingerprintsAgree));
        using var index = HestiaIndex.Open(folder["imported"], new IndexOptions { ReadOnly = true });
        var (keyMapping, valueMapping) = (new TypeMapping(StoreType.Find(keyType), true), new TypeMapping(StoreType.Find(valueType), false));
        foreach (var (key, value) in expected)
            Assert.Equal(valueMapping.Map(value).ToArray(), index.Get(keyMapping.Map(key).ToArray()));
    }

    [Theory]
    [MemberData(nameof(Filters))]
    public void Every_filter_is_undone_and_done_again_to_the_byte(string list)
    {
        var filters = list.Split(',', StringSplitOptions.RemoveEmptyEntries);
        var writer = new StoreWriter("ShortString", "Integer", filters);
        var main = StoreWriter.Entries("ShortString", [.. Enumerable.Range(0, 800).Select(static i => $"key-{i:D5}")], "Integer",
            [.. Enumerable.Range(0, 800).Select(static i => (object)(i * 77))]);
        var image = writer.Image(main);
        Assert.True(image[StoreWriter.Main].Length > 4 * StoreWriter.BlockBytes);
        AssertHolds(StoreImage.Load(image), main);

        // Written again it is the same file: what is written here is what HestiaStore writes. Snappy alone may choose among encodings.
        var files = StoreImage.Load(image);
        files.DeleteFile(Path.Combine(StoreImage.Root, StoreWriter.Folder, "v01-scarce.sst"));
        StoreRepairer.Repair(files, StoreImage.Root, new RepairOptions(), null, default);
        AssertHolds(files, main);
        if (filters.Contains("snappy")) return;
        Assert.Equal(image[StoreWriter.Main], files.ReadAllBytes(Path.Combine(StoreImage.Root, StoreWriter.Folder, "v02-index.sst"), int.MaxValue));
        Assert.Equal(image[StoreWriter.Folder + "/v01-scarce.sst"],
            files.ReadAllBytes(Path.Combine(StoreImage.Root, StoreWriter.Folder, "v02-scarce.sst"), int.MaxValue));
    }

    /// <summary>A manifest that names other filters than the chunks went through: the entries are never what comes out of the wrong ones.</summary>
    [Theory]
    [InlineData("crc32,magic-number", "crc32,magic-number,xor")]
    [InlineData("crc32,magic-number,xor", "crc32,magic-number")]
    [InlineData("snappy", "")]
    [InlineData("", "snappy")]
    [InlineData("xor", "magic-number")]
    public void Filters_that_the_chunks_did_not_go_through_are_damage(string wrote, string says)
    {
        var main = StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long"));
        var image = new StoreWriter("Long", "Long", wrote.Split(',', StringSplitOptions.RemoveEmptyEntries)).Image(main);
        image["manifest.txt"] = new StoreWriter("Long", "Long", says.Split(',', StringSplitOptions.RemoveEmptyEntries)).Image(main)["manifest.txt"];
        var files = StoreImage.Load(image);
        var finding = Assert.Single(StoreChecker.Check(files, StoreImage.Root).Findings, static f => f.Code == StoreFindings.ChunkDamaged);
        Assert.Equal((StoreWriter.Main, FindingSeverity.Error), (finding.File, finding.Severity));
        Assert.Equal(HestiaErrorCode.SegmentDamaged, Assert.Throws<HestiaException>(() => Read(files)).Code);
    }

    [Fact]
    public void A_chunk_whose_own_checksum_is_wrong_is_damage_behind_a_right_one_of_its_block()
    {
        var main = StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long"));
        var image = new StoreWriter("Long", "Long", "crc32").Image(main);
        image[StoreWriter.Main][16 + 32 + 3] ^= 1; // in the first key
        StoreWriter.Seal(image[StoreWriter.Main]);
        var finding = Assert.Single(StoreChecker.Check(StoreImage.Load(image), StoreImage.Root).Findings, static f => f.Code == StoreFindings.ChunkDamaged);
        Assert.Equal(16, finding.Offset);
        Assert.Contains("checksum of the chunk", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("aes-gcm")]
    [InlineData("java-class")]
    [InlineData("lz4")]
    [InlineData("com.example.MyFilter")]
    public void Another_filter_is_refused_by_name(string filter)
    {
        var main = StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long"));
        AssertNotUnderstood(new StoreWriter("Long", "Long", filter, "crc32").Image(main), "manifest.txt", $"'{filter}'");
    }

    [Theory]
    [InlineData("Float", false)]
    [InlineData("CompositeValue", true)]
    public void Another_type_is_refused_by_name(string type, bool isKey)
    {
        var main = StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long"));
        var image = new StoreWriter("Long", "Long").Image(main);
        Change(image, "manifest.txt", isKey ? "keyTypeDescriptor=org.hestiastore.index.datatype.TypeDescriptorLong" : "valueTypeDescriptor=org.hestiastore.index.datatype.TypeDescriptorLong",
            (isKey ? "key" : "value") + $"TypeDescriptor=com.example.TypeDescriptor{type}");
        AssertNotUnderstood(image, "manifest.txt", $"com.example.TypeDescriptor{type}");
    }

    [Theory]
    [InlineData("manifest.txt", "schema.version=2", "schema.version=3", "3")]
    [InlineData("manifest.txt", "schema.version=2", "schema.version=1", "1")]
    [InlineData(StoreWriter.Folder + "/manifest.txt", "schema.version=1", "schema.version=2", "2")]
    [InlineData(StoreWriter.Folder + "/manifest.txt", "schema.version=1", "schema.version=0", "0")]
    public void Another_version_of_the_schema_is_refused_and_told_from_damage(string file, string was, string now, string named)
    {
        var image = new StoreWriter("Long", "Long", "crc32").Image(StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long")));
        Change(image, file, was, now);
        AssertNotUnderstood(image, file, $"schema.version is {named};");
    }

    [Fact]
    public void A_newer_segment_that_no_route_leads_to_is_not_taken_for_an_empty_one()
    {
        var image = new StoreWriter("Long", "Long", "crc32").Image(StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long")));
        image.Remove("index.map");
        Change(image, StoreWriter.Folder + "/manifest.txt", "schema.version=1", "schema.version=2");
        var files = StoreImage.Load(image);
        Assert.DoesNotContain(StoreChecker.Check(files, StoreImage.Root).Findings, static f => f.Code == StoreFindings.HestiaStoreWould);
        Assert.Equal(HestiaErrorCode.FormatUnsupported, Assert.Throws<HestiaException>(() => Repair(files)).Code);
        AssertSame(image, files);
    }

    [Fact]
    public void Chunks_of_another_version_are_refused_and_told_from_damage() => AssertNotUnderstood(
        new StoreWriter("Long", "Long", "crc32") { ChunkVersion = 2 }.Image(StoreWriter.Entries("Long", Sample("Long"), "Long", Sample("Long"))),
        StoreWriter.Main, "version 2;");

    /// <summary>Refused by name wherever it is read; found as what it is; and left as it is by a repair, whatever that is allowed.</summary>
    private static void AssertNotUnderstood(SortedDictionary<string, byte[]> image, string file, string named)
    {
        var files = StoreImage.Load(image);
        Assert.True(StoreDirectory.IsStoreDirectory(files, StoreImage.Root));
        foreach (var refused in new[] { Assert.Throws<HestiaException>(() => Read(files)), Assert.Throws<HestiaException>(() => Repair(files)) })
        {
            Assert.Equal(HestiaErrorCode.FormatUnsupported, refused.Code);
            Assert.Contains(named, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("damage", refused.Message, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("Repair-HestiaIndex", refused.RecommendedAction, StringComparison.Ordinal);
        }

        var report = StoreChecker.Check(files, StoreImage.Root);
        var finding = Assert.Single(report.Findings);
        Assert.Equal((StoreFindings.FormatUnsupported, file, FindingSeverity.Error), (finding.Code, finding.File, finding.Severity));
        Assert.Contains(named, finding.Message, StringComparison.Ordinal);
        Assert.Equal((false, 0L), (report.Healthy, report.Entries));
        AssertSame(image, files);
    }

    private static void AssertHolds(FileSystem files, (byte[] Key, byte[] Value)[] expected)
    {
        var report = StoreChecker.Check(files, StoreImage.Root);
        Assert.DoesNotContain(report.Findings, static f => f.Severity != FindingSeverity.Information);
        Assert.Equal(expected.Length, report.Entries);
        var read = Read(files);
        Assert.Equal(expected.Select(static e => Convert.ToHexString(e.Key)), read.Select(static e => Convert.ToHexString(e.Key)));
        Assert.Equal(expected.Select(static e => Convert.ToHexString(e.Value)), read.Select(static e => Convert.ToHexString(e.Value)));
    }

    private static List<(byte[] Key, byte[] Value)> Read(FileSystem files)
    {
        using var reader = StoreDirectory.Open(files, StoreImage.Root).ReadEntries();
        var entries = new List<(byte[], byte[])>();
        while (reader.Read()) entries.Add((reader.Key.ToArray(), reader.Value.ToArray()));
        return entries;
    }

    private static RepairReport Repair(FileSystem files) =>
        StoreRepairer.Repair(files, StoreImage.Root, new RepairOptions { AllowLoss = true }, null, default);

    private static void AssertSame(SortedDictionary<string, byte[]> image, FileSystem files)
    {
        var now = StoreDirectory.List(files, StoreImage.Root);
        Assert.Equal(image.Keys, now.Select(static f => f.RelativePath));
        foreach (var (name, bytes) in image) Assert.Equal(bytes, files.ReadAllBytes(Path.Combine(StoreImage.Root, name), int.MaxValue));
    }

    private static void Change(SortedDictionary<string, byte[]> image, string file, string was, string now)
    {
        var text = Encoding.Latin1.GetString(image[file]);
        var changed = text.Replace(was, now, StringComparison.Ordinal);
        Assert.NotEqual(text, changed);
        image[file] = Encoding.Latin1.GetBytes(changed);
    }

    private static void Write(SortedDictionary<string, byte[]> image, string folder)
    {
        foreach (var (name, bytes) in image)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        }
    }

    /// <summary>Objects of a type in HestiaStore's order of its keys, extremes among them; none is a tombstone.</summary>
    private static object[] Sample(string type) => type switch
    {
        "String" or "ShortString" => ["A", "a", "a b", "ab", "grün", "gÿ"],
        "Integer" => [-70_000, -256, -1, 0, 1, 255, 70_000],
        "Long" => [long.MinValue, -256L, -1L, 0L, 1L, 255L, long.MaxValue],
        "Double" => [double.NegativeInfinity, -1.5, -0.0, 0.0, double.Epsilon, 3e300, double.PositiveInfinity],
        "Byte" => [(sbyte)127, (sbyte)1, (sbyte)0, (sbyte)-1, (sbyte)-127],
        _ => [new byte[] { 0 }, new byte[] { 0, 0 }, new byte[] { 1 }, new byte[] { 1, 0 }, new byte[] { 128 }, new byte[] { 255 }],
    };
}
