using System.Security.Cryptography;
using Hestia.Core.Diagnostics;

namespace Hestia.Core.Control;

/// <summary>
/// What is held for clients between their requests: until they give it back, or do not say for a while that they still need it, which is how
/// it ends when a client dies. Each has a name that cannot be guessed. Thread-safe.
/// </summary>
internal sealed class ControlLeases : IDisposable
{
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private const int MaxLeases = 256;
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly Dictionary<string, Lease> _leases = new(StringComparer.Ordinal);
    private readonly string _indexPath;
    private readonly IndexEvents? _events;
    private readonly Timer _timer;
    private bool _disposed;

    public ControlLeases(string indexPath, IndexEvents? events = null)
    {
        _indexPath = indexPath;
        _events = events;
        // It runs only while something is held, and without the context of whoever opens the index.
        using (ExecutionContext.SuppressFlow()) _timer = new Timer(_ => Expire(), null, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Holds something for a client; disposes it here if that is not possible.</summary>
    /// <returns>The name the client needs.</returns>
    /// <exception cref="HestiaException">InvalidOption: no such duration; TimedOut: too much is held; IndexClosed.</exception>
    public string Grant(IDisposable held, double seconds)
    {
        try
        {
            var lifetime = Lifetime(seconds);
            var name = Convert.ToHexString(RandomNumberGenerator.GetBytes(16)).ToLowerInvariant();
            lock (_gate)
            {
                if (_disposed) throw new HestiaException(HestiaErrorCode.IndexClosed, $"The index '{_indexPath}' is being closed.", _indexPath, "Open it again.");
                if (_leases.Count >= MaxLeases)
                {
                    throw new HestiaException(
                        HestiaErrorCode.TimedOut, $"{MaxLeases} pins are held on '{_indexPath}' already.", _indexPath, "Try again when backups have ended.");
                }

                _leases.Add(name, new Lease(held, lifetime, Environment.TickCount64 + (long)lifetime.TotalMilliseconds));
                if (_leases.Count == 1) _timer.Change(Step, Step);
            }

            return name;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>What a client holds, which may still be needed for as long again.</summary>
    /// <exception cref="HestiaException">PinExpired.</exception>
    public T Renew<T>(string name)
        where T : class
    {
        lock (_gate)
        {
            if (_leases.TryGetValue(name, out var lease) && lease.Held is T held)
            {
                _leases[name] = lease with { Until = Environment.TickCount64 + (long)lease.Lifetime.TotalMilliseconds };
                return held;
            }
        }

        throw new HestiaException(
            HestiaErrorCode.PinExpired,
            $"What was held on '{_indexPath}' has been given up: it was not renewed in time, or the index was closed in between.",
            _indexPath,
            "Start again.");
    }

    /// <summary>Gives back what a client holds; nothing to do if it has expired.</summary>
    public void Release(string name)
    {
        Lease? lease;
        lock (_gate)
        {
            _leases.Remove(name, out lease);
            if (_leases.Count == 0 && !_disposed) _timer.Change(Timeout.Infinite, Timeout.Infinite);
        }

        lease?.Held.Dispose();
    }

    public void Dispose()
    {
        List<Lease> all;
        lock (_gate)
        {
            _disposed = true;
            all = [.. _leases.Values];
            _leases.Clear();
        }

        _timer.Dispose();
        foreach (var lease in all) lease.Held.Dispose();
    }

    private static TimeSpan Lifetime(double seconds) =>
        seconds >= Shortest.TotalSeconds && seconds <= Longest.TotalSeconds ? TimeSpan.FromSeconds(seconds) : throw new HestiaException(
            HestiaErrorCode.InvalidOption, $"A lease of {seconds} s was asked for; {Shortest.TotalSeconds} to {Longest.TotalSeconds} s are given.");

    private void Expire()
    {
        List<string>? expired = null;
        lock (_gate)
        {
            var now = Environment.TickCount64;
            foreach (var (name, lease) in _leases)
                if (lease.Until <= now) (expired ??= []).Add(name);
        }

        foreach (var name in expired ?? [])
        {
            _events?.Raise(
                IndexEventId.PinExpired, IndexEventLevel.Warning,
                "Another process has not said for a while that it still needs what is held for it on the index {IndexName} ({IndexPath}): it was let go.");
            Release(name);
        }
    }

    private sealed record Lease(IDisposable Held, TimeSpan Lifetime, long Until);
}
