#requires -Version 7.4
<#
.SYNOPSIS
    Checks the write-ahead logs of one or more indexes; for a scheduled task that looks at the exit code.
.DESCRIPTION
    Nothing is changed, and the index may be in use. A torn tail, which every crash leaves, is healthy.
    Exit code: 0 every log is healthy and its index would open, 1 one could not be checked, 2 one is damaged (even if another could not
    be checked). Where the log is whole but opening would be refused for something else that is damaged or missing (index.json, the
    manifest, a segment), that counts as damaged, for the log alone brings nothing back; where a newer version wrote the index, or the
    system refuses to read it, as not checked.
.EXAMPLE
    pwsh -NoProfile -File ./examples/TestWal.ps1 /srv/orders /srv/customers
#>
[CmdletBinding()]
param(
    # Folders of indexes.
    [Parameter(Mandatory, Position = 0, ValueFromRemainingArguments)]
    [string[]] $Path
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$damaged = 0
$failed = 0
try { Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS') }
catch {
    Write-Output "COULD NOT RUN: $($_.Exception.Message)"
    exit 1
}
foreach ($folder in $Path) {
    try {
        # An unhealthy log is also an error record; here the object says all there is to say.
        $result = Test-HestiaWal -LiteralPath $folder -ErrorAction SilentlyContinue -ErrorVariable problem -WarningAction SilentlyContinue
        if (-not $result) { throw $problem[0] }
        if ($result.Healthy -and $result.WouldOpen) {
            Write-Output "healthy  $folder  $($result.Records) records, LSN $($result.FirstLsn) to $($result.LastLsn)"
            continue
        }
        # What stands in the way of opening: errors of the log, or something else of the index.
        $codes = @($result.Findings | Where-Object Severity -EQ Error | ForEach-Object Code)
        if ($result.OpenRefusal) { $codes += $result.OpenRefusal.Code }
        if ($codes -and -not ($codes | Where-Object { $_ -notin 'FormatTooNew', 'FormatUnsupported', 'AccessDenied', 'IoError' })) {
            throw "$($result.Findings -join ' ') $($result.OpenWould)"
        }
        $damaged++
        Write-Output "DAMAGED  $folder  $($result.OpenWould)"
        foreach ($finding in $result.Findings) { Write-Output "         $finding" }
    }
    catch {
        $failed++
        Write-Output "COULD NOT CHECK  $folder  $($_.Exception.Message)"
    }
}
if ($damaged) { exit 2 }
if ($failed) { exit 1 }
exit 0
