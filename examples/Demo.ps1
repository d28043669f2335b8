#requires -Version 7.4
<#
.SYNOPSIS
    Shows the whole path on real files: catalogue a folder, back the catalogue up twice, lose it, restore it, prove it.
.DESCRIPTION
    Every file under the folder becomes an entry: its path is the key; its size, time and SHA-256 are the value. What was written is also
    noted in a plain file beside the index, so that the proof at the end does not rest on the engine's own word.
    Nothing in the folder is changed. Memory stays flat however many files there are.
    The exit code is 0 if every entry came back as it was, otherwise 2.
.EXAMPLE
    ./examples/Demo.ps1 -Folder ~/Pictures -Keep
#>
[CmdletBinding()]
param(
    # The folder to catalogue. Default: PowerShell's own installation.
    [string] $Folder = $PSHOME,

    # Where index, repository and restored copy go. Default: a new folder under the temporary one.
    [string] $Scratch = (Join-Path ([System.IO.Path]::GetTempPath()) "hestia-demo-$PID"),

    # Leave them there at the end.
    [switch] $Keep
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$InformationPreference = 'Continue'
$ProgressPreference = 'SilentlyContinue'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')

function Format-Size([double] $Bytes) {
    foreach ($unit in 'B', 'KB', 'MB', 'GB') {
        if ($Bytes -lt 1000 -or $unit -eq 'GB') { return ($unit -eq 'B' ? '{0:N0} {1}' : '{0:N1} {1}') -f $Bytes, $unit }
        $Bytes /= 1000
    }
}

function Format-Rate([double] $Count, [timespan] $Time) { '{0:N0}/s' -f ($Count / [Math]::Max($Time.TotalSeconds, 0.001)) }

function Format-Count([long] $Count, [string] $One, [string] $Many) { '{0:N0} {1}' -f $Count, ($Count -eq 1 ? $One : $Many) }

$step = 0
function Write-Step([string] $Title, [string] $Result, [timespan] $Time) {
    $script:step++
    Write-Information ('{0,2}. {1,-24} {2,9:N2} s   {3}' -f $script:step, $Title, $Time.TotalSeconds, $Result)
}

# Every readable file as Key and Value. What it emits is noted in the ledger on the way, in the ledger's own plain form.
function Get-CatalogueEntry([string] $Path, [System.IO.BinaryWriter] $Ledger, [hashtable] $Total) {
    $options = [System.IO.EnumerationOptions]@{
        RecurseSubdirectories = $true
        IgnoreInaccessible    = $true
        AttributesToSkip      = [System.IO.FileAttributes]::ReparsePoint
    }
    $hash = [System.Security.Cryptography.SHA256]
    $ofNothing = [Convert]::ToHexString($hash::HashData([byte[]]::new(0))).ToLowerInvariant()
    foreach ($file in [System.IO.DirectoryInfo]::new($Path).EnumerateFiles('*', $options)) {
        try {
            # Pipes and devices show no length and must not be opened: they might never end.
            $digest = $ofNothing
            if ($file.Length -gt 0) {
                $stream = [System.IO.FileStream]::new($file.FullName, 'Open', 'Read', 'ReadWrite, Delete', 1, 'SequentialScan')
                try { $digest = [Convert]::ToHexString($hash::HashData($stream)).ToLowerInvariant() }
                finally { $stream.Dispose() }
            }
        }
        catch [System.Management.Automation.MethodInvocationException], [System.IO.IOException], [System.UnauthorizedAccessException] {
            $Total.Unreadable++
            continue
        }
        $key = [System.IO.Path]::GetRelativePath($Path, $file.FullName).Replace('\', '/')
        $value = '{{"size":{0},"time":"{1:o}","sha256":"{2}"}}' -f $file.Length, $file.LastWriteTimeUtc, $digest
        $Ledger.Write($key)
        $Ledger.Write($value)
        $Total.Entries++
        $Total.Bytes += $file.Length
        [pscustomobject]@{ Key = $key; Value = $value }
    }
}

# Reads the ledger back, with what was changed later in place of what was noted first.
function Read-Ledger([string] $Path, [hashtable] $Changed) {
    $reader = [System.IO.BinaryReader]::new([System.IO.File]::OpenRead($Path))
    try {
        while ($reader.BaseStream.Position -lt $reader.BaseStream.Length) {
            $key = $reader.ReadString()
            $value = $reader.ReadString()
            if (-not $Changed.ContainsKey($key)) { [pscustomobject]@{ Key = $key; Value = $value } }
        }
    }
    finally { $reader.Dispose() }
    foreach ($entry in $Changed.GetEnumerator()) {
        if ($null -ne $entry.Value) { [pscustomobject]@{ Key = $entry.Key; Value = $entry.Value } }
    }
}

$Folder = (Resolve-Path -LiteralPath $Folder).ProviderPath
$indexPath = Join-Path $Scratch 'catalogue'
$repository = Join-Path $Scratch 'backups'
$restoredPath = Join-Path $Scratch 'restored'
$ledgerPath = Join-Path $Scratch 'ledger.bin'
$null = New-Item -ItemType Directory -Path $Scratch
Write-Information "Catalogue of $Folder, in $Scratch"
Write-Information ''
$index = $null
try {
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $index = Open-HestiaIndex -Path $indexPath -Create
    $total = @{ Entries = 0; Bytes = 0; Unreadable = 0 }
    $ledger = [System.IO.BinaryWriter]::new([System.IO.File]::Create($ledgerPath))
    try { Get-CatalogueEntry -Path $Folder -Ledger $ledger -Total $total | Set-HestiaEntry -Index $index }
    finally { $ledger.Dispose() }
    if ($total.Entries -eq 0) { throw "There is no file to catalogue in $Folder. Name another one with -Folder." }
    Write-Step 'Catalogue the files' ('{0:N0} entries from {1} hashed ({2} and {3}/s){4}' -f $total.Entries, (Format-Size $total.Bytes),
        (Format-Rate $total.Entries $clock.Elapsed), (Format-Size ($total.Bytes / $clock.Elapsed.TotalSeconds)),
        ($total.Unreadable ? ", $($total.Unreadable) unreadable left out" : '')) $clock.Elapsed

    $flush = Invoke-HestiaFlush -Index $index -Confirm:$false
    $segments = Format-Count $flush.SegmentsWritten segment segments
    Write-Step 'Flush' "$segments written; everything up to LSN $($flush.WalCheckpoint) is in sorted files" $flush.Duration

    $null = New-HestiaRepository -Path $repository
    $first = Backup-HestiaIndex -Index $index -Repository $repository -Confirm:$false
    Write-Step 'First backup' "$(Format-Size $first.BytesSent) sent, all of it new: $($first.BackupId)" $first.Duration

    # One entry in a hundred changes, a handful goes, one comes: a day's work.
    $clock.Restart()
    $changed = @{}
    $every = [Math]::Max(1, [Math]::Min(100, [int]($total.Entries / 3)))
    $number = 0
    foreach ($entry in Get-HestiaEntry -Index $index) {
        if ($number++ % $every) { continue }
        $changed[$entry.Key] = $changed.Count % 20 -eq 1 ? $null : ($entry.Value -replace '}$', ',"seen":true}')
    }
    $changed['a file that came later'] = '{"size":0}'
    $gone = @($changed.Keys | Where-Object { $null -eq $changed[$_] })
    $changed.GetEnumerator() | Where-Object Value | Select-Object Key, Value | Set-HestiaEntry -Index $index
    $gone | Remove-HestiaEntry -Index $index -Confirm:$false
    Write-Step 'Change some' "$(Format-Count ($changed.Count - $gone.Count) entry entries) written, $($gone.Count) removed" $clock.Elapsed

    $second = Backup-HestiaIndex -Index $index -Repository $repository -Confirm:$false
    $share = $second.BytesSent / [Math]::Max($second.Bytes, 1)
    Write-Step 'Second backup' ('{0} sent of {1} ({2:P1}); {3} sent, {4} there already' -f (Format-Size $second.BytesSent),
        (Format-Size $second.Bytes), $share, (Format-Count $second.SegmentsSent segment segments), $second.SegmentsReused) $second.Duration

    $clock.Restart()
    Close-HestiaIndex -Index $index -Confirm:$false
    $index = $null
    Remove-Item -LiteralPath $indexPath -Recurse -Force
    Write-Step 'Lose the index' "$indexPath is gone" $clock.Elapsed

    $restore = Get-HestiaBackup -Repository $repository -IndexName catalogue -Latest | Restore-HestiaIndex -Path $restoredPath -Confirm:$false
    Write-Step 'Restore the latest' "$(Format-Count $restore.ObjectsVerified object objects) verified, as of LSN $($restore.Lsn)" $restore.Duration

    # Expected entries wait in a queue while the index answers in the same order: one that is passed over is missing.
    $clock.Restart()
    $expected = [System.Collections.Generic.Queue[psobject]]::new()
    $proof = @{ Equal = 0; Wrong = 0 }
    $index = Open-HestiaIndex -Path $restoredPath -ReadOnly
    Read-Ledger -Path $ledgerPath -Changed $changed | ForEach-Object { $expected.Enqueue($_); $_ } |
        Get-HestiaEntry -Index $index -ErrorAction SilentlyContinue | ForEach-Object {
            while (($noted = $expected.Dequeue()).Key -cne $_.Key) { $proof.Wrong++ }
            if ($noted.Value -ceq $_.Value) { $proof.Equal++ } else { $proof.Wrong++ }
        }
    $proof.Wrong += $expected.Count
    $surplus = (Get-HestiaEntry -Index $index | Measure-Object).Count - $proof.Equal - $proof.Wrong
    Close-HestiaIndex -Index $index -Confirm:$false
    $index = $null
    $equal = $proof.Wrong -eq 0 -and $surplus -eq 0
    Write-Step 'Compare every entry' ('{0:N0} equal, {1:N0} missing or different, {2:N0} too many ({3})' -f $proof.Equal, $proof.Wrong,
        $surplus, (Format-Rate $proof.Equal $clock.Elapsed)) $clock.Elapsed

    $check = Test-HestiaIndex -Path $restoredPath -Deep
    $verdict = $check.Healthy ? 'healthy' : "DAMAGED: $($check.Findings -join ' ')"
    Write-Step 'Check the restored index' "$verdict, every segment hashed" $check.Duration

    Write-Information ''
    if ($equal -and $check.Healthy) {
        Write-Information ('Every one of {0:N0} entries came back as it was last written.' -f $proof.Equal)
    }
    else { Write-Information 'NOT EVERY ENTRY CAME BACK AS IT WAS: see the steps above.' }
    $peak = [System.Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64
    Write-Information "This PowerShell needed $(Format-Size $peak) of memory at its peak."
}
finally {
    if ($index) { Close-HestiaIndex -Index $index -Confirm:$false }
    if ($Keep) { Write-Information "Left for you to look at: $Scratch" }
    else { Remove-Item -LiteralPath $Scratch -Recurse -Force }
}
exit ($equal -and $check.Healthy ? 0 : 2)
