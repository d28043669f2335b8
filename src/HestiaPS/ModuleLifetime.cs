using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Hestia.Backup.FileSets;
using Hestia.HestiaStore.FileSets;

namespace HestiaPS;

/// <summary>
/// Tells at import where stores over a network come from and which other systems' folders can be backed up, and closes a runspace's sessions when the module is removed from it; other
/// runspaces of the process go on.
/// </summary>
public sealed class ModuleLifetime : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    /// <inheritdoc/>
    public void OnImport()
    {
        StoreLoadContext.Hook();
        FileSetKinds.Register(new StoreFileSet());
    }

    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        if (Runspace.DefaultRunspace is { } runspace) SessionRegistry.CloseRunspace(runspace.InstanceId);
    }
}
