using Hestia.Backup;
using Hestia.Core;
using Hestia.CrashWriter;
using Hestia.Unit.Backup.Encryption;
using Hestia.Unit.Crashes;

namespace Hestia.Unit.Backup;

/// <summary>Copies of backups between repositories.</summary>
public sealed class CopyTests(ITestOutputHelper output) : IDisposable
{
    private const string Passphrase = "for the copy";

    private readonly IndexFixture _fixture = new();
    private readonly RepositoryKey _key = EncryptedRepositoryTests.Key(Passphrase);
    private readonly RepositoryKey _otherKey = EncryptedRepositoryTests.Key("another");

    public void Dispose()
    {
        _key.Dispose();
        _otherKey.Dispose();
        _fixture.Dispose();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Only_what_is_missing_is_sent_whatever_the_encryption(bool fromEncrypted, bool toEncrypted)
    {
        using var source = Create("from", fromEncrypted ? _key : null);
        using var destination = Create("to", toEncrypted ? _otherKey : null);
        using var index = _fixture.Create(5000);
        var first = source.Backup(index);
        IndexFixture.Fill(index, 5000, 5200);
        var second = source.Backup(index);

        var plan = source.PlanCopy(first.BackupId, destination);
        Assert.Equal((false, first.Bytes, first.Bytes), (plan.AlreadyThere, plan.Bytes, plan.BytesToSend));
        var copied = source.Copy(first.BackupId, destination);
        Assert.Equal((false, first.Bytes, 0), (copied.AlreadyThere, copied.BytesSent, copied.SegmentsReused));
        var increment = source.Copy(second.BackupId, destination);
        Assert.InRange(increment.SegmentsReused, 1, int.MaxValue);
        Assert.Equal(second.BytesSent, increment.BytesSent);
        Assert.True(source.PlanCopy(second.BackupId, destination).AlreadyThere);
        var nothing = source.Copy(second.BackupId, destination);
        Assert.Equal((true, 0L, 0), (nothing.AlreadyThere, nothing.BytesSent, nothing.SegmentsSent));

        // The same backups: id, times, LSN; only where they are differs.
        Assert.Equal(
            source.List().Select(b => b with { Repository = "", Settings = null! }).Select(Known),
            destination.List().Select(b => b with { Repository = "", Settings = null! }).Select(Known));
        AssertWhole(destination);
        var target = _fixture.Folder["restored"];
        destination.Restore(second.BackupId, target);
        Assert.Equal(IndexFixture.Read(index), IndexFixture.Read(target));

        // And back again: everything is there.
        Assert.Equal(0, destination.Copy(second.BackupId, source).SegmentsSent);
        Assert.Equal(0, destination.Backup(index).SegmentsSent);

        static (string, Guid, Lsn, DateTimeOffset, DateTimeOffset, long) Known(BackupInfo b) =>
            (b.BackupId, b.IndexId, b.Lsn, b.Started, b.Completed, b.BytesSent);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_damaged_or_missing_object_of_the_source_is_named_and_nothing_is_published(bool encrypted)
    {
        using var source = Create("from", encrypted ? _key : null);
        using var destination = Create("to", _otherKey);
        using var index = _fixture.Create(5000);
        var backup = source.Backup(index);
        var file = Objects("from")[0];
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        var failure = Assert.Throws<HestiaException>(() => source.Copy(backup.BackupId, destination));
        Assert.Equal(HestiaErrorCode.ObjectDamaged, failure.Code);
        Assert.Contains(Path.GetFileName(file), failure.Message, StringComparison.Ordinal);
        File.WriteAllBytes(file, [.. bytes, 0]);
        Assert.Equal(HestiaErrorCode.ObjectDamaged, Assert.Throws<HestiaException>(() => source.Copy(backup.BackupId, destination)).Code);
        File.Delete(file);
        Assert.Equal(HestiaErrorCode.ObjectMissing, Assert.Throws<HestiaException>(() => source.Copy(backup.BackupId, destination)).Code);
        Assert.Empty(destination.List());

        // Without that object there would be nothing wrong: the source gets it from its index again.
        source.Backup(index);
        source.Copy(backup.BackupId, destination);
        Assert.True(destination.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void Verify_reads_the_destination_and_mends_it_and_so_does_a_copy_what_is_missing()
    {
        using var source = Create("from", _key);
        using var destination = Create("to", null);
        using var index = _fixture.Create(5000);
        var backup = source.Backup(index);
        source.Copy(backup.BackupId, destination);
        var objects = Objects("to");
        var bytes = File.ReadAllBytes(objects[0]);
        bytes[50] ^= 1;
        File.WriteAllBytes(objects[0], bytes);
        File.Delete(objects[1]);
        var manifest = Directory.GetFiles(Path.Combine(_fixture.Folder["to"], "backups"), "*", SearchOption.AllDirectories).Single();
        File.WriteAllText(manifest, "{}");

        var mended = source.Copy(backup.BackupId, destination, new CopyOptions { Verify = true });
        Assert.Equal((false, 2, objects.Length), (mended.AlreadyThere, mended.SegmentsSent, mended.ObjectsVerified));
        Assert.True(destination.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Assert.Equal(backup.BackupId, Assert.Single(destination.List()).BackupId);
        Assert.Equal(0, source.Copy(backup.BackupId, destination, new CopyOptions { Verify = true }).SegmentsSent);
    }

    [Fact]
    public void Another_backup_of_the_same_id_the_same_place_and_an_unknown_id_are_refused()
    {
        using var source = Create("from", null);
        using var destination = Create("to", null);
        using var index = _fixture.Create(500);
        var backup = source.Backup(index);
        var other = destination.Backup(index);
        var manifests = Path.Combine(_fixture.Folder["to"], "backups", index.Id.ToString("d"));
        source.Copy(backup.BackupId, destination);

        // The manifest of the other under this id, sealed as it should be.
        var text = File.ReadAllText(Path.Combine(manifests, other.BackupId + ".json"));
        Assert.Contains(other.BackupId, text, StringComparison.Ordinal);
        var failure = Replace(Hestia.Backup.Format.BackupManifest.Parse(System.Text.Encoding.UTF8.GetBytes(text)));
        Assert.Equal(HestiaErrorCode.BackupDiffers, failure.Code);

        Assert.Equal(HestiaErrorCode.BackupNotFound,
            Assert.Throws<HestiaException>(() => source.Copy("bk-2026-04-15T03-00-00Z-7f3a91", destination)).Code);
        using var same = BackupRepository.Open(_fixture.Folder["from"]);
        Assert.Equal(HestiaErrorCode.InvalidOption, Assert.Throws<HestiaException>(() => source.Copy(backup.BackupId, same)).Code);

        HestiaException Replace(Hestia.Backup.Format.BackupManifest manifest)
        {
            var renamed = manifest.Summary with { BackupId = backup.BackupId };
            File.WriteAllBytes(
                Path.Combine(manifests, backup.BackupId + ".json"),
                Hestia.Backup.Format.BackupManifest.Serialize(renamed, manifest.IndexManifestBytes, manifest.Segments));
            return Assert.Throws<HestiaException>(() => source.Copy(backup.BackupId, destination));
        }
    }

    [Fact]
    public void Cancelled_it_publishes_nothing_and_the_next_sends_the_rest()
    {
        using var source = Create("from", _key);
        Create("to", _otherKey).Dispose();
        using var index = _fixture.Create(20_000, compaction: false);
        var backup = source.Backup(index);
        Assert.InRange(backup.SegmentsSent, 5, int.MaxValue);
        using var stop = new CancellationTokenSource();
        var stored = 0;
        var files = new FaultyFileSystem(
            1,
            (operation, path) =>
            {
                if (operation == "rename" && path.Contains("objects", StringComparison.Ordinal) && ++stored == 3) stop.Cancel();
            },
            everAfter: true);
        using (var watched = BackupRepository.Open(_fixture.Folder["to"], null, _otherKey, files, default))
            Assert.ThrowsAny<OperationCanceledException>(() =>
                source.Copy(backup.BackupId, watched, new CopyOptions { Parallelism = 1 }, null, stop.Token));
        using var destination = BackupRepository.Open(_fixture.Folder["to"], null, _otherKey);
        Assert.Empty(destination.List());
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Folder["to"], "locks")));
        Assert.Equal(3, source.Copy(backup.BackupId, destination).SegmentsReused);
        AssertWhole(destination);
    }

    [Fact]
    public void Two_copies_of_one_backup_at_once_are_one_backup()
    {
        using var source = Create("from", _key);
        using var destination = Create("to", _otherKey);
        using var index = _fixture.Create(3000);
        var backup = source.Backup(index);
        Parallel.For(0, 4, _ => source.Copy(backup.BackupId, destination));
        Assert.Equal(backup.BackupId, Assert.Single(destination.List()).BackupId);
        Assert.True(destination.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void Killed_copies_are_completed_by_the_next()
    {
        var random = new Random(CrashSettings.Seed);
        using var source = Create("from", _key);
        var backups = new List<BackupResult>();
        using (var index = _fixture.Create(40_000, compaction: false))
        {
            backups.Add(source.Backup(index));
            IndexFixture.Fill(index, 40_000, 50_000);
            backups.Add(source.Backup(index));
        }

        Create("timed", _key).Dispose();
        var environment = new Dictionary<string, string> { [RepositoryJob.PassphraseVariable] = Passphrase };
        var length = Run("timed", null).Time;
        int kills = 0, begun = 0;
        for (var round = 0; round < CrashSettings.Rounds; round++)
        {
            var name = "to-" + round;
            using var destination = Create(name, _key);
            for (var i = 1 + random.Next(3); i > 0; i--)
            {
                if (!Run(name, length * random.NextDouble()).Finished) kills++;
            }

            // What is listed is whole, killed or not.
            AssertWhole(destination, $"seed {CrashSettings.Seed}, round {round}");
            var there = Objects(name).Count(f => !f.EndsWith(".tmp", StringComparison.Ordinal));
            var result = source.Copy(backups[1].BackupId, destination);
            source.Copy(backups[0].BackupId, destination);
            if (there > 0 && result.SegmentsReused > 0) begun++;
            Assert.Equal(2, destination.List().Count);
            AssertWhole(destination);
            Directory.Delete(_fixture.Folder[name], recursive: true);
        }

        output.WriteLine($"{kills} kills in {CrashSettings.Rounds} rounds, {begun} went on with what was there; "
            + $"a copy takes {length.TotalMilliseconds:F0} ms");
        Assert.InRange(kills, 1, int.MaxValue);

        JobEnd Run(string destination, TimeSpan? killAfter) => JobProcess.Run(
            ["copy", $"repository={_fixture.Folder["from"]}", $"destination={_fixture.Folder[destination]}"], environment, JobFault.Kill, killAfter);
    }

    private static void AssertWhole(BackupRepository repository, string? what = null)
    {
        foreach (var backup in repository.List())
            Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy, what);
    }

    private BackupRepository Create(string name, RepositoryKey? key) => BackupRepository.Create(_fixture.Folder[name], null, key, null);

    private string[] Objects(string name)
    {
        var folder = Path.Combine(_fixture.Folder[name], "objects");
        if (!Directory.Exists(folder)) return [];
        return [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
    }
}
