using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;

namespace Hestia.Unit.Backup;

public sealed class RestoreTargetTests : IDisposable
{
    private const string Id = "0123456789abcdef";
    private readonly TemporaryFolder _folder = new();

    private string Target => _folder["orders"];

    private string Staged => _folder["orders.restore-" + Id];

    private string Replaced => _folder["orders.replaced-" + Id];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_missing_and_an_empty_folder_are_taken_without_force()
    {
        using (var target = Claim(force: false)) Assert.Equal(TargetState.Missing, target.State);
        Directory.CreateDirectory(Target);
        using (var target = Claim(force: false)) Assert.Equal(TargetState.EmptyFolder, target.State);
        Assert.Equal(["orders"], Names());
    }

    [Fact]
    public void An_index_needs_force_and_anything_else_is_refused_with_and_without()
    {
        MakeIndex(Target, "a");
        Refused(HestiaErrorCode.IndexExists, force: false);
        using (var target = Claim(force: true)) Assert.Equal(TargetState.Index, target.State);
        File.Delete(Path.Combine(Target, "index.json"));
        Refused(HestiaErrorCode.TargetNotEmpty, force: true);
        Directory.Delete(Target, recursive: true);
        File.WriteAllText(Target, "a file");
        Refused(HestiaErrorCode.TargetNotEmpty, force: true);
        Assert.Equal(["orders"], Names());
    }

    [Fact]
    public void An_index_whose_json_is_damaged_is_still_one_if_its_manifests_are_there()
    {
        MakeIndex(Target, "a");
        File.WriteAllText(Path.Combine(Target, "index.json"), "{}");
        using (var target = Claim(force: true)) Assert.Equal(TargetState.Index, target.State);
        Directory.Delete(Path.Combine(Target, "manifest"), recursive: true);
        Refused(HestiaErrorCode.TargetNotEmpty, force: true);
    }

    [Fact]
    public void An_index_in_use_is_never_taken_and_its_owner_is_named()
    {
        MakeIndex(Target, "a");
        using (IndexLock.Take(FileSystem.Physical, Target))
        {
            var inspecting = Assert.Throws<HestiaException>(() => RestoreTarget.Inspect(FileSystem.Physical, Target, true));
            foreach (var e in new[] { Refused(HestiaErrorCode.IndexInUse, force: true), inspecting })
            {
                Assert.Equal(HestiaErrorCode.IndexInUse, e.Code);
                Assert.True(e.Message.Contains($"pid {Environment.ProcessId}", StringComparison.Ordinal), e.Message);
            }
        }

        Claim(force: true).Dispose();
    }

    [Fact]
    public void One_restore_per_place_at_a_time()
    {
        using var first = Claim(force: false);
        Refused(HestiaErrorCode.IndexInUse, force: false);
        using var elsewhere = RestoreTarget.Claim(FileSystem.Physical, _folder["orders2"], false);
    }

    [Fact]
    public void No_parent_no_restore()
    {
        var e = Assert.Throws<HestiaException>(() => RestoreTarget.Claim(FileSystem.Physical, _folder["no", "such"], false));
        Assert.Equal(HestiaErrorCode.PathNotFound, e.Code);
        Assert.Equal(
            HestiaErrorCode.InvalidOption,
            Assert.Throws<HestiaException>(() => RestoreTarget.Claim(FileSystem.Physical, Path.GetPathRoot(Target)!, true)).Code);
    }

    [Fact]
    public void A_mount_point_is_refused_before_anything_is_done()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Needs a mount point below a folder; /dev/shm is one on Linux.");
        if (!Directory.Exists("/dev/shm") || !FileSystem.Physical.IsMountPoint("/dev/shm")) Assert.Skip("There is no /dev/shm here.");
        Assert.Equal(
            HestiaErrorCode.InvalidOption,
            Assert.Throws<HestiaException>(() => RestoreTarget.Inspect(FileSystem.Physical, "/dev/shm", true)).Code);
    }

    [Fact]
    public void A_swap_puts_the_staged_one_in_place_and_removes_the_old()
    {
        MakeIndex(Target, "old");
        using (var target = Claim(force: true))
        {
            target.CreateStaging();
            MakeIndex(target.StagingPath, "new");
            target.Swap();
            Assert.Null(target.RemoveReplaced());
        }

        Assert.Equal("new", Content(Target));
        Assert.Equal(["orders"], Names());
    }

    [Fact]
    public void A_failed_step_of_a_swap_leaves_the_old_one_byte_by_byte()
    {
        MakeIndex(Target, "old");
        var before = TemporaryFolder.Snapshot(Target);
        for (var at = 1; ; at++)
        {
            var armed = false;
            var stepsBefore = 0;
            // Count the steps up to the swap, then fail the at-th after them.
            var files = new FaultyFileSystem(1, (_, _) => { if (!armed) stepsBefore++; }, everAfter: true);
            using (var target = RestoreTarget.Claim(files, Target, true))
            {
                target.CreateStaging();
                armed = true;
            }

            RemoveStaging();
            files = new FaultyFileSystem(stepsBefore + at, (_, _) => throw new IOException("injected"));
            bool failed;
            using (var target = RestoreTarget.Claim(files, Target, true))
            {
                target.CreateStaging();
                MakeIndex(target.StagingPath, "new");
                failed = false;
                try
                {
                    target.Swap();
                }
                catch (HestiaException e)
                {
                    Assert.Equal(HestiaErrorCode.IoError, e.Code);
                    failed = true;
                }

                if (failed)
                {
                    Assert.Equal(before, TemporaryFolder.Snapshot(Target));
                    target.Discard();
                }
            }

            if (failed)
            {
                Assert.Equal(["orders"], Names());
                continue;
            }

            Assert.True(at > 3); // two renames and a sync failed before
            Assert.Equal("new", Content(Target));
            return;
        }
    }

    [Fact]
    public void A_swap_that_can_neither_be_done_nor_taken_back_is_put_right_by_the_next_restore()
    {
        MakeIndex(Target, "old");
        var before = TemporaryFolder.Snapshot(Target);
        var renames = 0;
        var files = new FaultyFileSystem(
            1, (operation, _) => { if (operation == "rename" && ++renames > 1) throw new IOException("injected"); }, everAfter: true);
        using (var target = RestoreTarget.Claim(files, Target, true))
        {
            target.CreateStaging();
            MakeIndex(target.StagingPath, "new");
            renames = 0;
            var e = Assert.Throws<HestiaException>(target.Swap);
            Assert.Contains("put back", e.Message, StringComparison.Ordinal);
            target.Discard();
        }

        Assert.False(Directory.Exists(Target));
        Claim(force: true).Dispose();
        Assert.Equal(before, TemporaryFolder.Snapshot(Target));
        Assert.Equal(["orders"], Names());
    }

    [Fact]
    public void A_swap_that_is_done_but_neither_durable_nor_taken_back_keeps_both()
    {
        MakeIndex(Target, "old");
        var armed = false;
        var renames = 0;
        var files = new FaultyFileSystem(1, (operation, path) =>
        {
            if (!armed) return;
            if (operation == "rename" && ++renames == 3) throw new IOException("injected rename");
            if (operation == "sync" && renames == 2) throw new IOException("injected sync");
        }, everAfter: true);
        string replaced, staging;
        using (var target = RestoreTarget.Claim(files, Target, true))
        {
            (replaced, staging) = (target.ReplacedPath, target.StagingPath);
            target.CreateStaging();
            MakeIndex(target.StagingPath, "new");
            armed = true;
            var e = Assert.Throws<HestiaException>(target.Swap);
            armed = false;
            Assert.Equal(HestiaErrorCode.IoError, e.Code);
            Assert.Contains(replaced, e.Message, StringComparison.Ordinal);
            target.Discard();
        }

        Assert.Equal("new", Content(Target));
        Assert.Equal("old", Content(replaced));
        Claim(force: true).Dispose(); // another restore leaves them be
        Assert.Equal("old", Content(replaced));
        Assert.True(Directory.Exists(staging));
    }

    [Fact]
    public void A_link_is_the_folder_it_leads_to_and_stays()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Making a symbolic link takes a privilege on Windows.");
        var real = _folder["disk", "real"];
        Directory.CreateDirectory(_folder["disk"]);
        MakeIndex(real, "old");
        Directory.CreateSymbolicLink(Target, Path.Combine("disk", "link"));
        Directory.CreateSymbolicLink(_folder["disk", "link"], real);
        Assert.Equal(real, RestoreTarget.Inspect(FileSystem.Physical, Target, true).Path);
        using (var target = Claim(force: true))
        {
            Assert.Equal(real, target.Path);
            Assert.Equal(_folder["disk"], Path.GetDirectoryName(target.StagingPath));
            target.CreateStaging();
            MakeIndex(target.StagingPath, "new");
            target.Swap();
            Assert.Null(target.RemoveReplaced());
        }

        Assert.Equal("new", Content(real));
        Assert.Equal("new", Content(Target));
        Assert.Equal(Path.Combine("disk", "link"), new DirectoryInfo(Target).LinkTarget);
        Assert.Equal(["link", "real"], Directory.GetFileSystemEntries(_folder["disk"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        // A link inside the index is not followed when it is removed.
        Directory.Move(Path.Combine(real, "segments"), _folder["disk", "segments"]);
        Directory.CreateSymbolicLink(Path.Combine(real, "segments"), _folder["disk", "segments"]);
        using (var target = Claim(force: true))
        {
            target.CreateStaging();
            MakeIndex(target.StagingPath, "newer");
            target.Swap();
            Assert.Equal("ReplacedKept", target.RemoveReplaced()?.Code);
        }

        Assert.Single(Directory.GetFiles(_folder["disk", "segments"]));
    }

    [Fact]
    public void Died_between_the_renames_the_old_one_is_put_back()
    {
        MakeIndex(Replaced, "old");
        MakeIndex(Staged, "new");
        Assert.Equal(
            HestiaErrorCode.IndexExists,
            Assert.Throws<HestiaException>(() => RestoreTarget.Inspect(FileSystem.Physical, Target, false)).Code);
        Assert.Equal(TargetState.Index, RestoreTarget.Inspect(FileSystem.Physical, Target, true).State);
        Assert.Equal(2, Names().Length);
        Refused(HestiaErrorCode.IndexExists, force: false);
        Assert.Equal("old", Content(Target));
        Assert.Equal(["orders"], Names());
    }

    [Fact]
    public void Died_after_the_swap_the_replaced_one_is_removed()
    {
        MakeIndex(Target, "new");
        MakeIndex(Replaced, "old");
        File.Delete(Path.Combine(Replaced, "manifest", Directory.GetFiles(Path.Combine(Replaced, "manifest"))[0])); // a deletion cut off
        Refused(HestiaErrorCode.IndexExists, force: false);
        Assert.Equal("new", Content(Target));
        Assert.Equal(["orders"], Names());
    }

    [Fact]
    public void Died_while_staging_the_staging_is_removed()
    {
        Directory.CreateDirectory(Path.Combine(Staged, "segments"));
        File.WriteAllText(Path.Combine(Staged, "segments", "half"), "x");
        Claim(force: false).Dispose();
        Assert.Empty(Names());
    }

    [Fact]
    public void What_somebody_touched_since_is_left_alone()
    {
        MakeIndex(Target, "made since");
        MakeIndex(Replaced, "old");
        MakeIndex(Staged, "new");
        Claim(force: true).Dispose();
        Assert.Equal(3, Names().Length);
        Directory.Delete(Target, recursive: true);
        Directory.Delete(Staged, recursive: true);
        Claim(force: false).Dispose(); // only the replaced one: nobody knows why; it stays
        Assert.Equal("old", Content(Replaced));
    }

    [Fact]
    public void Names_that_only_resemble_ours_are_left_alone()
    {
        string[] names =
        [
            "orders.replaced-1", "orders.replaced-0123456789ABCDEF", "orders.restore-copy", "orders2.restore-" + Id,
                $"orders.restore-{Id}0",
        ];
        foreach (var name in names) Directory.CreateDirectory(_folder[name]);
        Claim(force: false).Dispose();
        Assert.Equal(5, Names().Length);
    }

    [Fact]
    public void A_stranger_s_file_in_what_is_replaced_keeps_its_folder()
    {
        MakeIndex(Target, "old");
        Directory.CreateDirectory(Path.Combine(Target, "notes"));
        File.WriteAllText(Path.Combine(Target, "notes", "a.txt"), "mine");
        using var target = Claim(force: true);
        target.CreateStaging();
        MakeIndex(target.StagingPath, "new");
        target.Swap();
        var finding = target.RemoveReplaced();
        Assert.Equal("ReplacedKept", finding?.Code);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(finding!.File!, "notes", "a.txt")));
    }

    private RestoreTarget Claim(bool force) => RestoreTarget.Claim(FileSystem.Physical, Target, force);

    private HestiaException Refused(HestiaErrorCode code, bool force)
    {
        var e = Assert.Throws<HestiaException>(() => Claim(force));
        Assert.Equal(code, e.Code);
        Assert.Contains(Target, e.Message, StringComparison.Ordinal);
        return e;
    }

    private string[] Names() =>
        [.. Directory.EnumerateFileSystemEntries(_folder.Path).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    private void RemoveStaging()
    {
        foreach (var path in Directory.GetDirectories(_folder.Path, "orders.restore-*")) Directory.Delete(path, recursive: true);
    }

    private static void MakeIndex(string path, string content)
    {
        foreach (var name in (string[])["", "manifest", "segments", "wal"]) Directory.CreateDirectory(Path.Combine(path, name));
        var document = RepositoryFixture.Document([[1, 2]]);
        File.WriteAllBytes(Path.Combine(path, "index.json"), RepositoryFixture.Summary(document, "x").SettingsBytes);
        new ManifestStore(FileSystem.Physical, path).Write(document, out _);
        File.WriteAllText(Path.Combine(path, "segments", document.Segments[0].Id + ".seg"), content);
    }

    private static string Content(string path) => File.ReadAllText(Directory.GetFiles(Path.Combine(path, "segments"))[0]);
}
