using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Core;
using Hestia.Core.Manifest;

namespace Hestia.Unit.Backup;

public sealed class BackupManifestTests
{
    private const string Id = "bk-2026-04-15T03-00-00Z-7f3a91";

    [Fact]
    public void What_is_written_is_read_back_and_is_plain_json()
    {
        var document = RepositoryFixture.Document([[1, 2, 3], [4]]);
        var bytes = RepositoryFixture.Serialize(document, Id);
        var manifest = BackupManifest.Parse(bytes);
        var summary = BackupSummary.ParseHead(bytes, out var headBytes);
        Assert.Equal(bytes.Length - headBytes, summary.BodyBytes);
        Assert.Equal(document.Serialize(), manifest.IndexManifestBytes);
        Assert.Equal(2, manifest.Segments.Count);
        Assert.Equal(document.Segments[1].Id, manifest.Segments[1].Id);
        var info = manifest.Summary.ToInfo("/r");
        Assert.Equal(
            (Id, "orders", document.IndexId, "/data/ordérs", "db1", "/r"),
            (info.BackupId, info.IndexName, info.IndexId, info.SourcePath, info.SourceHost, info.Repository));
        Assert.Equal((new Lsn(41), 2, 4L, 5L, 20L), (info.Lsn, info.Segments, info.Bytes, info.BytesSent, info.Entries));
        Assert.Equal(DataEncoding.Utf8, info.Settings.KeyEncoding);
        Assert.Equal(new DateTimeOffset(2026, 4, 15, 3, 0, 7, TimeSpan.Zero).AddTicks(10), info.Completed);
        using var json = JsonDocument.Parse(bytes);
        Assert.Equal(64, json.RootElement.GetProperty("sha256").GetString()!.Length);
    }

    [Fact]
    public void Every_changed_bit_is_noticed()
    {
        var good = RepositoryFixture.Serialize(RepositoryFixture.Document([[1, 2, 3]]), Id);
        for (var i = 0; i < good.Length; i++)
        {
            foreach (var flip in (byte[])[1, 4, 32, 128])
            {
                var bad = (byte[])good.Clone();
                bad[i] ^= flip;
                Refused(bad);
            }
        }
    }

    [Fact]
    public void Every_cut_and_every_addition_is_noticed()
    {
        var good = RepositoryFixture.Serialize(RepositoryFixture.Document([[1, 2, 3]]), Id);
        for (var length = 0; length < good.Length; length++) Refused(good[..length]);
        Refused([.. good, (byte)' ']);
        Refused([]);
    }

    [Fact]
    public void Parts_that_contradict_each_other_are_noticed_although_every_checksum_is_right()
    {
        var document = RepositoryFixture.Document([[1, 2, 3]]);
        var summary = RepositoryFixture.Summary(document, Id);
        BackupSegment[] segments = [new(document.Segments[0].Id, document.Segments[0].Size, document.Segments[0].Level)];
        var manifest = document.Serialize();
        Refused(BackupManifest.Serialize(summary with { Lsn = new Lsn(1) }, manifest, segments));
        Refused(BackupManifest.Serialize(summary with { IndexId = Guid.NewGuid() }, manifest, segments));
        Refused(BackupManifest.Serialize(summary, manifest, [segments[0] with { Size = 4 }]));
        Refused(BackupManifest.Serialize(summary, manifest, []));
        Refused(BackupManifest.Serialize(summary, document.Serialize()[1..], segments));
        BackupManifest.Parse(BackupManifest.Serialize(summary, manifest, segments));
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(253_402_300_800_000_000)]
    [InlineData(-1)]
    public void A_checkpoint_time_that_is_none_is_damage(long microseconds)
    {
        var document = RepositoryFixture.Document([[1, 2, 3]]);
        var summary = RepositoryFixture.Summary(document, Id) with { CheckpointTime = microseconds };
        BackupSegment[] segments = [new(document.Segments[0].Id, document.Segments[0].Size, document.Segments[0].Level)];
        Refused(BackupManifest.Serialize(summary, document.Serialize(), segments));
    }

    [Fact]
    public void A_newer_format_is_told_from_damage()
    {
        var good = System.Text.Encoding.UTF8.GetString(RepositoryFixture.Serialize(RepositoryFixture.Document([]), Id));
        var newer = SelfChecksum.Append(
            System.Text.Encoding.UTF8.GetBytes("{\"format\":\"hestia-backup\",\"formatVersion\":2,\"features\":[],\n\"x\":1}"));
        Assert.Equal(HestiaErrorCode.FormatTooNew, Assert.Throws<HestiaException>(() => BackupManifest.Parse(newer)).Code);
        var feature =
            System.Text.Encoding.UTF8.GetBytes(good.Replace("\"features\":[]", "\"features\":[\"ice\"]", StringComparison.Ordinal));
        Assert.Equal(HestiaErrorCode.FormatTooNew, Assert.Throws<HestiaException>(() => BackupManifest.Parse(feature)).Code);
    }

    [Fact]
    public void Ids_are_unique_and_sort_by_time()
    {
        var time = new DateTimeOffset(2026, 4, 15, 5, 0, 0, TimeSpan.FromHours(2));
        var ids = new HashSet<string>();
        for (var i = 0; i < 100; i++) Assert.True(ids.Add(RepositoryNames.NewBackupId(time)));
        Assert.All(ids, id => Assert.StartsWith("bk-2026-04-15T03-00-00Z-", id, StringComparison.Ordinal));
        Assert.All(ids, id => Assert.True(RepositoryNames.IsBackupId(id)));
    }

    [Theory]
    [InlineData("bk-2026-04-15T03-00-00Z-7f3a", true)]
    [InlineData("bk-2026-04-15T03-00-00Z-7f3", false)]
    [InlineData("bk-2026-04-15T03-00-00Z-7F3A", false)]
    [InlineData("bk-2026-13-15T03-00-00Z-7f3a", false)]
    [InlineData("bk-2026-04-15T03-00-00Z-../a", false)]
    [InlineData("bk-2026-04-15T03-00-00Z", false)]
    [InlineData("", false)]
    public void Only_ids_pass_for_ids(string id, bool expected) => Assert.Equal(expected, RepositoryNames.IsBackupId(id));

    private static void Refused(byte[] bytes)
    {
        try
        {
            BackupManifest.Parse(bytes);
        }
        catch (Exception e) when (e is InvalidDataException or HestiaException { Code: HestiaErrorCode.FormatTooNew })
        {
            return;
        }

        Assert.Fail("A damaged manifest was taken.");
    }
}
