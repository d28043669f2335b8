using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Repair;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Reading;
using Hestia.HestiaStore.Repair;

namespace Hestia.Unit.HestiaStore;

/// <summary>
/// Bytes flipped, files cut, emptied and taken away, all over the directories of HestiaStore: reading gives exactly what was there or refuses; a
/// check ends and
/// changes nothing; a repair never makes up a value and never loses a byte of what it found.
/// </summary>
public sealed class StoreDamageTests(ITestOutputHelper output)
{
    private const int FlipsPerFile = 24;
    private const int CutsPerFile = 8;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(StoreFixture.Split, 1)]
    [InlineData(StoreFixture.WalCrashed, 2)]
    [InlineData(StoreFixture.LongSnappy, 3)]
    [InlineData(StoreFixture.Closed, 4)]
    [InlineData(StoreFixture.WalClosed, 5)]
    public void Whatever_happens_to_a_file_no_wrong_value_comes_out(string name, int seed)
    {
        var image = StoreImage.Of(name);
        var states = new ExpectedStates(name);
        var random = new Random(seed);
        int trials = 0, exact = 0, refused = 0, repaired = 0, refusedRepairs = 0;
        foreach (var (file, bytes) in image)
        {
            if (file.EndsWith("-bloom-filter.bin", StringComparison.Ordinal) && !file.StartsWith("segment-0000" + (seed == 1 ? "3" : "0"),
                StringComparison.Ordinal)) continue;
            foreach (var (what, changed) in Damages(bytes, random))
            {
                trials++;
                var damaged = new SortedDictionary<string, byte[]>(image, StringComparer.Ordinal);
                if (changed is null) damaged.Remove(file);
                else damaged[file] = changed;
                var context = $"{name}: {file} {what}";
                var isExact = Read(StoreImage.Load(damaged), states, context);
                if (isExact) exact++;
                else refused++;
                if (trials % 8 != 0) continue;
                if (CheckAndRepair(damaged, states, isExact, context)) repaired++;
                else refusedRepairs++;
            }
        }

        output.WriteLine($"{trials:N0} damages: {exact:N0} did not touch an entry, {refused:N0} were refused; of every eighth {repaired:N0} were "
            + $"repaired, {refusedRepairs:N0} were not.");
        Assert.True(refused > trials / 4);
    }

    private static bool Read(FileSystem files, ExpectedStates states, string context)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            using var reader = StoreDirectory.Open(files, StoreImage.Root).ReadEntries(new StoreReadOptions { AllowUnknownOwner = true });
            var state = states.Begin();
            while (reader.Read()) Assert.True(state.Next(reader.Key, reader.Value), $"{context}: a wrong entry");
            Assert.True(state.IsComplete, $"{context}: it ended early and said nothing");
            return true;
        }
        catch (HestiaException e)
        {
            Assert.NotEqual(HestiaErrorCode.InternalError, e.Code);
            return false;
        }
        finally
        {
            Assert.True(clock.Elapsed < s_patience, $"{context} took {clock.Elapsed}");
        }
    }

    private static bool CheckAndRepair(SortedDictionary<string, byte[]> damaged, ExpectedStates states, bool isExact, string context)
    {
        var files = StoreImage.Load(damaged);
        RepairReport repair;
        try
        {
            var report = StoreChecker.Check(files, StoreImage.Root);
            Assert.True(isExact || !report.Healthy, $"{context}: refused, but healthy");
            AssertSame(damaged, files, context);
            repair = StoreRepairer.Repair(files, StoreImage.Root, new RepairOptions { AllowLoss = true }, null, default);
        }
        catch (HestiaException e)
        {
            Assert.NotEqual(HestiaErrorCode.InternalError, e.Code);
            AssertNothingGone(damaged, files, context);
            return false;
        }

        AssertNothingGone(damaged, files, context);
        using var reader = StoreDirectory.Open(files, StoreImage.Root).ReadEntries();
        var state = states.Begin();
        var isPrefix = true;
        while (reader.Read())
        {
            Assert.True(states.WasEver(reader.Key, reader.Value), $"{context}: repair made an entry up");
            isPrefix &= state.Next(reader.Key, reader.Value);
        }

        Assert.True(repair.Lost.Count > 0 || (isPrefix && state.IsComplete), $"{context}: something is gone, and the repair does not say so");
        return true;
    }

    private static IEnumerable<(string What, byte[]? Bytes)> Damages(byte[] bytes, Random random)
    {
        yield return ("taken away", null);
        if (bytes.Length == 0) yield break;
        // Blocks are filled up with zeros and filters are mostly zeros: most flips go where something is.
        var used = Enumerable.Range(0, bytes.Length).Where(i => bytes[i] != 0).ToArray();
        for (var i = 0; i < FlipsPerFile; i++)
        {
            var at = used.Length > 0 && i % 4 != 0 ? used[random.Next(used.Length)] : random.Next(bytes.Length);
            var changed = (byte[])bytes.Clone();
            changed[at] ^= (byte)(1 << random.Next(8));
            yield return ($"flipped at {at}", changed);
        }

        foreach (var length in Enumerable.Range(0,
            CutsPerFile).Select(_ => random.Next(bytes.Length)).Append(0).Append(bytes.Length - 1).Append(bytes.Length / 4096 / 2 * 4096).Distinct())
            yield return ($"cut to {length}", bytes[..length]);
        yield return ("emptied of all but zeros", new byte[bytes.Length]);
    }

    private static List<byte[]> Contents(FileSystem files)
    {
        var contents = new List<byte[]>();
        foreach (var file in StoreDirectory.List(files, StoreImage.Root))
            if (!file.IsLock) contents.Add(files.ReadAllBytes(Path.Combine(StoreImage.Root, file.RelativePath), int.MaxValue));
        return contents;
    }

    private static void AssertSame(SortedDictionary<string, byte[]> image, FileSystem files, string context)
    {
        var now = Contents(files);
        Assert.True(now.Count == image.Count && now.Zip(image.Values).All(static p => p.First.AsSpan().SequenceEqual(p.Second)),
            $"{context}: the check changed something");
    }

    /// <summary>Every byte that was there is somewhere: the file itself, or a log that was cut and the part cut off.</summary>
    private static void AssertNothingGone(SortedDictionary<string, byte[]> image, FileSystem files, string context)
    {
        var now = Contents(files);
        foreach (var (name, bytes) in image)
        {
            if (now.Exists(n => n.AsSpan().SequenceEqual(bytes))) continue;
            var head = now.Find(n => n.Length > 0 && n.Length < bytes.Length && bytes.AsSpan().StartsWith(n) && now.Exists(tail =>
                IsRest(bytes.AsSpan(n.Length), tail)));
            Assert.True(head is not null, $"{context}: {name} is gone");
        }
    }

    private static bool IsRest(ReadOnlySpan<byte> rest, byte[] tail) => rest.StartsWith(tail) && !rest[tail.Length..].ContainsAnyExcept((byte)0);

    /// <summary>
    /// What may come out: the fixture's entries; of the crashed one also what it held at an LSN above its checkpoint, since a log that ends early is one
    /// that a crash ended. The state at the checkpoint itself is none: no damage here ends in the first operation behind it.
    /// </summary>
    private sealed class ExpectedStates
    {
        private readonly List<(byte[] Key, byte[] Value)> _base;
        private readonly bool _hasLog;
        private readonly HashSet<string> _ever = [];

        public ExpectedStates(string name)
        {
            _hasLog = name == StoreFixture.WalCrashed;
            _base = StoreFixture.Expected(_hasLog ? StoreFixture.WalClosed : name);
            foreach (var (key, value) in _base.Concat(StoreFixture.Expected(name))) _ever.Add(Convert.ToHexString(key) + "=" + Convert.ToHexString(value));
        }

        public bool WasEver(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => _ever.Contains(Convert.ToHexString(key) + "=" + Convert.ToHexString(value));

        public Walk Begin() => new(this);

        /// <summary>Walks the entries; of the crashed fixture the first key says how many deletes are done, and puts come only once all are.</summary>
        public sealed class Walk(ExpectedStates states)
        {
            private int _first = -1;
            private int _next;

            public bool Next(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
            {
                if (_first < 0) _next = _first = states._hasLog ? Number(key) : 0;
                if (!states._hasLog) return _next < states._base.Count && Matches(states._base[_next++], key, value);
                var number = _next++;
                if (number >= 10_000 && _first != 1_000) return false;
                return number < 11_000 && Number(key) == number && states.WasEver(key, value);
            }

            public bool IsComplete => states._hasLog ? _first is > 0 and <= 1_000 && (_first == 1_000 ? _next >= 10_000 : _next == 10_000) : _next == states._base.Count;

            private static int Number(ReadOnlySpan<byte> key) => int.TryParse(key[4..], System.Globalization.CultureInfo.InvariantCulture,
                out var number) ? number : -2;

            private static bool Matches((byte[] Key, byte[] Value) expected, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
                expected.Key.AsSpan().SequenceEqual(key) && expected.Value.AsSpan().SequenceEqual(value);
        }
    }
}
