using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Hestia.Core;
using Hestia.Core.Memtable;

namespace Hestia.Unit.Memtable;

/// <summary>
/// One mutator beside readers that know, for every LSN, what must be seen. The values follow from the LSN, so a torn record shows; the
/// keys visible at an LSN are known in order, so a missing, doubled or misplaced one shows.
/// </summary>
public sealed class MemTableConcurrencyTests
{
    private const int Operations = 24_000;
    private const int Readers = 3;

    [Theory]
    [InlineData("random")]
    [InlineData("ascending")]
    [InlineData("descending")]
    [InlineData("shapes")]
    [InlineData("widening")]
    public void Readers_see_everything_added_before_they_began(string pattern)
    {
        var clock = Stopwatch.StartNew();
        for (var round = 0; clock.Elapsed < TimeSpan.FromSeconds(2); round++)
        {
            using var table = new MemTable();
            var run = new Run(table, pattern, round);
            var threads = Enumerable.Range(0, Readers).Select(number => new Thread(() => run.Read(number))).ToArray();
            foreach (var thread in threads) thread.Start();
            try
            {
                run.Write();
            }
            finally
            {
                foreach (var thread in threads) thread.Join();
            }

            if (run.Failure is { } failure) Assert.Fail($"{pattern}, round {round}: {failure}");
            Assert.True(run.Checked > Operations);
        }
    }

    private sealed class Run
    {
        private readonly MemTable _table;
        private readonly int _seed;
        private readonly byte[][] _keys; // in order
        private readonly int[] _keyOf; // by LSN
        private readonly ulong[] _firstLsn; // by key
        private readonly ulong[] _supersededBy; // by LSN
        private ulong _published;
        private long _checked;
        private bool _stop;

        public Run(MemTable table, string pattern, int seed)
        {
            _table = table;
            _seed = seed;
            var random = new Random(seed);
            var arrival = MakeKeys(pattern, random);
            _keys = [.. new SortedSet<byte[]>(arrival, MemTableModel.ByteOrder)];
            _keyOf = new int[Operations + 1];
            _firstLsn = new ulong[_keys.Length];
            _supersededBy = new ulong[Operations + 1];
            Array.Fill(_firstLsn, ulong.MaxValue);
            var latest = new ulong[_keys.Length];
            for (var lsn = 1; lsn <= Operations; lsn++)
            {
                var overwrites = lsn > 10 && random.Next(5) == 0;
                var key = overwrites ? _keyOf[random.Next(1, lsn)] : Array.BinarySearch(_keys, arrival[lsn - 1], MemTableModel.ByteOrder);
                _keyOf[lsn] = key;
                if (_firstLsn[key] == ulong.MaxValue) _firstLsn[key] = (ulong)lsn;
                _supersededBy[latest[key]] = (ulong)lsn;
                latest[key] = (ulong)lsn;
                _supersededBy[lsn] = ulong.MaxValue;
            }
        }

        public string? Failure { get; private set; }

        public long Checked => Volatile.Read(ref _checked);

        public void Write()
        {
            Span<byte> value = stackalloc byte[64];
            for (var lsn = 1ul; lsn <= Operations && !Volatile.Read(ref _stop); lsn++)
            {
                var length = ValueOf(lsn, value);
                _table.Add(_keys[_keyOf[lsn]], value[..length], lsn, KindOf(lsn));
                Volatile.Write(ref _published, lsn);
            }

            _table.Freeze();
        }

        public void Read(int number)
        {
            try
            {
                var random = new Random((_seed * 31) + number);
                var last = false;
                while (!last && !Volatile.Read(ref _stop))
                {
                    last = Volatile.Read(ref _published) == Operations;
                    Find(random, 300);
                    Scan(random, random.Next(2) == 0);
                    for (var i = 0; i < 50; i++) Wander(random);
                }
            }
            catch (Exception e)
            {
                Failure ??= e.ToString();
                Volatile.Write(ref _stop, true);
            }
        }

        private static OperationKind KindOf(ulong lsn) => lsn % 11 == 0 ? OperationKind.Delete : OperationKind.Put;

        private static int ValueOf(ulong lsn, Span<byte> value)
        {
            if (KindOf(lsn) == OperationKind.Delete) return 0;
            var length = 8 + (int)(lsn * 7 % 48);
            BinaryPrimitives.WriteUInt64LittleEndian(value, lsn * 0x9E3779B97F4A7C15);
            for (var i = 8; i < length; i++) value[i] = (byte)(lsn + (ulong)i);
            return length;
        }

        private static List<byte[]> MakeKeys(string pattern, Random random)
        {
            var keys = new List<byte[]>(Operations);
            for (var i = 0; i < Operations; i++)
            {
                keys.Add(pattern switch
                {
                    "random" => Encoding.ASCII.GetBytes(random.NextInt64().ToString("x16")),
                    "ascending" => Encoding.ASCII.GetBytes($"key-{i:d10}"),
                    "descending" => Encoding.ASCII.GetBytes($"key-{Operations - i:d10}"),
                    "shapes" => KeyShapes.Make(KeyShapes.Names[2 + random.Next(4)], random),

                    // All keys share less and less, so that the nodes at the edges strip less and less.
                    _ =>
                    [
                        .. "aaaaaaaaaaaa"u8[..(12 - (12 * i / Operations))],
                        (byte)random.Next(1, 256),
                        .. BitConverter.GetBytes(random.Next()),
                    ],
                });
            }

            return keys;
        }

        private void Find(Random random, int count)
        {
            for (var i = 0; i < count; i++)
            {
                var snapshot = Volatile.Read(ref _published);
                if (snapshot == 0) continue;
                var key = _keyOf[1 + random.NextInt64((long)snapshot)];
                Require(_table.TryGet(_keys[key], snapshot, out var record), "a key was not found", key, snapshot);
                Verify(key, snapshot, record.Lsn, record.Kind, record.Key, record.Value);
            }
        }

        private void Scan(Random random, bool forward)
        {
            var snapshot = Volatile.Read(ref _published);
            if (random.Next(3) == 0) snapshot = snapshot * (ulong)random.Next(100) / 100;
            using var cursor = _table.CreateCursor(snapshot);
            if (forward) cursor.SeekToFirst();
            else cursor.SeekToLast();
            var key = Expected(forward ? 0 : _keys.Length - 1, forward, snapshot);
            while (IsOnKey(cursor, key, snapshot))
            {
                if (forward) cursor.Next();
                else cursor.Previous();
                key = Expected(forward ? key + 1 : key - 1, forward, snapshot);
            }
        }

        /// <summary>Seeks anywhere, then steps to and fro.</summary>
        private void Wander(Random random)
        {
            var snapshot = Volatile.Read(ref _published);
            using var cursor = _table.CreateCursor(snapshot);
            var forward = random.Next(2) == 0;
            var key = random.Next(_keys.Length);
            if (forward) cursor.Seek(_keys[key]);
            else cursor.SeekForPrevious(_keys[key]);
            key = Expected(key, forward, snapshot);
            for (var step = 0; step < 100 && IsOnKey(cursor, key, snapshot); step++)
            {
                if (random.Next(20) == 0) forward = !forward;
                if (forward) cursor.Next();
                else cursor.Previous();
                key = Expected(forward ? key + 1 : key - 1, forward, snapshot);
            }
        }

        private int Expected(int key, bool forward, ulong snapshot)
        {
            while (key >= 0 && key < _keys.Length && _firstLsn[key] > snapshot) key += forward ? 1 : -1;
            return key;
        }

        private bool IsOnKey(MemTableCursor cursor, int key, ulong snapshot)
        {
            var inside = key >= 0 && key < _keys.Length;
            Require(cursor.IsValid == inside, inside ? "the cursor ended early" : "the cursor shows a key too many", key, snapshot);
            if (inside) Verify(key, snapshot, cursor.Lsn, cursor.Kind, cursor.Key, cursor.Value);
            return inside;
        }

        private void Verify(
            int key,
            ulong snapshot,
            ulong lsn,
            OperationKind kind,
            ReadOnlySpan<byte> shownKey,
            ReadOnlySpan<byte> shownValue)
        {
            Span<byte> value = stackalloc byte[64];
            Require(shownKey.SequenceEqual(_keys[key]), "another key came", key, snapshot);
            Require(lsn <= snapshot && lsn > 0 && _keyOf[lsn] == key, "the LSN is not one of this key", key, snapshot);
            Require(_supersededBy[lsn] > snapshot, "an older version came", key, snapshot);
            Require(kind == KindOf(lsn), "the kind is wrong", key, snapshot);
            Require(shownValue.SequenceEqual(value[..ValueOf(lsn, value)]), "the value is torn", key, snapshot);
            Interlocked.Increment(ref _checked);
        }

        private void Require(bool condition, string what, int key, ulong snapshot)
        {
            if (!condition) throw new InvalidOperationException($"{what}: key {key} of {_keys.Length} at LSN {snapshot} of {_published}.");
        }
    }
}
