using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>A cmdlet for indexes that somebody has open: this process or another one.</summary>
public abstract class OpenIndexTargetCmdlet : IndexTargetCmdlet
{
    /// <summary>Works on the session's index, or through the process that has it open.</summary>
    private protected static T WithOpenIndex<T>(IndexTarget target, Func<IMaintainedIndex, IndexVia, T> work, CancellationToken cancellationToken)
    {
        if (target.Session is { } session) return work(session.Engine, IndexVia.Session);
        if (RemoteIndex.Find(target.Path, cancellationToken) is { } remote) return work(remote, IndexVia.Endpoint);
        var description = IndexDescription.Read(target.Path); // says what else may be wrong with the path
        throw new HestiaCommandException(
            CommandErrors.IndexNotOpen, ErrorCategory.InvalidOperation, $"Nobody has the index '{description.Path}' open for writing, so nothing changes in it.",
            target.Path, "Copy it as it is. To keep others from opening it meanwhile, open it here with Open-HestiaIndex.");
    }
}
