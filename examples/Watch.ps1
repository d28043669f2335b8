#requires -Version 7.4
<#
.SYNOPSIS
    Shows an index at work, again and again: writes and reads a second, syncs, stalls, flush, compaction, memory, log.
.DESCRIPTION
    Asks the process that has the index open; that costs it next to nothing, and without this nothing is measured. The rates are differences of two looks. The
    same numbers are on the meter Hestia.Core (docs/metrics.md).
    Ends with Ctrl+C, after -Count looks, or when the index is closed.
    Exit code: 0, or 1 if the index could not be asked.
.EXAMPLE
    ./examples/Watch.ps1 -Path /srv/orders
.EXAMPLE
    ./examples/Watch.ps1 -Path /srv/orders -Interval 10 -Count 360 -PassThru | Export-Csv hour.csv
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    # Folder of the index.
    [Parameter(Mandatory)]
    [string] $Path,

    # Seconds between two looks.
    [ValidateRange(0.1, 3600)]
    [double] $Interval = 2,

    # Looks; 0 for no end.
    [ValidateRange(0, 1000000)]
    [int] $Count = 0,

    # Emit objects, one for each look, instead of the screen.
    [switch] $PassThru
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')

function Format-Size([double] $Bytes) {
    foreach ($unit in 'B', 'KiB', 'MiB', 'GiB') {
        if ($Bytes -lt 1024 -or $unit -eq 'GiB') { return '{0:N1} {1}' -f $Bytes, $unit }
        $Bytes /= 1024
    }
}

try {
    $before = $null
    $at = $null
    for ($look = 0; $Count -eq 0 -or $look -le $Count; $look++) {
        if ($look) { Start-Sleep -Seconds $Interval }
        $now = (Get-HestiaIndex -LiteralPath $Path).Statistics
        if ($null -eq $now) { throw "Nobody has $Path open, so there is nothing to watch." }
        $clock = [System.Diagnostics.Stopwatch]::GetTimestamp()
        if ($before) {
            $seconds = [System.Diagnostics.Stopwatch]::GetElapsedTime($at, $clock).TotalSeconds
            $lookups = $now.CacheHits - $before.CacheHits + $now.CacheMisses - $before.CacheMisses
            $row = [pscustomobject][ordered]@{
                Time             = [DateTimeOffset]::UtcNow
                State            = $now.SuspendedUntil ? 'Suspended' : "$($now.State)"
                WritesPerSecond  = [long](($now.Operations - $before.Operations) / $seconds)
                ReadsPerSecond   = [long](($now.Reads - $before.Reads) / $seconds)
                SyncsPerSecond   = [long](($now.WalSyncs - $before.WalSyncs) / $seconds)
                SyncFailures     = $now.SyncFailures
                StallPercent     = [Math]::Round(100 * ($now.WriteStallTime - $before.WriteStallTime).TotalSeconds / $seconds, 1)
                CacheHitPercent  = $lookups ? [Math]::Round(100 * ($now.CacheHits - $before.CacheHits) / $lookups, 1) : $null
                Flushes          = $now.Flushes - $before.Flushes
                Compactions      = $now.Compactions - $before.Compactions
                MemtableBytes    = $now.MemtableBytes
                WalBytes         = $now.WalBytes
                CompactionDebt   = $now.CompactionDebtBytes
                Pins             = $now.Pins
                LastLsn          = $now.LastLsn.Value
                UnflushedLsns    = $now.LastLsn.Value - $now.Checkpoint.Value
            }
            if ($PassThru) { $row }
            else {
                if (-not [Console]::IsOutputRedirected) { Clear-Host }
                Write-Output ('{0}  {1:HH:mm:ss} UTC  {2}' -f $Path, $row.Time, $row.State)
                Write-Output ('  writes {0,10:N0}/s   reads {1,10:N0}/s   syncs {2,7:N0}/s   failed syncs {3}' -f
                    $row.WritesPerSecond, $row.ReadsPerSecond, $row.SyncsPerSecond, $row.SyncFailures)
                Write-Output ('  stalled {0,6:N1} %      cache {1,8:N1} %     flushes {2,3}      compactions {3}' -f
                    $row.StallPercent, $row.CacheHitPercent, $row.Flushes, $row.Compactions)
                Write-Output ('  memtables {0,10}   log {1,10}   compaction debt {2,10}   pins {3}' -f
                    (Format-Size $row.MemtableBytes), (Format-Size $row.WalBytes), (Format-Size $row.CompactionDebt), $row.Pins)
                Write-Output ('  last LSN {0:N0}, {1:N0} of them in memory and log only' -f $row.LastLsn, $row.UnflushedLsns)
            }
        }
        $before = $now
        $at = $clock
    }
}
catch {
    Write-Output "COULD NOT WATCH: $($_.Exception.Message)"
    exit 1
}
exit 0
