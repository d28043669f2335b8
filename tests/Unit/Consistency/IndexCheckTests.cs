using System.Security.Cryptography;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Unit.Index;

namespace Hestia.Unit.Consistency;

/// <summary>What a check says of whole indexes, closed and open, and that it changes nothing; damage has tests of its own beside the
/// repair.</summary>
public sealed class IndexCheckTests : IndexTestBase
{
    [Fact]
    public void Closed_index_is_healthy_counted_and_untouched()
    {
        var model = Fill(close: true);
        var before = Fingerprint(IndexPath);
        foreach (var deep in (bool[])[false, true])
        {
            var report = IndexChecker.Check(IndexPath, new CheckOptions { Deep = deep });
            Assert.True(report.Healthy, string.Join('\n', report.Findings));
            Assert.DoesNotContain(report.Findings, f => f.Severity != FindingSeverity.Information);
            Assert.Equal(model.Count, report.Entries);
            Assert.Equal("index", report.Name);
            Assert.Equal(IndexPath, report.Path);
            Assert.True(report.Segments > 0 && report.Bytes > 0);
            Assert.Equal(report.LastLsn, report.Checkpoint);
        }

        Assert.Equal(before, Fingerprint(IndexPath));
    }

    [Fact]
    public void Crashed_index_is_healthy_and_its_log_is_counted()
    {
        var model = NewModel();
        string copy;
        Lsn last;
        using (var index = HestiaIndex.Create(IndexPath, null, Small))
        {
            Write(index, model, 3000);
            copy = CopyAsIs(index, "copy");
            last = index.LastLsn;
        }

        var before = Fingerprint(copy);
        var report = IndexChecker.Check(copy);
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        Assert.Equal(model.Count, report.Entries);
        Assert.Equal(last, report.LastLsn);
        Assert.True(report.Checkpoint < last);
        Assert.Equal(before, Fingerprint(copy));
    }

    [Theory]
    [InlineData(Durability.GroupSync)]
    [InlineData(Durability.Async)]
    [InlineData(Durability.Off)]
    public async Task Open_index_is_checked_while_it_is_written(Durability durability)
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = durability },
            Small with { RetiredAge = TimeSpan.Zero });
        var model = NewModel();
        Write(index, model, 2000);
        var report = index.Check(new CheckOptions { Deep = true });
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        Assert.Equal(model.Count, report.Entries);
        Assert.Equal(index.LastLsn, report.LastLsn);

        using var stop = new CancellationTokenSource();
        var writer = Task.Run(() =>
        {
            var random = new Random(3);
            var value = new byte[200];
            while (!stop.IsCancellationRequested) index.Put(Key(random.Next(100_000)), value);
        });
        try
        {
            for (var i = 0; i < 25; i++)
            {
                report = index.Check();
                Assert.True(report.Healthy, string.Join('\n', report.Findings));
            }
        }
        finally
        {
            await stop.CancelAsync();
            await writer;
        }
    }

    [Fact]
    public void Index_in_use_and_folders_that_are_no_index_are_refused()
    {
        using (HestiaIndex.Create(IndexPath, null, Small))
            Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => IndexChecker.Check(IndexPath)).Code);
        Assert.Equal(HestiaErrorCode.NotAnIndex, Assert.Throws<HestiaException>(() => IndexChecker.Check(Root)).Code);
        Assert.Equal(HestiaErrorCode.PathNotFound,
            Assert.Throws<HestiaException>(() => IndexChecker.Check(Path.Combine(Root, "none"))).Code);
    }

    [Fact]
    public void Strays_are_named_and_do_no_harm()
    {
        Fill(close: true);
        File.WriteAllText(Path.Combine(IndexPath, "note.txt"), "x");
        File.WriteAllText(Path.Combine(IndexPath, "segments", "note.txt"), "x");
        File.WriteAllText(Path.Combine(IndexPath, "wal", "note.txt"), "x");
        File.WriteAllText(Path.Combine(IndexPath, "segments", "0123456789abcdef0123456789abcdef.tmp"), "x");
        File.WriteAllText(Path.Combine(IndexPath, "segments", new string('a', 64) + ".seg"), "x");
        var report = IndexChecker.Check(IndexPath);
        Assert.True(report.Healthy, string.Join('\n', report.Findings));
        Assert.Equal(2, report.Findings.Count(f => f.Code == CheckFindings.UnknownFile));
        Assert.Single(report.Findings, f => f.Code == "WalUnknownFile");
        Assert.Single(report.Findings, f => f.Code == CheckFindings.UnfinishedFile);
        Assert.Single(report.Findings, f => f.Code == CheckFindings.OrphanSegment);
        using var index = HestiaIndex.Open(IndexPath, Small);
        Assert.True(index.Check().Healthy);
    }

    [Fact]
    public void Cancelling_ends_the_check()
    {
        Fill(close: true);
        Assert.Throws<OperationCanceledException>(() => IndexChecker.Check(IndexPath, null, null, new CancellationToken(true)));
    }

    [Fact]
    public void Damage_is_found_while_the_index_is_open()
    {
        Fill(close: true);
        using var index = HestiaIndex.Open(IndexPath, Small);
        using var pin = index.Pin();
        var segment = pin.Segments[0].FilePath;
        var bytes = File.ReadAllBytes(segment);
        bytes[bytes.Length / 3] ^= 0x40;
        File.WriteAllBytes(segment, bytes);
        var report = index.Check();
        Assert.False(report.Healthy);
        Assert.Contains(report.Findings, f => f.Severity == FindingSeverity.Error
            && f.File!.Contains(Path.GetFileName(segment), StringComparison.Ordinal));
    }

    private static string Fingerprint(string path) =>
        string.Join('\n', Directory.GetFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(f => $"{f} {File.GetLastWriteTimeUtc(f).Ticks} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))}"));

    private SortedDictionary<byte[], byte[]> Fill(bool close)
    {
        var model = NewModel();
        var index = HestiaIndex.Create(IndexPath, null, Small);
        Write(index, model, 6000);
        index.Compact();
        Write(index, model, 2000);
        if (close) index.Close();
        return model;
    }

    private static void Write(HestiaIndex index, SortedDictionary<byte[], byte[]> model, int count)
    {
        var random = new Random(count);
        using var batch = new WriteBatch();
        for (var i = 0; i < count; i++)
        {
            var key = Key(random.Next(4000));
            if (random.Next(5) == 0)
            {
                batch.Delete(key);
                model.Remove(key);
            }
            else
            {
                var value = new byte[random.Next(400) == 0 ? 40_000 : 80];
                random.NextBytes(value);
                batch.Put(key, value);
                model[key] = value;
            }

            if (batch.Count < 20) continue;
            index.Write(batch);
            batch.Clear();
        }

        index.Write(batch);
    }
}
