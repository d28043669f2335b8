#requires -Version 7.4
<#
.SYNOPSIS
    Restores the newest good backup of an index, and goes through the checklist before it says so.
.DESCRIPTION
    Every byte of a backup is read and hashed first; one that is damaged is passed over, said so, and the one before it is taken.
    An index that is at the target is replaced only with -Force, and never while it is in use.

    Then the checklist, a line for each point:
      opens        the restored index opens, with nothing to recover
      check        every checksum, order and number, and every file against its name
      known keys   the keys of -KnownKey are there, with the value after '=' where one is given
      healthy      it can be read to the end, and ends with the write the backup names
      next backup  the file of -Schedule names this folder, or on Windows a scheduled task has that name: the restored index will be backed up again
    A point that was not asked for is skipped and said so.
    Exit code: 0 restored and every point is good, 1 not restored, and the target is as it was; 2 restored, and a point is not good.
.EXAMPLE
    ./examples/Restore.ps1 -Repository /mnt/backups -IndexName orders -Path /srv/orders -Force -KnownKey order/1001, 'schema=7' -Schedule /etc/cron.d/hestia
#>
[CmdletBinding()]
param(
    # Repository: a folder, a URL or a registered name.
    [Parameter(Mandatory)]
    [string] $Repository,

    # Name of the index, as Get-HestiaBackup shows it.
    [Parameter(Mandatory)]
    [string] $IndexName,

    # Folder to restore into.
    [Parameter(Mandatory)]
    [string] $Path,

    # Replace an index that is there.
    [switch] $Force,

    # Keys that must be there, as 'key' or 'key=value'. With pwsh -File, one text with commas between them.
    [string[]] $KnownKey = @(),

    # Crontab, systemd unit, exported task or other file that must name the folder; on Windows also the name of a scheduled task.
    [string] $Schedule
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
$good = $null
try {
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
}
catch {
    Write-Output "NOT RESTORED: $($_.Exception.Message)"
    exit 1
}

$bad = 0
# Each point says what it found; what it throws is why it is not good.
function Test-Point([string] $Name, [scriptblock] $Body, [bool] $Asked = $true) {
    if (-not $Asked) {
        Write-Output ('[    ] {0,-12} not asked for' -f $Name)
        return
    }
    try { Write-Output ('[good] {0,-12} {1}' -f $Name, (& $Body)) }
    catch {
        $script:bad++
        Write-Output ('[BAD ] {0,-12} {1}' -f $Name, $_.Exception.Message)
    }
}

$keys = @($KnownKey | ForEach-Object { $_ -split ',' } | Where-Object { $_ })
$index = $null
try {
    Test-Point 'opens' {
        $script:index = Open-HestiaIndex -LiteralPath $Path -ReadOnly
        if ($script:index.Recovery.Notices.Count) { throw "Opening had to recover: $($script:index.Recovery.Notices[0].Message)" }
        "as '$($script:index.Name)', LSN $($script:index.LastLsn)"
    }
    Test-Point 'known keys' -Asked ($keys.Count -gt 0) {
        foreach ($key in $keys) {
            $name, $value = $key -split '=', 2
            $entry = Get-HestiaEntry -Index $script:index -Key $name
            if ($null -ne $value -and "$($entry.Value)" -cne $value) { throw "'$name' is '$($entry.Value)' and should be '$value'." }
        }
        "$($keys.Count) found"
    }
    Test-Point 'healthy' {
        $count = (Get-HestiaEntry -Index $script:index | Measure-Object).Count
        if ($script:index.LastLsn -ne $good.Lsn) { throw "It ends at LSN $($script:index.LastLsn); the backup ends at $($good.Lsn)." }
        "$count entries read, up to LSN $($good.Lsn)"
    }
}
finally { if ($index) { Close-HestiaIndex -Index $index -Confirm:$false } }
Test-Point 'check' {
    $check = Test-HestiaIndex -LiteralPath $Path -Deep
    "$($check.Segments) segments hashed, $($check.Entries) entries"
}
Test-Point 'next backup' -Asked ([bool]$Schedule) {
    if (Test-Path -LiteralPath $Schedule -PathType Leaf) {
        $folder = (Resolve-Path -LiteralPath $Path).ProviderPath
        $parent = Split-Path -Parent $folder
        $lines = @(Get-Content -LiteralPath $Schedule | Where-Object { $_ -notmatch '^\s*(#|;|$)' })
        if (-not ($lines | Where-Object { $_.Contains($folder) -or $_.Contains((Join-Path $parent '*')) })) { throw "$Schedule does not name $folder." }
        "named in $Schedule"
    }
    elseif ($IsWindows) {
        $task = Get-ScheduledTask -TaskName $Schedule
        if ($task.State -eq 'Disabled') { throw "The task $Schedule is disabled." }
        "task $Schedule, next run $((Get-ScheduledTaskInfo -InputObject $task).NextRunTime)"
    }
    else { throw "There is no file $Schedule." }
}
if ($bad) { Write-Output "RESTORED, AND $bad POINTS OF THE CHECKLIST ARE NOT GOOD." }
exit ($bad ? 2 : 0)
