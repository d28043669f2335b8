using Hestia.Backup;
using Hestia.Backup.FileSets;
using Hestia.Backup.Format;
using Hestia.Core;
using Hestia.HestiaStore;
using Hestia.HestiaStore.FileSets;
using Hestia.HestiaStore.Locking;
using Hestia.Unit.HestiaStore;

namespace Hestia.Unit.Backup.FileSets;

/// <summary>HestiaStore directories in the same repositories as indexes of ours.</summary>
public sealed class FileSetBackupTests : IDisposable
{
    private static readonly StoreFileSet s_kind = new();

    private readonly IndexFixture _fixture = new();

    public FileSetBackupTests() => FileSetKinds.Register(s_kind);

    private string Target => _fixture.Folder["restored"];

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(StoreFixture.Closed)]
    [InlineData(StoreFixture.Split)]
    [InlineData(StoreFixture.WalClosed)]
    [InlineData(StoreFixture.WalCrashed)]
    public void What_is_restored_is_byte_for_byte_what_was_backed_up(string name)
    {
        using var store = new StoreFixture(name);
        using var repository = _fixture.Open();
        var expected = Everything(store.Path);
        var options = new BackupOptions { AllowUnknownOwner = true };
        var plan = repository.PlanFileSetBackup(store.Path, s_kind, options);
        var backup = repository.BackupFileSet(store.Path, s_kind, options);
        Assert.Equal(expected, Everything(store.Path));
        Assert.Equal((plan.BytesToSend, plan.SegmentsToSend), (backup.BytesSent, backup.SegmentsSent));
        Assert.Equal(("sample", "HestiaStore", store.Path), (backup.IndexName, backup.Kind, backup.SourcePath));
        Assert.Empty(backup.Findings);
        var info = Assert.Single(repository.List());
        Assert.Equal(("HestiaStore", "sample", Lsn.None, null), (info.Kind, info.IndexName, info.Lsn, info.PointInTime));
        Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        Assert.Equal(plan.Segments, repository.PlanRestore(backup.BackupId, Target).Segments);
        var result = repository.Restore(backup.BackupId, Target);
        Assert.Equal(WithoutLocks(expected), Everything(Target));
        Assert.Equal(("HestiaStore", 10_000L, true, false), (result.Kind, result.Entries, result.Healthy, result.ReplacedIndex));
        Assert.Empty(result.Findings);
        Assert.Equal(["restored"], _fixture.Names());
    }

    [Theory]
    [InlineData("lost", StoreFindings.ManifestMissing)]
    [InlineData("damaged", StoreFindings.ManifestDamaged)]
    [InlineData("of a filter that is not understood", StoreFindings.FormatUnsupported)]
    public void A_directory_that_cannot_be_read_is_backed_up_as_it_is_with_a_warning(string manifest, string code)
    {
        using var store = new StoreFixture(StoreFixture.Split);
        using var repository = _fixture.Open();
        var text = File.ReadAllText(store["manifest.txt"]);
        if (manifest == "lost") File.Delete(store["manifest.txt"]);
        else if (manifest == "damaged") File.WriteAllText(store["manifest.txt"], "");
        else
            File.WriteAllText(store["manifest.txt"],
                text.Replace("decodingChunkFilters=p\\=magic-number", "decodingChunkFilters=p\\=aes-gcm", StringComparison.Ordinal));
        var before = Everything(store.Path);
        var backup = repository.BackupFileSet(store.Path, s_kind);
        Assert.Equal(code == StoreFindings.FormatUnsupported ? "sample" : Path.GetFileName(store.Path), backup.IndexName);
        Assert.Equal(Hestia.Core.Control.IndexVia.Files, backup.Via);
        var warning = Assert.Single(backup.Findings);
        Assert.Contains(code, warning.Message, StringComparison.Ordinal);
        repository.Restore(backup.BackupId, Target);
        Assert.Equal(before, Everything(Target));

        // Its owner is asked for all the same.
        File.WriteAllBytes(store[".lock"], StoreLock.Serialize(Environment.ProcessId, null, StoreLock.HostName(), "s"));
        Refused(HestiaErrorCode.IndexInUse, () => repository.BackupFileSet(store.Path, s_kind));
    }

    [Fact]
    public void A_check_before_a_backup_names_all_damage_and_takes_the_end_a_crash_leaves_for_none()
    {
        using var store = new StoreFixture(StoreFixture.Split);
        StoreHarm.Do(store.Path, "segment-00003/v01-index.sst flip 5000");
        StoreHarm.Do(store.Path, "segment-00004/v01-index.sst flip 5000");
        var check = s_kind.Check(store.Path, null, default);
        Assert.False(check.Healthy);
        foreach (var segment in (string[])["segment-00003", "segment-00004"])
            Assert.Contains(check.Findings, f => f.File!.StartsWith(segment, StringComparison.Ordinal));

        using var crashed = new StoreFixture(StoreFixture.WalCrashed);
        File.AppendAllText(crashed["wal", "00000000000000000001.wal"], "torn");
        Assert.True(s_kind.Check(crashed.Path, null, default).Healthy);
    }

    [Fact]
    public void Only_what_is_new_is_sent_and_backups_of_one_directory_are_one_group()
    {
        using var store = new StoreFixture(StoreFixture.Split);
        using var repository = _fixture.Open();
        var first = repository.BackupFileSet(store.Path, s_kind);
        Assert.Equal(0, repository.PlanFileSetBackup(store.Path, s_kind).BytesToSend);
        var second = repository.BackupFileSet(store.Path, s_kind);
        Assert.Equal((0L, 0, first.Bytes), (second.BytesSent, second.SegmentsSent, second.Bytes));
        File.AppendAllText(store["manifest.txt"], "# touched\n");
        var third = repository.BackupFileSet(store.Path, s_kind);
        Assert.Equal((1, new FileInfo(store["manifest.txt"]).Length), (third.SegmentsSent, third.BytesSent));
        var id = Assert.Single(repository.List().Select(static b => b.IndexId).Distinct());
        Assert.Equal('8', id.ToString("d")[14]);

        // A second directory of the same name is another index; one that has moved may go on with the old id.
        using var other = new StoreFixture(StoreFixture.Split);
        var foreign = repository.BackupFileSet(other.Path, s_kind);
        Assert.Equal(0, foreign.SegmentsSent);
        var moved = repository.BackupFileSet(other.Path, s_kind, new BackupOptions { IndexId = id });
        var groups = repository.List().ToDictionary(static b => b.BackupId, static b => b.IndexId);
        Assert.NotEqual(id, groups[foreign.BackupId]);
        Assert.Equal(id, groups[moved.BackupId]);
    }

    [Fact]
    public void Retention_prune_and_copy_treat_it_like_any_other()
    {
        using var store = new StoreFixture(StoreFixture.Closed);
        using var repository = _fixture.Open();
        BackupResult own;
        using (var index = _fixture.Create(500)) own = repository.Backup(index);
        var first = repository.BackupFileSet(store.Path, s_kind);
        File.AppendAllText(store["manifest.txt"], "# touched\n");
        var second = repository.BackupFileSet(store.Path, s_kind);

        using var copies = BackupRepository.Create(_fixture.Folder["copies"], null, RepositoryKey.FromPassphrase("a long passphrase"), null);
        foreach (var backup in repository.List()) repository.Copy(backup.BackupId, copies, new CopyOptions { Verify = true });
        Assert.Equal(3, copies.List().Count);
        Assert.True(copies.Verify(second.BackupId, new VerifyOptions { Deep = true }).Healthy);
        copies.Restore(second.BackupId, Target);
        Assert.Equal(Everything(store.Path), Everything(Target));

        var decisions = repository.PlanRemoval(new RetentionPolicy { KeepLast = 1 });
        Assert.Equal([first.BackupId], decisions.Where(static d => d.Remove).Select(static d => d.BackupId));
        Assert.True(Assert.Single(repository.PlanRemoval([own.BackupId])) is { Remove: false });
        repository.Remove(first.BackupId);
        Assert.Equal(1, repository.Prune().ObjectsRemoved);
        Assert.True(repository.Check().Healthy);
        Assert.Equal(2, repository.Check().Indexes.Count);
        Directory.Delete(Target, recursive: true);
        repository.Restore(second.BackupId, Target);
        Assert.Equal(Everything(store.Path), Everything(Target));
    }

    [Fact]
    public void A_living_owner_and_a_change_meanwhile_are_refused()
    {
        using var store = new StoreFixture(StoreFixture.Closed);
        using var repository = _fixture.Open();
        var start = System.Diagnostics.Process.GetCurrentProcess().StartTime;
        File.WriteAllBytes(store[".lock"], StoreLock.Serialize(Environment.ProcessId, start, StoreLock.HostName(), "s"));
        var e = Refused(HestiaErrorCode.IndexInUse, () => repository.BackupFileSet(store.Path, s_kind, new BackupOptions { AllowUnknownOwner = true }));
        Assert.Contains($"pid {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        File.WriteAllBytes(store[".lock"], StoreLock.Serialize(4711, start, "another-machine", "s"));
        Refused(HestiaErrorCode.IndexInUse, () => repository.BackupFileSet(store.Path, s_kind));
        File.Delete(store[".lock"]);

        var changing = new ChangingKind(() => File.AppendAllText(store["index.map"], "x"));
        Refused(HestiaErrorCode.SourceDamaged, () => repository.BackupFileSet(store.Path, changing));
        Assert.Empty(repository.List());
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.RepositoryPath, "locks")));
        Refused(HestiaErrorCode.InvalidOption, () => BackupInto(store.Path));
    }

    [Fact]
    public void It_replaces_its_own_kind_with_force_and_nothing_else()
    {
        using var store = new StoreFixture(StoreFixture.Closed);
        using var repository = _fixture.Open();
        var backup = repository.BackupFileSet(store.Path, s_kind);
        var force = new RestoreOptions { Force = true };
        StoreFixture.Extract(StoreFixture.Split, _fixture.Folder.Path);
        var target = _fixture.Folder[StoreFixture.Split];
        Refused(HestiaErrorCode.IndexExists, () => repository.Restore(backup.BackupId, target));
        File.WriteAllText(Path.Combine(target, "notes.txt"), "mine");
        var result = repository.Restore(backup.BackupId, target, force);
        Assert.True(result.ReplacedIndex);
        Assert.Equal(Everything(store.Path), Everything(target));
        var kept = Assert.Single(result.Findings);
        Assert.Equal("ReplacedKept", kept.Code);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(kept.File!, "notes.txt")));
        Assert.Single(Directory.GetFiles(kept.File!, "*", SearchOption.AllDirectories));

        File.Delete(Path.Combine(target, "index.map"));
        var start = System.Diagnostics.Process.GetCurrentProcess().StartTime;
        File.WriteAllBytes(Path.Combine(target, ".lock"), StoreLock.Serialize(Environment.ProcessId, start, StoreLock.HostName(), "s"));
        Refused(HestiaErrorCode.IndexInUse, () => repository.Restore(backup.BackupId, target, force));
        using (_fixture.Create(10))
        {
        }

        Refused(HestiaErrorCode.TargetNotEmpty, () => repository.Restore(backup.BackupId, _fixture.IndexPath, force));
        Refused(HestiaErrorCode.InvalidOption, () => repository.Restore(backup.BackupId, Target, new RestoreOptions { ToLatest = true }));
        Assert.False(Directory.Exists(Target));
    }

    [Fact]
    public void What_a_link_in_a_replaced_directory_leads_to_stays()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Making a symbolic link takes a right on Windows.");
        using var store = new StoreFixture(StoreFixture.Closed);
        using var repository = _fixture.Open();
        var backup = repository.BackupFileSet(store.Path, s_kind);
        StoreFixture.Extract(StoreFixture.Split, _fixture.Folder.Path);
        var target = _fixture.Folder[StoreFixture.Split];
        // As somebody does who puts a segment on another disk: everything in it has names of HestiaStore.
        var segment = Directory.GetDirectories(target, "segment-*").Order(StringComparer.Ordinal).First();
        var elsewhere = _fixture.Folder["elsewhere"];
        Directory.Move(segment, elsewhere);
        Directory.CreateSymbolicLink(segment, elsewhere);
        var before = Everything(elsewhere);
        Assert.NotEmpty(before);
        var result = repository.Restore(backup.BackupId, target, new RestoreOptions { Force = true });
        Assert.Equal("ReplacedKept", Assert.Single(result.Findings).Code);
        Assert.Equal(before, Everything(elsewhere));
        Assert.Equal(Everything(store.Path), Everything(target));
    }

    [Fact]
    public void A_damaged_directory_is_backed_up_as_it_is_and_said_to_be_damaged()
    {
        using var store = new StoreFixture(StoreFixture.Closed);
        using var repository = _fixture.Open();
        var sst = Directory.GetFiles(store["segment-00000"], "*-delta-0000.cache").Concat(Directory.GetFiles(store["segment-00000"], "*.sst"))
            .MaxBy(static f => new FileInfo(f).Length)!;
        var bytes = File.ReadAllBytes(sst);
        bytes[40] ^= 1;
        File.WriteAllBytes(sst, bytes);
        var backup = repository.BackupFileSet(store.Path, s_kind);
        Assert.Equal("SourceDamaged", Assert.Single(backup.Findings).Code);
        var result = repository.Restore(backup.BackupId, Target);
        Assert.False(result.Healthy);
        Assert.Equal("SourceDamaged", Assert.Single(result.Findings).Code);
        Assert.Equal(Everything(store.Path), Everything(Target));
    }

    [Fact]
    public void A_damaged_object_is_named_with_its_file_refused_and_sent_again()
    {
        using var store = new StoreFixture(StoreFixture.Split);
        using var repository = _fixture.Open();
        var backup = repository.BackupFileSet(store.Path, s_kind);
        var victim = _fixture.Objects().MaxBy(static f => new FileInfo(f).Length)!;
        var bytes = File.ReadAllBytes(victim);
        bytes[7] ^= 4;
        File.WriteAllBytes(victim, bytes);
        var verified = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
        Assert.Contains("segment-", Assert.Single(verified.Findings).Message, StringComparison.Ordinal);
        Refused(HestiaErrorCode.ObjectDamaged, () => repository.Restore(backup.BackupId, Target));
        Assert.Empty(_fixture.Names());
        Assert.Equal(1, repository.BackupFileSet(store.Path, s_kind).SegmentsSent);
        repository.Restore(backup.BackupId, Target);
        Assert.Equal(Everything(store.Path), Everything(Target));
    }

    [Fact]
    public void A_version_that_does_not_know_such_backups_refuses_them_by_name()
    {
        using var store = new StoreFixture(StoreFixture.Closed);
        using var repository = _fixture.Open();
        repository.BackupFileSet(store.Path, s_kind);
        var manifest = File.ReadAllBytes(Directory.GetFiles(Path.Combine(_fixture.RepositoryPath, "backups"), "*", SearchOption.AllDirectories).Single());
        using var json = System.Text.Json.JsonDocument.Parse(manifest);

        // What versions before this one ran over the first line.
        var e = Assert.Throws<HestiaException>(() => FormatVersions.Check(json.RootElement, BackupSummary.Magic, 1, "the manifest"));
        Assert.Equal(HestiaErrorCode.FormatTooNew, e.Code);
        Assert.Contains("'file-set'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("a/../../x")]
    [InlineData("a\\x")]
    [InlineData("C:x")]
    [InlineData("a//x")]
    [InlineData("")]
    [InlineData("a/.")]
    [InlineData("nul\0")]
    public void A_path_that_leads_elsewhere_is_none(string path) => Assert.False(FileSetManifest.IsPath(path));

    private static BackupResult BackupInto(string path)
    {
        using var inside = BackupRepository.Create(Path.Combine(path, "quarantine"));
        return inside.BackupFileSet(path, s_kind);
    }

    private static HestiaException Refused(HestiaErrorCode code, Action action)
    {
        var e = Assert.Throws<HestiaException>(action);
        Assert.True(e.Code == code, e.ToString());
        return e;
    }

    private static SortedDictionary<string, string> WithoutLocks(SortedDictionary<string, string> files)
    {
        var rest = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, hash) in files)
            if (!name.EndsWith(".lock", StringComparison.Ordinal)) rest.Add(name, hash);
        return rest;
    }

    private static SortedDictionary<string, string> Everything(string folder)
    {
        var all = TemporaryFolder.Snapshot(folder);
        foreach (var directory in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories)) all[Path.GetRelativePath(folder, directory) + "/"] = "";
        foreach (var file in Directory.GetFiles(folder, ".lock", SearchOption.AllDirectories)) all[Path.GetRelativePath(folder, file)] = "lock";
        return all;
    }

    /// <summary>HestiaStore directories of which somebody changes something after they were hashed.</summary>
    private sealed class ChangingKind(Action change) : FileSetKind
    {
        private int _asked;

        public override string Name => s_kind.Name;

        public override string Title => s_kind.Title;

        public override bool Recognizes(string path) => s_kind.Recognizes(path);

        public override FileSetDescription Describe(string path) => s_kind.Describe(path);

        public override void RefuseIfInUse(string path, bool allowUnknownOwner)
        {
            if (++_asked == 3) change();
        }

        public override bool Includes(string relativePath) => s_kind.Includes(relativePath);

        public override bool IsOwnName(string relativePath) => s_kind.IsOwnName(relativePath);

        public override FileSetCheck Check(string path, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) =>
            new(true, 0, []);
    }
}
