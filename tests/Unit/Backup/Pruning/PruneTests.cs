using Hestia.Backup;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Unit.Backup.Pruning;

public sealed class PruneTests : IDisposable
{
    private readonly RepositoryFixture _fixture = new();

    private BackupRepository Repository => _fixture.Repository;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void What_no_backup_names_goes_and_all_else_stays()
    {
        var kept = _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100, 200);
        var gone = _fixture.Put("bk-2026-04-14T03-00-00Z-bbbbbb", 300);
        var foreign = Path.Combine(_fixture.Path, "objects", "readme.txt");
        File.WriteAllText(foreign, "not ours");
        Repository.Remove("bk-2026-04-14T03-00-00Z-bbbbbb");

        var plan = Repository.PlanPrune();
        Assert.Equal((3, 600, 1, 300), (plan.Objects, plan.Bytes, plan.ObjectsToRemove, plan.BytesToRemove));
        Assert.True(File.Exists(gone[0]));
        var result = Repository.Prune();
        Assert.Equal((1, 300, 2, 300), (result.ObjectsRemoved, result.BytesRemoved, result.ObjectsKept, result.BytesKept));
        Assert.False(File.Exists(gone[0]));
        Assert.All(kept, path => Assert.True(File.Exists(path)));
        Assert.True(File.Exists(foreign));
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Path, "locks")));
        Assert.True(Repository.Verify("bk-2026-04-15T03-00-00Z-aaaaaa", new VerifyOptions { Deep = true }).Healthy);
        Assert.Equal(0, Repository.Prune().ObjectsRemoved);
    }

    [Fact]
    public void A_backup_that_waits_for_a_prune_is_known_to_be_at_work()
    {
        var index = Guid.NewGuid();
        var condemned = "objects/ab/ab" + new string('0', 62);
        var board = new MarkerBoard(_fixture.Context);
        using (var marker = BackupMarker.Write(_fixture.Context, DateTimeOffset.UtcNow, index, default))
        {
            var prune = PruneMarker.Write(_fixture.Context, [condemned], default);
            var waiting = new Thread(() => marker.AvoidPrunes([condemned], default));
            waiting.Start();
            Assert.True(SpinWait.SpinUntil(() => !marker.Stands(default), TimeSpan.FromSeconds(30)));
            Assert.DoesNotContain(board.List(default), m => !m.IsPrune); // no prune waits for it
            Assert.Equal([index], board.FindIndexesAtWork(default)!);
            prune.Dispose();
            waiting.Join();
            Assert.True(marker.Stands(default));
        }

        Assert.Empty(board.FindIndexesAtWork(default)!);
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Path, "locks")));
    }

    [Fact]
    public void Nothing_goes_while_a_manifest_cannot_be_read()
    {
        _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100);
        var orphan = _fixture.Put("bk-2026-04-14T03-00-00Z-bbbbbb", 300);
        Repository.Remove("bk-2026-04-14T03-00-00Z-bbbbbb");
        var manifest = _fixture.ManifestPath("bk-2026-04-15T03-00-00Z-aaaaaa");
        var bytes = File.ReadAllBytes(manifest);
        bytes[^100] ^= 1;
        File.WriteAllBytes(manifest, bytes);
        var e = Assert.Throws<HestiaException>(() => Repository.Prune());
        Assert.Equal(HestiaErrorCode.BackupDamaged, e.Code);
        Assert.Contains("bk-2026-04-15T03-00-00Z-aaaaaa", e.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(orphan[0]));

        Repository.Remove("bk-2026-04-15T03-00-00Z-aaaaaa");
        Assert.Equal(2, Repository.Prune().ObjectsRemoved);
    }

    [Fact]
    public void A_manifest_that_is_listed_is_read_however_often_it_is_not_found()
    {
        var kept = _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100);
        var misses = 1;
        Assert.Equal(0, Prune().ObjectsRemoved);
        Assert.Equal(-1, misses);

        misses = int.MaxValue;
        var e = Assert.Throws<HestiaException>(() => Prune());
        Assert.Equal(HestiaErrorCode.IoError, e.Code);
        Assert.Contains("bk-2026-04-15T03-00-00Z-aaaaaa", e.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(kept[0]));

        PruneResult Prune()
        {
            var files = new FaultyFileSystem(long.MaxValue, (_, _) => { })
            {
                Hides = path => path.EndsWith("-aaaaaa.json", StringComparison.Ordinal) && misses-- > 0,
            };
            var context = new RepositoryContext(new DirectoryStore(files, _fixture.Path), _fixture.Context.Descriptor, files)
            {
                Markers = new MarkerTiming { Sleep = static (_, _) => { } },
            };
            return new PruneJob(context, new PruneOptions { Parallelism = 1 }, null, default).Run();
        }
    }

    [Fact]
    public void Work_that_ends_without_a_backup_and_work_that_died_leave_nothing_that_is_not_durable()
    {
        var objects = _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100);
        var steps = new List<string>();
        var files = new FaultyFileSystem(1, (operation, path) => { lock (steps) steps.Add(operation + " " + path); }, everAfter: true);
        var context = new RepositoryContext(new DirectoryStore(files, _fixture.Path), _fixture.Context.Descriptor, files)
        {
            Markers = new MarkerTiming { HasEnded = static _ => true },
        };
        var marker = BackupMarker.Write(context, DateTimeOffset.UtcNow, Guid.NewGuid(), default);
        var sync = "sync " + Path.GetDirectoryName(objects[0]);
        var removal = "delete " + Path.Combine(_fixture.Path, marker.Name.Replace('/', Path.DirectorySeparatorChar));
        steps.Clear();
        var board = new MarkerBoard(context);
        Assert.True(board.RemoveIfDead(Assert.Single(board.List(default)), default));
        Assert.InRange(steps.IndexOf(sync), 0, steps.IndexOf(removal) - 1);

        Assert.False(marker.Keep(default)); // there again
        steps.Clear();
        marker.Dispose();
        Assert.InRange(steps.IndexOf(sync), 0, steps.IndexOf(removal) - 1);
    }

    [Fact]
    public void A_marker_whose_store_is_down_is_given_up_at_the_first_of_its_files()
    {
        var down = false;
        var asked = 0;
        var files = new FaultyFileSystem(
            1,
            (operation, path) =>
            {
                if (!down) return;
                if (operation == "delete" && path.EndsWith(".json", StringComparison.Ordinal)) asked++;
                throw new IOException("down");
            },
            everAfter: true);
        var context = new RepositoryContext(new DirectoryStore(files, _fixture.Path), _fixture.Context.Descriptor, files)
        {
            Markers = new MarkerTiming { BackupRenewal = TimeSpan.FromMilliseconds(10) },
        };
        var marker = BackupMarker.Write(context, DateTimeOffset.UtcNow, Guid.NewGuid(), default);
        var locks = Path.Combine(_fixture.Path, "locks");
        for (var begun = Environment.TickCount64; Directory.GetFiles(locks, "*.r*.json").Length < 3; Thread.Sleep(5))
            Assert.InRange(Environment.TickCount64 - begun, 0, 20_000);
        marker.KeepComplete<int>([], static () => [], static _ => { }, null, static () => throw new InvalidOperationException());
        down = true;
        marker.Dispose();
        Assert.InRange(asked, 1, 2); // two if just then a sign of life had got as far as to be taken back
    }

    [Fact]
    public void Only_the_same_running_of_a_machine_says_that_a_process_has_ended()
    {
        using var other = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(Environment.ProcessPath!, "-?") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        other.StandardOutput.ReadToEnd();
        other.WaitForExit();
        var current = MarkerOwner.Current(TimeProvider.System);
        var ended = current with { Process = current.Process with { ProcessId = other.Id } };
        Assert.True(ended.HasEnded());
        Assert.False(current.HasEnded());
        var boot = Hestia.Core.IO.Platform.BootId()!;
        Assert.Equal(boot, Hestia.Core.IO.Platform.BootId());
        Assert.Contains(boot, current.Scope, StringComparison.Ordinal);
        var clone = ended with { Scope = current.Scope.Replace(boot, Guid.NewGuid().ToString(), StringComparison.Ordinal) };
        Assert.False(clone.HasEnded()); // same name, same process namespace, and it may run there
    }

    [Fact]
    public void A_running_backup_is_waited_for_and_named_when_it_does_not_end()
    {
        _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100);
        Repository.Remove("bk-2026-04-15T03-00-00Z-aaaaaa");
        using (var marker = BackupMarker.Write(_fixture.Context, DateTimeOffset.UtcNow, Guid.NewGuid(), default))
        {
            var e = Assert.Throws<HestiaException>(() => Repository.Prune(new PruneOptions { WaitTime = TimeSpan.FromMilliseconds(50) }));
            Assert.Equal(HestiaErrorCode.RepositoryBusy, e.Code);
            Assert.Contains(marker.Name, e.Message, StringComparison.Ordinal);
            Assert.Contains($"pid {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
            Assert.Contains(marker.BackupId, Repository.PlanPrune().Running!, StringComparison.Ordinal);
            Assert.Single(Directory.GetFiles(Path.Combine(_fixture.Path, "objects"), "*", SearchOption.AllDirectories));
        }

        Assert.Equal(1, Repository.Prune(new PruneOptions { WaitTime = TimeSpan.FromMilliseconds(50) }).ObjectsRemoved);
    }

    [Fact]
    public void Markers_of_the_dead_are_removed_and_those_of_the_living_kept_by_their_signs_of_life()
    {
        var timing = new MarkerTiming
        {
            BackupRenewal = TimeSpan.FromMilliseconds(20),
            BackupDeadAfter = TimeSpan.FromMilliseconds(600),
            HasEnded = static _ => false,
        };
        var context = new RepositoryContext(_fixture.Store, _fixture.Context.Descriptor, _fixture.Context.Files) { Markers = timing };
        var still = new RepositoryContext(_fixture.Store, _fixture.Context.Descriptor, _fixture.Context.Files)
        {
            Markers = timing with { BackupRenewal = Timeout.InfiniteTimeSpan },
        };
        using var alive = BackupMarker.Write(context, DateTimeOffset.UtcNow, Guid.NewGuid(), default);
        using var dead = BackupMarker.Write(still, DateTimeOffset.UtcNow, Guid.NewGuid(), default);
        var board = new MarkerBoard(context);
        for (var begun = Environment.TickCount64; board.List(default).Count == 2 && Environment.TickCount64 - begun < 20_000; Thread.Sleep(20))
            foreach (var marker in board.List(default)) board.RemoveIfDead(marker, default);
        Assert.True(alive.Stands(default));
        Assert.False(dead.Stands(default));
        Assert.False(dead.Keep(default));
        Assert.True(dead.Stands(default));
        alive.Dispose();
        dead.Dispose();
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Path, "locks")));
    }

    [Fact]
    public void A_marker_of_a_process_that_has_ended_here_is_removed_at_once()
    {
        using var other = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(Environment.ProcessPath!, "-?") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        other.StandardOutput.ReadToEnd();
        other.WaitForExit();
        var name = RepositoryNames.BackupMarker("bk-2026-04-15T03-00-00Z-aaaaaa");
        using (var marker = BackupMarker.Write(_fixture.Context, DateTimeOffset.UtcNow, Guid.NewGuid(), default))
        {
            var text = File.ReadAllText(Path.Combine(_fixture.Path, marker.Name));
            var changed = text.Replace($"\"pid\":{Environment.ProcessId}", $"\"pid\":{other.Id}", StringComparison.Ordinal);
            Assert.NotEqual(text, changed);
            File.WriteAllText(Path.Combine(_fixture.Path, name), changed);
        }

        Assert.Equal(1, Repository.Prune().MarkersRemoved);
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Path, "locks")));
    }

    [Fact]
    public void Markers_that_cannot_be_understood_stay_until_they_are_old_and_condemn_everything()
    {
        var name = RepositoryNames.PruneMarker("0123456789abcdef0123456789abcdef");
        Directory.CreateDirectory(Path.Combine(_fixture.Path, "locks"));
        var path = Path.Combine(_fixture.Path, name);
        File.WriteAllText(path, "{\"formatVersion\":7}");
        var board = new MarkerBoard(_fixture.Context);
        Assert.Single(board.PrunesThatCondemned(["objects/00/" + new string('0', 64)], default));
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(-16));
        Assert.Empty(new MarkerBoard(_fixture.Context).PrunesThatCondemned(["objects/00/" + new string('0', 64)], default));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void What_is_young_stays()
    {
        var paths = _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100, 200);
        Repository.Remove("bk-2026-04-15T03-00-00Z-aaaaaa");
        File.SetLastWriteTimeUtc(paths[0], DateTime.UtcNow.AddHours(-2));
        var result = Repository.Prune(new PruneOptions { MinimumAge = TimeSpan.FromHours(1) });
        Assert.Equal((1L, 1L), (result.ObjectsRemoved, result.ObjectsYoung));
        Assert.False(File.Exists(paths[0]));
        Assert.True(File.Exists(paths[1]));
    }

    [Fact]
    public void A_prune_whose_marker_was_taken_away_stops()
    {
        var paths = _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 100);
        Repository.Remove("bk-2026-04-15T03-00-00Z-aaaaaa");
        using var running = BackupMarker.Write(_fixture.Context, DateTimeOffset.UtcNow, Guid.NewGuid(), default);
        var context = new RepositoryContext(_fixture.Store, _fixture.Context.Descriptor, _fixture.Context.Files)
        {
            Markers = new MarkerTiming
            {
                Sleep = (_, _) =>
                {
                    foreach (var file in Directory.GetFiles(Path.Combine(_fixture.Path, "locks"))) File.Delete(file);
                },
            },
        };
        var e = Assert.Throws<HestiaException>(() => new PruneJob(context, new PruneOptions(), null, default).Run());
        Assert.Equal(HestiaErrorCode.RepositoryBusy, e.Code);
        Assert.True(File.Exists(paths[0]));
    }
}
