using Hestia.Backup;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Crashes;

/// <summary>
/// One job on a repository, in a process that is killed or gets Ctrl+C at a random moment, again and again. Each time: every backup that can
/// be seen verifies byte by byte, a finished one is there and restores, the source is as it was, the target of a restore is as it was or
/// complete, and a second run finishes the job. What was cancelled leaves no marker and no staging folder behind.
/// </summary>
internal sealed class JobFaultScenario
{
    private const int Entries = 20_000;
    private const int Changed = 3_000;

    private readonly string _root;
    private readonly string _job;
    private readonly JobFault _fault;
    private readonly Random _random;
    private readonly RepositoryPlaces _places;
    private readonly string _location;
    private readonly string _index;
    private readonly string _target;
    private readonly string _where;
    private TimeSpan _length;
    private int _written;
    private int _faults;
    private int _finished;
    private int _wentOn;

    private JobFaultScenario(string root, string job, StoreKind store, JobFault fault, int seed)
    {
        _root = root;
        _job = job;
        _fault = fault;
        _random = new Random(seed);
        _places = new RepositoryPlaces(store, root);
        _location = _places.NewLocation("repository");
        _index = Path.Combine(root, "orders");
        _target = Path.Combine(root, "target");
        _where = $"{job}, {store}, {fault}, seed {seed}";
    }

    /// <returns>One line that says what was done.</returns>
    public static string Run(
        string job, StoreKind store, JobFault fault, int rounds, int seed, CancellationToken cancellationToken = default)
    {
        if (fault == JobFault.Interrupt && OperatingSystem.IsWindows()) Assert.Skip("Ctrl+C cannot be sent to one process on Windows.");
        var root = CrashSettings.NewFolder();
        try
        {
            return new JobFaultScenario(root, job, store, fault, seed).Run(rounds, cancellationToken);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private string Run(int rounds, CancellationToken cancellationToken)
    {
        using var repository = _places.Create(_location);
        using (var index = HestiaIndex.Create(
            _index, new IndexSettings { KeyEncoding = DataEncoding.Utf8, ValueEncoding = DataEncoding.Utf8 }, IndexFixture.Small))
        {
            IndexFixture.Fill(index, 0, _written = Entries);
            index.Compact();
        }

        repository.Backup(_index);
        var done = 0;
        for (var round = -1; round < rounds && !cancellationToken.IsCancellationRequested; round++)
        {
            // The first is left alone, to know how long one takes.
            TimeSpan? after = round < 0 ? null : _length * (1.1 * _random.NextDouble());
            var where = $"{_where}, round {round}";
            switch (_job)
            {
                case "backup": Backup(repository, after, where); break;
                case "restore": Restore(repository, after, where); break;
                case "prune": Prune(repository, after, where); break;
                case "copy": Copy(repository, after, where); break;
                default: throw new ArgumentException(_job);
            }

            if (round >= 0) done++;
        }

        return $"{_where}: {done} rounds, {_faults} in the middle, {_finished} had finished, {_wentOn} went on with what was there; "
            + $"undisturbed {_length.TotalMilliseconds:F0} ms";
    }

    private void Backup(BackupRepository repository, TimeSpan? after, string where)
    {
        var expected = Change();
        var before = TemporaryFolder.Snapshot(_index);
        var listed = repository.List().Count;
        var missing = repository.PlanBackup(HestiaIndexOf(_index, out var open)).SegmentsToSend;
        open.Dispose();
        var end = Run(after, $"index={_index}");
        VerifyAll(repository, where);
        CheckIndex(_index, expected, where);
        // Opening it for the backup may have moved its log on; what it holds is what it was.
        Assert.True(before.Keys.Where(IsSegment).All(TemporaryFolder.Snapshot(_index).ContainsKey), $"{where}: a segment of the source is gone");
        var backups = repository.List();
        Assert.InRange(backups.Count, listed + (end.Finished ? 1 : 0), listed + 1);
        if (end.Finished) Assert.Equal(end.Done, backups[^1].BackupId);
        if (end.Cancelled) Assert.Equal(listed, backups.Count);

        var result = repository.Backup(_index);
        if (!end.Finished && result.SegmentsSent < missing) _wentOn++;
        RestoreAndCompare(repository, result.BackupId, expected, where);
        KeepFew(repository);
    }

    private void Restore(BackupRepository repository, TimeSpan? after, string where)
    {
        var old = repository.List()[^1].BackupId;
        var oldDigest = ReadTarget() ?? Restored(repository, old);
        var expected = Change();
        var wanted = repository.Backup(_index).BackupId;
        var end = Run(after, $"backup={wanted}", $"target={_target}");
        VerifyAll(repository, where);
        if (ReadTarget() is { } held)
        {
            Check(_target, where);
            Assert.True(held == expected || (held == oldDigest && !end.Finished), $"{where}: the target is neither as it was nor complete");
            if (end.Cancelled) Assert.True(held == oldDigest, $"{where}: it said it was cancelled, and the target is another");
        }
        else
        {
            // Died between the two renames: both are there, and the next restore puts it right.
            Assert.True(_fault == JobFault.Kill && Leftovers() == 2, $"{where}: there is no target any more");
        }

        if (_fault == JobFault.Interrupt) Assert.True(Leftovers() == 0, $"{where}: a staging folder was left");
        var result = repository.Restore(wanted, _target, new RestoreOptions { Force = true });
        if (!end.Finished && result.SegmentsReused > 0) _wentOn++;
        Assert.True(ReadTarget() == expected && Leftovers() == 0, $"{where}: the second run did not finish it");
        KeepFew(repository);
    }

    private void Prune(BackupRepository repository, TimeSpan? after, string where)
    {
        var expected = Change(compact: true);
        var newest = repository.Backup(_index).BackupId;
        repository.Remove(repository.List()[0].BackupId);
        var condemned = repository.PlanPrune().ObjectsToRemove;
        Assert.True(condemned > 0, $"{where}: there is nothing to prune");
        var end = Run(after);
        VerifyAll(repository, where);
        var result = repository.Prune();
        if (!end.Finished && result.ObjectsRemoved < condemned) _wentOn++;
        Assert.Equal(0, repository.Check().Orphans);
        VerifyAll(repository, where);
        RestoreAndCompare(repository, newest, expected, where);
    }

    private void Copy(BackupRepository repository, TimeSpan? after, string where)
    {
        var other = _places.NewLocation("second-" + Guid.NewGuid().ToString("n")[..8]);
        using var destination = _places.Create(other);
        var expected = Change();
        repository.Backup(_index);
        var end = Run(after, $"destination={other}");
        VerifyAll(repository, where);
        VerifyAll(destination, where);
        if (end.Finished) Assert.Equal(repository.List().Count, destination.List().Count);
        var reused = 0;
        foreach (var backup in repository.List()) reused = Math.Max(reused, repository.Copy(backup.BackupId, destination).SegmentsReused);
        if (!end.Finished && reused > 0) _wentOn++;
        Assert.Equal(repository.List().Select(static b => b.BackupId), destination.List().Select(static b => b.BackupId));
        VerifyAll(destination, where);
        RestoreAndCompare(destination, destination.List()[^1].BackupId, expected, where);
        KeepFew(repository);
    }

    private JobEnd Run(TimeSpan? after, params string[] arguments)
    {
        var end = JobProcess.Run([_job, $"repository={_location}", .. arguments], _places.Environment, _fault, after);
        if (after is null) _length = end.Time;
        else if (end.Finished) _finished++;
        else _faults++;
        if (!end.Cancelled) return end;
        using var store = _places.Store(_location);
        var left = store.List("locks/", CancellationToken.None).Select(static i => i.Name).ToList();
        Assert.True(left.Count == 0, $"{_where}: cancelled after {after}, ended after {end.Time}, left {string.Join(", ", left)}");
        return end;
    }

    /// <summary>Writes new entries and some old ones once more; returns what the index holds then.</summary>
    private string Change(bool compact = false)
    {
        using var index = HestiaIndex.Open(_index, IndexFixture.Small);
        IndexFixture.Fill(index, _written, _written + Changed);
        _written += Changed;
        var first = _random.Next(_written - Changed);
        using (var batch = new WriteBatch())
        {
            for (var i = first; i < first + Changed; i++)
                batch.Put(IndexFixture.Bytes(IndexFixture.Key(i)), IndexFixture.Bytes($"{_written} {i}"));
            index.Write(batch);
        }

        if (compact) index.Compact();
        else index.Flush();
        var digest = Digest(IndexFixture.Read(index));
        index.Close();
        return digest;
    }

    private string Restored(BackupRepository repository, string backupId)
    {
        repository.Restore(backupId, _target, new RestoreOptions { Force = true });
        return ReadTarget()!;
    }

    private string? ReadTarget() => IndexDescription.IsIndex(_target) ? Digest(IndexFixture.Read(_target)) : null;

    private int Leftovers() => Directory.GetDirectories(_root, "target.re*-*").Length;

    private void RestoreAndCompare(BackupRepository repository, string backupId, string expected, string where)
    {
        var scratch = Path.Combine(_root, "scratch");
        repository.Restore(backupId, scratch);
        CheckIndex(scratch, expected, where);
        Directory.Delete(scratch, recursive: true);
    }

    private static void CheckIndex(string path, string expected, string where)
    {
        Check(path, where);
        Assert.True(Digest(IndexFixture.Read(path)) == expected, $"{where}: '{path}' does not hold what it should");
    }

    private static void Check(string path, string where)
    {
        var check = IndexChecker.Check(path, new CheckOptions { Deep = true });
        Assert.True(check.Healthy, $"{where}: {string.Join('\n', check.Findings)}");
    }

    private static void VerifyAll(BackupRepository repository, string where)
    {
        var listing = repository.ListAll();
        Assert.True(listing.Findings.Count == 0, $"{where}: {string.Join('\n', listing.Findings)}");
        foreach (var backup in listing.Backups)
        {
            var verification = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
            Assert.True(verification.Healthy, $"{where}: {backup.BackupId}: {string.Join('\n', verification.Findings)}");
        }
    }

    /// <summary>So that rounds do not take longer and longer.</summary>
    private static void KeepFew(BackupRepository repository)
    {
        foreach (var decision in repository.PlanRemoval(new RetentionPolicy { KeepLast = 2 }))
            if (decision.Remove) repository.Remove(decision.BackupId);
        repository.Prune();
    }

    private static bool IsSegment(string name) => name.EndsWith(".seg", StringComparison.Ordinal);

    private static HestiaIndex HestiaIndexOf(string path, out HestiaIndex index) =>
        index = HestiaIndex.Open(path, new IndexOptions { ReadOnly = true });

    private static string Digest(SortedDictionary<string, string> entries)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var (key, value) in entries) hash.AppendData(IndexFixture.Bytes($"{key}={value}\n"));
        return $"{entries.Count} {Convert.ToHexString(hash.GetHashAndReset())}";
    }
}
