#requires -Version 7.4
<#
.SYNOPSIS
    Backs up an index that nobody has open, and checks every byte of what arrived.
.DESCRIPTION
    For a scheduled task that runs while the application is down: before an upgrade, or as the last word of a maintenance window. That the application is still
    up is a mistake then, so an index in use is refused, and the message names who has it; HotBackup.ps1 is for those.
    Exit code: 0 backed up and verified, 1 not.
.EXAMPLE
    ./examples/ColdBackup.ps1 -Path /srv/orders -Repository /mnt/backups
#>
[CmdletBinding()]
param(
    # Folder of the index.
    [Parameter(Mandatory)]
    [string] $Path,

    # Repository: a folder, a URL or a registered name; made once with New-HestiaRepository.
    [Parameter(Mandatory)]
    [string] $Repository
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
try {
    # Opened here, so that nobody can come in between; and refused by name if somebody is there.
    $index = Open-HestiaIndex -LiteralPath $Path
    try { $backup = Backup-HestiaIndex -Index $index -Repository $Repository -Confirm:$false }
    finally { Close-HestiaIndex -Index $index -Confirm:$false }
    $null = Test-HestiaBackup -Repository $Repository -BackupId $backup.BackupId -Deep
    $backup
}
catch {
    # Said here because 'pwsh -File' itself would exit with 1 but say nothing of the way out.
    Write-Output "NOT BACKED UP: $($_.Exception.Message)"
    exit 1
}
exit 0
