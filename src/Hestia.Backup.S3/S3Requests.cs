using System.Diagnostics;
using Hestia.Core;

namespace Hestia.Backup.S3;

/// <summary>
/// Sends requests and tries again what may succeed another time: with growing, random waits, for a bounded time, and never after
/// cancellation. A request is given up when no byte has moved for a while, not after a time for the whole: a slow line is no failure.
/// </summary>
internal sealed class S3Requests(S3Connection connection, string location, S3Options options)
{
    private const int SpuriousLimit = 3;
    private const int NameLookupLimit = 2;
    private static readonly TimeSpan s_firstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(10);

    /// <summary>Who has never been reached is more likely misspelled than down.</summary>
    private static readonly TimeSpan s_firstContactTime = TimeSpan.FromSeconds(10);

    /// <summary>Does one request, again if need be, and waits for it. Blocks: it runs on a worker's own thread.</summary>
    /// <param name="doing">What it does, for a failure: "writing", "reading".</param>
    /// <param name="name">Name in the store that it is about, or null.</param>
    /// <param name="request">The request. It has to call <see cref="StallGuard.Moved"/> as data moves.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">What it comes to after all tries.</exception>
    /// <exception cref="S3Refusal">An answer the caller may have a use for: see there.</exception>
    public T Send<T>(string doing, string? name, Func<StallGuard, Task<T>> request, CancellationToken cancellationToken) =>
        Send(doing, name, request, options.RetryTime, cancellationToken);

    /// <summary>Does one request, once: for tidying up after a failure, which is to be told soon.</summary>
    public T SendOnce<T>(string doing, string? name, Func<StallGuard, Task<T>> request) =>
        Send(doing, name, request, TimeSpan.Zero, CancellationToken.None);

    private T Send<T>(
        string doing, string? name, Func<StallGuard, Task<T>> request, TimeSpan retryTime, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var guard = new StallGuard(options.StallTime, cancellationToken);
            S3Failure failure;
            try
            {
                return request(guard).GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is not (HestiaException or S3Refusal))
            {
                cancellationToken.ThrowIfCancellationRequested();
                failure = S3Failure.Of(e, guard.Stalled);
            }

            if (failure.Kind == S3FailureKind.Refusal) throw new S3Refusal(failure);
            var wait = WaitBefore(attempt);
            if (!MayTryAgain(failure, attempt, Stopwatch.GetElapsedTime(begun) + wait, retryTime))
                throw failure.ToException(location, options, doing, name, attempt + 1, connection.ServerTime);
            cancellationToken.WaitHandle.WaitOne(wait);
        }
    }

    private bool MayTryAgain(S3Failure failure, int attempt, TimeSpan until, TimeSpan retryTime)
    {
        if (!failure.IsTransient) return false;
        if (failure.Kind is (S3FailureKind.Spurious or S3FailureKind.ChecksumRefused) && attempt + 1 >= SpuriousLimit) return false;
        if (failure.Kind == S3FailureKind.NameLookup && attempt + 1 >= NameLookupLimit && !connection.Reached) return false;
        return until <= (connection.Reached || retryTime < s_firstContactTime ? retryTime : s_firstContactTime);
    }

    private static TimeSpan WaitBefore(int attempt)
    {
        var longest = Math.Min(s_longestWait.TotalMilliseconds, s_firstWait.TotalMilliseconds * Math.Pow(2, Math.Min(attempt, 20)));
#pragma warning disable CA5394 // only to spread the retries of many clients
        return TimeSpan.FromMilliseconds(longest * (0.5 + 0.5 * Random.Shared.NextDouble()));
#pragma warning restore CA5394
    }
}

/// <summary>Cancels a request when nothing has moved for a while.</summary>
internal sealed class StallGuard : IDisposable
{
    /// <summary>What systems buffer of a connection at most, unless told otherwise.</summary>
    private const int SendBufferBytes = 4 << 20;

    private const double SlowestBytesPerSecond = 64 << 10;

    private readonly CancellationTokenSource _source;
    private readonly CancellationToken _caller;
    private readonly TimeSpan _limit;

    public StallGuard(TimeSpan limit, CancellationToken caller)
    {
        _limit = limit;
        _caller = caller;
        _source = CancellationTokenSource.CreateLinkedTokenSource(caller);
        Moved();
    }

    public CancellationToken Token => _source.Token;

    public bool Stalled => _source.IsCancellationRequested && !_caller.IsCancellationRequested;

    public void Moved() => _source.CancelAfter(_limit);

    /// <summary>
    /// Bytes of a body were taken. They are in the system's send buffer, not yet with the service: nothing is heard of them while a slow
    /// line drains it, so that takes its own time.
    /// </summary>
    public void Taken(int bodyBytes) =>
        _source.CancelAfter(_limit + TimeSpan.FromSeconds(Math.Min(bodyBytes, SendBufferBytes) / SlowestBytesPerSecond));

    public void Dispose() => _source.Dispose();
}

/// <summary>
/// An answer that says no to one thing and is for the caller to understand: 404 (of a thing, not of the bucket), 412, 416, and 501 for a
/// condition the service does not know.
/// </summary>
internal sealed class S3Refusal(S3Failure failure) : Exception(failure.Message)
{
    public S3Failure Failure { get; } = failure;

    public System.Net.HttpStatusCode Status { get; } = failure.Status;
}
