using System.Diagnostics;
using System.Security.Cryptography;
using Hestia.Backup;
using Hestia.Backup.Archive;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Pruning;
using Hestia.Backup.Retention;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Unit.Backup.Pruning;

/// <summary>
/// Backups, shipments of the log, restores in place, removals and prunes over one store in every order a seed can give them: from every backup that
/// can be seen, the archive leads to the end of its timeline.
/// </summary>
public sealed class ArchiveRaceTests(ITestOutputHelper output) : IDisposable
{
    private const int PieceLsns = 10;
    private const int MostSteps = 60_000;

    private static readonly int s_seeds =
        int.TryParse(Environment.GetEnvironmentVariable("HESTIA_RACE_SEEDS"), out var given) ? given : 300;

    private readonly TemporaryFolder _folder = new();
    private readonly List<(byte[] Bytes, string Path)> _pool = [];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Prunes_leave_the_archive_behind_every_backup_whole(bool killed)
    {
        for (var i = 0; i < 8; i++)
        {
            var bytes = RandomNumberGenerator.GetBytes(20 + i);
            File.WriteAllBytes(_folder[$"segment-{i}"], bytes);
            _pool.Add((bytes, _folder[$"segment-{i}"]));
        }

        var (removed, led) = (0, 0);
        for (var seed = 1; seed <= s_seeds; seed++)
        {
            var counts = new Race(this, (killed ? 500_000 : 400_000) + seed, killed).Run();
            removed += counts.Removed;
            led += counts.Led;
        }

        output.WriteLine($"{s_seeds} seeds: {removed} pieces removed, {led} pieces led to");
        Assert.True(removed > s_seeds / 4 && led > s_seeds, $"The races did not meet: {removed} removed, {led} led to");
    }

    /// <summary>One run: an index that is written, archived, restored and backed up, as far as LSNs and timelines go.</summary>
    private sealed class Race
    {
        private readonly ArchiveRaceTests _test;
        private readonly int _seed;
        private readonly Random _random;
        private readonly Interleaving _race;
        private readonly MemoryStore _store;
        private readonly RepositoryContext _repository;
        private readonly Guid _index = Guid.NewGuid();
        private readonly bool _killed;
        private readonly Dictionary<Guid, ulong> _shipped = [];
        private Timeline _timeline = Timeline.First();
        private ulong _lsn = 10;
        private ulong _checkpoint = 10;

        public Race(ArchiveRaceTests test, int seed, bool killed)
        {
            (_test, _seed, _killed, _random, _race) = (test, seed, killed, new Random(seed), new Interleaving(seed));
            _store = new MemoryStore(_race.Step);
            var descriptor = new RepositoryDescriptor(Guid.NewGuid(), DateTimeOffset.UnixEpoch);
            _store.TryCreate(RepositoryNames.Descriptor, descriptor.Serialize(), default);
            var timing = new MarkerTiming
            {
                BackupRenewal = Timeout.InfiniteTimeSpan,
                PruneRenewal = Timeout.InfiniteTimeSpan,
                Sleep = (_, _) => _race.Step(),
                BackupDeadAfter = TimeSpan.FromDays(9999),
                PruneDeadAfter = TimeSpan.FromDays(9999),
                HasEnded = owner => _race.IsKilled(owner.Process.ProcessName),
                Owner = () => new MarkerOwner(
                    new Hestia.Core.Locking.LockOwner(1, "test", _race.Current ?? "setup", DateTimeOffset.UnixEpoch), "test"),
            };
            _repository = new RepositoryContext(_store, descriptor, FileSystem.Physical) { Markers = timing };
        }

        public (int Removed, int Led) Run()
        {
            using var store = _store;
            BackUp(flush: true, newest: 3);
            Ship();
            Ship();
            for (var a = 0; a < 3; a++)
            {
                var flush = _random.Next(3) > 0;
                var newest = _random.Next(1, 9);
                _race.Add($"backup-{a}", () =>
                {
                    BackUp(flush, newest);
                    BackUp(true, newest + 1);
                }, KillAt());
            }

            _race.Add("index-0", () =>
            {
                for (var n = 0; n < 4; n++) Ship();
                Restore();
                for (var n = 0; n < 4; n++) Ship();
            });
            _race.Add("remove-0", () =>
            {
                for (var n = 0; n < 6; n++) RemoveOldest();
            });
            for (var a = 0; a < 2; a++)
            {
                _race.Add($"prune-{a}", () =>
                {
                    for (var n = 0; n < 3; n++) Prune();
                }, KillAt());
            }

            _race.Run(MostSteps);
            Assert.True(_race.Failure is null, _race.Failure?.ToString());
            var led = Check();
            Prune();
            Check();
            Assert.Empty(_store.List(RepositoryNames.Locks, default));
            return (_store.Deleted.Count(n => n.StartsWith(ArchiveNames.Root, StringComparison.Ordinal)), led);
        }

        private int KillAt() => _killed && _random.NextDouble() < 0.3 ? _random.Next(1, 90) : int.MaxValue;

        private void Prune() =>
            new PruneJob(_repository, new PruneOptions { Parallelism = 1, WaitTime = Timeout.InfiniteTimeSpan }, null, default).Run();

        /// <summary>Writes, and ships what was written.</summary>
        private void Ship()
        {
            var (timeline, first) = (_timeline, _lsn + 1);
            _lsn += PieceLsns;
            _store.TryCreate(ArchiveNames.Piece(_index, timeline.Id, new Lsn(first), new Lsn(first + PieceLsns - 1)), "piece"u8, default);
            _shipped[timeline.Id] = first + PieceLsns - 1;
        }

        /// <summary>In place, to what a backup holds.</summary>
        private void Restore()
        {
            var backups = new BackupCatalog(_repository).List(default).Backups;
            if (backups.Count == 0) return;
            var backup = backups[_random.Next(backups.Count)];
            _timeline = Timeline.First() with { Parent = backup.Timeline, BranchLsn = backup.Lsn };
            (_lsn, _checkpoint) = (backup.Lsn.Value, backup.Lsn.Value);
        }

        private void RemoveOldest()
        {
            var backups = new BackupCatalog(_repository).List(default).Backups;
            if (backups.Count > 1) new RemoveJob(_repository, default).Remove(backups[0].BackupId);
        }

        private void BackUp(bool flush, int newest)
        {
            var started = new DateTimeOffset(2026, 4, 15, 3, 0, newest, TimeSpan.Zero);
            using var marker = BackupMarker.Write(_repository, started, _index, default);
            if (flush) _checkpoint = _lsn;
            var chosen = _test._pool.Where((_, i) => i == newest % 8 || i == (newest * 3) % 8).ToList();
            var document = RepositoryFixture.Document(chosen.ConvertAll(c => c.Bytes), _index) with
            {
                Timeline = _timeline, Checkpoint = new Lsn(_checkpoint), NextLsn = new Lsn(_checkpoint + 1),
            };
            var segments = document.Segments.Select((s, i) => new PinnedSegment(s.Id, s.Level, s.Size, chosen[i].Path)).ToList();
            var source = new BackupSource(
                "orders", _index, "/data/orders", segments, document.Serialize(), RepositoryFixture.Settings(_index, "orders"));
            new BackupJob(_repository, new BackupOptions { Parallelism = 1 }, null, default).Run(source, marker, started, Stopwatch.GetTimestamp());
        }

        private int Check()
        {
            var led = 0;
            var archived = new ArchiveCatalog(_repository).Load(null, default);
            foreach (var backup in new BackupCatalog(_repository).List(default).Backups)
            {
                if (!_shipped.TryGetValue(backup.Timeline, out var end) || end <= backup.Lsn.Value) continue;
                var pieces = archived.TryGetValue((_index, backup.Timeline), out var timeline)
                    ? timeline.Continue(backup.Lsn, new Lsn(ulong.MaxValue)) : [];
                var reached = pieces.Count == 0 ? backup.Lsn.Value : pieces[^1].Last.Value;
                Assert.True(reached == end, $"seed {_seed}: from {backup.BackupId} at LSN {backup.Lsn} the archive leads to {reached} instead of {end}");
                led += pieces.Count;
            }

            return led;
        }
    }
}
