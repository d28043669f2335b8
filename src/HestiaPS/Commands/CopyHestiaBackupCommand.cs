using System.Management.Automation;
using System.Security;
using Hestia.Backup;

namespace HestiaPS.Commands;

/// <summary>Copies backups to another repository; only what it lacks is sent. Both may be of any kind, and encrypted or not.</summary>
[Cmdlet(VerbsCommon.Copy, "HestiaBackup", DefaultParameterSetName = BackupSet, SupportsShouldProcess = true)]
[OutputType(typeof(CopyReport))]
public sealed class CopyHestiaBackupCommand : RepositoryCmdlet
{
    private const string BackupSet = "Backup";
    private const string IdSet = "BackupId";

    private readonly RepositoryHandles _sources = new();
    private readonly RepositoryHandles _destinations = new();
    private BackupRepository _destination = null!;

    /// <summary>Backups from Get-HestiaBackup.</summary>
    [Parameter(Mandatory = true, ParameterSetName = BackupSet, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public IndexBackup[] Backup { get; set; } = [];

    /// <summary>The repository to copy from: its path, URL or registered name, or an object that stands for it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Repository { get; set; } = "";

    /// <summary>Ids of backups in it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IdSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(Completion.BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] BackupId { get; set; } = [];

    /// <summary>The repository to copy to.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [RepositoryTransformation]
    [ArgumentCompleter(typeof(Completion.RepositoryCompleter))]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = "";

    /// <summary>Passphrase of the destination, if it is encrypted; -Passphrase is the source's.</summary>
    [Parameter]
    [PassphraseTransformation]
    [ValidateNotNull]
    public SecureString? DestinationPassphrase { get; set; }

    /// <summary>Key file of the destination, if it is encrypted; -KeyFile is the source's.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? DestinationKeyFile { get; set; }

    /// <summary>Reads every object of the backup back from the destination and hashes it; damaged ones are sent again.</summary>
    [Parameter]
    public SwitchParameter Verify { get; set; }

    /// <summary>Transfers at once, 1 to 64.</summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int Parallelism { get; set; } = new CopyOptions().Parallelism;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        // A destination that cannot be opened fails every backup: nothing can go on.
        var target = Require(Destination, () => ResolveRepository(Destination, DestinationPassphrase, DestinationKeyFile));
        _destination = Require(target.Location, () => Run($"Opening {target.Location}", (_, token) => _destinations.Get(target, token)));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _sources.Dispose();
        _destinations.Dispose();
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == BackupSet)
        {
            foreach (var backup in Backup) Copy(backup.Repository, backup.BackupId);
            return;
        }

        foreach (var id in BackupId) Copy(Repository, id);
    }

    private void Copy(string repository, string backupId)
    {
        if (!TryItem(repository, () => Open(repository), out var source)) return;
        if (!TryItem(backupId, () => Explain(source, backupId), out var action) || !ShouldProcess(backupId, action)) return;
        var options = new CopyOptions { Verify = Verify, Parallelism = Parallelism };
        var done = TryItem(backupId, () => Run($"Copying {backupId}", (progress, token) =>
            source.Copy(backupId, _destination, options, progress, token)), out var result);
        if (done) WriteObject(new CopyReport(result));
    }

    private BackupRepository Open(string repository)
    {
        var target = ResolveRepository(repository);
        return Run($"Opening {target.Location}", (_, token) => _sources.Get(target, token));
    }

    private string Explain(BackupRepository source, string backupId)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return $"Copy the backup to {_destination.Location}";
        var plan = Run($"Looking at {backupId}", (_, token) => source.PlanCopy(backupId, _destination, token));
        return $"Copy the backup of {plan.IndexName} ({Display.Segments(plan.Segments)}, {Display.Size(plan.Bytes)}) "
            + $"to {_destination.Location}, sending {Display.Segments(plan.SegmentsToSend)} ({Display.Size(plan.BytesToSend)})"
            + (plan.AlreadyThere ? "; the backup is there already" : "");
    }
}
