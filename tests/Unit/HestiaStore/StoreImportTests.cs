using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.Keys;
using Hestia.HestiaStore.Importing;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Types;
using Hestia.Unit.Backup;

namespace Hestia.Unit.HestiaStore;

/// <summary>Everything HestiaStore wrote becomes an index of ours with exactly its entries, or nothing.</summary>
public sealed class StoreImportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Target => _folder["imported"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(StoreFixture.Closed, StoreFixture.Closed, "HestiaStore directory")]
    [InlineData(StoreFixture.Split, StoreFixture.Split, "HestiaStore directory")]
    [InlineData(StoreFixture.LongSnappy, StoreFixture.LongSnappy, "HestiaStore directory")]
    [InlineData(StoreFixture.WalClosed, StoreFixture.WalClosed, "HestiaStore directory")]
    [InlineData(StoreFixture.WalCrashed, StoreFixture.WalCrashed, "HestiaStore directory")]
    [InlineData("wal-closed-bundle", StoreFixture.WalClosed, "HestiaStore bundle")]
    [InlineData("wal-closed-jsonl", StoreFixture.WalClosed, "HestiaStore JSON lines")]
    [InlineData("nowal-long-snappy-bundle", StoreFixture.LongSnappy, "HestiaStore bundle")]
    [InlineData("nowal-long-snappy-jsonl", StoreFixture.LongSnappy, "HestiaStore JSON lines")]
    public void Every_fixture_is_imported_with_exactly_its_entries(string name, string content, string kind)
    {
        using var fixture = new StoreFixture(name);
        var before = Everything(fixture.Path);
        var result = Import(fixture.Path, allowUnknownOwner: name == StoreFixture.WalCrashed);
        Assert.Equal(before, Everything(fixture.Path));
        var expected = StoreFixture.Expected(content);
        if (content == StoreFixture.LongSnappy)
        {
            Assert.Equal((DataEncoding.Int64, DataEncoding.Int64), (result.KeyEncoding, result.ValueEncoding));
            expected = expected.ConvertAll(static e => (FromLong(e.Key), FromLong(e.Value)));
        }
        else
        {
            Assert.Equal((DataEncoding.Utf8, DataEncoding.Utf8), (result.KeyEncoding, result.ValueEncoding));
        }

        using var index = HestiaIndex.Open(Target, new IndexOptions { ReadOnly = true });
        using (var cursor = index.Scan())
        {
            foreach (var (key, value) in expected)
            {
                Assert.True(cursor.MoveNext());
                Assert.True(cursor.Key.SequenceEqual(key) && cursor.Value.SequenceEqual(value), Convert.ToHexString(cursor.Key));
            }

            Assert.False(cursor.MoveNext());
        }

        Assert.Equal((expected.Count, 0L, 0L, kind), (result.Entries, result.Duplicates, result.OutOfOrder, result.SourceKind));
        Assert.True(result.FingerprintsAgree);
        Assert.Equal(name == StoreFixture.WalCrashed ? ["LogReplayed"] : [], result.Findings.Select(static f => f.Code));
    }

    [Theory]
    [InlineData(true, "WalTornTail", 9_955)]
    [InlineData(false, "WalDisabled", 10_000)]
    public void What_of_the_log_is_not_imported_is_said(bool torn, string code, int entries)
    {
        using var fixture = new StoreFixture(StoreFixture.WalCrashed);
        var file = fixture["wal", "00000000000000000001.wal"];
        if (torn) File.WriteAllBytes(file, File.ReadAllBytes(file)[..^3_000]);
        else
            File.WriteAllText(fixture["manifest.txt"],
                File.ReadAllText(fixture["manifest.txt"]).Replace("wal.enabled=true", "wal.enabled=false", StringComparison.Ordinal));
        var result = Import(fixture.Path, allowUnknownOwner: true);
        Assert.Equal(entries, result.Entries);
        Assert.Equal(FindingSeverity.Warning, Assert.Single(result.Findings, f => f.Code == code).Severity);
    }

    [Fact]
    public void The_fingerprint_of_ascii_text_is_the_one_of_HestiaStores_own_tools()
    {
        using var fixture = new StoreFixture("wal-closed-bundle");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in StoreFixture.Expected(StoreFixture.WalClosed))
        {
            foreach (var bytes in (byte[][])[key, value])
            {
                var length = new byte[4];
                BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
                hash.AppendData(length);
                hash.AppendData(bytes);
            }
        }

        Assert.Equal(Convert.ToHexString(hash.GetHashAndReset()).ToLowerInvariant(), Import(fixture.Path).Fingerprint);
    }

    [Fact]
    public void A_directory_whose_owner_lives_is_refused_with_the_owner_named()
    {
        using var fixture = new StoreFixture(StoreFixture.Closed);
        var start = System.Diagnostics.Process.GetCurrentProcess().StartTime;
        File.WriteAllBytes(fixture[".lock"], StoreLock.Serialize(Environment.ProcessId, start, StoreLock.HostName(), "s"));
        var e = Assert.Throws<HestiaException>(() => Import(fixture.Path, allowUnknownOwner: true));
        Assert.Equal(HestiaErrorCode.IndexInUse, e.Code);
        Assert.Contains($"pid {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("wal-closed-bundle")]
    [InlineData("wal-closed-jsonl")]
    [InlineData("nowal-long-snappy-bundle")]
    [InlineData("nowal-long-snappy-jsonl")]
    public void A_damaged_export_is_refused_whatever_the_damage_and_nothing_is_created(string name)
    {
        using var fixture = new StoreFixture(name);
        var random = new Random(11);
        foreach (var path in Directory.GetFiles(fixture.Path))
        {
            var good = File.ReadAllBytes(path);
            for (var i = 0; i < 12; i++)
            {
                var bytes = (byte[])good.Clone();
                bytes[i == 0 ? bytes.Length - 1 : random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                Damage(path, bytes, "a flipped bit");
                Damage(path, good[..random.Next(good.Length)], "cut");
            }

            Damage(path, [.. good, 0], "a byte more");
            Damage(path, [.. good, .. good], "twice");
            File.Delete(path);
            RefusedToRead(fixture.Path, Path.GetFileName(path) + " missing");
            File.WriteAllBytes(path, good);
        }

        // Once as a whole: what was staged is gone too.
        var data = Directory.GetFiles(fixture.Path, "*.gz").Single();
        var content = File.ReadAllBytes(data);
        content[^1] ^= 1;
        File.WriteAllBytes(data, content);
        Assert.Equal(HestiaErrorCode.ExportDamaged, Assert.Throws<HestiaException>(() => Import(fixture.Path)).Code);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));

        void Damage(string path, byte[] bytes, string how)
        {
            var before = File.ReadAllBytes(path);
            File.WriteAllBytes(path, bytes);
            RefusedToRead(fixture.Path, $"{Path.GetFileName(path)}: {how}");
            File.WriteAllBytes(path, before);
        }
    }

    [Fact]
    public void An_export_whose_counts_are_wrong_is_refused_although_its_checksums_are_right()
    {
        using var fixture = new StoreFixture("wal-closed-bundle");
        Rewrite(fixture, "manifest.json", text => text.Replace("\"recordCount\" : 10000", "\"recordCount\" : 9999", StringComparison.Ordinal));
        RefusedToRead(fixture.Path, "counts");
    }

    [Theory]
    [InlineData("TypeDescriptorShortString", "TypeDescriptorFloat", HestiaErrorCode.FormatUnsupported)]
    [InlineData("TypeDescriptorShortString", "TypeDescriptorLong", HestiaErrorCode.ExportDamaged)]
    public void A_type_that_is_not_understood_or_does_not_fit_is_refused(string from, string to, HestiaErrorCode code)
    {
        using var fixture = new StoreFixture("wal-closed-bundle");
        Rewrite(fixture, "source-config.json", text => text.Replace(from, to, StringComparison.Ordinal));
        Assert.Equal(code, RefusedToRead(fixture.Path, to).Code);
    }

    [Fact]
    public void Numbers_keep_their_order()
    {
        var mapping = new TypeMapping(StoreType.Find("Integer"), isKey: true);
        byte[]? before = null;
        foreach (var number in (int[])[int.MinValue, -70_000, -1, 0, 1, int.MaxValue])
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(bytes, number);
            var mapped = mapping.Map(bytes).ToArray();
            Assert.Equal((long)number, DataEncoder.Decode(DataEncoding.Int64, mapped));
            Assert.True(before is null || before.AsSpan().SequenceCompareTo(mapped) < 0);
            before = mapped;
        }
    }

    [Fact]
    public void Doubles_keep_their_order_as_keys_and_their_bits_as_values()
    {
        var type = StoreType.Find("Double");
        var keys = new TypeMapping(type, isKey: true);
        var values = new TypeMapping(type, isKey: false);
        byte[]? before = null;
        foreach (var number in (double[])[double.NegativeInfinity, -1e300, -1.5, -double.Epsilon, -0.0, 0.0, double.Epsilon, 1.5, 1e300, double.PositiveInfinity])
        {
            var bytes = type.Encode(number);
            var mapped = keys.Map(bytes).ToArray();
            Assert.True(before is null || before.AsSpan().SequenceCompareTo(mapped) < 0, number.ToString());
            Assert.Equal(bytes, values.Map(bytes).ToArray());
            before = mapped;
        }

        Assert.Equal(DataEncoding.Bytes, keys.Encoding);
    }

    [Fact]
    public void Text_becomes_utf8_and_bytes_stay()
    {
        var all = Enumerable.Range(0, 256).Select(static i => (byte)i).ToArray();
        foreach (var name in (string[])["String", "ShortString"])
        {
            var mapping = new TypeMapping(StoreType.Find(name), isKey: true);
            Assert.Equal(Encoding.UTF8.GetBytes(Encoding.Latin1.GetString(all)), mapping.Map(all).ToArray());
        }

        Assert.Equal(all, new TypeMapping(StoreType.Find("ByteArray"), isKey: true).Map(all).ToArray());
        Assert.Equal(-128L, DataEncoder.Decode(DataEncoding.Int64, new TypeMapping(StoreType.Find("Byte"), isKey: true).Map([0x80])));
    }

    [Theory]
    [InlineData("String", "String", "\"a\"", "\"grün\"")]
    [InlineData("Integer", "Double", "\"-5\"", "\"1.0E10\"")]
    [InlineData("Byte", "ByteArray", "\"7\"", "\"AQID\"")]
    [InlineData("ByteArray", "Double", "\"AQID\"", "\"NaN\"")]
    public void Every_type_is_read_from_json_lines_as_text(string keyType, string valueType, string key, string value)
    {
        MakeJsonLines(keyType, valueType, $$$"""{"key":{"representation":"text","value":{{{key}}}},"value":{"representation":"text","value":{{{value}}}}}""");
        using var source = StoreImport.Open(_folder["export"]);
        Assert.True(source.MoveNext());
        var (read, readValue) = (source.Key.ToArray(), source.Value.ToArray());
        Assert.False(source.MoveNext());
        var types = (StoreType.Find(keyType), StoreType.Find(valueType));
        Assert.Equal(new TypeMapping(types.Item1, true).Map(Stored(types.Item1, key.Trim('"'))).ToArray(), read);
        Assert.Equal(new TypeMapping(types.Item2, false).Map(Stored(types.Item2, value.Trim('"'))).ToArray(), readValue);
    }

    [Theory]
    [InlineData("""{"key":{"representation":"text","value":"x"},"value":{"representation":"text","value":"1"}}""")]
    [InlineData("""{"key":{"representation":"hex","value":"1"},"value":{"representation":"text","value":"1"}}""")]
    [InlineData("""{"key":{"representation":"base64","value":"AQI="},"value":{"representation":"text","value":"1"}}""")]
    [InlineData("""{"key":{"representation":"text","value":"1"}}""")]
    [InlineData("""[]""")]
    public void A_json_line_that_is_no_entry_is_refused(string line)
    {
        MakeJsonLines("Long", "Long", line);
        RefusedToRead(_folder["export"], line);
    }

    private static byte[] Stored(StoreType type, string text) => type.Name switch
    {
        "ByteArray" => Convert.FromBase64String(text),
        "Double" => type.Encode(double.Parse(text, System.Globalization.CultureInfo.InvariantCulture)),
        "String" => type.Encode(text),
        _ => type.Encode(long.Parse(text, System.Globalization.CultureInfo.InvariantCulture)),
    };

    /// <summary>An export of one entry, not compressed, made as HestiaStore's tool makes them.</summary>
    private void MakeJsonLines(string keyType, string valueType, string line)
    {
        var folder = _folder["export"];
        Directory.CreateDirectory(folder);
        var config = $$"""
            {"indexName":"made","keyTypeDescriptor":"{{StoreType.Find(keyType).Descriptor}}","valueTypeDescriptor":"{{StoreType.Find(valueType).Descriptor}}"}
            """;
        File.WriteAllText(Path.Combine(folder, "source-config.json"), config);
        File.WriteAllText(Path.Combine(folder, "data.jsonl"), line + "\n");
        File.WriteAllText(Path.Combine(folder, "manifest.json"), $$"""
            {"formatVersion":1,"format":"JSONL","compression":"NONE","maxPartSizeBytes":1,"recordCount":1,"dataFileName":"data.jsonl","fromKeyText":null,
            "toKeyText":null,"limit":null,"parts":[],"sourceConfiguration":{{config}}}
            """);
        var sums = new[] { "manifest.json", "source-config.json", "data.jsonl" }.Select(n => $"{Sha256(Path.Combine(folder, n))}  {n}\n");
        File.WriteAllText(Path.Combine(folder, "checksums.txt"), string.Concat(sums));
    }

    private static void Rewrite(StoreFixture fixture, string name, Func<string, string> change)
    {
        var before = Sha256(fixture[name]);
        var text = File.ReadAllText(fixture[name]);
        var changed = change(text);
        Assert.NotEqual(text, changed);
        File.WriteAllText(fixture[name], changed);
        File.WriteAllText(fixture["checksums.txt"], File.ReadAllText(fixture["checksums.txt"]).Replace(before, Sha256(fixture[name]), StringComparison.Ordinal));
    }

    private static string Sha256(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))).ToLowerInvariant();

    private static byte[] FromLong(byte[] bytes) => DataEncoder.Encode(DataEncoding.Int64, BinaryPrimitives.ReadInt64BigEndian(bytes));

    private static HestiaException RefusedToRead(string path, string how)
    {
        try
        {
            using var source = StoreImport.Open(path);
            while (source.MoveNext())
            {
            }

            Assert.Fail($"{how}: it was taken.");
            throw new InvalidOperationException();
        }
        catch (HestiaException e)
        {
            Assert.True(e.Code is HestiaErrorCode.ExportDamaged or HestiaErrorCode.FormatUnsupported or HestiaErrorCode.NotAnIndex, $"{how}: {e}");
            return e;
        }
    }

    private static Dictionary<string, (long, DateTime, string)> Everything(string folder) =>
        Directory.GetFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
            .ToDictionary(static f => f, static f => (new FileInfo(f).Length, File.GetLastWriteTimeUtc(f), Sha256(f)));

    private ImportResult Import(string path, bool allowUnknownOwner = false)
    {
        using var source = StoreImport.Open(path, allowUnknownOwner);
        return IndexImport.Create(source, Target);
    }
}
