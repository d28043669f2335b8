using System.Buffers.Binary;
using System.Text;
using Hestia.Core;
using Hestia.Core.Memtable;

namespace Hestia.Unit.Memtable;

public sealed class MemTableTests
{
    public static TheoryData<string, int> ShapesAndSeeds()
    {
        var data = new TheoryData<string, int>();
        foreach (var shape in KeyShapes.Names)
        {
            for (var seed = 1; seed <= 3; seed++) data.Add(shape, seed);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(ShapesAndSeeds))]
    public void Agrees_with_a_sorted_map_at_every_snapshot(string shape, int seed)
    {
        var random = new Random(seed);
        using var model = new MemTableModel();
        var written = new List<byte[]>();
        var snapshots = new List<ulong> { 0 };
        for (var i = 0; i < 6_000; i++)
        {
            var key = written.Count > 0 && random.Next(4) == 0 ? written[random.Next(written.Count)] : KeyShapes.Make(shape, random);
            written.Add(key);
            var value = new byte[random.Next(40)];
            random.NextBytes(value);
            model.Add(key, value, random.Next(8) == 0 ? OperationKind.Delete : OperationKind.Put);
            if (random.Next(1_500) == 0)
            {
                snapshots.Add(model.LastLsn);
                model.Check(model.LastLsn, random, 500);
            }
        }

        snapshots.Add(ulong.MaxValue);
        foreach (var snapshot in snapshots) model.Check(snapshot, random, 1_000);
        model.Table.Freeze();
        foreach (var snapshot in snapshots) model.Check(snapshot, random, 1_000);
    }

    [Theory]
    [InlineData("ascending")]
    [InlineData("descending")]
    [InlineData("random")]
    [InlineData("several runs up")]
    [InlineData("several runs down")]
    [InlineData("alternating ends")]
    public void Keeps_any_order_of_arrival_sorted(string order)
    {
        const int Count = 30_000;
        var numbers = Enumerable.Range(0, Count).ToArray();
        if (order == "descending") Array.Reverse(numbers);
        else if (order == "random") new Random(5).Shuffle(numbers);
        else if (order == "several runs up") numbers = [.. numbers.OrderBy(n => n % (Count / 10))];
        else if (order == "several runs down") numbers = [.. numbers.OrderByDescending(n => n % (Count / 10))];
        else if (order == "alternating ends") numbers = [.. numbers.OrderBy(n => Math.Min(n, Count - 1 - n))];

        using var model = new MemTableModel();
        foreach (var number in numbers)
        {
            model.Add(Encoding.ASCII.GetBytes($"orders/{number:d8}"), BitConverter.GetBytes(number), OperationKind.Put);
        }

        model.Check(ulong.MaxValue, new Random(6), 3_000);
        model.Check(Count / 2, new Random(7), 3_000);
    }

    [Fact]
    public void Binary_numbers_in_both_orders_leave_full_leaves_behind()
    {
        const int Count = 200_000;
        foreach (var ascending in new[] { true, false })
        {
            using var table = new MemTable();
            var key = new byte[8];
            for (var i = 0; i < Count; i++)
            {
                BinaryPrimitives.WriteInt64BigEndian(key, ascending ? i : Count - i);
                table.Add(key, key, (ulong)i + 1, OperationKind.Put);
            }

            // 40 bytes a record and 17 a slot in a full leaf; half-full leaves would take 34.
            Assert.InRange(table.AllocatedBytes, 56L * Count, (60L * Count) + (4 << 20));
            Assert.Equal(Count, table.EntryCount);
        }
    }

    [Fact]
    public void An_empty_table_shows_nothing()
    {
        using var table = new MemTable();
        using var cursor = table.CreateCursor(ulong.MaxValue);
        cursor.SeekToFirst();
        Assert.False(cursor.IsValid);
        cursor.SeekToLast();
        Assert.False(cursor.IsValid);
        cursor.Seek([1]);
        Assert.False(cursor.IsValid);
        cursor.SeekForPrevious([1]);
        Assert.False(cursor.IsValid);
        Assert.False(table.TryGet([1], ulong.MaxValue, out _));
        Assert.Equal(0, table.EntryCount);
        Assert.Equal(0ul, table.FirstLsn);
    }

    [Fact]
    public void A_cursor_stays_on_its_snapshot_while_the_table_grows_around_it()
    {
        using var table = new MemTable();
        ulong lsn = 0;
        for (var i = 0; i < 2_000; i += 2) table.Add(Encoding.ASCII.GetBytes($"k{i:d6}"), "old"u8, ++lsn, OperationKind.Put);
        using var cursor = table.CreateCursor(lsn);
        cursor.Seek("k001000"u8);
        var expected = 1_000;
        var random = new Random(3);
        for (var step = 0; step < 3_000; step++)
        {
            // Splits before and behind the cursor, and newer versions of what it stands on.
            table.Add(Encoding.ASCII.GetBytes($"k{expected:d6}-{random.Next(1000)}"), "new"u8, ++lsn, OperationKind.Put);
            table.Add(Encoding.ASCII.GetBytes($"k{expected + 1:d6}"), "new"u8, ++lsn, OperationKind.Put);
            table.Add(Encoding.ASCII.GetBytes($"k{expected:d6}"), default, ++lsn, OperationKind.Delete);
            if (expected is 0 || (expected < 1_998 && (step / 700) % 2 == 0))
            {
                cursor.Next();
                expected += 2;
            }
            else
            {
                cursor.Previous();
                expected -= 2;
            }

            Assert.True(cursor.IsValid);
            Assert.Equal($"k{expected:d6}", Encoding.ASCII.GetString(cursor.Key));
            Assert.Equal("old", Encoding.ASCII.GetString(cursor.Value));
            Assert.Equal(OperationKind.Put, cursor.Kind);
        }
    }

    [Fact]
    public void Counts_what_it_holds()
    {
        using var table = new MemTable();
        table.Add([1, 2, 3], [4, 5], 7, OperationKind.Put);
        table.Add([1, 2, 3], [], 9, OperationKind.Delete);
        table.Add([1], [1], 12, OperationKind.Put);
        Assert.Equal(2, table.EntryCount);
        Assert.Equal(3, table.OperationCount);
        Assert.Equal(3 + 2 + 3 + 1 + 1, table.DataBytes);
        Assert.Equal(7ul, table.FirstLsn);
        Assert.Equal(12ul, table.LastLsn);
        Assert.False(table.TryGet([1, 2, 3], 6, out _));
        Assert.True(table.TryGet([1, 2, 3], 8, out var put));
        Assert.Equal(new byte[] { 4, 5 }, put.Value.ToArray());
        Assert.True(table.TryGet([1, 2, 3], 9, out var deleted));
        Assert.Equal(OperationKind.Delete, deleted.Kind);
        Assert.True(deleted.Value.IsEmpty);
    }

    [Fact]
    public void Misuse_is_refused_and_changes_nothing()
    {
        using var table = new MemTable();
        table.Add([1], [1], 5, OperationKind.Put);
        Assert.Throws<InvalidOperationException>(() => table.Add([2], [1], 5, OperationKind.Put));
        Assert.Throws<InvalidOperationException>(() => table.Add([], [1], 6, OperationKind.Put));
        Assert.Throws<InvalidOperationException>(() => table.Add(new byte[Limits.MaxKeyBytes + 1], [1], 6, OperationKind.Put));
        table.Freeze();
        Assert.True(table.IsFrozen);
        Assert.Throws<InvalidOperationException>(() => table.Add([2], [1], 6, OperationKind.Put));
        Assert.Equal(1, table.OperationCount);
        Assert.False(table.TryGet([2], ulong.MaxValue, out _));
    }
}
