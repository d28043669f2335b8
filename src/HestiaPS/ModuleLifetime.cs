using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace HestiaPS;

/// <summary>
/// Tells at import where stores over a network come from, and closes a runspace's sessions when the module is removed from it; other
/// runspaces of the process go on.
/// </summary>
public sealed class ModuleLifetime : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    /// <inheritdoc/>
    public void OnImport() => StoreLoadContext.Hook();

    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        if (Runspace.DefaultRunspace is { } runspace) SessionRegistry.CloseRunspace(runspace.InstanceId);
    }
}
