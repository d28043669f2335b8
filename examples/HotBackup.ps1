#requires -Version 7.4
<#
.SYNOPSIS
    The scheduled backup of indexes at work: flush, back up, ship the log, verify, retain, prune; one line for each index.
.DESCRIPTION
    Runs in a shell of its own beside the application that has the indexes open; its writers go on. A closed index is backed up as well. Without -Path, every
    index is taken that this PowerShell itself has open for writing.

    Each index gives one line of key=value pairs, on the output and with -SystemLog also in the system's log (syslog, or the Application log of Windows), so that
    a log collector needs no parser of its own. One index that fails does not stop the others.

    A folder that a wildcard finds and that is no index of any kind (lost+found) is passed over, with a line that says so. One with files of an index in it, or named
    in full, counts as not backed up.

    A run that was interrupted is simply started again: what was sent already is not sent again.
    Exit code: 0 everything was done, 1 an index was not backed up (or nothing was found), 2 backed up, but the log was not shipped, the check failed, or old backups
    could not be removed.

    As a schedule:
      cron             0 * * * *  hestia  pwsh -NoProfile -NonInteractive -File /opt/hestia/HotBackup.ps1 -Path '/srv/indexes/*' -Repository offsite -Wal -SystemLog
      Task Scheduler   pwsh.exe -NoProfile -NonInteractive -File C:\Hestia\HotBackup.ps1 -Path D:\indexes\* -Repository offsite -SystemLog
    as the user that runs the application, or root (Administrator): nobody else may ask it.
.EXAMPLE
    ./examples/HotBackup.ps1 -Path /srv/indexes/* -Repository /mnt/backups -Wal -KeepDaily 7 -KeepWeekly 4 -KeepMonthly 12
.EXAMPLE
    $index = Open-HestiaIndex /srv/orders
    Import-Csv orders.csv | Set-HestiaEntry -Index $index
    ./examples/HotBackup.ps1 -Repository /mnt/backups
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSReviewUnusedParameter', '', Justification = 'Used in the functions below.')]
[CmdletBinding(PositionalBinding = $false)]
param(
    # Repository: a folder, a URL or a registered name; made once with New-HestiaRepository.
    [Parameter(Mandatory)]
    [string] $Repository,

    # Folders of indexes; wildcards are fine.
    [string[]] $Path = @(),

    # Without -Path: only sessions of this name; wildcards are fine.
    [string] $Name = '*',

    # Also ship the write-ahead log, for restores to any moment.
    [switch] $Wal,

    # What to keep; without any of them nothing is removed.
    [int] $KeepDaily,
    [int] $KeepWeekly,
    [int] $KeepMonthly,

    # Percent of the backup's objects whose bytes are read and hashed afterwards; that all are there and of the right size is always looked at.
    [ValidateRange(1, 100)]
    [int] $VerifyPercent,

    # Write the lines to the system's log as well.
    [switch] $SystemLog,

    # Emit the backups instead of the lines.
    [switch] $PassThru
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')

# One line, values with spaces in quotes, line breaks gone: what syslog and the event log take.
function Write-Line([bool] $Good, [System.Collections.Specialized.OrderedDictionary] $Pairs) {
    $text = foreach ($key in $Pairs.Keys) {
        $value = "$($Pairs[$key])" -replace '\s+', ' ' -replace '"', "'"
        '{0}={1}' -f $key, ($value -match '[ =]' -or $value -eq '' ? "`"$value`"" : $value)
    }
    $line = "HestiaBackup $($text -join ' ')"
    if (-not $PassThru) { Write-Output $line }
    if (-not $SystemLog) { return }
    # Nobody is there to see it if the log cannot be written, and the backup is made all the same.
    if ($IsWindows) { $null = & eventcreate.exe /L APPLICATION /SO HestiaBackup /ID ($Good ? 1 : 2) /T ($Good ? 'INFORMATION' : 'ERROR') /D $line 2>&1 }
    elseif (Get-Command logger -CommandType Application -ErrorAction Ignore) { $null = & logger -t HestiaBackup -p ($Good ? 'user.info' : 'user.err') -- $line 2>&1 }
}

function Get-ErrorName($ErrorRecord) { $ErrorRecord.FullyQualifiedErrorId.Split(',')[0] }

# Whether a folder holds nothing of an index: not one that has only lost its index.json.
function Test-NoIndex([string] $Folder) {
    if ((Split-Path -Leaf $Folder) -ceq 'lost+found') { return $true }
    try { $null = Get-HestiaIndex -LiteralPath $Folder; return $false }
    catch { if ((Get-ErrorName $_) -ne 'NotAnIndex') { return $false } }
    -not @(Get-ChildItem -LiteralPath $Folder -Force | Where-Object { $_.Name -in 'segments', 'wal', '.lock', 'archive.json', 'backup.json' -or $_.Name -like '*manifest*' })
}

# Target is what to pass to every cmdlet; an index is found anew at each step, because its owner may come and go.
$targets = [System.Collections.Generic.List[hashtable]]::new()
if ($Path) {
    foreach ($pattern in $Path) {
        try {
            foreach ($found in Resolve-Path -Path $pattern) {
                $folder = $found.ProviderPath
                if (-not (Test-Path -LiteralPath $folder -PathType Container)) { continue }
                if ([WildcardPattern]::ContainsWildcardCharacters($pattern) -and (Test-NoIndex $folder)) {
                    Write-Line $true ([ordered]@{ result = 'skipped'; index = Split-Path -Leaf $folder; step = 'find'; message = 'no index: passed over' })
                    continue
                }
                $targets.Add(@{ LiteralPath = $folder })
            }
        }
        catch { Write-Line $false ([ordered]@{ result = 'failed'; index = $pattern; step = 'find'; error = Get-ErrorName $_; message = $_.Exception.Message }) }
    }
}
else { Get-HestiaIndex | Where-Object { $_.Name -like $Name -and -not $_.IsReadOnly } | ForEach-Object { $targets.Add(@{ Index = $_ }) } }
if (-not $targets.Count) {
    Write-Line $false ([ordered]@{ result = 'failed'; index = $Path ? $Path -join ' ' : $Name; step = 'find'; error = 'NothingFound'
        message = $Path ? 'NOT BACKED UP: no such index.' : 'NOT BACKED UP: this process has no such index open for writing. Give -Path for those of other processes.' })
    exit 1
}

$missed = 0
$flawed = 0
$done = [System.Collections.Generic.HashSet[string]]::new()
foreach ($target in $targets) {
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $where = $target['LiteralPath'] ?? $target['Index'].Path
    $line = [ordered]@{ result = 'ok'; index = Split-Path -Leaf $where }
    $step = 'flush'
    $backup = $null
    try {
        $flush = Invoke-HestiaFlush @target -Confirm:$false
        $line.index = $flush.IndexName
        $line.via = $flush.Via
        $step = 'backup'
        $backup = Backup-HestiaIndex @target -Repository $Repository -Confirm:$false
        $null = $done.Add($backup.IndexName)
        $line.backup = $backup.BackupId
        $line.lsn = $backup.Lsn
        $line.bytes = $backup.Bytes
        $line.sent = $backup.BytesSent
        if ($Wal) {
            $step = 'wal'
            $shipped = Backup-HestiaIndex @target -Repository $Repository -Wal -Confirm:$false
            $line.archivedLsn = $shipped.ArchivedLsn
            $line.lsnsBehind = $shipped.LsnsBehind
        }
        $step = 'verify'
        $verify = @{ Repository = $Repository; BackupId = $backup.BackupId }
        if ($VerifyPercent) { $verify.SamplePercent = $VerifyPercent }
        $null = Test-HestiaBackup @verify
    }
    catch {
        if ($backup) { $flawed++ } else { $missed++ }
        $line.result = $backup ? 'flawed' : 'failed'
        $line.step = $step
        $line.error = Get-ErrorName $_
        $line.message = ($backup ? '' : 'NOT BACKED UP: ') + $_.Exception.Message
    }
    $line.seconds = [Math]::Round($clock.Elapsed.TotalSeconds, 1).ToString([cultureinfo]::InvariantCulture)
    Write-Line ($line.result -eq 'ok') $line
    if ($PassThru -and $backup) { $backup }
}

# Only of indexes that have a new backup: where backups fail, the old ones are all there is.
$keep = @{}
if ($KeepDaily) { $keep.KeepDaily = $KeepDaily }
if ($KeepWeekly) { $keep.KeepWeekly = $KeepWeekly }
if ($KeepMonthly) { $keep.KeepMonthly = $KeepMonthly }
if ($keep.Count -and $done.Count) {
    try {
        $removed = @(Remove-HestiaBackup -Repository $Repository -IndexName @($done | ForEach-Object { [WildcardPattern]::Escape($_) }) @keep -Confirm:$false | Where-Object Action -EQ Removed)
        $prune = Optimize-HestiaRepository -Repository $Repository -Confirm:$false
        Write-Line $true ([ordered]@{ result = 'ok'; step = 'retain'; removed = $removed.Count; objectsRemoved = $prune.ObjectsRemoved })
    }
    catch {
        $flawed++
        Write-Line $false ([ordered]@{ result = 'flawed'; step = 'retain'; error = Get-ErrorName $_; message = $_.Exception.Message })
    }
}
if ($missed) { exit 1 }
exit ($flawed ? 2 : 0)
