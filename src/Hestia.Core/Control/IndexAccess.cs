using System.Diagnostics;
using Hestia.Core.IO;
using Hestia.Core.Locking;

namespace Hestia.Core.Control;

/// <summary>How an index is worked on.</summary>
public enum IndexVia
{
    /// <summary>It was open in this process already.</summary>
    Session,

    /// <summary>It was closed and is opened for the work.</summary>
    Opened,

    /// <summary>Another process has it open and does the work.</summary>
    Endpoint,

    /// <summary>Its files were read, which takes nobody's leave.</summary>
    Files,
}

/// <summary>
/// The way to an index, whoever has it: its owner's endpoint if it is open elsewhere, or opened here for as long as this is not disposed.
/// Not thread-safe; the index is.
/// </summary>
public sealed class IndexAccess : IDisposable
{
    /// <summary>Another process may open the index between looking and opening; then it is looked at again, so long at most.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Those who only read will not be gone soon; whoever looks at the lock for a moment will.</summary>
    private static readonly TimeSpan ReadersPatience = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(25);

    private readonly HestiaIndex? _opened;

    private IndexAccess(IMaintainedIndex index, IndexVia via, HestiaIndex? opened)
    {
        Index = index;
        Via = via;
        _opened = opened;
    }

    /// <summary>The index.</summary>
    public IMaintainedIndex Index { get; }

    /// <summary><see cref="IndexVia.Opened"/> or <see cref="IndexVia.Endpoint"/>.</summary>
    public IndexVia Via { get; }

    /// <summary>Finds the owner of the index in a folder, or opens it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="options">How it is opened if nobody has it open; null for the defaults.</param>
    /// <param name="progress">Told of the opening; null for nobody.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="RemoteIndex.Find"/> and <see cref="HestiaIndex.Open"/>.</exception>
    public static IndexAccess Open(
        string path, IndexOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            // On a disk that only this process knows there is nobody else.
            var shared = options?.FileSystem.HasEndpoints ?? true;
            if (shared && RemoteIndex.Find(path, cancellationToken) is { } remote) return new IndexAccess(remote, IndexVia.Endpoint, null);
            try
            {
                var index = HestiaIndex.Open(path, options, progress, cancellationToken);
                return new IndexAccess(index, IndexVia.Opened, index);
            }
            catch (HestiaException e) when (shared && e.Code == HestiaErrorCode.IndexInUse && MayBeOverSoon(path, began))
            {
                if (cancellationToken.WaitHandle.WaitOne(Step)) throw new OperationCanceledException(cancellationToken);
            }
        }
    }

    /// <summary>Changes the durability of the index in a folder: its owner does it, or its index.json is replaced.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="durability">The durability from now on.</param>
    /// <param name="via"><see cref="IndexVia.Endpoint"/> or <see cref="IndexVia.Opened"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As <see cref="RemoteIndex.Find"/> and <see cref="HestiaIndex.SetDurability(string, Durability)"/>.</exception>
    public static DurabilityChange SetDurability(string path, Durability durability, out IndexVia via, CancellationToken cancellationToken = default)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (RemoteIndex.Find(path, cancellationToken) is { } remote)
            {
                via = IndexVia.Endpoint;
                return remote.SetDurability(durability, cancellationToken);
            }

            try
            {
                via = IndexVia.Opened;
                return HestiaIndex.SetDurability(path, durability);
            }
            catch (HestiaException e) when (e.Code == HestiaErrorCode.IndexInUse && MayBeOverSoon(path, began))
            {
                if (cancellationToken.WaitHandle.WaitOne(Step)) throw new OperationCanceledException(cancellationToken);
            }
        }
    }

    /// <summary>Closes what was opened, and says so if its last flush fails; <see cref="Dispose"/> would not.</summary>
    /// <exception cref="HestiaException">As <see cref="HestiaIndex.Close"/>.</exception>
    public void Close(IProgress<WorkProgress>? progress = null) => _opened?.Close(progress);

    /// <summary>Closes what was opened.</summary>
    public void Dispose() => _opened?.Dispose();

    private static bool MayBeOverSoon(string path, long began)
    {
        var waited = Stopwatch.GetElapsedTime(began);
        return waited < ReadersPatience || (waited < Patience && IndexLock.IsHeld(FileSystem.Physical, path));
    }
}
