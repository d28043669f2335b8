using System.IO.Compression;
using System.Text;
using Hestia.Backup.Logical;
using Hestia.Core;

namespace Hestia.Unit.Logical;

/// <summary>A damaged export is refused, whatever is damaged and how.</summary>
public sealed class ExportDamageTests : IDisposable
{
    private readonly LogicalFixture _fixture = new();
    private readonly byte[] _good;
    private readonly List<(string Key, string Value)> _entries;

    public ExportDamageTests()
    {
        using var index = _fixture.CreateText(5);
        _good = File.ReadAllBytes(_fixture.Export(index).Path);
        _entries = LogicalFixture.ReadAll(index);
    }

    private string DamagedPath => _fixture.Folder["damaged.jsonl"];

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Every_flipped_byte_is_found()
    {
        for (var i = 0; i < _good.Length; i++)
        {
            foreach (var flip in (byte[])[0x01, 0x20, 0x80])
            {
                var bytes = (byte[])_good.Clone();
                bytes[i] ^= flip;
                Refused(bytes, $"byte {i} ^ {flip:x2}");
            }
        }
    }

    [Fact]
    public void Every_length_it_is_cut_to_is_found_compressed_or_not()
    {
        for (var i = 0; i < _good.Length; i++) Refused(_good[..i], $"cut to {i}");
        var packed = Gzip(_good);
        for (var i = 0; i < packed.Length; i++) RefusedOrWhole(packed[..i], $"compressed, cut to {i}");
        for (var i = 0; i < packed.Length; i++)
        {
            var bytes = (byte[])packed.Clone();
            bytes[i] ^= 0x10;
            RefusedOrWhole(bytes, $"compressed, byte {i}");
        }
    }

    [Fact]
    public void Lines_left_out_doubled_swapped_or_added_are_found()
    {
        var lines = Encoding.UTF8.GetString(_good).Split('\n')[..^1];
        for (var i = 0; i < lines.Length; i++)
        {
            Refused(Join([.. lines[..i], .. lines[(i + 1)..]]), $"without line {i}");
            Refused(Join([.. lines[..i], lines[i], .. lines[i..]]), $"line {i} twice");
            if (i + 1 < lines.Length) Refused(Join([.. lines[..i], lines[i + 1], lines[i], .. lines[(i + 2)..]]), $"lines {i} and {i + 1} swapped");
        }

        Refused(Join([.. lines, ""]), "an empty line at the end");
        Refused(Encoding.UTF8.GetBytes(string.Join('\n', lines)), "no line feed at the end");
    }

    [Theory]
    [InlineData("""{"key":"a"}""")]
    [InlineData("""{"key":"a","value":1}""")]
    [InlineData("""{"key":"a","value":"b","more":1}""")]
    [InlineData("""{"key":"a","key":"a","value":"b"}""")]
    [InlineData("""{"key":"","value":"b"}""")]
    [InlineData("""{"key":{"base64":"?"},"value":"b"}""")]
    [InlineData("""{"key":{"hex":"00"},"value":"b"}""")]
    [InlineData("""{"key":"a","value":null}""")]
    [InlineData("""{"key":"a","value":"b"} {}""")]
    [InlineData("""["a","b"]""")]
    [InlineData("a=b")]
    public void A_line_that_is_no_entry_is_named(string line)
    {
        var e = Refused(Encoding.UTF8.GetBytes($"{Header()}\n{line}\n{Trailer(1, 2)}\n"), line);
        Assert.Contains("line 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_program_may_leave_the_hashes_out_but_not_the_counts()
    {
        File.WriteAllText(DamagedPath, $"{Header()}\n{{\"value\":\"2\",\"key\":\"b\"}}\n{{\"key\":\"a\",\"value\":\"1\"}}\n{Trailer(2, 4)}\n");
        using (var source = new ExportFileSource(DamagedPath)) Assert.Equal(["62", "61"], LogicalFixture.ReadAll(source).ConvertAll(e => e.Key));
        Refused(Encoding.UTF8.GetBytes($"{Header()}\n{Trailer(1, 0)}\n"), "count");
        Refused(Encoding.UTF8.GetBytes($"{Header()}\n{{\"entries\":0}}\n"), "no members");
    }

    [Fact]
    public void What_is_no_export_or_a_newer_one_is_told_from_a_damaged_one()
    {
        File.WriteAllText(DamagedPath, "{\"hello\":1}\n");
        Assert.Equal(HestiaErrorCode.NotAnExport, Assert.Throws<HestiaException>(() => new ExportFileSource(DamagedPath)).Code);
        Assert.False(ExportFileSource.IsExport(DamagedPath));
        File.WriteAllText(DamagedPath, Header().Replace("\"formatVersion\":1", "\"formatVersion\":2", StringComparison.Ordinal) + "\n");
        Assert.Equal(HestiaErrorCode.FormatTooNew, Assert.Throws<HestiaException>(() => new ExportFileSource(DamagedPath)).Code);
        Assert.Equal(HestiaErrorCode.PathNotFound, Assert.Throws<HestiaException>(() => new ExportFileSource(DamagedPath + "x")).Code);
    }

    private static string Header() =>
        """{"format":"hestia-export","formatVersion":1,"features":[],"indexName":"x","keyEncoding":"Utf8","valueEncoding":"Utf8"}""";

    private static string Trailer(int entries, int bytes) => $$"""{"entries":{{entries}},"bytes":{{bytes}},"fingerprint":null,"sha256":null}""";

    private static byte[] Join(string[] lines) => Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n");

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(bytes);
        return packed.ToArray();
    }

    /// <summary>What gzip has around the content, its time and its own checksum, may be changed: the content proves itself.</summary>
    private void RefusedOrWhole(byte[] bytes, string how)
    {
        File.WriteAllBytes(DamagedPath, bytes);
        try
        {
            using var source = new ExportFileSource(DamagedPath);
            Assert.Equal(_entries, LogicalFixture.ReadAll(source));
        }
        catch (HestiaException e)
        {
            Assert.True(e.Code is HestiaErrorCode.ExportDamaged or HestiaErrorCode.NotAnExport, $"{how}: {e}");
        }
    }

    private HestiaException Refused(byte[] bytes, string how)
    {
        File.WriteAllBytes(DamagedPath, bytes);
        try
        {
            using var source = new ExportFileSource(DamagedPath);
            var read = LogicalFixture.ReadAll(source);
            Assert.Fail($"{how}: {read.Count} of {_entries.Count} entries were taken");
            throw new InvalidOperationException();
        }
        catch (HestiaException e)
        {
            Assert.True(e.Code is HestiaErrorCode.ExportDamaged or HestiaErrorCode.NotAnExport or HestiaErrorCode.FormatTooNew, $"{how}: {e}");
            return e;
        }
    }
}
