using System.Text.Json;
using Hestia.Core.Archiving;

namespace Hestia.Core.Control.Operations;

/// <summary>A backup of the index is complete.</summary>
internal sealed class BackupDoneOperation() : ControlOperation<LastBackup, Done>(
    "backup-done", ControlJson.Default.LastBackup, ControlJson.Default.Done, isLong: true)
{
    protected override Done Run(ControlCall call, LastBackup arguments)
    {
        if (!arguments.IsSane) throw new JsonException("no backup is called that.");
        call.Index.NoteBackup(arguments);
        return new Done();
    }
}
