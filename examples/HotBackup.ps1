#requires -Version 7.4
<#
.SYNOPSIS
    Backs up every index that this PowerShell has open for writing, while it goes on writing.
.DESCRIPTION
    One process at a time has an index open, so a hot backup runs in the process that writes: call this from the script that loads or serves
    the index, between two steps or in a runspace of its own. Each backup holds exactly the writes up to the LSN it names.
    Exit code: 0 all backed up and verified, 1 one was not, or nothing is open.
.EXAMPLE
    $index = Open-HestiaIndex /srv/orders
    Import-Csv orders.csv | Set-HestiaEntry -Index $index
    ./examples/HotBackup.ps1 -Repository /mnt/backups
#>
[CmdletBinding()]
param(
    # Folder of the repository; made once with New-HestiaRepository.
    [Parameter(Mandatory)]
    [string] $Repository,

    # Only indexes of this name; wildcards are fine.
    [string] $Name = '*'
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
$sessions = @(Get-HestiaIndex | Where-Object { $_.Name -like $Name -and -not $_.IsReadOnly })
if (-not $sessions) {
    Write-Output "NOT BACKED UP: this process has no index named '$Name' open for writing. Use ColdBackup.ps1 for one that is closed."
    exit 1
}
$failed = 0
foreach ($session in $sessions) {
    try {
        $backup = Backup-HestiaIndex -Index $session -Repository $Repository -Confirm:$false
        $null = Test-HestiaBackup -Repository $Repository -BackupId $backup.BackupId
        $backup
    }
    catch {
        $failed++
        Write-Output "NOT BACKED UP: $($session.Name): $($_.Exception.Message)"
    }
}
exit [int]($failed -gt 0)
