using System.Text;
using Hestia.Core;
using Hestia.Core.Archiving;
using Hestia.Core.Consistency;
using Hestia.Core.IO;
using Hestia.Core.Segments;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.Damage;

/// <summary>How the index ended that is damaged then.</summary>
public enum Ending
{
    /// <summary>Closed. An older manifest and logs below the checkpoint are still kept.</summary>
    Clean,

    /// <summary>The process was killed; several log files are needed, and nothing is kept that could stand in for anything.</summary>
    Crashed,

    /// <summary>A sync failed, the index turned Failed, and closing it said so. Older files are still kept.</summary>
    Failed,
}

/// <summary>One write.</summary>
internal sealed record DamageOperation(ulong Lsn, string Key, byte[]? Value);

/// <summary>
/// An index so small that each of its bytes can be damaged in turn, with every kind of file in it: settings, manifests, segments of several
/// levels (with and without compression, filters, tombstones, LSNs and a large value), logs in several files, lock, quarantine, and what
/// tells of its archive and its last backup.
/// </summary>
internal sealed class DamageSource
{
    private readonly Random _random = new(17);
    private readonly SimulatedDisk _disk = new(3);

    private DamageSource(Ending ending)
    {
        Ending = ending;
        Image = Build();
        var (_, files) = Image.Load();
        Check = IndexChecker.Check(files, IndexImage.Root);
    }

    public static IReadOnlyDictionary<Ending, Lazy<DamageSource>> All { get; } = new Dictionary<Ending, Lazy<DamageSource>>
    {
        [Ending.Clean] = new(() => new DamageSource(Ending.Clean)),
        [Ending.Crashed] = new(() => new DamageSource(Ending.Crashed)),
        [Ending.Failed] = new(() => new DamageSource(Ending.Failed)),
    };

    public Ending Ending { get; }

    public IndexImage Image { get; }

    public List<DamageOperation> History { get; } = [];

    /// <summary>What the check says of it undamaged.</summary>
    public CheckReport Check { get; }

    public static IndexOptions Options(FileSystem files) => new()
    {
        MemtableBytes = 256 << 10,
        Level1Bytes = 64 << 10,
        SegmentBytes = 16 << 10,
        CacheBytes = 0,
        MaxOpenFiles = 16,
        BackgroundCompaction = false,
        FileSystem = files,
        Scheduler = new SimulatedScheduler(new Random(7)),
    };

    /// <summary>The state after the write of an LSN.</summary>
    public Dictionary<string, byte[]> ModelAt(ulong lsn, Func<DamageOperation, bool>? isLost = null)
    {
        var model = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var operation in History)
        {
            if (operation.Lsn > lsn) break;
            if (isLost?.Invoke(operation) == true) continue;
            if (operation.Value is null) model.Remove(operation.Key);
            else model[operation.Key] = operation.Value;
        }

        return model;
    }

    private IndexImage Build()
    {
        var files = new SimulatedFileSystem(_disk);
        files.CreateDirectory("/disk");
        var settings = new IndexSettings
        {
            Name = "damaged",
            KeyEncoding = DataEncoding.Utf8,
            BlockBytes = 1024,
            RestartInterval = 4,
            Codec = BlockCodec.Snappy,
        };
        var scheduler = new SimulatedScheduler(new Random(7));
        var index = HestiaIndex.Create(IndexImage.Root, settings,
            Options(files) with { BackgroundCompaction = true, Level0Trigger = 2, Scheduler = scheduler });
        // Large ones push the rest to level 2, where blocks are compressed and entries have no LSN, and are deleted then.
        var noise = new byte[Limits.LargeValueBytes];
        for (var i = 0; i < 4; i++)
        {
            _random.NextBytes(noise);
            Put(index, $"large-{i}", [.. noise]);
        }

        Write(index, 40, 0, 40, large: true);
        index.Compact();
        while (scheduler.TryRunPending())
        {
        }

        for (var i = 0; i < 4; i++) Put(index, $"large-{i}", null);
        Write(index, 12, 10, 30);
        index.Compact();
        for (var i = 0; i < 3; i++)
        {
            // Two flushes make a compaction to level 1, the third stays in level 0.
            Write(index, 8, i * 10, 50);
            index.Flush();
            while (i < 2 && scheduler.TryRunPending())
            {
            }
        }

        for (var i = 0; i < 2; i++)
        {
            // Killed twice with a log that was not flushed: recovery then needs several files.
            Write(index, 6, 10, 50);
            _disk.KillProcess();
            index = HestiaIndex.Open(IndexImage.Root, Options(new SimulatedFileSystem(_disk)));
        }

        Write(index, 6, 10, 50);
        WriteSideFiles(index);
        if (Ending == Ending.Clean) index.Close();
        else if (Ending == Ending.Failed) Fail(index);
        return Trim(IndexImage.Of(_disk));
    }

    /// <summary>As a shipment of the log and a backup leave them.</summary>
    private static void WriteSideFiles(HestiaIndex index)
    {
        var repository = new Guid("5d2f6f4e-0a35-4c3f-9d0b-2f6f0c9c1a77");
        var target = new ArchiveTarget(repository, index.Timeline.Id, new Lsn(20), 1_700_000_000_000_000, 0x1234_5678);
        index.Archive.Save(ArchiveKeeper.NewState(index.Id, index.Path).With(repository, target), CancellationToken.None);
        new LastBackup("bk-2026-04-15T03-00-00Z-7f3a", "/backups", repository, new Lsn(20), DateTimeOffset.UnixEpoch)
            .Write(index.Context.Files, index.Path, index.Id);
    }

    private void Fail(HestiaIndex index)
    {
        _disk.Fault = static (call, path) => call == DiskCall.Sync && path.EndsWith(FileNames.WalExtension, StringComparison.Ordinal)
            ? IOErrors.FromErrno(5, $"planted on {path}") : null;
        var value = "refused"u8.ToArray();
        History.Add(new DamageOperation(index.LastLsn.Value + 1, "k21", value));
        Assert.ThrowsAny<HestiaException>(() => index.Put("k21"u8, value));
        Assert.ThrowsAny<HestiaException>(() => index.Put("k22"u8, value));
        Assert.ThrowsAny<HestiaException>(() => index.Close());
        _disk.Fault = null;
    }

    /// <summary>
    /// Takes away what makes it large without being of another kind: reserved zeros behind the logs' records but some (a length that a
    /// power loss may leave), all but the newest manifests and what only they name.
    /// </summary>
    private IndexImage Trim(IndexImage image)
    {
        const int Zeros = 40;
        var lean = Ending == Ending.Crashed;
        var manifests = image.Files.Keys.Where(static f => f.StartsWith(FileNames.Manifests, StringComparison.Ordinal)).Reverse().ToList();
        foreach (var old in manifests.Skip(lean ? 1 : 2)) image.Files.Remove(old);
        var kept = manifests.Take(lean ? 1 : 2).Select(f => Encoding.UTF8.GetString(image.Files[f])).ToList();
        foreach (var segment in image.Files.Keys.Where(static f => f.EndsWith(FileNames.SegmentExtension, StringComparison.Ordinal)).ToList())
            if (!kept.Exists(m => m.Contains(Path.GetFileNameWithoutExtension(segment), StringComparison.Ordinal))) image.Files.Remove(segment);
        var logs = image.Files.Keys.Where(static f => f.EndsWith(FileNames.WalExtension, StringComparison.Ordinal)).ToList();
        foreach (var log in logs)
        {
            var bytes = image.Files[log];
            var used = bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
            image.Files[log] = bytes[..Math.Min(bytes.Length, used + Zeros)];
        }

        // Of the logs below the checkpoint the newest one is enough, and none in the lean one.
        var needed = logs.Count - 3;
        for (var i = 0; i < needed - (lean ? 0 : 1); i++) image.Files.Remove(logs[i]);
        if (!lean) image.Files[Path.Combine(FileNames.Quarantine, "20260415T030000Z-0000-note")] = [1, 2, 3];
        return image;
    }

    private void Put(HestiaIndex index, string key, byte[]? value)
    {
        var bytes = Encoding.UTF8.GetBytes(key);
        var lsn = value is null ? index.Delete(bytes) : index.Put(bytes, value);
        History.Add(new DamageOperation(lsn.Value, key, value));
    }

    private void Write(HestiaIndex index, int operations, int from, int to, bool large = false)
    {
        using var batch = new WriteBatch();
        var written = new List<(string Key, byte[]? Value)>();
        for (var i = 0; i < operations; i++)
        {
            var key = $"k{_random.Next(from, to):D2}";
            byte[]? value = null;
            if (large && i == operations / 2)
            {
                // One byte all over: a large value's block of its own, which its codec makes small.
                value = new byte[Limits.LargeValueBytes];
                value.AsSpan().Fill(0x4C);
            }
            else if (_random.Next(5) > 0)
            {
                value = new byte[_random.Next(4, 14)];
                _random.NextBytes(value);
            }

            if (value is null) batch.Delete(Encoding.UTF8.GetBytes(key));
            else batch.Put(Encoding.UTF8.GetBytes(key), value);
            written.Add((key, value));
            if (written.Count < 2 && i + 1 < operations) continue;
            var last = index.Write(batch).Value;
            for (var k = 0; k < written.Count; k++)
                History.Add(new DamageOperation(last - (ulong)(written.Count - 1 - k), written[k].Key, written[k].Value));
            written.Clear();
            batch.Clear();
        }
    }
}
