#requires -Version 7.4
<#
.SYNOPSIS
    Backs up many indexes at once, several at a time, with one result for each.
.DESCRIPTION
    ForEach-Object -Parallel gives each index a runspace of its own, so the module is imported in each, by its path. Whoever has an index open does its flush;
    copying is done here. How many at a time is a matter of the disk and the line, not of the number of indexes.
    One that fails does not stop the others; its row says why.
    Exit code: 0 all backed up, 1 one was not, or nothing was found.
.EXAMPLE
    ./examples/ParallelBackup.ps1 -Path /srv/indexes -Repository /mnt/backups -ThrottleLimit 4 | Format-Table
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    # Folder whose subfolders are indexes; others are passed over.
    [Parameter(Mandatory)]
    [string] $Path,

    # Repository: a folder, a URL or a registered name; made once with New-HestiaRepository.
    [Parameter(Mandatory)]
    [string] $Repository,

    # Backups at a time.
    [ValidateRange(1, 64)]
    [int] $ThrottleLimit = 4
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
$module = (Get-Module HestiaPS).Path
$indexes = @(Get-ChildItem -LiteralPath $Path -Directory | Where-Object { Test-Path -LiteralPath (Join-Path $_.FullName 'index.json') })
$rows = @($indexes | ForEach-Object -ThrottleLimit $ThrottleLimit -Parallel {
    $ErrorActionPreference = 'Stop'
    Import-Module $using:module
    $row = [pscustomobject]@{
        Index = $_.Name; BackedUp = $false; FlushedIndices = 0; SegmentsWritten = 0; WalCheckpoint = $null; BackupId = $null; BytesSent = 0; Error = $null
    }
    try {
        $flush = Invoke-HestiaFlush -LiteralPath $_.FullName -Confirm:$false
        $row.FlushedIndices = $flush.FlushedIndices
        $row.SegmentsWritten = $flush.SegmentsWritten
        $row.WalCheckpoint = $flush.WalCheckpoint
        $backup = Backup-HestiaIndex -LiteralPath $_.FullName -Repository $using:Repository -Confirm:$false
        $row.BackupId = $backup.BackupId
        $row.BytesSent = $backup.BytesSent
        $row.BackedUp = $true
    }
    catch { $row.Error = "$($_.FullyQualifiedErrorId.Split(',')[0]): $($_.Exception.Message)" }
    $row
})
$rows | Sort-Object Index
if (-not $rows -or $rows.BackedUp -contains $false) { exit 1 }
exit 0
