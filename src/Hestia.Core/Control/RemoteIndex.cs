using System.Diagnostics;
using Hestia.Core.Archiving;
using Hestia.Core.Consistency;
using Hestia.Core.Control.Operations;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Core.Manifest;
using Hestia.Core.Suspending;

namespace Hestia.Core.Control;

/// <summary>
/// An index that another process has open (or this one, elsewhere), reached through the control endpoint its owner serves. It holds nothing: there
/// is no connection between two calls, and it becomes useless when the owner closes the index. Thread-safe.
/// </summary>
public sealed class RemoteIndex : IMaintainedIndex
{
    /// <summary>An owner that is opening or closing the index is waited for this long.</summary>
    private static readonly TimeSpan Transition = TimeSpan.FromSeconds(10);

    /// <summary>An owner that holds the lock and is not at its endpoint is about to come or to go; so much is given to that.</summary>
    private static readonly TimeSpan Unreachable = TimeSpan.FromSeconds(2);

    /// <summary>The body of <c>.lock</c> is written a moment after the lock is taken, so at first it may be that of an owner before.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(25);

    private readonly ControlClient _client;

    private RemoteIndex(ControlClient client, string path, IndexStatus status)
    {
        _client = client;
        Path = path;
        Name = status.Name;
        Id = status.Id;
        Owner = client.Owner;
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public Guid Id { get; }

    /// <summary>The process that has it open.</summary>
    public LockOwner Owner { get; }

    /// <summary>
    /// The index in a folder as its owner serves it; null if nobody has it open for writing. An owner that is just opening or closing it is waited for.
    /// </summary>
    /// <exception cref="HestiaException">
    /// IndexInUse naming the owner: it has no endpoint, or is on another host; AccessDenied: this user may not ask it; TimedOut: it does not answer;
    /// PathNotFound, NotAnIndex, FormatTooNew, ControlUnsupported, LockUnsupported, IoError.
    /// </exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static RemoteIndex? Find(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        var files = FileSystem.Physical;
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (!IndexLock.IsHeld(files, path)) return null;
            var id = IndexSettingsFile.Read(files, path).Id;
            var owner = LockOwner.Read(files, path);
            var waited = Stopwatch.GetElapsedTime(began);
            if (owner?.Endpoint is null or LockOwner.EndpointOff or LockOwner.EndpointFailed || (OperatingSystem.IsWindows() && !IsHere(owner)))
            {
                if (waited > Settling) throw InUse(path, owner, null);
            }
            else if (owner.Endpoint is LockOwner.EndpointOpening or LockOwner.EndpointClosing)
            {
                if (waited > Transition) throw InUse(path, owner, null);
            }
            else if (TryReach(path, id, owner, out var failure, cancellationToken) is { } reached)
            {
                return reached;
            }
            else if (waited > (failure!.Code == HestiaErrorCode.IndexClosed ? Transition : Unreachable))
            {
                throw failure!;
            }

            if (cancellationToken.WaitHandle.WaitOne(Step)) throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public IndexStatus GetStatus(CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Status, new NoArguments(), null, cancellationToken);

    /// <inheritdoc/>
    public FlushResult Flush(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Flush, new NoArguments(), progress, cancellationToken);

    /// <inheritdoc/>
    public CompactionResult Compact(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Compact, new NoArguments(), progress, cancellationToken);

    /// <inheritdoc/>
    public CheckReport Check(
        CheckOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Check, options ?? new CheckOptions(), progress, cancellationToken);

    /// <inheritdoc/>
    public SuspensionInfo Suspend(TimeSpan duration, CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Suspend, new SuspendArguments(duration.TotalSeconds), null, cancellationToken);

    /// <inheritdoc/>
    public SuspensionResult Resume(DateTimeOffset? began = null, CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Resume, new ResumeArguments(began), null, cancellationToken);

    /// <inheritdoc/>
    public DurabilityChange SetDurability(Durability durability, CancellationToken cancellationToken = default) =>
        Call(ControlOperations.Durability, new DurabilityArguments(durability), null, cancellationToken);

    /// <summary>
    /// Files of the current manifest that stay until the pin is disposed, or this process ends and its last renewal is a minute ago. Flush first to
    /// have everything in them.
    /// </summary>
    /// <exception cref="HestiaException">IndexClosed, OwnerLost, TimedOut, AccessDenied, ControlUnsupported.</exception>
    public IndexPin Pin(CancellationToken cancellationToken = default)
    {
        using var data = new MemoryStream();
        var answer = Call(ControlOperations.Pin, new LeaseArguments(RemoteLease.Seconds), null, cancellationToken, data);
        var lease = new RemoteLease(this, answer.Lease);
        try
        {
            if (data.Length != answer.ManifestBytes + (long)answer.SettingsBytes) throw new InvalidDataException("its length is another than it says.");
            var bytes = data.ToArray();
            return new IndexPin(
                ManifestDocument.Parse(bytes.AsSpan(0, answer.ManifestBytes)),
                bytes.AsMemory(0, answer.ManifestBytes),
                bytes.AsMemory(answer.ManifestBytes),
                id => System.IO.Path.Combine(Path, FileNames.Segments, id + FileNames.SegmentExtension),
                lease.Dispose,
                lease.AskLost);
        }
        catch (InvalidDataException e)
        {
            lease.Dispose();
            throw new HestiaException(
                HestiaErrorCode.ControlUnsupported, $"The manifest that the owner of '{Path}', {Owner}, sends is not understood: {e.Message}", Path,
                "Use the same version of Hestia in both processes.", e);
        }
    }

    /// <summary>Tells the owner of a backup that is complete. It is worth no failure.</summary>
    internal void NoteBackup(LastBackup backup)
    {
        try
        {
            Call(ControlOperations.BackupDone, backup, null, CancellationToken.None);
        }
        catch (HestiaException)
        {
            // The owner has gone meanwhile, or is of another version.
        }
    }

    internal TResult Call<TArguments, TResult>(
        ControlOperation<TArguments, TResult> operation,
        TArguments arguments,
        IProgress<WorkProgress>? progress,
        CancellationToken cancellationToken,
        MemoryStream? data = null)
        where TArguments : class
    {
        try
        {
            return _client.Call(operation, arguments, data, progress, cancellationToken);
        }
        catch (ControlUnreachableException e)
        {
            throw new HestiaException(
                HestiaErrorCode.OwnerLost,
                $"The process that had '{Path}' open, {Owner}, is no longer there: {e.Message}",
                Path,
                "Try again: a closed index is opened for the work.",
                e);
        }
    }

    private static RemoteIndex? TryReach(string path, Guid id, LockOwner owner, out HestiaException? failure, CancellationToken cancellationToken)
    {
        var client = new ControlClient(path, id, owner);
        try
        {
            failure = null;
            return new RemoteIndex(client, path, client.Call(ControlOperations.Status, new NoArguments(), null, cancellationToken));
        }
        catch (ControlUnreachableException e)
        {
            failure = InUse(path, owner, e);
        }
        catch (HestiaException e) when (e.Code is HestiaErrorCode.IndexClosed or HestiaErrorCode.OwnerLost)
        {
            failure = e; // it is closing, or has just ended
        }

        return null;
    }

    private static bool IsHere(LockOwner owner) => string.Equals(owner.Host, Environment.MachineName, StringComparison.OrdinalIgnoreCase);

    private static HestiaException InUse(string path, LockOwner? owner, Exception? cause)
    {
        var (why, action) = owner switch
        {
            null => ("another process that its .lock does not name", "Close it there first."),
            _ when !IsHere(owner) => (
                $"{owner}, which is another host", $"Run the command on {owner.Host} as the user of that process, or close the index there first."),
            { Endpoint: LockOwner.EndpointOff } => (
                $"{owner}, which was told to serve no control endpoint",
                "Do it in that process, or close the index there first. Opened without -NoControl (IndexOptions.ControlEndpoint) it serves other processes."),
            { Endpoint: LockOwner.EndpointFailed } => (
                $"{owner}, which could serve no control endpoint there", "Do it in that process, or close the index there first."),
            { Endpoint: LockOwner.EndpointOpening } => ($"{owner}, which is still opening it", "Try again when it is open."),
            { Endpoint: LockOwner.EndpointClosing } => ($"{owner}, which is still closing it", "Try again when it is closed."),
            { Endpoint: null } => (
                $"{owner}, which serves no control endpoint: a creation, a repair, a restore, or an older version of Hestia",
                "Wait until it is done, or close the index there first."),
            _ => ($"{owner}, whose control endpoint cannot be reached: {cause?.Message}", "See whether that process still runs, then try again."),
        };
        return new HestiaException(HestiaErrorCode.IndexInUse, $"The index '{path}' is in use by {why}.", path, action, cause);
    }
}
