using System.Buffers.Binary;
using Hestia.Core;
using Hestia.Core.Reading;

namespace Hestia.Unit.Index;

public sealed class ViewSlotsTests : IndexTestBase
{
    [Fact]
    public async Task A_get_that_begins_after_a_write_was_acknowledged_finds_it_while_views_change_all_the_time()
    {
        using var index = HestiaIndex.Create(IndexPath, new IndexSettings { Durability = Durability.Off }, Small);
        using var stop = new CancellationTokenSource();
        var token = stop.Token;
        var key = Bytes("counter");
        long acknowledged = 0;
        index.Put(key, new byte[8]);
        var writer = OnThread(() =>
        {
            var value = new byte[8];
            for (long round = 1; !token.IsCancellationRequested; round++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(value, round);
                index.Put(key, value);
                Volatile.Write(ref acknowledged, round);
                if (round % 7 == 0) index.Flush(); // two new views each
            }
        });
        var readers = Enumerable.Range(0, 3).Select(_ => OnThread(() =>
        {
            var value = new byte[8];
            while (!token.IsCancellationRequested)
            {
                var before = Volatile.Read(ref acknowledged);
                Assert.Equal(GetStatus.Found, index.TryGet(key, value, out var _, out var _));
                var seen = BinaryPrimitives.ReadInt64LittleEndian(value);
                Assert.True(seen >= before, $"round {before} was acknowledged, {seen} is seen");
            }
        })).ToArray();
        stop.CancelAfter(TimeSpan.FromSeconds(1.5));
        await Task.WhenAll([writer, .. readers]);
        Assert.True(acknowledged > 20);
    }

    [Fact]
    public async Task Closing_beside_readers_leaves_no_view_behind()
    {
        for (var round = 0; round < 30; round++)
        {
            var index = HestiaIndex.Create($"{IndexPath}-{round}", new IndexSettings { Durability = Durability.Off }, Small);
            index.Put(Bytes("a"), Bytes("b"));
            index.Flush();
            var readers = Enumerable.Range(0, 3).Select(_ => OnThread(() =>
            {
                var value = new byte[8];
                while (index.State == IndexState.Ready)
                {
                    try
                    {
                        Assert.Equal(GetStatus.Found, index.TryGet(Bytes("a"), value, out var _, out var _));
                    }
                    catch (HestiaException e) when (e.Code == HestiaErrorCode.IndexClosed)
                    {
                        return;
                    }
                }
            })).ToArray();
            Thread.Sleep(2);
            index.Dispose();
            await Task.WhenAll(readers);
            Assert.Equal(0, index.OpenViews);
        }
    }

    [Fact]
    public void A_slot_that_is_cleared_while_its_view_is_in_use_has_the_reader_release_it()
    {
        var slots = new ViewSlots();
        var slot = slots.Mine;
        var released = 0;
        var view = new IndexView(null!, [], [], Lsn.None, _ => released++);
        Assert.Null(slot.Take());
        Assert.True(slot.TryBeginFill());
        slot.Fill(view); // takes over the only reference
        slots.Clear();
        Assert.Equal(0, released);
        Assert.Null(slot.Take());
        Assert.False(slot.TryBeginFill());
        slot.Return();
        Assert.Equal(1, released);
        Assert.True(slot.TryBeginFill());
        slot.CancelFill();

        Assert.True(slot.TryBeginFill());
        slot.Fill(new IndexView(null!, [], [], Lsn.None, _ => released++));
        slot.Return();
        Assert.NotNull(slot.Take());
        slot.Return();
        slots.Clear();
        Assert.Equal(2, released);
        Assert.Null(slot.Take());
    }

    private static Task OnThread(Action work) => Task.Factory.StartNew(work, TaskCreationOptions.LongRunning);
}
