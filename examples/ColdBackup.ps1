#requires -Version 7.4
<#
.SYNOPSIS
    Backs up an index that nobody has open, and checks what arrived.
.DESCRIPTION
    For a scheduled task that runs while the application is down. An index that is in use is refused, and the message names who has it.
    Exit code: 0 backed up and verified, 1 not.
.EXAMPLE
    ./examples/ColdBackup.ps1 -Path /srv/orders -Repository /mnt/backups
#>
[CmdletBinding()]
param(
    # Folder of the index.
    [Parameter(Mandatory)]
    [string] $Path,

    # Folder of the repository; made once with New-HestiaRepository.
    [Parameter(Mandatory)]
    [string] $Repository
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
try {
    $backup = Backup-HestiaIndex -LiteralPath $Path -Repository $Repository -Confirm:$false
    $null = Test-HestiaBackup -Repository $Repository -BackupId $backup.BackupId -Deep
    $backup
}
catch {
    # Said here because 'pwsh -File' itself would exit with 1 but say nothing of the way out.
    Write-Output "NOT BACKED UP: $($_.Exception.Message)"
    exit 1
}
exit 0
