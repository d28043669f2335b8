using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Unit.Wal;

public sealed class WalWriterTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(int.MaxValue)]
    public void A_refused_append_leaves_nothing_that_could_come_back(int written)
    {
        var log = new WalTestLog().Rotate().Add(sync: true).Add();
        var offset = log.Writer.AppendOffset;
        var syncs = 0;
        log.Files.OnSync = _ => syncs++;
        log.Files.FailWrite = (_, at, length) => at == offset ? Math.Min(written, length) : -1;
        Assert.Throws<IOException>(() => log.Add());
        Assert.Null(log.Writer.Failure);
        Assert.Equal((offset, offset, 2UL), (log.Writer.AppendOffset, log.Writer.SyncedOffset, log.Writer.LastLsn.Value));
        Assert.Equal(1, syncs); // the wipe is durable before the refusal is told
        Assert.Equal(offset, log.Files[log.Writer.Path].Length);
        Assert.Empty(log.Scan().Findings);
        Assert.Equal(2UL, log.Scan().LastLsn.Value);

        log.Files.FailWrite = null;
        log.Add();
        Assert.True(log.Files[log.Writer.Path].Length >= 1 << 20); // space is reserved again
        Assert.Equal([1, 2, 3], WalTestLog.Replay(log.Files, log.Scan()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_refused_append_that_cannot_be_wiped_fails_the_writer(bool cutFails)
    {
        var log = new WalTestLog().Rotate().Add();
        log.Files.FailWrite = (_, _, length) => length;
        if (cutFails) log.Files.OnSetLength = _ => throw new IOException("cut");
        else log.Files.OnSync = _ => throw new IOException("sync");
        Assert.Throws<IOException>(() => log.Add());
        Assert.NotNull(log.Writer.Failure);
        log.Files.FailWrite = null;
        log.Files.OnSync = null;
        log.Files.OnSetLength = null;
        Assert.Throws<IOException>(() => log.Add());
        Assert.Throws<IOException>(() => log.Writer.SyncData());
    }

    [Fact]
    public void The_first_failed_sync_is_final()
    {
        var log = new WalTestLog().Rotate().Add(sync: true).Add();
        var synced = log.Writer.SyncedOffset;
        var calls = 0;
        log.Files.OnSync = _ =>
        {
            if (++calls == 1) throw new IOException("sync");
        };
        Assert.Throws<IOException>(() => log.Writer.SyncData());
        Assert.Throws<IOException>(() => log.Writer.SyncData());
        Assert.Throws<IOException>(() => log.Writer.Seal());
        Assert.Throws<IOException>(() => log.Add());
        Assert.Equal((1, synced), (calls, log.Writer.SyncedOffset));
    }

    [Fact]
    public void A_sync_covers_only_what_was_appended_before_it_began()
    {
        var log = new WalTestLog().Rotate().Add();
        var before = log.Writer.AppendOffset;
        log.Files.OnSync = _ =>
        {
            log.Files.OnSync = null;
            log.Add();
        };
        Assert.Equal(before, log.Writer.SyncData());
        Assert.Equal(before, log.Writer.SyncedOffset);
        log.Add(sync: true);
        Assert.Equal(log.Writer.AppendOffset, log.Writer.SyncedOffset);
        Assert.Empty(log.Scan().Findings);
    }

    [Fact]
    public void A_full_disk_refuses_the_append_and_the_log_goes_on()
    {
        var log = new WalTestLog().Rotate().Add();
        var full = Hestia.Core.IO.IOErrors.FromErrno(28, "full");
        var asked = new List<long>();
        log.Files.OnPreallocate = (_, length) =>
        {
            asked.Add(length);
            throw full;
        };
        var end = log.Writer.AppendOffset;
        Assert.Same(full, Assert.ThrowsAny<IOException>(() => log.Add(value: new byte[5000])));
        Assert.Equal(2, asked.Count); // a step, then what is needed
        Assert.True(asked[0] == 1 << 20 && asked[1] < 6000);
        Assert.Null(log.Writer.Failure);
        log.Add(); // still fits what was reserved
        log.Files.OnPreallocate = null;
        log.Add(value: new byte[5000]).Add(value: new byte[3 << 20]);
        Assert.Equal(0, log.Files[log.Writer.Path].Length % (1 << 20));
        Assert.True(end < log.Writer.AppendOffset);
        Assert.Equal([1, 2, 3, 4], WalTestLog.Replay(log.Files, log.Scan(), checkValues: false));
    }

    [Fact]
    public void On_a_nearly_full_disk_a_file_begins_with_what_there_is()
    {
        var log = new WalTestLog();
        log.Files.OnPreallocate = (_, length) =>
        {
            if (length > 2 << 20) throw IOErrors.FromErrno(IOErrors.ENOSPC, "full");
        };
        log.Rotate(preallocate: 64 << 20).Add().Add(sync: true);
        Assert.Equal(1 << 20, log.Files[log.Writer.Path].Length);
        Assert.Equal([1, 2], WalTestLog.Replay(log.Files, log.Scan()));

        log.Files.OnPreallocate = (_, _) => throw IOErrors.FromErrno(IOErrors.ENOSPC, "full");
        var before = log.Files.Names.Count();
        Assert.ThrowsAny<IOException>(() => WalWriter.Create(log.Files, WalTestLog.Wal, log.Header(9), 64 << 20));
        Assert.Equal(before, log.Files.Names.Count());
    }

    [Fact]
    public void A_failed_creation_leaves_nothing()
    {
        foreach (var step in new[] { "preallocate", "write", "sync", "directory" })
        {
            foreach (var prepared in new[] { false, true })
            {
                var log = new WalTestLog();
                var armed = false;
                void Fail(string at)
                {
                    if (armed && at == step) throw new IOException(step);
                }

                log.Files.OnPreallocate = (_, _) => Fail("preallocate");
                log.Files.FailWrite = (_, _, _) => armed && step == "write" ? 7 : -1;
                log.Files.OnSync = _ => Fail("sync");
                log.Files.OnSyncDirectory = () => Fail("directory");
                if (prepared)
                {
                    var file = WalPreparedFile.Prepare(log.Files, WalTestLog.Wal, 4096);
                    armed = true;
                    if (step == "preallocate")
                    {
                        Assert.Throws<IOException>(() => WalPreparedFile.Prepare(log.Files, WalTestLog.Wal, 4096));
                        file.Dispose();
                    }
                    else
                    {
                        Assert.Throws<IOException>(() => WalWriter.Activate(log.Files, file, log.Header(1)));
                    }
                }
                else
                {
                    armed = true;
                    Assert.Throws<IOException>(() => WalWriter.Create(log.Files, WalTestLog.Wal, log.Header(1), 4096));
                }

                Assert.Empty(log.Files.Names);
            }
        }
    }

    [Fact]
    public void An_activated_file_is_like_a_created_one_and_never_replaces_another()
    {
        var log = new WalTestLog();
        using var first = WalWriter.Activate(log.Files, WalPreparedFile.Prepare(log.Files, WalTestLog.Wal, 4096), log.Header(1));
        Assert.Equal(Path.Combine(WalTestLog.Wal, "00000000000000000001.wal"), Assert.Single(log.Files.Names));
        using var second = WalPreparedFile.Prepare(log.Files, WalTestLog.Wal, 4096);
        Assert.Throws<IOException>(() => WalWriter.Activate(log.Files, second, log.Header(1)));
        Assert.Throws<ObjectDisposedException>(second.Take); // its handle and its space are given back
        Assert.DoesNotContain(second.Path, log.Files.Names);
        Assert.Throws<IOException>(() => WalWriter.Create(log.Files, WalTestLog.Wal, log.Header(1), 0));
        Assert.Empty(log.Scan().Findings);
    }

    [Fact]
    public void Sealing_gives_the_reserved_space_back()
    {
        var log = new WalTestLog().Rotate(preallocate: 1 << 20).Add().Add();
        log.Writer.Seal();
        Assert.Equal(log.Writer.AppendOffset, log.Files[log.Writer.Path].Length);
        Assert.Equal(log.Writer.AppendOffset, log.Writer.SyncedOffset);
        Assert.Equal(2UL, log.Scan().LastLsn.Value);
    }

    [Fact]
    public void A_log_on_a_real_disk_round_trips()
    {
        var directory = Path.Combine(Path.GetTempPath(), "hestia-wal-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(directory);
        try
        {
            using var prepared = WalPreparedFile.Prepare(FileSystem.Physical, directory, 1 << 20);
            var header = new WalTestLog().Header(1);
            using (var writer = WalWriter.Activate(FileSystem.Physical, prepared, header))
            using (var builder = new WalRecordBuilder())
            {
                for (ulong lsn = 1; lsn <= 100; lsn += 2)
                {
                    builder.Start(writer.AppendOffset, writer.Seed);
                    for (var i = 0UL; i < 2; i++)
                    {
                        builder.BeginRecord();
                        builder.AddOperation(OperationKind.Put, WalTestLog.Key(lsn + i), new byte[50_000]);
                        builder.EndRecord(new Lsn(lsn + i), 1, (long)lsn, writer.SyncedOffset);
                    }

                    writer.Append(builder.Records);
                    writer.SyncData();
                }
            }

            var cancel = TestContext.Current.CancellationToken;
            var report = WalInspector.Check(directory, cancellationToken: cancel);
            Assert.True(report.Healthy);
            Assert.Equal((100L, 100UL), (report.Records, report.LastLsn.Value));
            Assert.Equal(3, WalInspector.ReadRecords(directory, new WalReadOptions { Last = 3 }, cancel).Count());
            Assert.Empty(report.Findings);
        }
        finally
        {
            Directory.Delete(directory, true);
        }
    }
}
