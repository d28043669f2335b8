using System.Security.Cryptography;
using System.Text;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Repair;
using Hestia.Core.Wal;
using Hestia.Unit.Index;

namespace Hestia.Unit.Wal;

/// <summary>
/// What a check of the log says that opening would refuse for besides the log. Every single damage of a small index is held against it by
/// <see cref="Damage.DamageMatrixTests"/>; here are the files of newer versions and what has no byte to damage.
/// </summary>
public sealed class OpenForecastTests : IndexTestBase
{
    private static readonly Guid s_repository = new("5d2f6f4e-0a35-4c3f-9d0b-2f6f0c9c1a77");

    [Fact]
    public void A_whole_index_opens()
    {
        Close();
        AssertForecast(null, null);
    }

    [Fact]
    public void Newer_settings()
    {
        Close();
        MakeNewer(FileNames.Settings);
        AssertForecast(HestiaErrorCode.FormatTooNew, FileNames.Settings);
    }

    [Fact]
    public void Newer_manifest()
    {
        Close();
        MakeNewer(Newest());
        AssertForecast(HestiaErrorCode.FormatTooNew, Newest());
    }

    [Fact]
    public void No_settings_beside_the_rest()
    {
        Close();
        File.Delete(Path.Combine(IndexPath, FileNames.Settings));
        AssertForecast(HestiaErrorCode.NotAnIndex, FileNames.Settings);
    }

    [Fact]
    public void No_manifest()
    {
        Close();
        Directory.Delete(Path.Combine(IndexPath, FileNames.Manifests), recursive: true);
        AssertForecast(HestiaErrorCode.ManifestMissing, FileNames.Manifests);
    }

    [Fact]
    public void A_segment_missing_from_an_open_index_is_told_too()
    {
        using var index = HestiaIndex.Create(IndexPath, null, Small);
        Write(index, 500);
        index.Flush();
        Write(index, 5);
        Assert.True(WalInspector.Check(index).WouldOpen);
        var segment = Directory.GetFiles(Path.Combine(IndexPath, FileNames.Segments))[0];
        File.Move(segment, segment + ".aside");
        var report = WalInspector.Check(index);
        Assert.True(report.Healthy);
        Assert.Equal(CheckFindings.SegmentMissing, report.OpenRefusal?.Code);
        File.Move(segment + ".aside", segment);
        Assert.True(WalInspector.Check(index).WouldOpen);
    }

    [Theory]
    [InlineData(FileNames.Segments)]
    [InlineData(FileNames.Wal)]
    public void A_folder_missing(string folder)
    {
        using (var index = HestiaIndex.Create(IndexPath, null, Small)) index.Close();
        Directory.Delete(Path.Combine(IndexPath, folder), recursive: true);
        AssertForecast(HestiaErrorCode.PathNotFound, folder);
    }

    [Fact]
    public void A_log_by_itself_has_no_index_to_open()
    {
        Close();
        var aside = Path.Combine(Root, "elsewhere", FileNames.Wal);
        CopyDirectory(Path.Combine(IndexPath, FileNames.Wal), aside);
        Assert.Null(WalInspector.Check(aside).OpenRefusal);
        Assert.Null(WalInspector.Check(Path.GetDirectoryName(aside)!).OpenRefusal);
    }

    [Fact]
    public void A_newer_state_of_the_archive_is_refused_and_not_put_aside()
    {
        Close(withSideFiles: true);
        MakeNewer(FileNames.Archive);
        var before = Fingerprint(IndexPath);
        AssertForecast(HestiaErrorCode.FormatTooNew, FileNames.Archive);
        var report = IndexChecker.Check(IndexPath);
        Assert.False(report.Healthy);
        Assert.Contains(report.Findings, f => f is { Code: CheckFindings.FormatTooNew, File: FileNames.Archive });
        var refused = Assert.Throws<HestiaException>(() => IndexRepairer.Repair(IndexPath, new RepairOptions { AllowLoss = true }));
        Assert.Equal(HestiaErrorCode.FormatTooNew, refused.Code);
        Assert.Equal(before, Fingerprint(IndexPath));
    }

    [Fact]
    public void A_newer_last_backup_is_told_and_left_alone()
    {
        Close(withSideFiles: true);
        MakeNewer(FileNames.LastBackup);
        var before = Fingerprint(IndexPath);
        AssertForecast(null, null);
        var report = IndexChecker.Check(IndexPath);
        Assert.True(report.Healthy);
        Assert.Contains(report.Findings, f => f is { Code: CheckFindings.LastBackupTooNew, File: FileNames.LastBackup });
        Assert.False(IndexRepairer.Repair(IndexPath).Changed);
        Assert.Equal(before, Fingerprint(IndexPath));
    }

    [Fact]
    public void Anothers_archive_and_last_backup_are_put_aside_and_the_log_is_kept()
    {
        Close(withSideFiles: true, id: Guid.NewGuid());
        var findings = IndexChecker.Check(IndexPath).Findings;
        foreach (var name in (string[])[FileNames.Archive, FileNames.LastBackup])
            Assert.Contains(findings, f => f.Code == CheckFindings.ForeignFile && f.File == name && f.Severity == FindingSeverity.Warning);
        var repaired = IndexRepairer.Repair(IndexPath);
        Assert.Empty(repaired.Lost);
        Assert.Contains(repaired.Actions, a => a is { Code: RepairActions.ResetArchive, File: FileNames.Archive });
        Assert.Equal(2, repaired.Quarantined.Count);
        Assert.False(File.Exists(Path.Combine(IndexPath, FileNames.LastBackup)));
        Assert.DoesNotContain(IndexChecker.Check(IndexPath).Findings, f => f.Severity != FindingSeverity.Information);
        using var index = HestiaIndex.Open(IndexPath, Small with { RetiredAge = TimeSpan.Zero });
        Assert.Equal(Lsn.None, index.Archive.Floor);
        var logs = Directory.GetFiles(Path.Combine(IndexPath, FileNames.Wal)).Length;
        Write(index, 50);
        index.Flush();
        index.PruneRetired();
        Assert.True(Directory.GetFiles(Path.Combine(IndexPath, FileNames.Wal)).Length > logs);
        // A shipment makes it known again.
        var target = new ArchiveTarget(s_repository, index.Timeline.Id, index.LastLsn, 0, null);
        index.Archive.Save(index.Archive.State!.With(s_repository, target), CancellationToken.None);
        Assert.Equal(index.LastLsn, index.Archive.Floor);
        Assert.False(ArchiveState.Read(FileSystem.Physical, IndexPath)!.IsUnknown);
    }

    private static void Write(HestiaIndex index, int count)
    {
        for (var i = 0; i < count; i++) index.Put(Key(i), Bytes($"value-{i}"));
    }

    private static string Fingerprint(string folder) => string.Join('\n', Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
        .Where(f => Path.GetFileName(f) != FileNames.Lock).Order(StringComparer.Ordinal)
        .Select(f => $"{f} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))}"));

    private void Close(bool withSideFiles = false, Guid? id = null)
    {
        using var index = HestiaIndex.Create(IndexPath, null, Small);
        Write(index, 500);
        if (withSideFiles)
        {
            var state = ArchiveKeeper.NewState(id ?? index.Id, index.Path);
            state.With(s_repository, new ArchiveTarget(s_repository, index.Timeline.Id, new Lsn(3), 0, null)).Write(FileSystem.Physical, index.Path);
            new LastBackup("bk", "/backups", s_repository, new Lsn(3), DateTimeOffset.UnixEpoch).Write(FileSystem.Physical, index.Path, id ?? index.Id);
        }

        index.Close();
    }

    private string Newest() => Path.Combine(FileNames.Manifests, Path.GetFileName(new ManifestStore(FileSystem.Physical, IndexPath).List()[0].Path));

    private void MakeNewer(string name)
    {
        var path = Path.Combine(IndexPath, name);
        var text = File.ReadAllText(path).Replace("\"formatVersion\":1", "\"formatVersion\":9").Replace("\"formatVersion\": 1", "\"formatVersion\": 9");
        Assert.Contains("9", text);
        File.WriteAllBytes(path, SelfChecksum.Append(Encoding.UTF8.GetBytes(text[..text.LastIndexOf(",\"sha256\"", StringComparison.Ordinal)] + "}")));
    }

    private void AssertForecast(HestiaErrorCode? code, string? file)
    {
        var before = Fingerprint(IndexPath);
        foreach (var path in (string[])[IndexPath, Path.Combine(IndexPath, FileNames.Wal)])
        {
            if (!Directory.Exists(path)) continue;
            var report = WalInspector.Check(path);
            Assert.True(report.Healthy, string.Join('\n', report.Findings));
            Assert.Equal((code?.ToString(), file), (report.OpenRefusal?.Code, report.OpenRefusal?.File));
            Assert.Equal(code is null, report.WouldOpen);
            Assert.Equal(code is not null, report.OpenWould.Contains($"refuse with {code}", StringComparison.Ordinal));
            if (file is not null) Assert.Contains(file, report.OpenWould);
        }

        Assert.Equal(before, Fingerprint(IndexPath));
        if (code is null)
        {
            HestiaIndex.Open(IndexPath, new IndexOptions { ReadOnly = true }).Dispose();
            return;
        }

        Assert.Equal(code, Assert.Throws<HestiaException>(() => HestiaIndex.Open(IndexPath)).Code);
    }
}
