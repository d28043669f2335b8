#requires -Version 7.4
<#
.SYNOPSIS
    Holds an index still while a command takes a snapshot of its directory, and says which write the snapshot stands for.
.DESCRIPTION
    The command is yours: lvcreate, zfs, a storage array's tool, rsync. Writers wait until it has ended, or until -Duration is up, whichever comes first: then
    the snapshot is not of one moment, and the exit code says so. The index is resumed in any case; a window that somebody else has begun since is left alone.
    Exit code: 0 the snapshot is of one moment, 1 the index could not be suspended or the command failed, 2 the time was too short, or somebody else ended the window:
    throw the snapshot away.
.EXAMPLE
    ./examples/Snapshot.ps1 -Path /srv/orders -Duration 30s -Command 'zfs snapshot tank/srv@{lsn}'
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    # Folder of the index.
    [Parameter(Mandatory)]
    [string] $Path,

    # What takes the snapshot: one line of PowerShell. {lsn} stands for the LSN, {path} for the folder.
    [Parameter(Mandatory)]
    [string] $Command,

    # How long writers may be held up: 30s, 2m.
    [ValidatePattern('^\d+(ms|s|m|h)$')]
    [string] $Duration = '1m'
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
$window = $null
$end = $null
try {
    $window = Suspend-HestiaIndex -LiteralPath $Path -Duration $Duration -Confirm:$false
    try {
        & ([scriptblock]::Create($Command.Replace('{lsn}', "$($window.Lsn)").Replace('{path}', $window.Path)))
    }
    finally {
        try { $end = Resume-HestiaIndex -LiteralPath $Path -Began $window.Began -Confirm:$false -WarningAction SilentlyContinue }
        catch { if ($_.FullyQualifiedErrorId -notlike 'IndexNotSuspended,*') { throw } } # somebody else has ended this very window
    }
}
catch {
    Write-Output "NO SNAPSHOT: $($_.Exception.Message)"
    exit 1
}
if ($null -eq $end -or $end.Expired -or $end.Began -ne $window.Began) {
    Write-Output "NOT OF ONE MOMENT: the command took longer than $Duration, or somebody else ended its window. Throw the snapshot away, and take it again with more time."
    exit 2
}
Write-Output "snapshot of $($window.IndexName) at LSN $($window.Lsn); writers waited $([Math]::Round($end.Duration.TotalSeconds, 1)) s at most"
exit 0
