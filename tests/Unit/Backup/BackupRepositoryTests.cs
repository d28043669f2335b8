using System.Text;
using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Backup;

public sealed class BackupRepositoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_created_opens_as_the_same()
    {
        using var created = BackupRepository.Create(_folder["r"]);
        using var opened = BackupRepository.Open(_folder["r"]);
        Assert.Equal(created.Id, opened.Id);
        Assert.Equal(created.Created, opened.Created);
        Assert.Equal(_folder["r"], opened.Location);
        Assert.Empty(opened.List(TestContext.Current.CancellationToken));
        Assert.Equal(["repository.json"], Directory.EnumerateFileSystemEntries(_folder["r"]).Select(Path.GetFileName));
    }

    [Fact]
    public void An_empty_folder_and_the_root_of_a_fresh_file_system_are_taken()
    {
        Directory.CreateDirectory(_folder["r", "lost+found"]);
        BackupRepository.Create(_folder["r"]).Dispose();
        BackupRepository.Open(_folder["r"]).Dispose();
    }

    [Fact]
    public void Refusals_name_the_place_and_change_nothing()
    {
        BackupRepository.Create(_folder["there"]).Dispose();
        Directory.CreateDirectory(_folder["full"]);
        File.WriteAllText(_folder["full", "letter.txt"], "dear");
        File.WriteAllText(_folder["file"], "");
        var before = TemporaryFolder.Snapshot(_folder.Path);
        Refused(HestiaErrorCode.RepositoryExists, "there", p => BackupRepository.Create(p));
        Refused(HestiaErrorCode.TargetNotEmpty, "full", p => BackupRepository.Create(p));
        Refused(HestiaErrorCode.TargetNotEmpty, "file", p => BackupRepository.Create(p));
        Refused(HestiaErrorCode.RepositoryNotFound, "nowhere", p => BackupRepository.Open(p));
        Refused(HestiaErrorCode.RepositoryNotFound, "full", p => BackupRepository.Open(p));
        Refused(HestiaErrorCode.PathNotFound, "no", p => BackupRepository.Create(Path.Combine(p, "such")));
        Assert.Equal(HestiaErrorCode.InvalidOption, Assert.Throws<HestiaException>(() => BackupRepository.Open("s3://bucket/x")).Code);
        Assert.Equal(before, TemporaryFolder.Snapshot(_folder.Path));
    }

    [Fact]
    public void Of_sixteen_that_create_one_repository_exactly_one_wins()
    {
        var ids = new Guid[16];
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
        {
            try
            {
                using var repository = BackupRepository.Create(_folder["r"]);
                ids[i] = repository.Id;
            }
            catch (HestiaException e) when (e.Code is HestiaErrorCode.RepositoryExists or HestiaErrorCode.TargetNotEmpty)
            {
                // lost
            }
        });
        var winner = Assert.Single(ids, id => id != Guid.Empty);
        Assert.Equal(winner, BackupRepository.Open(_folder["r"]).Id);
    }

    [Fact]
    public void Every_changed_byte_and_every_cut_of_repository_json_is_noticed()
    {
        BackupRepository.Create(_folder["r"]).Dispose();
        var path = _folder["r", "repository.json"];
        var good = File.ReadAllBytes(path);
        for (var i = 0; i < good.Length; i++)
        {
            var bad = (byte[])good.Clone();
            bad[i] ^= 1;
            File.WriteAllBytes(path, bad);
            Assert.Contains(
                Assert.Throws<HestiaException>(() => BackupRepository.Open(_folder["r"])).Code,
                (HestiaErrorCode[])[HestiaErrorCode.RepositoryDamaged, HestiaErrorCode.FormatTooNew]);
            File.WriteAllBytes(path, good[..i]);
            Assert.Equal(HestiaErrorCode.RepositoryDamaged, Assert.Throws<HestiaException>(() => BackupRepository.Open(_folder["r"])).Code);
        }
    }

    [Theory]
    [InlineData("{\"format\":\"hestia-repository\",\"formatVersion\":2,\"features\":[]}\n")]
    [InlineData("{\"format\":\"hestia-repository\",\"formatVersion\":1,\"features\":[\"cold-line\"]}\n")]
    public void A_newer_format_is_told_from_damage(string content)
    {
        Directory.CreateDirectory(_folder["r"]);
        File.WriteAllBytes(_folder["r", "repository.json"], Encoding.UTF8.GetBytes(content));
        Assert.Equal(HestiaErrorCode.FormatTooNew, Assert.Throws<HestiaException>(() => BackupRepository.Open(_folder["r"])).Code);
    }

    private void Refused(HestiaErrorCode code, string name, Func<string, BackupRepository> call)
    {
        var e = Assert.Throws<HestiaException>(() => call(_folder[name]));
        Assert.Equal(code, e.Code);
        Assert.Contains(name, e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.RecommendedAction);
    }
}
