#requires -Version 7.4
<#
.SYNOPSIS
    Restores the newest good backup of an index, and checks the result.
.DESCRIPTION
    Every byte of a backup is read and hashed first; one that is damaged is passed over, said so, and the one before it is taken.
    An index that is at the target is replaced only with -Force, and never while it is in use.
    Exit code: 0 restored and healthy, 1 not restored; the target is then as it was.
.EXAMPLE
    ./examples/Restore.ps1 -Repository /mnt/backups -IndexName orders -Path /srv/orders -Force
#>
[CmdletBinding()]
param(
    # Folder of the repository.
    [Parameter(Mandatory)]
    [string] $Repository,

    # Name of the index, as Get-HestiaBackup shows it.
    [Parameter(Mandatory)]
    [string] $IndexName,

    # Folder to restore into.
    [Parameter(Mandatory)]
    [string] $Path,

    # Replace an index that is there.
    [switch] $Force
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
try {
    $good = $null
    foreach ($backup in Get-HestiaBackup -Repository $Repository -IndexName $IndexName | Sort-Object Completed -Descending) {
        $test = $backup | Test-HestiaBackup -Deep -ErrorAction SilentlyContinue -ErrorVariable problem
        if ($test -and $test.Healthy) {
            $good = $backup
            break
        }
        Write-Output "PASSED OVER: $($problem[0])"
    }
    if (-not $good) { throw "No good backup of '$IndexName' is in $Repository." }
    $good | Restore-HestiaIndex -LiteralPath $Path -Force:$Force -Confirm:$false
    Test-HestiaIndex -LiteralPath $Path -Deep
}
catch {
    Write-Output "NOT RESTORED: $($_.Exception.Message)"
    exit 1
}
exit 0
