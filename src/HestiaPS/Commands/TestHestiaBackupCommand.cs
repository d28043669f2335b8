using System.Management.Automation;
using Hestia.Backup;

namespace HestiaPS.Commands;

/// <summary>Verifies backups: that each object is there in its size, or with -Deep that every byte is what was written.</summary>
[Cmdlet(VerbsDiagnostic.Test, "HestiaBackup", DefaultParameterSetName = BackupSet)]
[OutputType(typeof(BackupTestResult), typeof(bool))]
public sealed class TestHestiaBackupCommand : RepositoryCmdlet
{
    private const string BackupSet = "Backup";
    private const string IdSet = "BackupId";

    private readonly RepositoryHandles _repositories = new();

    /// <summary>Backups from Get-HestiaBackup.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = BackupSet, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public IndexBackup[] Backup { get; set; } = [];

    /// <summary>The repository: its path, URL or registered name, or an object that stands for it.</summary>
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

    /// <summary>Reads and hashes every byte.</summary>
    [Parameter]
    public SwitchParameter Deep { get; set; }

    /// <summary>Emits only whether the backup is healthy, and no error if it is not.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _repositories.Dispose();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == BackupSet)
        {
            foreach (var backup in Backup) Test(backup.Repository, backup.BackupId);
            return;
        }

        foreach (var id in BackupId) Test(Repository, id);
    }

    private void Test(string repository, string backupId)
    {
        var options = new VerifyOptions { Deep = Deep };
        var done = TryItem(backupId, () =>
        {
            var target = ResolveRepository(repository);
            return Run($"Verifying {backupId}", (progress, token) =>
                _repositories.Get(target, token).Verify(backupId, options, progress, token));
        }, out var verification);
        if (!done) return;
        if (Quiet)
        {
            WriteObject(verification.Healthy);
            return;
        }

        var result = new BackupTestResult(verification, repository);
        WriteObject(result);
        if (!result.Healthy)
        {
            WriteError(Failures.ToErrorRecord(new HestiaCommandException(
                CommandErrors.BackupUnhealthy, ErrorCategory.InvalidData,
                $"The backup '{backupId}' in '{repository}' is damaged: {FindingInfo.Summary(result.Findings)}", backupId,
                "See Findings; back up the index again, which sends what is missing, or use another backup.")));
        }
    }
}
