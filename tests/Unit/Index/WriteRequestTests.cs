using Hestia.Core;
using Hestia.Core.Writing;

namespace Hestia.Unit.Index;

/// <summary>How a waiting writer is woken: the event may still be raised for its last write when it waits for the next.</summary>
public sealed class WriteRequestTests
{
    [Theory]
    [InlineData(true, 2_000_000)]
    [InlineData(false, 50_000)]
    public async Task No_wake_is_lost_however_late_the_last_one_comes(bool brief, int rounds)
    {
        WriteRequest? slot = null;
        using var batch = new WriteBatch();
        batch.Put([1], [2]);
        var finished = 0;
        var leader = Task.Factory.StartNew(
            () =>
            {
                for (var i = 1; i <= rounds; i++)
                {
                    WriteRequest? request;
                    while ((request = Interlocked.Exchange(ref slot, null)) is null) Thread.SpinWait(1);
                    request.Complete(new Lsn((ulong)i), null, WorkScheduler.Threads);
                }
            },
            TaskCreationOptions.LongRunning);
        var writer = Task.Factory.StartNew(
            () =>
            {
                for (var i = 1; i <= rounds; i++)
                {
                    var request = WriteRequest.ForThisThread(batch, null);
                    Volatile.Write(ref slot, request);
                    Assert.False(request.WaitForTurn(WorkScheduler.Threads, brief));
                    Assert.Equal((ulong)i, request.Result.Value);
                    request.Recycle();
                    Volatile.Write(ref finished, i);
                }
            },
            TaskCreationOptions.LongRunning);
        var both = Task.WhenAll(leader, writer);
        await Task.WhenAny(both, Task.Delay(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
        Assert.True(both.IsCompleted, $"the writer waits for ever for write {finished + 1:N0}");
        await both;
    }
}
