using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace HestiaPS;

/// <summary>Closes a runspace's sessions when the module is removed from it; other runspaces of the process go on.</summary>
public sealed class ModuleLifetime : IModuleAssemblyCleanup
{
    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        if (Runspace.DefaultRunspace is { } runspace) SessionRegistry.CloseRunspace(runspace.InstanceId);
    }
}
