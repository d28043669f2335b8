using System.Runtime.ExceptionServices;

namespace Hestia.Backup.Jobs;

/// <summary>Bounded parallelism on threads of its own: the calls block on disks and networks, which a thread pool takes badly.</summary>
internal static class Workers
{
    public const int MaxParallelism = 64;

    /// <summary>Unless the caller says otherwise, for work that is all computing.</summary>
    public static int OfProcessors { get; } = Math.Clamp(Environment.ProcessorCount, 2, 8);

    /// <summary>Unless the caller says otherwise, for transfers: they wait for the device or the network as long as they compute.</summary>
    public static int OfTransfers { get; } = Math.Clamp(2 * Environment.ProcessorCount, 4, 16);

    /// <summary>
    /// Does <paramref name="work"/> for every item, in order, several at once; returns when no call runs any more. The first failure
    /// stops the rest (their token is cancelled) and is thrown as it was.
    /// </summary>
    public static void Run<T>(
        IReadOnlyList<T> items, int parallelism, Action<T, CancellationToken> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ExceptionDispatchInfo? failure = null;
        var next = -1;

        var threads = new Thread[Math.Max(0, Math.Min(parallelism, items.Count) - 1)];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Work) { IsBackground = true, Name = "Hestia transfer" };
            threads[i].Start();
        }

        Work();
        foreach (var thread in threads) thread.Join();
        cancellationToken.ThrowIfCancellationRequested();
        failure?.Throw();

        void Work()
        {
            try
            {
                while (!stop.IsCancellationRequested && Interlocked.Increment(ref next) is var i && i < items.Count)
                    work(items[i], stop.Token);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                stop.Cancel();
            }
        }
    }
}
