#requires -Version 7.4
<#
.SYNOPSIS
    Brings an index back after a crash or a power loss: look at the log, open, check, repair if needed, compact if wanted, back up afresh.
.DESCRIPTION
    A crash alone never needs a repair: opening recovers. Damage that no crash explains is shown with its repair plan, and only carried out
    with -Repair; where entries would be lost, only with -AcceptLoss as well. Before a repair, compare with restoring the last backup.
    Exit code: 0 healthy and backed up, 1 could not be done, 2 damaged and left as it was.
.EXAMPLE
    ./examples/PostCrash.ps1 -Path /srv/orders -Repository /mnt/backups
.EXAMPLE
    ./examples/PostCrash.ps1 -Path /srv/orders -Repository /mnt/backups -Repair -AcceptLoss
#>
[CmdletBinding()]
param(
    # Folder of the index.
    [Parameter(Mandatory)]
    [string] $Path,

    # Where the fresh backup goes; none is made without it.
    [string] $Repository,

    # Carry out the repair if one is needed.
    [switch] $Repair,

    # Carry it out even where entries are lost.
    [switch] $AcceptLoss,

    # Compact afterwards.
    [switch] $Compact
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
$index = $null
try {
    Write-Output '1. The write-ahead log'
    $wal = Test-HestiaWal -LiteralPath $Path -ErrorAction SilentlyContinue -ErrorVariable problem -WarningAction SilentlyContinue
    if (-not $wal) { throw $problem[0] }
    $verdict = $wal.Healthy ? 'healthy' : 'DAMAGED'
    Write-Output "   ${verdict}: $($wal.Records) records, LSN $($wal.FirstLsn) to $($wal.LastLsn). $($wal.OpenWould)"
    foreach ($finding in $wal.Findings) { Write-Output "   $finding" }

    Write-Output '2. Open and check'
    $check = $null
    try {
        $index = Open-HestiaIndex -LiteralPath $Path
        foreach ($notice in $index.Recovery.Notices) { Write-Output "   recovered: $($notice.Message)" }
        Close-HestiaIndex -Index $index -Confirm:$false
        $index = $null
        $check = Test-HestiaIndex -LiteralPath $Path -Deep -ErrorAction SilentlyContinue
        $verdict = $check.Healthy ? 'healthy' : 'DAMAGED'
        Write-Output "   ${verdict}: $($check.Entries) entries in $($check.Segments) segments, last LSN $($check.LastLsn)"
        foreach ($finding in $check.Findings) { Write-Output "   $finding" }
    }
    catch {
        # Who has it open, or a missing folder, is nothing that a repair could help.
        if ($_.FullyQualifiedErrorId -match '^(IndexInUse|PathNotFound|NotAnIndex|FormatTooNew|AccessDenied|DiskFull)') { throw }
        Write-Output "   does not open: $($_.Exception.Message)"
    }

    if (-not $check -or -not $check.Healthy) {
        Write-Output '3. The repair'
        if (-not $Repair) {
            Repair-HestiaIndex -LiteralPath $Path -WhatIf
            Write-Output '   Nothing was changed. Restore the last backup, or run this again with -Repair.'
            exit 2
        }
        $repaired = Repair-HestiaIndex -LiteralPath $Path -Force:$AcceptLoss -Confirm:$false
        foreach ($action in $repaired.Done) { Write-Output "   done: $($action.Message)" }
        foreach ($loss in $repaired.Lost) { Write-Output "   LOST: $loss" }
        Write-Output "   $($repaired.EntriesKept) entries kept; $($repaired.Quarantined.Count) files moved to quarantine/"
        if (-not (Test-HestiaIndex -LiteralPath $Path -Deep -Quiet)) { throw "The index is still damaged after the repair: $Path" }
    }

    if ($Compact) {
        Write-Output '4. Compact'
        $index = Open-HestiaIndex -LiteralPath $Path
        $optimized = Optimize-HestiaIndex -Index $index -Confirm:$false
        Write-Output "   $($optimized.SegmentsBefore) segments became $($optimized.SegmentsAfter)"
        Close-HestiaIndex -Index $index -Confirm:$false
        $index = $null
    }

    if ($Repository) {
        Write-Output '5. A fresh backup'
        $backup = Backup-HestiaIndex -LiteralPath $Path -Repository $Repository -Confirm:$false
        $null = Test-HestiaBackup -Repository $Repository -BackupId $backup.BackupId -Deep
        Write-Output "   $($backup.BackupId) at LSN $($backup.Lsn), verified"
    }
}
catch {
    Write-Output "COULD NOT BE DONE: $($_.Exception.Message)"
    exit ($_.FullyQualifiedErrorId -like 'RepairWouldLoseData*' ? 2 : 1)
}
finally {
    if ($index) { Close-HestiaIndex -Index $index -Confirm:$false }
}
exit 0
