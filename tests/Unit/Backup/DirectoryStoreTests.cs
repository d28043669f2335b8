using System.Security.Cryptography;
using Hestia.Backup;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Unit.Backup;

public sealed class DirectoryStoreTests : IDisposable
{
    private const string ObjectName = "objects/ab/abcd";
    private readonly RepositoryFixture _fixture = new();

    private DirectoryStore Store => _fixture.Store;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void Of_sixteen_that_create_one_name_exactly_one_wins_and_its_bytes_stay()
    {
        for (var round = 0; round < 20; round++)
        {
            var name = $"backups/race/{round}.json";
            var wins = new int[16];
            Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
            {
                var store = new DirectoryStore(FileSystem.Physical, _fixture.Path); // as if each were another process
                wins[i] = store.TryCreate(name, [(byte)i, 1, 2, 3], default) ? 1 : 0;
            });
            Assert.Equal(1, wins.Sum());
            Assert.Equal([(byte)Array.IndexOf(wins, 1), 1, 2, 3], Store.ReadAll(name, 100, default));
        }

        Assert.Empty(Directory.GetFiles(_fixture.Path, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Sixteen_that_put_the_same_object_leave_it_complete()
    {
        var bytes = RandomNumberGenerator.GetBytes(3 << 20);
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, _ =>
        {
            using var content = new BytesContent(bytes);
            Store.Put(ObjectName, content, default);
        });
        Assert.Equal(bytes, Store.ReadAll(ObjectName, bytes.Length, default));
    }

    [Fact]
    public void Content_that_does_not_verify_is_never_readable()
    {
        using var content = new BytesContent([1, 2, 3], sound: false);
        Assert.Throws<HestiaException>(() => Store.Put(ObjectName, content, default));
        Assert.Null(Store.OpenRead(ObjectName, 0, default));
        Assert.Empty(Directory.GetFiles(Path.Combine(_fixture.Path, "objects", "ab")));
    }

    [Fact]
    public void A_put_replaces_and_a_delete_of_nothing_is_no_error()
    {
        Put([1, 2, 3]);
        Put([4]);
        Assert.Equal([4], Store.ReadAll(ObjectName, 10, default));
        Store.Delete(ObjectName, default);
        Store.Delete(ObjectName, default);
        Assert.Null(Store.ReadAll(ObjectName, 10, default));
    }

    [Fact]
    public void Reading_begins_at_the_offset_and_sizes_are_told_per_name()
    {
        Put([1, 2, 3, 4]);
        using var reader = Store.OpenRead(ObjectName, 2, default);
        var buffer = new byte[10];
        Assert.Equal(2, reader!.ReadFull(buffer));
        Assert.Equal([3, 4], buffer[..2]);
        var sizes = new long[2];
        Store.GetSizes(["objects/00/none", ObjectName], sizes, default);
        Assert.Equal([-1, 4], sizes);
    }

    [Fact]
    public void A_range_is_read_and_the_length_is_of_the_whole()
    {
        Put([1, 2, 3, 4]);
        using var reader = Store.OpenRead(ObjectName, 1, 2, default);
        var buffer = new byte[10];
        Assert.Equal(4, reader!.Length);
        Assert.Equal(2, reader.ReadFull(buffer));
        Assert.Equal([2, 3], buffer[..2]);
    }

    [Fact]
    public void Ages_are_by_the_clock_of_the_store_and_asking_it_leaves_nothing()
    {
        Put([1]);
        Store.ReadClock(default);
        var before = Directory.GetFileSystemEntries(_fixture.Path, "*", SearchOption.AllDirectories);
        var age = Store.ReadClock(default) - Store.List("objects/", default).Single().StoredAt;
        Assert.InRange(age, TimeSpan.FromSeconds(-1), TimeSpan.FromMinutes(1));
        Assert.Equal(before, Directory.GetFileSystemEntries(_fixture.Path, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void The_clock_is_read_where_everybody_may_write_and_is_no_marker()
    {
        var opened = new List<string>();
        var files = new FaultyFileSystem(
            1, (operation, path) =>
            {
                if (operation != "open") return;
                opened.Add(path);
                File.WriteAllText(Path.Combine(_fixture.Path, "locks", "clock.0123abcd.tmp"), ""); // somebody else's; whoever lists just then
                Assert.Empty(Store.List("locks/", default));
            },
            everAfter: true);
        new DirectoryStore(files, _fixture.Path).ReadClock(default);
        Assert.Equal(Path.Combine(_fixture.Path, "locks"), Path.GetDirectoryName(Assert.Single(opened)));
    }

    [Fact]
    public void A_look_that_fails_is_a_failure_and_never_nothing_there()
    {
        Put([1]);
        var at = "";
        var files = new FaultyFileSystem(long.MaxValue, (_, _) => { })
        {
            Hides = path => path.EndsWith(at, StringComparison.Ordinal) ? throw new IOException("stale file handle") : false,
        };
        var store = new DirectoryStore(files, _fixture.Path);
        (string At, Action Call)[] calls =
        [
            ("abcd", () => store.OpenRead(ObjectName, 0, default)?.Dispose()),
            ("abcd", () => store.GetSizes([ObjectName], new long[1], default)),
            ("abcd", () => store.TryCreate(ObjectName, [1], default)),
            ("abcd", () => store.Delete(ObjectName, default)),
            ("objects", () => _ = store.List("objects/", default).Count()),
            (Path.Combine("objects", "ab"), () => _ = store.List("objects/", default).Count()),
            ("repository.json", () => _ = store.List("objects/", default).Count()),
        ];
        foreach (var (failing, call) in calls)
        {
            at = failing;
            Assert.Equal(HestiaErrorCode.IoError, Assert.Throws<HestiaException>(call).Code);
        }
    }

    [Fact]
    public void The_system_s_own_errors_are_told_from_nothing_there()
    {
        var here = _fixture.Folder.Path;
        Assert.Null(FileSystem.Physical.FindEntry(Path.Combine(here, "none")));
        Assert.Null(FileSystem.Physical.FindEntry(Path.Combine(here, "none", "below")));
        Assert.Null(FileSystem.Physical.FindEntry(Path.Combine(_fixture.Path, "repository.json", "below")));
        Assert.Equal((true, 0L), FileSystem.Physical.FindEntry(here) is { } f ? (f.IsDirectory, f.Length) : default);
        var length = new FileInfo(Path.Combine(_fixture.Path, "repository.json")).Length;
        Assert.Equal(
            (false, length), FileSystem.Physical.FindEntry(Path.Combine(_fixture.Path, "repository.json")) is { } d ? (d.IsDirectory, d.Length) : default);
        if (OperatingSystem.IsWindows()) return;
        File.CreateSymbolicLink(Path.Combine(here, "a"), "b");
        File.CreateSymbolicLink(Path.Combine(here, "b"), "a");
        Assert.False(File.Exists(Path.Combine(here, "a", "x"))); // what it was asked with before
        Assert.ThrowsAny<IOException>(() => FileSystem.Physical.FindEntry(Path.Combine(here, "a", "x")));
    }

    [Fact]
    public void Lists_are_made_new_by_changing_each_folder_for_an_instant()
    {
        _fixture.Put("bk-2026-04-15T03-00-00Z-aaaaaa", 10);
        var touched = new List<string>();
        var files = new FaultyFileSystem(
            1, (operation, path) => { if (operation is "open") touched.Add(Path.GetDirectoryName(path)!); }, everAfter: true);
        Assert.True(new DirectoryStore(files, _fixture.Path).Revalidate("backups/", default));
        var backups = Path.Combine(_fixture.Path, "backups");
        Assert.Equal([backups, .. Directory.GetDirectories(backups)], touched.ToArray());
        Assert.Empty(Directory.GetFiles(backups, "*.tmp", SearchOption.AllDirectories));
        var refusing = new FaultyFileSystem(1, (_, _) => throw new UnauthorizedAccessException(), everAfter: true);
        Assert.False(new DirectoryStore(refusing, _fixture.Path).Revalidate("backups/", default));
        Assert.True(Store.Revalidate("archive/", default)); // not there: nothing to list
    }

    [Fact]
    public void Unfinished_transfers_are_removed_everywhere_once_they_are_old_enough()
    {
        Put([1]);
        var folder = Path.Combine(_fixture.Path, "objects", "ab");
        foreach (var name in (string[])["old.0123abcd.tmp", "young.0123abcd.tmp", "old.tmp"])
            File.WriteAllText(Path.Combine(folder, name), "x");
        File.SetLastWriteTimeUtc(Path.Combine(folder, "old.0123abcd.tmp"), DateTime.UtcNow.AddDays(-1.1));
        File.SetLastWriteTimeUtc(Path.Combine(folder, "old.tmp"), DateTime.UtcNow.AddDays(-1.1)); // not one of ours
        Assert.Equal(1, Store.RemoveUnfinished(RepositoryStore.DeadAfter, default));
        Assert.Equal(
            ["abcd", "old.tmp", "young.0123abcd.tmp"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_name_taken_by_the_own_request_that_was_sent_twice_is_ones_own()
    {
        var files = new FaultyFileSystem(long.MaxValue, (_, _) => { }) { LosesRenames = true };
        var store = new DirectoryStore(files, _fixture.Path);
        Assert.True(store.TryCreate("locks/a.json", [1, 2, 3], default));
        Assert.Equal([1, 2, 3], Store.ReadAll("locks/a.json", 10, default));
        Assert.Empty(Directory.GetFiles(_fixture.Path, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_list_shows_what_is_complete_and_ours_with_its_size()
    {
        Put([1, 2]);
        File.WriteAllText(Path.Combine(_fixture.Path, "objects", "ab", "abcd.0123abcd.tmp"), "x");
        Directory.CreateDirectory(Path.Combine(_fixture.Path, "objects", "lost+found"));
        File.WriteAllText(Path.Combine(_fixture.Path, "objects", "lost+found", "a"), "x");
        var items = Store.List("objects/", default).ToList();
        Assert.Equal([ObjectName], items.Select(i => i.Name));
        Assert.Equal(2, items[0].Size);
        Assert.Empty(Store.List("objects/b", default));
        Assert.Single(Store.List("objects/a", default));
        Assert.Empty(Store.List("archive/", default));
    }

    [Fact]
    public void What_a_dead_transfer_left_is_swept_up_after_a_day_and_nothing_else()
    {
        var folder = Path.Combine(_fixture.Path, "objects", "ab");
        Directory.CreateDirectory(folder);
        string[] names = ["old.0123abcd.tmp", "young.0123abcd.tmp", "old.tmp", "old.ZZZZZZZZ.tmp", "old.0123abcd.txt"];
        foreach (var name in names)
        {
            File.WriteAllText(Path.Combine(folder, name), "x");
            if (!name.StartsWith("young", StringComparison.Ordinal))
                File.SetLastWriteTimeUtc(Path.Combine(folder, name), DateTime.UtcNow.AddDays(-1.1));
        }

        Put([1]);
        Assert.Equal(
            ["abcd", "old.0123abcd.txt", "old.ZZZZZZZZ.tmp", "old.tmp", "young.0123abcd.tmp"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_share_that_went_away_is_said_to_be_gone_and_nothing_is_made_in_its_place()
    {
        Directory.Delete(_fixture.Path, recursive: true);
        Directory.CreateDirectory(_fixture.Path); // the empty mount point
        Action[] calls =
        [
            () => Put([1]),
            () => Store.TryCreate("locks/x.json", [1], default),
            () => Store.GetSizes([ObjectName], new long[1], default),
            () => Store.OpenRead(ObjectName, 0, default),
            () => _ = Store.List("backups/", default).Count(),
            () => _fixture.Repository.List(),
        ];
        foreach (var call in calls) Assert.Equal(HestiaErrorCode.RepositoryNotFound, Assert.Throws<HestiaException>(call).Code);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture.Path));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("a//b")]
    [InlineData("a\\b")]
    [InlineData("")]
    public void A_name_that_could_leave_the_root_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() => Store.OpenRead(name, 0, default));

    [Fact]
    public void The_probe_leaves_nothing()
    {
        Store.ProbeWrite(default);
        Assert.Empty(Store.List("locks/", default));
    }

    [Fact]
    public void Every_failed_operation_of_a_put_is_reported_and_leaves_no_object_and_no_rest()
    {
        for (var at = 1; ; at++)
        {
            var files = new FaultyFileSystem(at, (operation, _) => throw new IOException($"no {operation}"));
            var store = new DirectoryStore(files, _fixture.Path);
            using var content = new BytesContent([1, 2, 3]);
            HestiaException? failure = null;
            try
            {
                store.Put(ObjectName, content, default);
            }
            catch (HestiaException e)
            {
                failure = e;
            }

            if (!files.Sprung) break;
            Assert.Equal(HestiaErrorCode.IoError, failure?.Code);
            Assert.Null(Store.OpenRead(ObjectName, 0, default));
            Assert.Empty(Directory.GetFiles(_fixture.Path, "*.tmp", SearchOption.AllDirectories));
        }

        Assert.Equal([1, 2, 3], Store.ReadAll(ObjectName, 10, default));
    }

    [Fact]
    public void A_full_disk_is_named()
    {
        var files = new FaultyFileSystem(1, (_, _) => throw IOErrors.FromErrno(IOErrors.ENOSPC, "full"), everAfter: true);
        using var content = new BytesContent([1]);
        var e = Assert.Throws<HestiaException>(() => new DirectoryStore(files, _fixture.Path).Put(ObjectName, content, default));
        Assert.Equal(HestiaErrorCode.DiskFull, e.Code);
    }

    [Fact]
    public void Making_durable_syncs_the_folders_up_to_the_root_once()
    {
        Put([1]);
        var synced = new List<string>();
        var files = new FaultyFileSystem(1, (operation, path) => synced.Add(operation + " " + path), everAfter: true);
        new DirectoryStore(files, _fixture.Path).MakeDurable([ObjectName, "objects/ab/ffff"], default);
        string[] expected = [Path.Combine(_fixture.Path, "objects", "ab"), Path.Combine(_fixture.Path, "objects"), _fixture.Path];
        Assert.Equal(expected.Select(p => "sync " + p), synced);
    }

    private void Put(byte[] bytes)
    {
        using var content = new BytesContent(bytes);
        Store.Put(ObjectName, content, default);
    }
}
