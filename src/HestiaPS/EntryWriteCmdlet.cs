using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS;

/// <summary>
/// A cmdlet that gathers operations from the pipeline into batches and commits each as one. What was not committed when the pipeline is
/// stopped from above (Ctrl+C, an error upstream, Select-Object -First) is dropped: EndProcessing,
/// which commits the rest, does not run then.
/// </summary>
public abstract class EntryWriteCmdlet : HestiaCmdlet
{
    private const ConfirmImpact Impact = ConfirmImpact.Medium;

    private PendingBatch? _pending;
    private bool _whatIf;
    private long _whatIfCount;
    private long _whatIfBytes;

    /// <summary>A session from Open-HestiaIndex.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [IndexSessionTransformation]
    [ArgumentCompleter(typeof(Completion.SessionCompleter))]
    [ValidateNotNull]
    public IndexSession Index { get; set; } = null!;

    /// <summary>Operations per batch, 1 to 100,000; default 1,000. A batch is committed earlier when it holds 1 MiB.</summary>
    [Parameter]
    [ValidateRange(1, 100_000)]
    public int BatchSize { get; set; } = 1_000;

    /// <summary>How long the first operation of a batch waits at most for others; default 100ms.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan BatchInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    private protected abstract string Verb { get; }

    /// <summary>Whether the entries come out after their commit.</summary>
    private protected abstract bool EmitsCommitted { get; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        var index = Require(Index, () => Index.Engine);
        if (Index.IsReadOnly)
        {
            ThrowTerminatingError(Failures.ToErrorRecord(new HestiaException(
                HestiaErrorCode.IndexReadOnly, $"The index '{Index.Path}' was opened read-only.", Index.Path,
                    "Open it without -ReadOnly to write.")));
        }

        _whatIf = IsWhatIf;

        // A prompt must come from the pipeline thread, so batches that ask are not committed by the clock.
        _pending = new PendingBatch(Index, index, BatchSize, WillAsk(Impact) ? Timeout.InfiniteTimeSpan : BatchInterval, EmitsCommitted);
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_whatIf)
        {
            if (_whatIfCount > 0) ShouldProcess(Index.ToString(), Explain(_whatIfCount, _whatIfBytes));
            return;
        }

        Commit();
    }

    /// <inheritdoc/>
    protected override void StopProcessing()
    {
        _pending?.Stop();
        base.StopProcessing();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _pending?.Dispose();

    private protected void Put(byte[] key, byte[] value) => Add(key, value);

    private protected void Delete(byte[] key) => Add(key, null);

    private void Add(byte[] key, byte[]? value)
    {
        bool full;
        try
        {
            if (_whatIf)
            {
                _pending!.Check(key, value);
                _whatIfCount++;
                _whatIfBytes += key.Length + (value?.Length ?? 0);
                return;
            }

            full = _pending!.Add(key, value);
        }
        catch (HestiaException failure)
        {
            // KeyTooLong, ValueTooLarge: this operation is refused, the batch is as it was.
            WriteError(Failures.ToErrorRecord(failure, DataEncoder.Decode(Index.KeyEncoding, key)));
            return;
        }

        if (full) Commit();
        else Emit();
    }

    private void Commit()
    {
        var (count, bytes) = _pending!.Size;
        if (count > 0)
        {
            if (ShouldProcess(Index.ToString(), Explain(count, bytes))) Require(Index, () => _pending.Commit());
            else _pending.Clear();
        }

        Emit();
    }

    private void Emit()
    {
        // What the clock committed, or could not, is told at the next chance the pipeline gives.
        if (_pending!.TakeFailure() is { } failure) ThrowTerminatingError(Failures.ToErrorRecord(failure, Index));
        if (!EmitsCommitted) return;
        foreach (var entry in _pending.TakeCommitted()) WriteObject(entry);
    }

    private string Explain(long count, long bytes) => $"{Verb} {Display.Count(count, "entry", "entries")} ({Display.Size(bytes)})";
}
