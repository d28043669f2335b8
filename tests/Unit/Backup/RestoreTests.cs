using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Unit.Backup;

public sealed class RestoreTests : IDisposable
{
    private readonly IndexFixture _fixture = new();

    private string Target => _fixture.Folder["restored"];

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_restored_index_equals_its_source_opens_and_takes_writes()
    {
        using var repository = _fixture.Open();
        var (backup, entries) = MakeBackup(repository, 5000);
        var plan = repository.PlanRestore(backup.BackupId, Target);
        Assert.Equal((false, 0, backup.Bytes, backup.Bytes), (plan.ReplacesIndex, plan.SegmentsReused, plan.Bytes, plan.BytesToFetch));
        Assert.False(Directory.Exists(Target));
        var result = repository.Restore(backup.BackupId, Target);
        Assert.Equal(
            (backup.Lsn, 5000L, backup.Bytes, backup.Bytes, false),
            (result.Lsn, result.Entries, result.Bytes, result.BytesFetched, result.ReplacedIndex));
        Assert.Equal((plan.Segments, plan.Segments, 0), (result.ObjectsVerified, result.SegmentsFetched, result.SegmentsReused));
        Assert.InRange(result.PointInTime, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow);
        Assert.Equal(entries, IndexFixture.Read(Target));
        var report = IndexChecker.Check(Target, new CheckOptions { Deep = true });
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        using (var index = HestiaIndex.Open(Target))
        {
            Assert.Equal(backup.Lsn.Next, index.Put([1], [2]));
            Assert.Empty(index.Recovery.Notices);
        }

        Assert.Equal(["orders", "restored"], _fixture.Names());
    }

    [Fact]
    public void A_restore_begins_a_timeline_of_its_own()
    {
        using var repository = _fixture.Open();
        var (backup, _) = MakeBackup(repository, 100);
        repository.Restore(backup.BackupId, Target);
        var source = Newest(_fixture.IndexPath);
        var restored = Newest(Target);
        Assert.NotEqual(source.Timeline.Id, restored.Timeline.Id);
        Assert.Equal(
            (source.Timeline.Id, backup.Lsn, source.IndexId),
            (restored.Timeline.Parent!.Value, restored.Timeline.BranchLsn, restored.IndexId));
        using var index = HestiaIndex.Open(Target);
        index.Put([1], [2]);
        index.Close();
        Assert.Equal(restored.Timeline, Newest(Target).Timeline);
    }

    [Fact]
    public void An_index_is_replaced_with_force_only_and_its_sound_segments_are_reused()
    {
        using var repository = _fixture.Open();
        var (backup, entries) = MakeBackup(repository, 20_000);
        using (var index = HestiaIndex.Open(_fixture.IndexPath, IndexFixture.Small)) IndexFixture.Fill(index, 19_990, 20_100);
        var before = TemporaryFolder.Snapshot(_fixture.IndexPath);
        var e = Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, _fixture.IndexPath));
        Assert.Equal(HestiaErrorCode.IndexExists, e.Code);
        Assert.Contains("-Force", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, TemporaryFolder.Snapshot(_fixture.IndexPath));
        var force = new RestoreOptions { Force = true };
        var plan = repository.PlanRestore(backup.BackupId, _fixture.IndexPath, force);
        var result = repository.Restore(backup.BackupId, _fixture.IndexPath, force);
        Assert.True(plan.ReplacesIndex && result.ReplacedIndex && result.SegmentsReused > 0);
        Assert.Equal((plan.SegmentsReused, plan.BytesToFetch), (result.SegmentsReused, result.BytesFetched));
        Assert.Equal(plan.Segments, result.ObjectsVerified);
        Assert.Empty(result.Findings);
        Assert.Equal(entries, IndexFixture.Read(_fixture.IndexPath));
        Assert.Equal(["orders"], _fixture.Names());
    }

    [Fact]
    public void A_damaged_segment_of_the_replaced_index_is_fetched_instead()
    {
        using var repository = _fixture.Open();
        var (backup, entries) = MakeBackup(repository, 20_000);
        var segments = _fixture.Objects()
            .Select(o => Path.Combine(_fixture.IndexPath, "segments", Path.GetFileName(o) + FileNames.SegmentExtension))
            .ToList();
        Flip(segments[0]);
        File.Delete(segments[1]);
        var result = repository.Restore(backup.BackupId, _fixture.IndexPath, new RestoreOptions { Force = true });
        Assert.Equal((2, segments.Count - 2), (result.SegmentsFetched, result.SegmentsReused));
        Assert.Equal(entries, IndexFixture.Read(_fixture.IndexPath));
        Assert.True(IndexChecker.Check(_fixture.IndexPath, new CheckOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void An_index_in_use_is_never_replaced()
    {
        using var repository = _fixture.Open();
        var (backup, _) = MakeBackup(repository, 100);
        using var index = HestiaIndex.Open(_fixture.IndexPath);
        foreach (var call in (Action[])[
            () => repository.Restore(backup.BackupId, _fixture.IndexPath, new RestoreOptions { Force = true }),
            () => repository.PlanRestore(backup.BackupId, _fixture.IndexPath, new RestoreOptions { Force = true })])
        {
            var e = Assert.Throws<HestiaException>(call);
            Assert.Equal(HestiaErrorCode.IndexInUse, e.Code);
            Assert.Contains($"pid {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        }

        Assert.NotNull(index.Get(IndexFixture.Bytes(IndexFixture.Key(5))));
    }

    [Fact]
    public void What_is_no_index_is_never_replaced()
    {
        using var repository = _fixture.Open();
        var (backup, _) = MakeBackup(repository, 100);
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "thesis.docx"), "years of work");
        var e = Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, Target, new RestoreOptions { Force = true }));
        Assert.Equal(HestiaErrorCode.TargetNotEmpty, e.Code);
        Assert.Equal("years of work", File.ReadAllText(Path.Combine(Target, "thesis.docx")));
        Assert.Equal(
            HestiaErrorCode.InvalidOption,
            Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, Path.Combine(_fixture.RepositoryPath, "x"))).Code);
        Assert.Equal(
            HestiaErrorCode.BackupNotFound,
            Assert.Throws<HestiaException>(() => repository.Restore("bk-2026-04-15T03-00-00Z-7f3a", Target)).Code);
    }

    [Fact]
    public void A_missing_a_cut_and_a_flipped_object_are_refused_and_nothing_is_left()
    {
        using var repository = _fixture.Open();
        var (backup, entries) = MakeBackup(repository, 5000);
        var victim = _fixture.Objects()[0];
        var good = File.ReadAllBytes(victim);
        foreach (var (code, harm) in (ReadOnlySpan<(HestiaErrorCode, Action)>)[
            (HestiaErrorCode.ObjectMissing, () => File.Delete(victim)),
            (HestiaErrorCode.ObjectDamaged, () => File.WriteAllBytes(victim, good[..^1])),
            (HestiaErrorCode.ObjectDamaged, () => Flip(victim))])
        {
            harm();
            var e = Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, Target));
            Assert.Equal(code, e.Code);
            Assert.Contains(Path.GetFileName(victim), e.Message, StringComparison.Ordinal);
            Assert.Single(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Findings, f => f.Code == code.ToString());
            Assert.Equal(["orders"], _fixture.Names());
            File.WriteAllBytes(victim, good);
        }

        repository.Restore(backup.BackupId, Target);
        Assert.Equal(entries, IndexFixture.Read(Target));
    }

    [Fact]
    public void A_full_disk_is_said_before_anything_is_done()
    {
        using var sound = _fixture.Open();
        var (backup, _) = MakeBackup(sound, 5000);
        using var repository =
            BackupRepository.Open(_fixture.RepositoryPath, new FaultyFileSystem(0, (_, _) => { }) { FreeBytes = backup.Bytes });
        Assert.Equal(HestiaErrorCode.DiskFull, Assert.Throws<HestiaException>(() => repository.Restore(backup.BackupId, Target)).Code);
        Assert.Equal(backup.Bytes, repository.PlanRestore(backup.BackupId, Target).AvailableBytes);
        Assert.Equal(["orders"], _fixture.Names());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_restore_that_fails_or_is_cancelled_at_any_step_leaves_the_target_byte_by_byte(bool cancel)
    {
        using var sound = _fixture.Open();
        var (backup, entries) = MakeBackup(sound, 1500);
        using (var index = HestiaIndex.Open(_fixture.IndexPath, IndexFixture.Small)) IndexFixture.Fill(index, 1000, 2500);
        var before = TemporaryFolder.Snapshot(_fixture.IndexPath);
        var failures = 0;
        for (var at = 1; ; at++)
        {
            using var source = new CancellationTokenSource();
            var files = new FaultyFileSystem(at, (operation, path) =>
            {
                if (!cancel) throw new IOException($"no {operation} of {path}");
                source.Cancel();
            });
            RestoreResult? result = null;
            try
            {
                using var repository = BackupRepository.Open(_fixture.RepositoryPath, files);
                result = repository.Restore(
                    backup.BackupId, _fixture.IndexPath, new RestoreOptions { Force = true }, cancellationToken: source.Token);
            }
            catch (Exception e) when (cancel ? e is OperationCanceledException : e is HestiaException { Code: HestiaErrorCode.IoError })
            {
                failures++;
            }

            if (result is null)
            {
                Assert.Equal(before, TemporaryFolder.Snapshot(_fixture.IndexPath));
                Assert.DoesNotContain(
                    _fixture.Names(), n => n.Contains(".restore-", StringComparison.Ordinal)
                    || n.Contains(".replaced-", StringComparison.Ordinal));
                continue;
            }

            Assert.Equal(entries, IndexFixture.Read(_fixture.IndexPath));
            if (!files.Sprung) break;
            // It succeeded although a step failed: it reused less, or left what was replaced. Make the target what it was for the next
            // round.
            sound.Restore(backup.BackupId, _fixture.IndexPath, new RestoreOptions { Force = true });
            Assert.Equal(["orders"], _fixture.Names());
            using (var index = HestiaIndex.Open(_fixture.IndexPath, IndexFixture.Small)) IndexFixture.Fill(index, 1000, 2500);
            before = TemporaryFolder.Snapshot(_fixture.IndexPath);
        }

        Assert.True(failures > 10);
        Assert.Equal(["orders"], _fixture.Names());
    }

    [Fact]
    public void A_restored_index_has_the_mode_of_what_it_replaces()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows inherits access rights from the parent.");
            return;
        }

        using var repository = _fixture.Open();
        var (backup, _) = MakeBackup(repository, 5000);
        const UnixFileMode Folder =
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;
        Directory.CreateDirectory(Target);
        File.SetUnixFileMode(Target, Folder);
        repository.Restore(backup.BackupId, Target);
        Assert.Equal(Folder, File.GetUnixFileMode(Target));
        Assert.Equal(Folder, File.GetUnixFileMode(Path.Combine(Target, "segments")));
        foreach (var file in Directory.GetFiles(Target, "*", SearchOption.AllDirectories))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(file));
    }

    [Fact]
    public void The_source_may_be_gone()
    {
        using var repository = _fixture.Open();
        var (backup, entries) = MakeBackup(repository, 500);
        Directory.Delete(_fixture.IndexPath, recursive: true);
        repository.Restore(backup.BackupId, _fixture.IndexPath);
        Assert.Equal(entries, IndexFixture.Read(_fixture.IndexPath));
    }

    [Fact]
    public void Of_two_restores_to_one_place_at_once_one_wins_and_the_other_is_refused()
    {
        using var repository = _fixture.Open();
        var (backup, entries) = MakeBackup(repository, 5000);
        var codes = new List<HestiaErrorCode>();
        var wins = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            try
            {
                repository.Restore(backup.BackupId, Target);
                Interlocked.Increment(ref wins);
            }
            catch (HestiaException e)
            {
                lock (codes) codes.Add(e.Code);
            }
        });
        Assert.Equal(1, wins);
        Assert.All(codes, c => Assert.Contains(c, (HestiaErrorCode[])[HestiaErrorCode.IndexInUse, HestiaErrorCode.IndexExists]));
        Assert.Equal(entries, IndexFixture.Read(Target));
        Assert.Equal(["orders", "restored"], _fixture.Names());
    }

    private (BackupResult Backup, SortedDictionary<string, string> Entries) MakeBackup(BackupRepository repository, int count)
    {
        using var index = _fixture.Create(count);
        index.Compact();
        return (repository.Backup(index), IndexFixture.Read(index));
    }

    private static ManifestDocument Newest(string path)
    {
        var store = new ManifestStore(FileSystem.Physical, path);
        return store.Read(store.List()[0]);
    }

    private static void Flip(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
