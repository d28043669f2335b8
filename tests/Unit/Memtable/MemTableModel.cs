using System.Text;
using Hestia.Core;
using Hestia.Core.Memtable;

namespace Hestia.Unit.Memtable;

/// <summary>Every version of every key in a plain sorted map, next to the memtable under test.</summary>
internal sealed class MemTableModel : IDisposable
{
    private readonly SortedDictionary<byte[], List<Version>> _keys = new(ByteOrder);
    private ulong _lsn;

    public static Comparer<byte[]> ByteOrder { get; } = Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b));

    public MemTable Table { get; } = new();

    public ulong LastLsn => _lsn;

    public void Add(byte[] key, byte[] value, OperationKind kind)
    {
        var version = new Version(++_lsn, kind, kind == OperationKind.Put ? value : []);
        Table.Add(key, version.Value, version.Lsn, kind);
        if (!_keys.TryGetValue(key, out var versions)) _keys.Add(key, versions = []);
        versions.Add(version);
    }

    public List<Shown> At(ulong snapshot)
    {
        var shown = new List<Shown>();
        foreach (var (key, versions) in _keys)
        {
            var index = versions.FindLastIndex(v => v.Lsn <= snapshot);
            if (index >= 0) shown.Add(new Shown(key, versions[index]));
        }

        return shown;
    }

    /// <summary>Compares finds, both full scans and a random walk at one snapshot.</summary>
    public void Check(ulong snapshot, Random random, int steps)
    {
        var expected = At(snapshot);
        Assert.Equal(_keys.Count, Table.EntryCount);
        Assert.Equal((long)_lsn, Table.OperationCount);
        Assert.Equal(_lsn, Table.LastLsn);
        CheckFinds(snapshot, expected);
        using var cursor = Table.CreateCursor(snapshot);
        Assert.False(cursor.IsValid);

        var at = 0;
        for (cursor.SeekToFirst(); cursor.IsValid; cursor.Next()) AssertSame(expected[at++], cursor);
        Assert.Equal(expected.Count, at);
        for (cursor.SeekToLast(); cursor.IsValid; cursor.Previous()) AssertSame(expected[--at], cursor);
        Assert.Equal(0, at);
        Walk(cursor, expected, random, steps);
    }

    public void Dispose() => Table.Dispose();

    private void CheckFinds(ulong snapshot, List<Shown> expected)
    {
        var at = 0;
        foreach (var key in _keys.Keys)
        {
            var there = at < expected.Count && ReferenceEquals(expected[at].Key, key);
            Assert.Equal(there, Table.TryGet(key, snapshot, out var record));
            if (!there) continue;
            var version = expected[at++].Version;
            Assert.Equal(version.Lsn, record.Lsn);
            Assert.Equal(version.Kind, record.Kind);
            Assert.True(record.Key.SequenceEqual(key));
            Assert.True(record.Value.SequenceEqual(version.Value));
        }
    }

    private void Walk(MemTableCursor cursor, List<Shown> expected, Random random, int steps)
    {
        var keys = expected.Select(e => e.Key).ToArray();
        var all = _keys.Keys.ToArray();
        var at = -1;
        for (var step = 0; step < steps; step++)
        {
            var choice = at < 0 || at >= keys.Length ? 100 : random.Next(110);
            if (choice < 50)
            {
                cursor.Next();
                at++;
            }
            else if (choice < 100)
            {
                cursor.Previous();
                at--;
            }
            else
            {
                var target = Vary(all[random.Next(all.Length)], random);
                var found = Array.BinarySearch(keys, target, ByteOrder);
                if (random.Next(2) == 0)
                {
                    cursor.Seek(target);
                    at = found >= 0 ? found : ~found;
                }
                else
                {
                    cursor.SeekForPrevious(target);
                    at = found >= 0 ? found : ~found - 1;
                }

                if (found < 0) Assert.False(Array.BinarySearch(all, target, ByteOrder) < 0 && Table.TryGet(target, ulong.MaxValue, out _));
            }

            var inside = at >= 0 && at < keys.Length;
            Assert.Equal(inside, cursor.IsValid);
            if (inside) AssertSame(expected[at], cursor);
        }
    }

    private static byte[] Vary(byte[] key, Random random)
    {
        var varied = (byte[])key.Clone();
        switch (random.Next(6))
        {
            case 0: return varied[..random.Next(varied.Length + 1)];
            case 1: return [.. varied, (byte)random.Next(256)];
            case 2: varied[random.Next(varied.Length)] ^= (byte)(1 << random.Next(8)); return varied;
            case 3: return [];
            case 4: return [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
            default: return varied;
        }
    }

    private static void AssertSame(Shown expected, MemTableCursor cursor)
    {
        if (!cursor.Key.SequenceEqual(expected.Key)) Assert.Fail($"{Text(cursor.Key)} where {Text(expected.Key)} was to come.");
        Assert.Equal(expected.Version.Lsn, cursor.Lsn);
        Assert.Equal(expected.Version.Kind, cursor.Kind);
        Assert.True(cursor.Value.SequenceEqual(expected.Version.Value));
    }

    private static string Text(ReadOnlySpan<byte> key) => Convert.ToHexString(key[..Math.Min(40, key.Length)]);

    internal sealed record Version(ulong Lsn, OperationKind Kind, byte[] Value);

    internal readonly record struct Shown(byte[] Key, Version Version);
}

/// <summary>Kinds of keys that have broken trees.</summary>
internal static class KeyShapes
{
    public static readonly string[] Names = ["short", "skewed", "decimal", "chains", "edges", "ties", "mixed"];

    public static byte[] Make(string shape, Random random)
    {
        switch (shape)
        {
            case "short":
                return Bytes(random, 1 + random.Next(3), 256);
            case "skewed": // 1 to 65,535 bytes, most of them short
                var length = Math.Clamp((int)Math.Pow(2, random.NextDouble() * random.NextDouble() * 16.2), 1, Limits.MaxKeyBytes);
                return Bytes(random, random.Next(300) == 0 ? Limits.MaxKeyBytes : length, 3);
            case "decimal":
                return Encoding.ASCII.GetBytes($"key-{random.Next(200_000):d10}");
            case "chains": // keys that are prefixes of each other
                var chain = new byte[1 + random.Next(400)];
                Array.Fill(chain, (byte)'a');
                if (random.Next(3) == 0) chain[^1] = (byte)random.Next(256);
                return chain;
            case "edges": // 0x00 and 0xFF only
                var edges = new byte[1 + random.Next(14)];
                for (var i = 0; i < edges.Length; i++) edges[i] = random.Next(2) == 0 ? (byte)0 : (byte)0xFF;
                return edges;
            case "ties": // few distinct 8-byte pieces
                var ties = new byte[8 * (1 + random.Next(3)) + random.Next(4)];
                for (var i = 0; i < ties.Length; i += 8) ties[i] = (byte)random.Next(4);
                ties[^1] = (byte)random.Next(256);
                return ties;
            default:
                return Make(Names[random.Next(Names.Length - 1)], random);
        }
    }

    private static byte[] Bytes(Random random, int length, int alphabet)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++) bytes[i] = (byte)random.Next(alphabet);
        return bytes;
    }
}
