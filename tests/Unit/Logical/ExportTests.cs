using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.Reading;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Logical;

public sealed class ExportTests : IDisposable
{
    private readonly LogicalFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void An_export_is_lines_of_json_that_anybody_can_read()
    {
        using var index = _fixture.Create("numbers", DataEncoding.Int64, DataEncoding.Guid);
        var guid = Guid.NewGuid();
        index.Put(LogicalFixture.Number(-5), guid.ToByteArray(bigEndian: true));
        index.Put(LogicalFixture.Number(long.MaxValue), [1, 2, 3]);
        var result = _fixture.Export(index);
        var lines = File.ReadAllLines(result.Path);
        Assert.Equal(4, lines.Length);
        using var header = JsonDocument.Parse(lines[0]);
        Assert.Equal("hestia-export", header.RootElement.GetProperty("format").GetString());
        Assert.Equal(1, header.RootElement.GetProperty("formatVersion").GetInt32());
        Assert.Equal(index.LastLsn.Value, header.RootElement.GetProperty("lsn").GetUInt64());
        Assert.Equal($$"""{"key":-5,"value":"{{guid:D}}"}""", lines[1]);
        Assert.Equal("""{"key":9223372036854775807,"value":{"base64":"AQID"}}""", lines[2]);
        Assert.Equal((2L, 35L, new FileInfo(result.Path).Length), (result.Entries, result.DataBytes, result.FileBytes));
        var text = File.ReadAllText(result.Path);
        var before = text[..(text.LastIndexOf('\n', text.Length - 2) + 1)];
        var sha256 = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(before))).ToLowerInvariant();
        Assert.Equal($$"""{"entries":2,"bytes":35,"fingerprint":"{{result.Fingerprint}}","sha256":"{{sha256}}"}""", lines[3]);
    }

    [Fact]
    public void The_fingerprint_is_what_the_documentation_says()
    {
        using var index = _fixture.Create("few", DataEncoding.Utf8, DataEncoding.Utf8);
        index.Put("b"u8, "two"u8);
        index.Put("a"u8, ""u8);
        byte[] expected = [0, 0, 0, 1, (byte)'a', 0, 0, 0, 0, 0, 0, 0, 1, (byte)'b', 0, 0, 0, 3, .. "two"u8];
        Assert.Equal(Convert.ToHexString(SHA256.HashData(expected)).ToLowerInvariant(), _fixture.Export(index).Fingerprint);
        using var snapshot = index.CreateSnapshot();
        Assert.Equal(Convert.ToHexString(SHA256.HashData(expected)).ToLowerInvariant(), LogicalFingerprint.Compute(snapshot));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_exported_is_read_back_byte_for_byte(bool gzip)
    {
        using var index = _fixture.CreateText(3_000);
        var result = _fixture.Export(index, options: new ExportOptions { Gzip = gzip });
        using var source = new ExportFileSource(result.Path);
        Assert.Equal(LogicalFixture.ReadAll(index), LogicalFixture.ReadAll(source));
        Assert.Equal(result.Fingerprint, source.ExpectedFingerprint);
        Assert.Equal(("source", DataEncoding.Utf8, DataEncoding.Utf8), (source.IndexName, source.KeyEncoding, source.ValueEncoding));
        Assert.Equal(gzip, File.ReadAllBytes(result.Path).AsSpan().StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]));
        Assert.Equal(source.BytesTotal, source.BytesRead);
        Assert.True(ExportFileSource.IsExport(result.Path));
    }

    [Fact]
    public void A_range_is_exported_and_written_down()
    {
        using var index = _fixture.CreateText(100);
        var range = new ScanOptions { From = IndexFixture.Bytes(IndexFixture.Key(10)), To = IndexFixture.Bytes(IndexFixture.Key(20)), Limit = 5 };
        var options = new ExportOptions { Range = range };
        var plan = IndexExport.Plan(index, _fixture.Folder["export.jsonl"], options);
        var result = _fixture.Export(index, options: options);
        Assert.Equal((5L, result.DataBytes, result.Lsn, false), (plan.Entries, plan.DataBytes, plan.Lsn, plan.Replaces));
        Assert.Equal(5, result.Entries);
        using var header = JsonDocument.Parse(File.ReadLines(result.Path).First());
        Assert.Equal(
            """{"from":"key-00000010","to":"key-00000020","toInclusive":false,"first":5}""", header.RootElement.GetProperty("range").GetRawText());
        Refused(HestiaErrorCode.InvalidOption, () => _fixture.Export(index, "r", new ExportOptions { Range = new ScanOptions { Reverse = true } }));
    }

    [Fact]
    public void A_file_that_is_there_is_replaced_with_force_only_and_nothing_is_left_by_a_failure()
    {
        using var index = _fixture.CreateText(10);
        File.WriteAllText(_fixture.Folder["export.jsonl"], "mine");
        Refused(HestiaErrorCode.FileExists, () => _fixture.Export(index));
        Assert.Equal("mine", File.ReadAllText(_fixture.Folder["export.jsonl"]));
        Assert.True(IndexExport.Plan(index, _fixture.Folder["export.jsonl"], new ExportOptions { Force = true }).Replaces);
        using (var stop = new CancellationTokenSource())
        {
            stop.Cancel();
            Assert.ThrowsAny<OperationCanceledException>(
                () => IndexExport.Write(index, _fixture.Folder["export.jsonl"], new ExportOptions { Force = true }, null, stop.Token));
        }

        Assert.Equal("mine", File.ReadAllText(_fixture.Folder["export.jsonl"]));
        _fixture.Export(index, options: new ExportOptions { Force = true });
        Refused(HestiaErrorCode.PathNotFound, () => _fixture.Export(index, Path.Combine("no", "such")));
        Refused(HestiaErrorCode.InvalidOption, () => _fixture.Export(index, Path.Combine("source", "inside.jsonl")));
        Refused(HestiaErrorCode.InvalidOption, () => _fixture.Export(index, ""));
        Assert.Equal(["export.jsonl", "source"], _fixture.Names());
    }

    [Fact]
    public void Whatever_call_fails_there_is_a_whole_file_or_none()
    {
        _fixture.CreateText(200).Dispose();
        var target = _fixture.Folder["export.jsonl"];
        for (var at = 1; ; at++)
        {
            Assert.True(at < 500);
            var files = new FaultyFileSystem(at, static (_, path) => throw new IOException("planted: " + path));
            try
            {
                using var index = HestiaIndex.Open(_fixture.Folder["source"], new IndexOptions { ReadOnly = true, FileSystem = files });
                IndexExport.Write(index, target);
                if (!files.Sprung) break;
            }
            catch (HestiaException e)
            {
                Assert.Contains("planted", e.Message + e.InnerException?.Message, StringComparison.Ordinal);
            }

            if (File.Exists(target))
            {
                using (var source = new ExportFileSource(target)) Assert.Equal(203, LogicalFixture.ReadAll(source).Count);
                File.Delete(target);
            }

            // Only what could not be deleted is left, and never under the name that counts.
            foreach (var name in _fixture.Names())
                if (name.EndsWith(".tmp", StringComparison.Ordinal)) File.Delete(_fixture.Folder[name]);
        }
    }

    private static void Refused(HestiaErrorCode code, Action action) => Assert.Equal(code, Assert.Throws<HestiaException>(action).Code);
}
