using Hestia.Core.Control.Operations;

namespace Hestia.Core.Control;

/// <summary>
/// Something the owner holds for this process, renewed from here until it is disposed. An owner that cannot be asked for a while is asked again; one
/// that says it holds nothing any more has the last word. Thread-safe.
/// </summary>
internal sealed class RemoteLease : IDisposable
{
    /// <summary>How long the owner holds it without hearing of this process: that long it is held on when this process is killed.</summary>
    public const double Seconds = 60;

    private static readonly TimeSpan Step = TimeSpan.FromSeconds(Seconds / 6);

    private readonly RemoteIndex _index;
    private readonly LeaseName _name;
    private readonly CancellationTokenSource _done = new();
    private readonly Task _renewing;
    private volatile HestiaException? _lost;

    public RemoteLease(RemoteIndex index, string name)
    {
        _index = index;
        _name = new LeaseName(name);
        _renewing = Task.Run(RenewAsync);
    }

    /// <summary>Its name in further requests.</summary>
    public string Name => _name.Lease;

    /// <summary>Why it is held no longer, or null.</summary>
    public HestiaException? Lost => _lost;

    public void Dispose()
    {
        if (_done.IsCancellationRequested) return;
        _done.Cancel();
        _renewing.Wait();
        _done.Dispose();
        if (_lost is not null) return;
        try
        {
            using var patience = new CancellationTokenSource(ControlTiming.Request);
            _index.Call(ControlOperations.Release, _name, null, patience.Token);
        }
        catch (Exception e) when (e is HestiaException or OperationCanceledException)
        {
            // It ends by itself.
        }
    }

    private async Task RenewAsync()
    {
        while (_lost is null)
        {
            try
            {
                await Task.Delay(Step, _done.Token).ConfigureAwait(false);
                _index.Call(ControlOperations.Renew, _name, null, _done.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (HestiaException e) when (e.Code is HestiaErrorCode.PinExpired or HestiaErrorCode.OwnerLost or HestiaErrorCode.IndexClosed)
            {
                _lost = e;
            }
            catch (HestiaException)
            {
                // It did not answer in time: there are more chances before the lease is over.
            }
        }
    }
}
