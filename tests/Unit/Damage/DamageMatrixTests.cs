using System.Collections.Concurrent;
using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.Consistency;
using Hestia.Core.Segments;

namespace Hestia.Unit.Damage;

/// <summary>
/// Every byte of every file flipped, every file cut to every length, deleted, swapped with every other, zeroed page by page and given garbage
/// at its end; on an index that was closed, one whose process was killed and one whose sync failed.
/// </summary>
public sealed class DamageMatrixTests(ITestOutputHelper output)
{
    private const int PageBytes = 4096;
    private const int SectorBytes = 512;

    public static TheoryData<Ending> Endings => [Ending.Clean, Ending.Crashed, Ending.Failed];

    [Theory]
    [MemberData(nameof(Endings))]
    public void The_index_has_every_kind_of_file_and_is_healthy(Ending ending)
    {
        var source = DamageSource.All[ending].Value;
        Assert.True(source.Check.Healthy, string.Join('\n', source.Check.Findings));
        foreach (var (name, bytes) in source.Image.Files) output.WriteLine($"{bytes.Length,6:N0} {name}");
        var levels = ManifestSurvey.Make(source.Image.Load().Files, IndexImage.Root).All[0].Document!.Segments;
        foreach (var segment in levels) output.WriteLine($"level {segment.Level}, {segment.Codec}, LSN {segment.MinLsn} to {segment.MaxLsn}");
        Assert.Equal([0, 1, 2], levels.Select(static l => l.Level).Distinct().ToArray());
        Assert.Contains(levels, static l => l.Codec == BlockCodec.Snappy && l.MaxLsn == Lsn.None);
        foreach (var finding in source.Check.Findings) output.WriteLine($"{finding}");
        string[] kinds = [".lock", "index.json", "archive.json", "backup.json", "manifest", "segments", "wal"];
        foreach (var kind in kinds) Assert.Contains(source.Image.Files.Keys, f => f.StartsWith(kind, StringComparison.Ordinal));
        Assert.True(source.Image.Files.Keys.Count(static f => f.EndsWith(".wal", StringComparison.Ordinal)) >= 3);
        Assert.Equal((ulong)source.History.Count, source.Check.LastLsn.Value);
        Assert.Equal(source.ModelAt(ulong.MaxValue).Count, source.Check.Entries);
        Assert.Equal(Outcome.Harmless, new DamageTrial(source, source.Image, "nothing", []).Run());
    }

    [Theory]
    [MemberData(nameof(Endings))]
    public void Every_byte_flipped(Ending ending) => Run(ending, "flips", static source =>
        from file in source.Image.Files
        from at in Enumerable.Range(0, file.Value.Length)
        select new Damage($"flip {file.Key}@{at}", [file.Key], image =>
        {
            var bytes = (byte[])file.Value.Clone();
            bytes[at] ^= (byte)(1 << (at % 8));
            image.Files[file.Key] = bytes;
        }));

    [Theory]
    [MemberData(nameof(Endings))]
    public void Every_length_cut_to(Ending ending) => Run(ending, "truncations", static source =>
        from file in source.Image.Files
        from length in Enumerable.Range(0, file.Value.Length)
        select new Damage($"cut {file.Key} to {length}", [file.Key], image => image.Files[file.Key] = file.Value[..length]));

    [Theory]
    [MemberData(nameof(Endings))]
    public void Every_file_deleted(Ending ending) => Run(ending, "deletions", static source =>
        from file in source.Image.Files
        select new Damage($"delete {file.Key}", [file.Key], image => image.Files.Remove(file.Key)));

    [Theory]
    [MemberData(nameof(Endings))]
    public void Every_two_files_swapped(Ending ending) => Run(ending, "swaps", static source =>
        from one in source.Image.Files
        from other in source.Image.Files
        where string.CompareOrdinal(one.Key, other.Key) < 0
        select new Damage($"swap {one.Key} and {other.Key}", [one.Key, other.Key], image =>
        {
            image.Files[one.Key] = other.Value;
            image.Files[other.Key] = one.Value;
        }));

    [Theory]
    [MemberData(nameof(Endings))]
    public void Every_page_and_sector_zeroed(Ending ending) => Run(ending, "zeroed", static source =>
        from file in source.Image.Files
        from size in (int[])[PageBytes, SectorBytes]
        from page in Enumerable.Range(0, (file.Value.Length + size - 1) / size)
        select new Damage($"zero {size} of {file.Key}@{page * size}", [file.Key], image =>
        {
            var bytes = (byte[])file.Value.Clone();
            bytes.AsSpan(page * size, Math.Min(size, bytes.Length - (page * size))).Clear();
            image.Files[file.Key] = bytes;
        }));

    [Theory]
    [MemberData(nameof(Endings))]
    public void Garbage_appended_to_every_file(Ending ending) => Run(ending, "appended", static source =>
        from file in source.Image.Files
        from garbage in Garbage(source, file.Value)
        select new Damage($"append {garbage.Name} to {file.Key}", [file.Key],
            image => image.Files[file.Key] = [.. file.Value, .. garbage.Bytes]));

    private static IEnumerable<(string Name, byte[] Bytes)> Garbage(DamageSource source, byte[] own)
    {
        var random = new byte[5000];
        new Random(own.Length).NextBytes(random);
        yield return ("a byte", [0x5A]);
        yield return ("a zero", [0]);
        yield return ("zeros", new byte[5000]);
        yield return ("text", "some garbage at the end"u8.ToArray());
        yield return ("noise", random);
        yield return ("itself", own);
        foreach (var (name, bytes) in source.Image.Files)
            if (bytes.Length > 0 && bytes != own) yield return (name, bytes);
    }

    private void Run(Ending ending, string kind, Func<DamageSource, IEnumerable<Damage>> damages)
    {
        var source = DamageSource.All[ending].Value;
        var began = Stopwatch.GetTimestamp();
        var outcomes = new ConcurrentDictionary<Outcome, int>();
        var failures = new ConcurrentQueue<string>();
        int count = 0, repaired = 0, lossy = 0;
        Parallel.ForEach(
            Partitioner.Create(damages(source), EnumerablePartitionerOptions.NoBuffering),
            new ParallelOptions { MaxDegreeOfParallelism = Math.Min(4, Environment.ProcessorCount) },
            (damage, state) =>
            {
                var image = source.Image.Copy();
                damage.Apply(image);
                if (image.IsSame(source.Image) && !damage.Files.Contains(".lock")) return; // of zeros, zeroed
                var trial = new DamageTrial(source, image, damage.What, damage.Files);
                try
                {
                    outcomes.AddOrUpdate(trial.Run(), 1, static (_, n) => n + 1);
                }
                catch (Exception e)
                {
                    failures.Enqueue(e is Xunit.Sdk.XunitException ? $"{damage.What}: {e.Message}" : $"{damage.What}: {e}");
                    if (failures.Count > 20) state.Stop();
                }

                Interlocked.Increment(ref count);
                if (trial.WasRepaired) Interlocked.Increment(ref repaired);
                if (trial.LostSomething) Interlocked.Increment(ref lossy);
            });
        output.WriteLine($"{ending}: {count:N0} {kind}: {string.Join(", ", outcomes.OrderBy(static o => o.Key).Select(static o => $"{o.Value:N0} {o.Key}"))}; "
            + $"{repaired:N0} repaired, {lossy:N0} with a loss that was told; {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        Assert.True(failures.IsEmpty, $"{failures.Count} of {count}\n{string.Join("\n\n", failures)}");
        Assert.True(count > 5);
    }

    private sealed record Damage(string What, string[] Files, Action<IndexImage> Apply);
}
