namespace Hestia.Core.Control.Operations;

/// <summary>Wants something held.</summary>
/// <param name="LeaseSeconds">How long it is held without being renewed.</param>
internal sealed record LeaseArguments(double LeaseSeconds);

/// <summary>Names something that is held.</summary>
/// <param name="Lease">Its name.</param>
internal sealed record LeaseName(string Lease);

/// <summary>Files that are pinned. Manifest and index.json come as data before it, in this order.</summary>
/// <param name="Lease">Name of the pin.</param>
/// <param name="ManifestBytes">Length of the manifest.</param>
/// <param name="SettingsBytes">Length of index.json.</param>
internal sealed record PinAnswer(string Lease, int ManifestBytes, int SettingsBytes);

/// <summary>Nothing more to say.</summary>
internal sealed record Done;

/// <summary>Keeps the files of the current manifest for the client.</summary>
internal sealed class PinOperation() : ControlOperation<LeaseArguments, PinAnswer>(
    "pin", ControlJson.Default.LeaseArguments, ControlJson.Default.PinAnswer)
{
    protected override PinAnswer Run(ControlCall call, LeaseArguments arguments)
    {
        var pin = call.Index.Pin();
        call.Data.Add(pin.ManifestBytes);
        call.Data.Add(pin.SettingsBytes);
        return new PinAnswer(call.Leases.Grant(pin, arguments.LeaseSeconds), pin.ManifestBytes.Length, pin.SettingsBytes.Length);
    }
}

/// <summary>Still needs what is held.</summary>
internal sealed class RenewOperation() : ControlOperation<LeaseName, Done>(
    "renew", ControlJson.Default.LeaseName, ControlJson.Default.Done)
{
    protected override Done Run(ControlCall call, LeaseName arguments)
    {
        call.Leases.Renew<IDisposable>(arguments.Lease);
        return new Done();
    }
}

/// <summary>No longer needs what is held.</summary>
internal sealed class ReleaseOperation() : ControlOperation<LeaseName, Done>(
    "release", ControlJson.Default.LeaseName, ControlJson.Default.Done)
{
    protected override Done Run(ControlCall call, LeaseName arguments)
    {
        call.Leases.Release(arguments.Lease);
        return new Done();
    }
}
