#requires -Version 7.4
<#
.SYNOPSIS
    A runbook for Azure Automation, in two forms: what a sandbox can do, and what a Hybrid Runbook Worker does beside the application.
.DESCRIPTION
    Sandbox       lists the latest backups of a repository on S3, verifies them and removes old ones. It needs no disk to speak of: nothing is downloaded but what
                  -VerifyPercent samples, and that is hashed as it streams. A sandbox job is moved to another host after three hours and starts again from the
                  beginning, so every step may be done twice: looking changes nothing, and what is removed already is not there to be removed again.
    HybridWorker  backs up the indexes of this machine while their owners write, then restores the newest backup of each into a scratch folder, checks it and
                  throws it away. Started again, it makes another backup, which sends only what is new; leftovers of a drill that was cut off are removed first.

    Import the module's zip (build.ps1 -Task Package) into a PowerShell 7.4 runtime environment of the Automation account. Credentials of the
    bucket are an Automation credential named by -CredentialAsset: the access key id as user name, the secret as password. Without it the AWS SDK looks for its own.
    Output is one line per step. Errors stop the job, so that its status is Failed and an alert on that is enough.
    Exit code (on a worker's own schedule): 0, or 1 if a step failed.
.EXAMPLE
    ./examples/AzureAutomation.ps1 -Form Sandbox -Repository s3://backups/site-1 -CredentialAsset HestiaBucket -KeepDaily 14 -KeepMonthly 12
.EXAMPLE
    ./examples/AzureAutomation.ps1 -Form HybridWorker -Repository s3://backups/site-1 -Path D:\indexes\* -ScratchPath D:\scratch
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSAvoidUsingPlainTextForPassword', '', Justification = 'The name of an asset, not a secret.')]
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSReviewUnusedParameter', '', Justification = 'Used in the functions below.')]
[CmdletBinding(PositionalBinding = $false)]
param(
    [Parameter(Mandatory)]
    [ValidateSet('Sandbox', 'HybridWorker')]
    [string] $Form,

    # URL of the repository; a worker may also use a folder or a registered name.
    [Parameter(Mandatory)]
    [string] $Repository,

    # Endpoint of a service that is not AWS.
    [string] $Endpoint,

    # Name of the Automation credential for the bucket.
    [string] $CredentialAsset,

    # Sandbox: the newest backup of each index must be newer than this.
    [string] $MaximumAge = '26h',

    # Sandbox: percent of a backup's objects that are read and hashed.
    [ValidateRange(0, 100)]
    [int] $VerifyPercent = 5,

    # Sandbox: what to keep; without any nothing is removed.
    [int] $KeepDaily,
    [int] $KeepWeekly,
    [int] $KeepMonthly,

    # HybridWorker: folders of indexes; wildcards are fine.
    [string[]] $Path = @(),

    # HybridWorker: folder for drills, with room for the largest index.
    [string] $ScratchPath
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')

function Write-Step([string] $Text) { Write-Output ('{0:u} {1}' -f [DateTime]::UtcNow, $Text) }

function Get-BucketCredential {
    # Only inside Azure Automation is there such a command; elsewhere the environment's own chain is used.
    if (-not $CredentialAsset) { return $null }
    if (-not (Get-Command Get-AutomationPSCredential -ErrorAction Ignore)) { throw "There is no Automation credential '$CredentialAsset': this is not an Automation job." }
    Get-AutomationPSCredential -Name $CredentialAsset
}

# The process remembers the settings by the URL, so that the cmdlets after this one need only the URL.
function Connect-Repository {
    if (-not $Repository.Contains('://')) { return Get-HestiaRepository $Repository }
    $settings = @{}
    if ($Endpoint) { $settings.Endpoint = $Endpoint }
    $credential = Get-BucketCredential
    if ($credential) { $settings.Credential = $credential }
    Get-HestiaRepository $Repository @settings
}

function Invoke-Sandbox {
    $latest = @(Get-HestiaBackup -Repository $Repository -Latest)
    foreach ($backup in $latest) { Write-Step "latest backup of $($backup.IndexName): $($backup.BackupId), LSN $($backup.Lsn), $($backup.Bytes) bytes" }
    # Says which index has no recent backup, and what is missing.
    $state = Test-HestiaRepository -Repository $Repository -MaxBackupAge $MaximumAge -ErrorAction SilentlyContinue
    foreach ($finding in $state.Findings) { Write-Step "repository: $finding" }
    foreach ($backup in $latest) {
        $verify = @{ Repository = $Repository; BackupId = $backup.BackupId }
        if ($VerifyPercent) { $verify.SamplePercent = $VerifyPercent }
        $test = Test-HestiaBackup @verify
        Write-Step "verified $($backup.BackupId): $($test.Status)"
    }
    $keep = @{}
    if ($KeepDaily) { $keep.KeepDaily = $KeepDaily }
    if ($KeepWeekly) { $keep.KeepWeekly = $KeepWeekly }
    if ($KeepMonthly) { $keep.KeepMonthly = $KeepMonthly }
    if ($keep.Count) {
        $rows = @(Remove-HestiaBackup -Repository $Repository @keep -Confirm:$false)
        Write-Step "removed $(@($rows | Where-Object Action -EQ Removed).Count) of $($rows.Count) backups"
        $prune = Optimize-HestiaRepository -Repository $Repository -Confirm:$false
        Write-Step "pruned $($prune.ObjectsRemoved) objects, $($prune.BytesRemoved) bytes"
    }
    if (-not $state.Healthy) { throw "The repository $Repository is not healthy; the lines above say why." }
}

function Invoke-HybridWorker {
    if (-not $Path) { throw 'Name the indexes with -Path.' }
    if (-not $ScratchPath) { throw 'Name a folder for drills with -ScratchPath.' }
    $failed = @()
    foreach ($folder in Resolve-Path -Path $Path) {
        try {
            $backup = Backup-HestiaIndex -LiteralPath $folder.ProviderPath -Repository $Repository -Confirm:$false
            Write-Step "backed up $($backup.IndexName): $($backup.BackupId), LSN $($backup.Lsn), $($backup.BytesSent) of $($backup.Bytes) bytes sent"
            # A folder of its own, so that what a job before this one left is known for what it is.
            $scratch = Join-Path $ScratchPath "hestia-drill-$($backup.IndexName)"
            if (Test-Path -LiteralPath $scratch) { Remove-Item -LiteralPath $scratch -Recurse -Force }
            $null = New-Item -ItemType Directory -Path $scratch -Force
            try {
                $drill = Test-HestiaBackup -Repository $Repository -BackupId $backup.BackupId -Drill -ScratchPath $scratch
                Write-Step "drill of $($backup.BackupId): $($drill.Status), $($drill.Entries) entries back in $($drill.RecoveryTime)"
            }
            finally { Remove-Item -LiteralPath $scratch -Recurse -Force }
        }
        catch {
            # One that fails does not stop the others, and fails the job at the end.
            $failed += $folder.ProviderPath
            Write-Step "FAILED $($folder.ProviderPath): $($_.Exception.Message)"
        }
    }
    if ($failed) { throw "$($failed.Count) of the indexes failed: $($failed -join ', ')" }
}

try {
    $target = Connect-Repository
    Write-Step "$Form on $($target.Location)"
    if ($Form -eq 'Sandbox') { Invoke-Sandbox } else { Invoke-HybridWorker }
    Write-Step 'done'
}
catch {
    Write-Step "FAILED: $($_.Exception.Message)"
    # Inside Azure Automation an exit code says nothing; an error does.
    if (Get-Command Get-AutomationPSCredential -ErrorAction Ignore) { throw }
    exit 1
}
exit 0
