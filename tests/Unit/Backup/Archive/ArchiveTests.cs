using Hestia.Backup;
using Hestia.Backup.Archive;
using Hestia.Backup.Pruning;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Consistency;
using Hestia.Core.IO;

namespace Hestia.Unit.Backup.Archive;

/// <summary>Shipments, copies, gaps and damage, on the real file system.</summary>
public sealed class ArchiveTests : IDisposable
{
    private static readonly IndexOptions s_options = IndexFixture.Small with { Durability = Durability.GroupSync, RetiredAge = TimeSpan.Zero };

    private readonly IndexFixture _fixture = new();
    private readonly BackupRepository _repository;

    public ArchiveTests() => _repository = _fixture.Open();

    private string ArchiveFolder => Path.Combine(_fixture.RepositoryPath, "archive");

    private string[] Pieces => Directory.Exists(ArchiveFolder)
        ? [.. Directory.GetFiles(ArchiveFolder, "*.wal", SearchOption.AllDirectories).Order(StringComparer.Ordinal)]
        : [];

    private string[] LogFiles => Directory.GetFiles(Path.Combine(_fixture.IndexPath, "wal"), "*.wal");

    public void Dispose()
    {
        _repository.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void How_far_the_archive_is_goes_by_the_timeline_of_the_index()
    {
        using var index = Create();
        Put(index, 0, 5);
        Assert.Equal(Lsn.None, _repository.GetArchivedThrough(index));
        _repository.Archive(index);
        Put(index, 5, 10);
        Assert.Equal(new Lsn(5), _repository.GetArchivedThrough(index));
        _repository.Archive(index);
        Put(index, 10, 12);
        index.BeginTimeline(detached: false, TestContext.Current.CancellationToken);
        Assert.Equal(new Lsn(12), _repository.GetArchivedThrough(index));
    }

    [Fact]
    public void Log_that_was_not_shipped_outlives_flush_reopen_and_grace()
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            Put(index, 0, 50);
            index.Flush();
            Put(index, 50, 80);
            index.Close();
        }

        Assert.Equal(2, LogFiles.Length);
        using (var index = Open())
        {
            index.PruneRetired();
            Assert.Equal(2, LogFiles.Length);
            Assert.Equal(new Lsn(0), index.GetStatistics().ArchivedLsn);
            var result = _repository.Archive(index);
            Assert.Equal((new Lsn(1), new Lsn(80), 0L, 2), (result.FromLsn, result.ArchivedLsn, result.LsnsBehind, result.Pieces));
            index.PruneRetired();
            Assert.Empty(LogFiles);
            Assert.Equal(0, _repository.Archive(index).Pieces);
        }

        var backup = Assert.Single(_repository.List());
        Assert.Equal((new Lsn(0), new Lsn(80)), (backup.Lsn, backup.RecoverableToLsn));
        Assert.NotNull(backup.RecoverableToTime);
    }

    [Fact]
    public void Nothing_new_does_not_even_look_at_the_repository()
    {
        using var index = Create();
        Put(index, 0, 10);
        _repository.Archive(index);
        Directory.Move(_fixture.RepositoryPath, _fixture.RepositoryPath + ".away");
        Assert.Equal(new Lsn(10), _repository.Archive(index).ArchivedLsn);
        Put(index, 10, 11);
        Assert.Equal(HestiaErrorCode.RepositoryNotFound, Assert.Throws<HestiaException>(() => _repository.Archive(index)).Code);
        Directory.Move(_fixture.RepositoryPath + ".away", _fixture.RepositoryPath);
        Assert.Equal(new Lsn(11), _repository.Archive(index).ArchivedLsn);
    }

    [Fact]
    public void Every_lsn_lands_exactly_and_within_a_batch_is_refused()
    {
        using var index = Create();
        _repository.Backup(index);
        Put(index, 0, 5);
        using (var batch = new WriteBatch())
        {
            for (var i = 5; i < 9; i++) batch.Put(IndexFixture.Bytes(IndexFixture.Key(i)), IndexFixture.Bytes(IndexFixture.Value(i)));
            index.Write(batch);
        }

        Put(index, 9, 12);
        _repository.Archive(index);
        for (var lsn = 0; lsn <= 13; lsn++)
        {
            var target = _fixture.Folder[$"to-{lsn}"];
            var options = new RestoreOptions { ToLsn = new Lsn((ulong)lsn) };
            if (lsn is > 5 and < 9 or > 12)
            {
                var refused = Assert.Throws<HestiaException>(() => _repository.RestoreIndex("orders", target, options));
                Assert.Equal(HestiaErrorCode.PointNotReachable, refused.Code);
                Assert.False(Directory.Exists(target));
                continue;
            }

            var result = _repository.RestoreIndex("orders", target, options);
            Assert.Equal(((ulong)lsn, lsn, 12UL), (result.Lsn.Value, (int)result.Entries, result.RecoverableToLsn.Value));
            Assert.Equal(Enumerable.Range(0, lsn).Select(IndexFixture.Key), IndexFixture.Read(target).Keys);
        }
    }

    [Fact]
    public void A_killed_shipment_is_continued_with_what_it_sent()
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            Put(index, 0, 20);
            var state = File.ReadAllBytes(StatePath(_fixture.IndexPath));
            _repository.Archive(index);
            index.Close();
            File.WriteAllBytes(StatePath(_fixture.IndexPath), state); // it died before it remembered
        }

        using (var index = Open())
        {
            Put(index, 20, 30);
            var result = _repository.Archive(index);
            Assert.Equal((new Lsn(21), new Lsn(30), 1), (result.FromLsn, result.ArchivedLsn, result.Pieces));
        }

        Assert.Equal(2, Pieces.Length);
        AssertRestores(30);
    }

    [Fact]
    public void What_does_not_fit_the_queue_is_a_gap_that_is_noted_and_shown()
    {
        using var index = Create();
        _repository.Backup(index);
        _repository.Archive(index, new ArchiveOptions { QueueMaxBytes = 1000 });
        Put(index, 0, 50);
        index.Flush();
        index.PruneRetired();
        Assert.Equal(new Lsn(50), index.GetStatistics().ArchiveDroppedLsn);
        Put(index, 50, 60);
        var result = _repository.Archive(index);
        Assert.Equal(["ArchiveGap", "BackupNeeded"], result.Findings.Select(f => f.Code).Order());
        Assert.Single(Directory.GetFiles(ArchiveFolder, "*.gap", SearchOption.AllDirectories));
        Assert.Equal(new Lsn(0), Assert.Single(_repository.List()).RecoverableToLsn);
        Assert.Equal(
            HestiaErrorCode.PointNotReachable,
            Assert.Throws<HestiaException>(
                () => _repository.RestoreIndex("orders", _fixture.Folder["t"], new RestoreOptions { ToLsn = new Lsn(55) })).Code);

        _repository.Backup(index);
        Put(index, 60, 70);
        Assert.Empty(_repository.Archive(index).Findings);
        AssertRestores(65);
    }

    [Fact]
    public void A_copy_in_another_folder_goes_on_a_timeline_of_its_own()
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            Put(index, 0, 20);
            index.Close();
        }

        var copy = _fixture.Folder["copy"];
        CopyFolder(_fixture.IndexPath, copy);
        Guid original, branch;
        using (var index = HestiaIndex.Open(copy, s_options))
        {
            branch = index.Timeline.Id;
            Put(index, 100, 105);
            Assert.Equal(new Lsn(25), _repository.Archive(index).ArchivedLsn);
        }

        using (var index = Open())
        {
            original = index.Timeline.Id;
            Put(index, 20, 27);
            Assert.Equal(new Lsn(27), _repository.Archive(index).ArchivedLsn);
        }

        Assert.NotEqual(original, branch);
        _repository.RestoreIndex("orders", _fixture.Folder["a"], new RestoreOptions { ToLsn = new Lsn(25), Timeline = original });
        _repository.RestoreIndex("orders", _fixture.Folder["b"], new RestoreOptions { ToLatest = true, Timeline = branch });
        Assert.Equal(Enumerable.Range(0, 25).Select(IndexFixture.Key), IndexFixture.Read(_fixture.Folder["a"]).Keys);
        Assert.Equal([.. Enumerable.Range(0, 20).Concat(Enumerable.Range(100, 5)).Select(IndexFixture.Key)], IndexFixture.Read(_fixture.Folder["b"]).Keys);
    }

    [Fact]
    public void A_copy_that_is_only_read_opens_again_and_again_and_is_healthy()
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            Put(index, 0, 20);
            index.Close();
        }

        var copy = _fixture.Folder["copy"];
        CopyFolder(_fixture.IndexPath, copy);
        Guid? branch = null;
        for (var round = 0; round < 3; round++)
        {
            using var index = HestiaIndex.Open(copy, s_options);
            Assert.Equal(branch ??= index.Timeline.Id, index.Timeline.Id);
            Assert.True(index.Check().Healthy, string.Join('\n', index.Check().Findings));
            Assert.NotEmpty(Directory.GetFiles(Path.Combine(copy, "wal"), "*.wal")); // the archive still waits for the old timeline's
            index.Close();
            Assert.True(IndexChecker.Check(copy).Healthy);
        }

        using var written = HestiaIndex.Open(copy, s_options);
        Put(written, 20, 23);
        Assert.Equal(new Lsn(23), _repository.Archive(written).ArchivedLsn);
        written.Close();
        Assert.Equal(Enumerable.Range(0, 23).Select(IndexFixture.Key), IndexFixture.Read(copy).Keys);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void An_index_that_moves_twice_can_still_be_restored_from_its_first_backup(int writtenBetween)
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            Put(index, 0, 20);
            _repository.Archive(index);
            index.Close();
        }

        var (first, second) = (_fixture.Folder["first"], _fixture.Folder["second"]);
        CopyFolder(_fixture.IndexPath, first);
        using (var index = HestiaIndex.Open(first, s_options))
        {
            Put(index, 20, 20 + writtenBetween); // and nothing is shipped before it moves on
            index.Close();
        }

        CopyFolder(first, second);
        using (var index = HestiaIndex.Open(second, s_options))
        {
            Put(index, 30, 33);
            var shipped = _repository.Archive(index);
            Assert.Equal(new Lsn((ulong)(23 + writtenBetween)), shipped.ArchivedLsn);
            Assert.DoesNotContain(shipped.Findings, f => f.Code == ArchiveJob.BackupNeededCode);
        }

        _repository.RestoreIndex("orders", _fixture.Folder["restored"], new RestoreOptions { ToLatest = true });
        Assert.Equal(
            Enumerable.Range(0, 20 + writtenBetween).Concat(Enumerable.Range(30, 3)).Select(IndexFixture.Key),
            IndexFixture.Read(_fixture.Folder["restored"]).Keys);
        Assert.True(_repository.Check().Healthy);
    }

    [Fact]
    public void Log_that_no_backup_leads_to_is_an_error_of_the_repository_and_a_backup_ends_it()
    {
        using var index = Create();
        _repository.Backup(index);
        Put(index, 0, 20);
        _repository.Archive(index);
        Assert.True(_repository.Check().Healthy);
        Put(index, 20, 40);
        _repository.Archive(index);
        Put(index, 40, 60);
        _repository.Archive(index);
        File.Delete(Pieces[1]);
        var check = _repository.Check();
        var finding = Assert.Single(check.Findings, f => f.Severity == FindingSeverity.Error);
        Assert.Equal(("ArchiveUnreachable", new Lsn(21), new Lsn(60)), (finding.Code, finding.FirstLsn, finding.LastLsn));
        Assert.False(Assert.Single(check.Indexes).Healthy);
        _repository.Backup(index);
        Assert.True(_repository.Check().Healthy);
    }

    [Fact]
    public void Log_that_no_backup_leads_to_is_found_in_every_index_of_a_repository()
    {
        using var index = Create();
        _repository.Backup(index);
        Put(index, 0, 20);
        _repository.Archive(index);
        Put(index, 20, 40);
        _repository.Archive(index);
        Put(index, 40, 60);
        _repository.Archive(index);
        File.Delete(Pieces[1]);
        // One that is sound on each side of it, by the order of names.
        foreach (var name in (string[])["a-first", "z-last"])
        {
            using var other = HestiaIndex.Create(_fixture.Folder[name], new IndexSettings(), IndexFixture.Small);
            _repository.Backup(other);
        }

        Assert.Equal([true, false, true], _repository.Check().Indexes.Select(static i => i.Healthy));
    }

    [Fact]
    public void An_index_put_back_by_other_means_diverges_until_it_begins_a_timeline()
    {
        var saved = _fixture.Folder["saved"];
        using (var index = Create())
        {
            _repository.Backup(index);
            Put(index, 0, 10);
            _repository.Archive(index);
            index.Close();
            CopyFolder(_fixture.IndexPath, saved);
        }

        using (var index = Open())
        {
            Put(index, 10, 20);
            _repository.Archive(index);
        }

        Directory.Delete(_fixture.IndexPath, recursive: true);
        CopyFolder(saved, _fixture.IndexPath);
        using (var index = Open())
        {
            Put(index, 200, 220);
            var pieces = Pieces;
            Assert.Equal(HestiaErrorCode.ArchiveDiverged, Assert.Throws<HestiaException>(() => _repository.Archive(index)).Code);
            Assert.Equal(pieces, Pieces);
            var result = _repository.Archive(index, new ArchiveOptions { NewTimeline = true });
            Assert.Contains(result.Findings, f => f.Code == "BackupNeeded");
            _repository.Backup(index);
            Put(index, 220, 230);
            Assert.Equal(new Lsn(40), _repository.Archive(index).ArchivedLsn);
        }

        _repository.RestoreIndex("orders", _fixture.Folder["t"], new RestoreOptions { ToLatest = true });
        Assert.Equal([.. Enumerable.Range(0, 10).Concat(Enumerable.Range(200, 30)).Select(IndexFixture.Key)], IndexFixture.Read(_fixture.Folder["t"]).Keys);
    }

    [Fact]
    public void A_piece_that_is_missing_or_differs_in_one_byte_is_named_and_refused()
    {
        using var index = Create();
        _repository.Backup(index);
        _repository.Archive(index);
        for (var i = 0; i < 3; i++)
        {
            Put(index, i * 10, (i * 10) + 10);
            _repository.Archive(index);
        }

        var piece = Pieces[1];
        var bytes = File.ReadAllBytes(piece);
        var target = _fixture.Folder["t"];
        for (var at = 0; at < bytes.Length; at += at < 208 ? 5 : 61)
        {
            var changed = (byte[])bytes.Clone();
            changed[at] ^= 0x10;
            File.WriteAllBytes(piece, changed);
            var code = Assert.Throws<HestiaException>(() => _repository.RestoreIndex("orders", target, new RestoreOptions { ToLsn = new Lsn(25) })).Code;
            Assert.True(code is HestiaErrorCode.ArchiveDamaged or HestiaErrorCode.FormatTooNew, $"byte {at}: {code}");
            Assert.False(Directory.Exists(target));
            Assert.Contains(_repository.GetArchives(deep: true).Single().Findings, f => f.File!.EndsWith(Path.GetFileName(piece), StringComparison.Ordinal));
        }

        for (var length = 0; length < bytes.Length; length += 97)
        {
            File.WriteAllBytes(piece, bytes[..length]);
            Assert.Equal(
                HestiaErrorCode.ArchiveDamaged,
                Assert.Throws<HestiaException>(() => _repository.RestoreIndex("orders", target, new RestoreOptions { ToLsn = new Lsn(25) })).Code);
        }

        File.Delete(piece);
        var hole = Assert.Single(_repository.GetArchives().Single().Findings);
        Assert.Equal(("ArchiveGap", new Lsn(11), new Lsn(20)), (hole.Code, hole.FirstLsn, hole.LastLsn));
        Assert.Equal(new Lsn(10), Assert.Single(_repository.List()).RecoverableToLsn);
        File.WriteAllBytes(piece, bytes);
        AssertRestores(30);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Damage_behind_the_point_does_not_matter_and_in_or_before_it_is_refused(bool cut)
    {
        using var index = Create();
        var backup = _repository.Backup(index);
        var times = new List<DateTimeOffset>();
        for (var i = 0; i < 4; i++)
        {
            Put(index, i * 5, (i * 5) + 5);
            times.Add(_repository.Archive(index).ArchivedTime!.Value);
            Thread.Sleep(2);
        }

        void Damage(int piece)
        {
            var bytes = File.ReadAllBytes(Pieces[piece]);
            bytes[100] ^= 1;
            File.WriteAllBytes(Pieces[piece], cut ? bytes[..150] : bytes);
        }

        Damage(3);
        Lands(5, 14, 15);
        Refused(new RestoreOptions { ToLatest = true }, new RestoreOptions { ToLsn = new Lsn(18) }, new RestoreOptions { ToTime = times[3] });
        Assert.Equal(new Lsn(15), Restore(new RestoreOptions { ToTime = times[2] }));
        Assert.Equal(new Lsn(5), Restore(new RestoreOptions { ToTime = times[0] }));

        // In the middle: the halving by time meets it.
        Damage(1);
        Lands(3, 5);
        Refused(new RestoreOptions { ToLsn = new Lsn(7) }, new RestoreOptions { ToLsn = new Lsn(14) }, new RestoreOptions { ToTime = times[1] });
        Assert.Equal(new Lsn(5), Restore(new RestoreOptions { ToTime = times[0] }));
        Damage(0); // now no piece tells the lineage: the backup does
        Lands(0);
        Refused(new RestoreOptions { ToLsn = new Lsn(3) }, new RestoreOptions { ToTime = times[0] });

        void Lands(params int[] lsns)
        {
            foreach (var lsn in lsns) Assert.Equal(new Lsn((ulong)lsn), Restore(new RestoreOptions { ToLsn = new Lsn((ulong)lsn) }));
        }

        void Refused(params RestoreOptions[] points)
        {
            foreach (var point in points)
            {
                var target = _fixture.Folder["refused"];
                foreach (var restore in (Action[])[() => _repository.RestoreIndex("orders", target, point), () => _repository.Restore(backup.BackupId, target, point)])
                    Assert.Equal(HestiaErrorCode.ArchiveDamaged, Assert.Throws<HestiaException>(restore).Code);
                Assert.False(Directory.Exists(target));
            }
        }

        Lsn Restore(RestoreOptions point)
        {
            var byId = _repository.Restore(backup.BackupId, _fixture.Folder[Guid.NewGuid().ToString("n")], point);
            var byName = _repository.RestoreIndex("orders", _fixture.Folder[Guid.NewGuid().ToString("n")], point);
            Assert.Equal(byId.Lsn, byName.Lsn);
            return byName.Lsn;
        }
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 100)]
    [InlineData(1, 300)]
    [InlineData(2, 100)]
    [InlineData(2, 300)]
    public void A_damaged_piece_that_a_shipment_meets_is_sent_again(int damaged, int at)
    {
        byte[] state;
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            using (var other = BackupRepository.Create(_fixture.Folder["other"])) other.Archive(index); // keeps the log
            state = File.ReadAllBytes(StatePath(_fixture.IndexPath));
            for (var i = 0; i < 3; i++)
            {
                Put(index, i * 10, (i * 10) + 10);
                _repository.Archive(index);
            }

            index.Close();
        }

        var sound = File.ReadAllBytes(Pieces[damaged]);
        var bytes = (byte[])sound.Clone();
        bytes[at] ^= 4;
        File.WriteAllBytes(Pieces[damaged], bytes);
        File.WriteAllBytes(StatePath(_fixture.IndexPath), state); // what it had shipped is forgotten
        using (var index = Open())
        {
            var result = _repository.Archive(index);
            Assert.Equal((PieceRepair.RepairedCode, new Lsn(30)), (Assert.Single(result.Findings).Code, result.ArchivedLsn));
        }

        Assert.Equal(sound[208..], File.ReadAllBytes(Pieces[damaged])[208..]);
        Assert.Empty(Assert.Single(_repository.GetArchives(deep: true)).Findings);
        AssertRestores(30);
    }

    [Fact]
    public void A_damaged_piece_is_not_replaced_by_what_a_copy_wrote()
    {
        var saved = _fixture.Folder["saved"];
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            index.Close();
            CopyFolder(_fixture.IndexPath, saved);
        }

        using (var index = Open())
        {
            Put(index, 0, 10);
            _repository.Archive(index);
        }

        var piece = Assert.Single(Pieces);
        var bytes = File.ReadAllBytes(piece);
        bytes[^20] ^= 1; // its header still says what it held
        File.WriteAllBytes(piece, bytes);
        Directory.Delete(_fixture.IndexPath, recursive: true);
        CopyFolder(saved, _fixture.IndexPath);
        using (var index = Open())
        {
            Put(index, 200, 210);
            Assert.Equal(HestiaErrorCode.ArchiveDiverged, Assert.Throws<HestiaException>(() => _repository.Archive(index)).Code);
        }

        Assert.Equal(bytes, File.ReadAllBytes(piece));
    }

    [Fact]
    public void Damage_is_noted_and_told_until_a_backup_holds_what_the_log_has_no_more()
    {
        using var index = Create();
        var backup = _repository.Backup(index);
        _repository.Archive(index);
        Put(index, 0, 10);
        _repository.Archive(index);
        index.Flush();
        index.PruneRetired();
        Assert.Empty(LogFiles);
        var bytes = File.ReadAllBytes(Pieces[0]);
        bytes[^20] ^= 1;
        File.WriteAllBytes(Pieces[0], bytes);
        Assert.True(_repository.Check().Healthy); // presence is not soundness
        Assert.False(_repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Put(index, 10, 20);
        var told = Assert.Single(_repository.Archive(index).Findings);
        Assert.Equal((nameof(HestiaErrorCode.ArchiveDamaged), FindingSeverity.Warning, new Lsn(1), new Lsn(10)), (told.Code, told.Severity, told.FirstLsn, told.LastLsn));
        _repository.Backup(index);
        Put(index, 20, 30);
        Assert.Empty(_repository.Archive(index).Findings);
        AssertRestores(25);
        _repository.Remove(backup.BackupId);
        Assert.Equal(2, _repository.Prune().ArchivePiecesRemoved);
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.RepositoryPath, "locks")));
    }

    [Fact]
    public void A_prune_leaves_what_a_running_backup_leads_to()
    {
        using var context = new RepositoryFixture();
        string first;
        using (var index = Create())
        {
            Put(index, 0, 10);
            first = context.Repository.Backup(index).BackupId;
            context.Repository.Archive(index);
            Put(index, 10, 110);
            context.Repository.Archive(index);
            context.Repository.Backup(index);
        }

        context.Repository.Restore(first, _fixture.IndexPath, new RestoreOptions { Force = true });
        context.Repository.Remove(first);
        using (var index = Open())
        {
            Put(index, 200, 230);
            context.Repository.Archive(index);
            // The timeline of the restore has no backup yet: it stays, and that of the other goes.
            Assert.Equal([new Lsn(110)], ArchiveRetention.FindRemovable(context.Context, null, default).Select(i => i.Last));
            BackupResult running;
            using (BackupMarker.Write(context.Context, DateTimeOffset.UtcNow, index.Id, default))
            {
                running = context.Repository.Backup(index);
                Put(index, 230, 245);
                context.Repository.Archive(index);
                Assert.Equal(0, context.Repository.Prune(new PruneOptions { MinimumAge = TimeSpan.FromDays(1) }).ArchivePiecesRemoved);
            }

            // Of something of which the index is unknown, everything may be.
            var unknown = Path.Combine(context.Path, "locks", "backup-bk-2026-04-15T03-00-00Z-aaaaaa.json");
            File.WriteAllText(unknown, "{}");
            Assert.Empty(ArchiveRetention.FindRemovable(context.Context, null, default));
            File.Delete(unknown);
            context.Repository.Prune();
            Assert.Equal(new Lsn(55), context.Repository.List().Single(b => b.BackupId == running.BackupId).RecoverableToLsn);
        }
    }

    [Fact]
    public void A_moment_on_a_timeline_that_was_left_lands_where_it_was_left_and_says_so()
    {
        DateTimeOffset before, late;
        Guid first;
        using (var index = Create())
        {
            _repository.Backup(index);
            Put(index, 0, 10);
            before = _repository.Archive(index).ArchivedTime!.Value;
            Thread.Sleep(5);
            Put(index, 10, 20);
            late = _repository.Archive(index).ArchivedTime!.Value;
            first = index.Timeline.Id;
        }

        Thread.Sleep(5);
        _repository.RestoreIndex("orders", _fixture.IndexPath, new RestoreOptions { ToLsn = new Lsn(10), Force = true });
        using (var index = Open())
        {
            Put(index, 50, 55);
            _repository.Archive(index);
        }

        var wish = new RestoreOptions { ToTime = late };
        var finding = Assert.Single(_repository.PlanRestoreIndex("orders", _fixture.Folder["a"], wish).Findings);
        Assert.Equal((RestorePlanner.LeftTimelineCode, FindingSeverity.Warning), (finding.Code, finding.Severity));
        Assert.Contains($"-Timeline {first}", finding.Message, StringComparison.Ordinal);
        var landed = _repository.RestoreIndex("orders", _fixture.Folder["a"], wish);
        Assert.Equal((new Lsn(10), RestorePlanner.LeftTimelineCode), (landed.Lsn, Assert.Single(landed.Findings).Code));
        var left = _repository.RestoreIndex("orders", _fixture.Folder["b"], wish with { Timeline = first });
        Assert.Equal((new Lsn(20), 0), (left.Lsn, left.Findings.Count));
        Assert.Empty(_repository.RestoreIndex("orders", _fixture.Folder["c"], new RestoreOptions { ToTime = before }).Findings);
    }

    [Fact]
    public void Restored_in_its_place_it_goes_on_being_archived()
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            Put(index, 0, 20);
            _repository.Archive(index);
        }

        var result = _repository.RestoreIndex("orders", _fixture.IndexPath, new RestoreOptions { ToLsn = new Lsn(12), Force = true });
        Assert.Equal((new Lsn(12), new Lsn(20), true), (result.Lsn, result.RecoverableToLsn, result.ReplacedIndex));
        Assert.Equal(new Lsn(12), ArchiveState.Read(FileSystem.Physical, _fixture.IndexPath)!.ShippedEverywhere);
        using (var index = Open())
        {
            Put(index, 50, 55);
            index.Flush();
            index.PruneRetired();
            Assert.Equal((new Lsn(13), new Lsn(17)), (_repository.Archive(index).FromLsn, index.LastLsn));
        }

        _repository.RestoreIndex("orders", _fixture.Folder["t"], new RestoreOptions { ToLatest = true });
        Assert.Equal([.. Enumerable.Range(0, 12).Concat(Enumerable.Range(50, 5)).Select(IndexFixture.Key)], IndexFixture.Read(_fixture.Folder["t"]).Keys);
        Assert.True(IndexChecker.Check(_fixture.IndexPath).Healthy);
    }

    [Fact]
    public void Without_a_log_only_backups_are_points_and_ending_it_lets_the_log_go()
    {
        using var index = HestiaIndex.Create(_fixture.IndexPath, new IndexSettings { Name = "orders" }, s_options with { Durability = Durability.Off });
        Put(index, 0, 10);
        _repository.Backup(index);
        Put(index, 10, 20);
        Assert.Contains(_repository.Archive(index).Findings, f => f.Code == "ArchiveNoLog");
        _repository.Backup(index);
        Assert.Equal(new Lsn(10), _repository.RestoreIndex("orders", _fixture.Folder["a"], new RestoreOptions { ToLsn = new Lsn(10) }).Lsn);
        Assert.Equal(
            HestiaErrorCode.PointNotReachable,
            Assert.Throws<HestiaException>(() => _repository.RestoreIndex("orders", _fixture.Folder["b"], new RestoreOptions { ToLsn = new Lsn(15) })).Code);
        _repository.Archive(index, new ArchiveOptions { QueueMaxBytes = 0 });
        Assert.False(File.Exists(StatePath(_fixture.IndexPath)));
    }

    [Fact]
    public void A_damaged_state_keeps_the_log_and_the_index_opens()
    {
        using (var index = Create())
        {
            _repository.Backup(index);
            _repository.Archive(index);
            Put(index, 0, 10);
            index.Close();
        }

        File.WriteAllText(StatePath(_fixture.IndexPath), "{}");
        using (var index = Open())
        {
            Assert.Contains(index.Recovery.Notices, n => n.Code == "ArchiveStateDamaged");
            index.PruneRetired();
            Assert.Single(LogFiles);
            Assert.Equal(new Lsn(10), _repository.Archive(index).ArchivedLsn);
        }

        AssertRestores(10);
    }

    [Fact]
    public void A_killed_restore_is_continued_with_what_it_had_fetched()
    {
        using (var index = Create())
        {
            Put(index, 0, 400);
            _repository.Backup(index);
        }

        var target = _fixture.Folder["t"];
        var first = _repository.Restore(_repository.List()[0].BackupId, target);
        Assert.True(first.SegmentsFetched > 0);
        // What a restore that died leaves: a staging folder; one of its files was not finished.
        var dead = target + ".restore-0123456789abcdef";
        Directory.Move(target, dead);
        var segments = Directory.GetFiles(Path.Combine(dead, "segments"));
        using (var cut = new FileStream(segments[0], FileMode.Open)) cut.SetLength(cut.Length / 2);
        Assert.True(_repository.PlanRestore(_repository.List()[0].BackupId, target).BytesToFetch < first.BytesFetched || segments.Length == 1);
        var second = _repository.Restore(_repository.List()[0].BackupId, target);
        Assert.Equal((1, segments.Length - 1), (second.SegmentsFetched, second.SegmentsReused));
        Assert.False(Directory.Exists(dead));
        Assert.Equal(400, IndexFixture.Read(target).Count);
    }

    [Fact]
    public void Pieces_go_with_the_backups_that_led_to_them()
    {
        using var context = new RepositoryFixture();
        using var index = Create();
        context.Repository.Backup(index);
        for (var i = 0; i < 3; i++)
        {
            Put(index, i * 10, (i * 10) + 10);
            context.Repository.Archive(index);
        }

        var second = context.Repository.Backup(index);
        Put(index, 30, 40);
        context.Repository.Archive(index);
        Assert.Empty(ArchiveRetention.FindRemovable(context.Context, null, default));
        File.Delete(context.ManifestPath(context.Repository.List()[0].BackupId));
        var removable = ArchiveRetention.FindRemovable(context.Context, null, default);
        Assert.Equal([new Lsn(10), new Lsn(20), new Lsn(30)], removable.Select(i => i.Last));
        Assert.Equal(3, context.Repository.PlanPrune().ArchivePiecesToRemove);
        Assert.Equal(3, context.Repository.Prune().ArchivePiecesRemoved);
        Assert.Equal(0, context.Repository.Prune().ArchivePiecesRemoved);
        Assert.Equal(new Lsn(35), context.Repository.RestoreIndex("orders", _fixture.Folder["t"], new RestoreOptions { ToLsn = new Lsn(35) }).Lsn);
        File.Delete(context.ManifestPath(second.BackupId));
        Assert.Empty(ArchiveRetention.FindRemovable(context.Context, null, default));
    }

    private static string StatePath(string index) => Path.Combine(index, "archive.json");

    private static void Put(HestiaIndex index, int from, int to)
    {
        for (var i = from; i < to; i++) index.Put(IndexFixture.Bytes(IndexFixture.Key(i)), IndexFixture.Bytes(IndexFixture.Value(i)));
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.GetDirectories(from)) CopyFolder(folder, Path.Combine(to, Path.GetFileName(folder)));
    }

    private HestiaIndex Create() => HestiaIndex.Create(_fixture.IndexPath, new IndexSettings { Name = "orders" }, s_options);

    private HestiaIndex Open() => HestiaIndex.Open(_fixture.IndexPath, s_options);

    private void AssertRestores(int lsn)
    {
        var target = _fixture.Folder[$"restored-{lsn}"];
        _repository.RestoreIndex("orders", target, new RestoreOptions { ToLsn = new Lsn((ulong)lsn) });
        Assert.Equal(Enumerable.Range(0, lsn).Select(IndexFixture.Key), IndexFixture.Read(target).Keys);
    }
}
