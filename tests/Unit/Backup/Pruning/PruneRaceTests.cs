using System.Diagnostics;
using System.Security.Cryptography;
using Hestia.Backup;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.Retention;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Unit.Backup.Pruning;

/// <summary>
/// Backups, prunes and removals over one store in every order a seed can give them: every backup that can be seen restores.
/// </summary>
public sealed class PruneRaceTests(ITestOutputHelper output) : IDisposable
{
    private const int Segments = 12;
    private const int MostSteps = 60_000;

    private static readonly int s_seeds =
        int.TryParse(Environment.GetEnvironmentVariable("HESTIA_RACE_SEEDS"), out var given) ? given : 1000;

    private readonly TemporaryFolder _folder = new();
    private readonly List<(byte[] Bytes, string Path)> _pool = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Backups_prunes_and_removals_in_any_order_leave_every_published_backup_whole()
    {
        MakePool();
        var total = new Counts();
        for (var seed = 1; seed <= s_seeds; seed++) Race(seed, Kind.Alive, total);
        output.WriteLine($"{s_seeds} seeds: {total}");
        Assert.True(total.Deleted > s_seeds / 4 && total.Waited > 0, $"The races did not meet: {total}");
    }

    [Fact]
    public void Killed_at_any_step_they_leave_every_published_backup_whole_and_a_later_prune_clears_up()
    {
        MakePool();
        var total = new Counts();
        for (var seed = 1; seed <= s_seeds; seed++) Race(100_000 + seed, Kind.Killed, total);
        output.WriteLine($"{s_seeds} seeds: {total}");
        Assert.True(total.Killed > s_seeds / 4, $"Too few were killed: {total}");
    }

    [Fact]
    public void Backups_wrongly_taken_for_dead_are_whole_all_the_same()
    {
        MakePool();
        var total = new Counts();
        for (var seed = 1; seed <= s_seeds; seed++) Race(200_000 + seed, Kind.TakenForDead, total);
        output.WriteLine($"{s_seeds} seeds: {total}");
        Assert.True(total.Deleted > 0, $"Nothing was deleted: {total}");
    }

    private enum Kind
    {
        Alive,
        Killed,
        TakenForDead,
    }

    private sealed class Counts
    {
        public long Steps;
        public int Backups;
        public int Deleted;
        public int Waited;
        public int Killed;

        public override string ToString() =>
            $"{Steps} steps, {Backups} backups whole, {Deleted} objects deleted, {Waited} waits, {Killed} killed";
    }

    private void MakePool()
    {
        for (var i = 0; i < Segments; i++)
        {
            var bytes = RandomNumberGenerator.GetBytes(20 + i);
            var path = _folder[$"segment-{i}"];
            File.WriteAllBytes(path, bytes);
            _pool.Add((bytes, path));
        }
    }

    private void Race(int seed, Kind kind, Counts total)
    {
        var random = new Random(seed);
        var race = new Interleaving(seed);
        using var store = new MemoryStore(race.Step);
        var descriptor = new RepositoryDescriptor(Guid.NewGuid(), DateTimeOffset.UnixEpoch);
        store.TryCreate(RepositoryNames.Descriptor, descriptor.Serialize(), default);
        var timing = new MarkerTiming
        {
            BackupRenewal = Timeout.InfiniteTimeSpan,
            PruneRenewal = Timeout.InfiniteTimeSpan,
            Sleep = (_, _) =>
            {
                total.Waited++;
                race.Step();
            },
            // Nobody is taken for dead by age; who is, the race says.
            BackupDeadAfter = TimeSpan.FromDays(9999),
            PruneDeadAfter = TimeSpan.FromDays(9999),
            HasEnded = owner => kind == Kind.TakenForDead
                ? owner.Process.ProcessName == "backup" && random.Next(3) == 0
                : owner.Process.ProcessName.Length > 0 && race.IsKilled(owner.Process.ProcessName),
            Owner = () => new MarkerOwner(
                new Hestia.Core.Locking.LockOwner(
                    1, "test", kind == Kind.TakenForDead ? (race.Current ?? "setup-0").Split('-')[0] : race.Current ?? "setup-0", DateTimeOffset.UnixEpoch), "test"),
        };
        var repository = new RepositoryContext(store, descriptor, FileSystem.Physical) { Markers = timing };

        // What was there before: backups that removals take away, and leftovers of one that died.
        var old = new List<string>();
        for (var i = 0; i < 2; i++) old.Add(BackUp(repository, Mask(), Guid.NewGuid()));
        SendOnly(repository, Mask() | Mask());

        var index = Guid.NewGuid();
        var published = new List<string>();
        for (var a = 0; a < 3; a++)
        {
            var masks = new[] { Mask(), Mask() };
            race.Add($"backup-{a}", () =>
            {
                foreach (var mask in masks)
                {
                    var id = BackUp(repository, mask, index);
                    lock (published) published.Add(id);
                }
            }, KillAt(0.3));
        }

        for (var a = 0; a < 2; a++)
        {
            race.Add($"prune-{a}", () =>
            {
                for (var n = 0; n < 2; n++) Prune(repository);
            }, KillAt(0.3));
        }

        race.Add("remove-0", () =>
        {
            foreach (var id in old) new RemoveJob(repository, default).Remove(id);
        });
        race.Run(MostSteps);
        Assert.True(race.Failure is null, race.Failure?.ToString());
        total.Steps += race.Steps;
        total.Deleted += store.Deleted.Count(n => n.StartsWith("objects/", StringComparison.Ordinal));
        for (var a = 0; a < 3; a++) total.Killed += race.IsKilled($"backup-{a}") ? 1 : 0;
        for (var a = 0; a < 2; a++) total.Killed += race.IsKilled($"prune-{a}") ? 1 : 0;

        CheckAll(repository, published, old, seed, total);
        if (kind == Kind.TakenForDead) return;

        // A last prune, when all is quiet, leaves what is named and nothing else.
        Prune(repository);
        CheckAll(repository, published, old, seed, total);
        var references = new RepositoryReferences(repository, 1);
        references.Refresh(default);
        Assert.Equal(references.Count, store.List("objects/", default).Count());
        Assert.Empty(store.List("locks/", default));

        int Mask() => (1 << random.Next(Segments)) | (1 << random.Next(Segments)) | (1 << random.Next(Segments));

        int KillAt(double chance) => kind == Kind.Killed && random.NextDouble() < chance ? random.Next(1, 90) : int.MaxValue;
    }

    private static void Prune(RepositoryContext repository) =>
        new PruneJob(repository, new PruneOptions { Parallelism = 1, WaitTime = Timeout.InfiniteTimeSpan }, null, default).Run();

    private static void CheckAll(RepositoryContext repository, List<string> published, List<string> removed, int seed, Counts total)
    {
        var listing = new BackupCatalog(repository).List(default);
        Assert.Empty(listing.Findings);
        var ids = listing.Backups.Select(b => b.BackupId).ToHashSet();
        Assert.True(published.TrueForAll(ids.Contains), $"seed {seed}: a backup that had succeeded is not there");
        Assert.DoesNotContain(removed, ids.Contains);
        foreach (var backup in listing.Backups)
        {
            var verification = new VerifyJob(repository, new VerifyOptions { Deep = true, Parallelism = 1 }, null, default).Run(backup.BackupId);
            Assert.True(verification.Healthy, $"seed {seed}: {backup.BackupId}: {string.Join("\n", verification.Findings)}");
            total.Backups++;
        }
    }

    private string BackUp(RepositoryContext repository, int mask, Guid indexId)
    {
        var chosen = _pool.Where((_, i) => ((mask >> i) & 1) != 0).ToList();
        var document = RepositoryFixture.Document(chosen.ConvertAll(c => c.Bytes), indexId);
        var segments = document.Segments.Select((s, i) => new PinnedSegment(s.Id, s.Level, s.Size, chosen[i].Path)).ToList();
        var source = new BackupSource(
            "orders", indexId, "/data/orders", segments, document.Serialize(), RepositoryFixture.Settings(indexId, "orders"));
        var started = new DateTimeOffset(2026, 4, 15, 3, 0, 0, TimeSpan.Zero);
        using var marker = BackupMarker.Write(repository, started, indexId, default);
        return new BackupJob(repository, new BackupOptions { Parallelism = 1 }, null, default)
            .Run(source, marker, started, Stopwatch.GetTimestamp()).BackupId;
    }

    private void SendOnly(RepositoryContext repository, int mask)
    {
        foreach (var (bytes, _) in _pool.Where((_, i) => ((mask >> i) & 1) != 0))
        {
            using var content = new BytesContent(bytes);
            repository.Store.Put(repository.ObjectName(new Hestia.Core.Segments.SegmentId(SHA256.HashData(bytes))), content, default);
        }
    }
}
