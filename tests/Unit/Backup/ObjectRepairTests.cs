using System.Diagnostics;
using Hestia.Backup;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Unit.Backup.Encryption;
using Hestia.Unit.Crashes;

namespace Hestia.Unit.Backup;

/// <summary>What happens to an object behind the back of its repository.</summary>
public enum ObjectDamage
{
    /// <summary>One bit is another.</summary>
    Flipped,

    /// <summary>It ends too early.</summary>
    Cut,

    /// <summary>It is gone.</summary>
    Removed,
}

/// <summary>One object flipped, cut or missing, each in turn: Test names it, a restore refuses, the next backup repairs it.</summary>
public sealed class ObjectRepairTests : IDisposable
{
    private readonly IndexFixture _fixture = new();

    public static TheoryData<StoreKind, bool, ObjectDamage> Damages
    {
        get
        {
            var data = new TheoryData<StoreKind, bool, ObjectDamage>();
            foreach (var store in Enum.GetValues<StoreKind>())
            {
                foreach (var damage in Enum.GetValues<ObjectDamage>())
                {
                    data.Add(store, false, damage);
                    data.Add(store, true, damage);
                }
            }

            return data;
        }
    }

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [MemberData(nameof(Damages))]
    public void Damage_of_any_object_is_named_refused_and_repaired(StoreKind store, bool encrypted, ObjectDamage damage)
    {
        var places = new RepositoryPlaces(store, _fixture.Folder.Path);
        var location = places.NewLocation("damaged");
        using var key = encrypted ? EncryptedRepositoryTests.Key("correct horse") : null;
        using var repository = places.Create(location, key);
        using var stored = places.Store(location);
        using var index = _fixture.Create(1500);
        var backup = repository.Backup(index);
        var expected = IndexFixture.Read(index);
        var random = new Random(7);
        var target = _fixture.Folder["restored"];
        var objects = stored.List("objects/", default).ToList();
        Assert.True(objects.Count > 1);
        foreach (var item in objects)
        {
            Harm(stored, item, damage, random);
            var verification = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.False(verification.Healthy);
            Assert.Equal(item.Name, Assert.Single(verification.Findings).File);
            var refused = Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, target));
            Assert.Equal(damage == ObjectDamage.Removed ? HestiaErrorCode.ObjectMissing : HestiaErrorCode.ObjectDamaged, refused.Code);
            Assert.Contains(item.Name, refused.Message, StringComparison.Ordinal);
            Assert.False(Directory.Exists(target));

            var next = repository.Backup(index);
            Assert.Equal(1, next.SegmentsSent);
            Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
            Assert.Empty(stored.List("locks/", default));
        }

        repository.Restore(backup.BackupId, target);
        Assert.Equal(expected, IndexFixture.Read(target));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void Damage_of_a_manifest_is_named_refused_and_the_next_backup_is_whole(StoreKind store, bool encrypted, ObjectDamage damage)
    {
        var places = new RepositoryPlaces(store, _fixture.Folder.Path);
        var location = places.NewLocation("damaged");
        using var key = encrypted ? EncryptedRepositoryTests.Key("correct horse") : null;
        using var repository = places.Create(location, key);
        using var stored = places.Store(location);
        using var index = _fixture.Create(1500);
        var backup = repository.Backup(index);
        Harm(stored, stored.List("backups/", default).Single(), damage, new Random(11));

        // A flip or a cut may lie behind the head, which is all that a list reads; whoever needs the rest finds it.
        if (damage == ObjectDamage.Removed) Assert.Empty(repository.List());
        var refused = Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, _fixture.Folder["restored"]));
        Assert.Equal(damage == ObjectDamage.Removed ? HestiaErrorCode.BackupNotFound : HestiaErrorCode.BackupDamaged, refused.Code);
        Assert.False(Directory.Exists(_fixture.Folder["restored"]));
        if (damage != ObjectDamage.Removed) Assert.Contains(repository.Check().Findings, f => f.Code == nameof(HestiaErrorCode.BackupDamaged));
        var next = repository.Backup(index);
        Assert.Equal(0, next.SegmentsSent);
        repository.Restore(next.BackupId, _fixture.Folder["restored"]);
        Assert.Equal(IndexFixture.Read(index), IndexFixture.Read(_fixture.Folder["restored"]));
    }

    private static void Harm(RepositoryStore stored, StoredItem item, ObjectDamage damage, Random random)
    {
        var bytes = stored.ReadAll(item.Name, (int)item.Size, default)!;
        stored.Delete(item.Name, default);
        if (damage == ObjectDamage.Removed) return;
        if (damage == ObjectDamage.Flipped) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        using var content = new BytesContent(damage == ObjectDamage.Cut ? bytes[..random.Next(bytes.Length)] : bytes);
        stored.Put(item.Name, content, default);
    }

    [Fact]
    public void A_restore_that_met_damage_has_it_repaired_as_well()
    {
        using var repository = _fixture.Open();
        using var index = _fixture.Create(500);
        var backup = repository.Backup(index);
        var path = _fixture.Objects()[0];
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(path, bytes);
        Assert.Equal(0, repository.Backup(index).SegmentsSent); // nobody knows yet
        Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, _fixture.Folder["restored"]));
        Assert.Equal(1, repository.Backup(index).SegmentsSent);
        repository.Restore(backup.BackupId, _fixture.Folder["restored"]);
    }

    [Fact]
    public void Damage_in_an_encrypted_repository_is_repaired_as_well()
    {
        var location = _fixture.Folder["encrypted"];
        using var key = RepositoryKey.FromPassphrase("correct horse");
        using var repository = BackupRepository.Create(location, null, key, null);
        using var index = _fixture.Create(500);
        var backup = repository.Backup(index);
        var path = Directory.GetFiles(Path.Combine(location, "objects"), "*", SearchOption.AllDirectories)[0];
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(path, bytes);
        Assert.False(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Assert.Equal(1, repository.Backup(index).SegmentsSent);
        Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Assert.Equal(0, repository.Prune().ObjectsRemoved);
        Assert.Empty(repository.Check().Findings);
        Assert.Empty(Directory.GetFiles(Path.Combine(location, "locks")));
    }

    [Fact]
    public void A_sample_hashes_some_objects_and_finds_damage_in_the_end()
    {
        using var repository = _fixture.Open();
        using var index = _fixture.Create(3000);
        var backup = repository.Backup(index);
        var objects = _fixture.Objects();
        Assert.True(objects.Length > 4);
        var sample = repository.Verify(backup.BackupId, new VerifyOptions { SamplePercent = 25 });
        Assert.Equal((int)Math.Ceiling(objects.Length * 0.25), sample.ObjectsHashed);
        Assert.Equal(objects.Length, sample.ObjectsChecked);
        Assert.True(sample.BytesHashed > 0 && sample.BytesHashed < sample.BytesChecked);
        Assert.Equal(objects.Length, repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).ObjectsHashed);
        Assert.Throws<HestiaException>(() => repository.Verify(backup.BackupId, new VerifyOptions { SamplePercent = 0 }));

        var bytes = File.ReadAllBytes(objects[0]);
        bytes[0] ^= 1;
        File.WriteAllBytes(objects[0], bytes);
        var runs = 1;
        while (repository.Verify(backup.BackupId, new VerifyOptions { SamplePercent = 25 }).Healthy) Assert.True(++runs < 200);
    }

    [Fact]
    public void Without_a_flush_a_backup_ends_at_the_checkpoint()
    {
        using var repository = _fixture.Open();
        using var index = _fixture.Create(100);
        index.Flush();
        var flushed = index.Checkpoint;
        IndexFixture.Fill(index, 100, 110);
        Assert.Equal(flushed, repository.Backup(index, new BackupOptions { NoFlush = true, Tags = ["early"] }).Lsn);
        Assert.Equal(["early"], repository.List()[^1].Tags);
        Assert.Equal(index.LastLsn, repository.Backup(index).Lsn);
        Assert.Throws<HestiaException>(() => repository.Backup(index, new BackupOptions { Tags = ["two\nlines"] }));
    }

    [Fact]
    public void A_limit_holds_over_all_transfers_and_a_cancellation_does_not_wait_for_it()
    {
        using var repository = _fixture.Open();
        using var index = _fixture.Create(3000);
        index.Flush();
        var bytes = repository.PlanBackup(index).BytesToSend;
        var begun = Stopwatch.GetTimestamp();
        using (var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(100)))
        {
            Assert.ThrowsAny<OperationCanceledException>(() =>
                repository.Backup(index, new BackupOptions { MaxBytesPerSecond = 1, Parallelism = 4 }, null, stop.Token));
        }

        Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(20));
        begun = Stopwatch.GetTimestamp();
        var result = repository.Backup(index, new BackupOptions { MaxBytesPerSecond = bytes * 2, Parallelism = 4 });
        var took = Stopwatch.GetElapsedTime(begun);
        Assert.True(took > TimeSpan.FromSeconds(0.45 * result.BytesSent / bytes), $"{result.BytesSent:N0} bytes took {took}");
        Assert.Equal(HestiaErrorCode.InvalidOption, Assert.Throws<HestiaException>(() =>
            repository.Backup(index, new BackupOptions { MaxBytesPerSecond = 0 })).Code);
    }
}
