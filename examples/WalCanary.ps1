#requires -Version 7.4
<#
.SYNOPSIS
    Rolls a durability out over many indexes in stages: baseline, a few canaries, verify, compare, then the rest or back.
.DESCRIPTION
    Works beside the applications that have the indexes open, and on closed ones. For each canary that is at work it looks at the counters for -Seconds before the
    change and for as long after it. The change stays only if after it
      no sync has failed meanwhile,
      the log was synced if something was written (where the durability promises that),
      the mean time of a commit is below -MaxCommitMilliseconds,
      the writes a second are not fewer than those before by more than -MaxSlowdown times,
      writers were held up for less than -MaxStallPercent of the time,
      and Test-HestiaIndex finds nothing.
    Otherwise the canaries go back to what each was before. If all is well, but no canary took a write while it was looked at, that says nothing: the run ends with 1 and
    goes no further, unless -Unmeasured says that these are indexes nobody has open. Then the rest follow, each checked; one that does not pass stops the run, and the
    next one as well until it passes.

    What each index was is written to -StatePath before it is touched. A run that was interrupted is started again with the same arguments and goes on.
    Exit code: 0 rolled out everywhere, 1 could not go on (start it again), 2 rolled back.
.EXAMPLE
    ./examples/WalCanary.ps1 -Path /srv/indexes/* -Canary 2 -StatePath /var/lib/hestia/canary.json
.EXAMPLE
    ./examples/WalCanary.ps1 -Path /srv/indexes/* -StatePath /var/lib/hestia/canary.json -RollBack
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSReviewUnusedParameter', '', Justification = 'Used in the functions below.')]
[CmdletBinding(PositionalBinding = $false)]
param(
    # Folders of the indexes; wildcards are fine.
    [Parameter(Mandatory)]
    [string[]] $Path,

    # Where the progress is kept.
    [Parameter(Mandatory)]
    [string] $StatePath,

    # The durability to roll out.
    [ValidateSet('Sync', 'GroupSync', 'Async', 'Off')]
    [string] $Durability = 'GroupSync',

    # How many go first.
    [ValidateRange(1, 1000)]
    [int] $Canary = 1,

    # How long to look before and after.
    [ValidateRange(1, 86400)]
    [int] $Seconds = 60,

    # Longest mean time of a commit, in milliseconds.
    [double] $MaxCommitMilliseconds = 10,

    # How many times fewer writes a second than before the change are still good. What an application writes varies: look for long enough.
    [ValidateRange(1, 1000000)]
    [double] $MaxSlowdown = 2,

    # Widen also where no canary took a write: for indexes that nobody has open.
    [switch] $Unmeasured,

    # Most time that writers may be held up by flush and compaction, in percent.
    [ValidateRange(0, 100)]
    [double] $MaxStallPercent = 10,

    # Take back what an earlier run has changed, and nothing else.
    [switch] $RollBack
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')

function Write-Stage([string] $Text) { Write-Output ('{0:u} {1}' -f [DateTime]::UtcNow, $Text) }

# Whole or not at all: what is in it decides what is taken back.
function Save-State {
    $new = "$StatePath.new"
    ConvertTo-Json @($state.Values) -Depth 5 | Set-Content -LiteralPath $new
    Move-Item -LiteralPath $new -Destination $StatePath -Force
}

# Counters over a while; null for an index that nobody has open.
function Measure-Index([string] $Folder) {
    $first = (Get-HestiaIndex -LiteralPath $Folder).Statistics
    if ($null -eq $first) { return $null }
    Start-Sleep -Seconds $Seconds
    $last = (Get-HestiaIndex -LiteralPath $Folder).Statistics
    if ($null -eq $last) { return $null }
    $commits = $last.CommitsTimed - $first.CommitsTimed
    [ordered]@{
        WritesPerSecond    = [Math]::Round(($last.Operations - $first.Operations) / $Seconds, 1)
        SyncsPerSecond     = [Math]::Round(($last.WalSyncs - $first.WalSyncs) / $Seconds, 1)
        SyncFailures       = $last.SyncFailures - $first.SyncFailures
        Commits            = $commits
        CommitMilliseconds = $commits ? [Math]::Round(($last.CommitTime - $first.CommitTime).TotalMilliseconds / $commits, 3) : $null
        StallPercent       = [Math]::Round(100 * ($last.WriteStallTime - $first.WriteStallTime).TotalSeconds / $Seconds, 1)
    }
}

function Format-Measure($Measure) {
    if ($null -eq $Measure) { return 'closed, nothing to measure' }
    "$($Measure.WritesPerSecond) writes/s, $($Measure.SyncsPerSecond) syncs/s, $($Measure.SyncFailures) failed, " +
        "commit $($Measure.CommitMilliseconds ?? '-') ms, stalled $($Measure.StallPercent) %"
}

function Switch-Durability($Entry, [string] $To) {
    $change = Set-HestiaIndex -LiteralPath $Entry.Path -Durability $To -Confirm:$false
    $now = (Get-HestiaIndex -LiteralPath $Entry.Path).Durability
    if ("$now" -ne $To) { throw "$($Entry.Path) says $now after the change to $To." }
    Write-Stage "$($Entry.Path): $($change.Before) -> $To ($($change.Via))"
}

# What Test-HestiaIndex has against an index, as a text; nothing if it passes.
function Get-Damage($Entry) {
    try { $null = Test-HestiaIndex -LiteralPath $Entry.Path }
    catch { "the check says: $($_.Exception.Message)" }
}

# What is wrong with a canary, as texts; none if nothing is.
function Get-Complaint($Entry) {
    Get-Damage $Entry
    $after = $Entry.After
    $before = $Entry.Baseline
    if ($null -eq $after) { return }
    if ($after.SyncFailures) { "$($after.SyncFailures) syncs failed" }
    if ($after.WritesPerSecond -gt 0 -and $after.SyncsPerSecond -eq 0 -and $Durability -in 'Sync', 'GroupSync') { 'writes were acknowledged and the log was not synced' }
    if ($null -ne $after.CommitMilliseconds -and $after.CommitMilliseconds -gt $MaxCommitMilliseconds) {
        "a commit takes $($after.CommitMilliseconds) ms, more than $MaxCommitMilliseconds"
    }
    if ($before -and $after.WritesPerSecond * $MaxSlowdown -lt $before.WritesPerSecond) {
        "$($after.WritesPerSecond) writes/s after $($before.WritesPerSecond) before, slower than $MaxSlowdown times"
    }
    if ($after.StallPercent -gt $MaxStallPercent) { "writers were held up for $($after.StallPercent) % of the time, more than $MaxStallPercent" }
}

# One that cannot be taken back does not keep the others from it; it stays noted as changed.
function Undo-Change {
    $failed = [System.Collections.Generic.List[string]]::new()
    foreach ($entry in @($state.Values | Where-Object Changed)) {
        try {
            Switch-Durability $entry $entry.Before
            $entry.Changed = $entry.Verified = $entry.Measured = $false
            Save-State
        }
        catch { $failed.Add("$($entry.Path): $($_.Exception.Message)") }
    }
    if ($failed.Count) { throw "Not taken back: $($failed -join '; ')" }
}

$state = [ordered]@{}
try {
    if (Test-Path -LiteralPath $StatePath) {
        foreach ($entry in Get-Content -LiteralPath $StatePath -Raw | ConvertFrom-Json) {
            foreach ($name in 'Verified', 'Measured') { if (-not $entry.PSObject.Properties[$name]) { Add-Member -InputObject $entry -NotePropertyName $name -NotePropertyValue $false } }
            $state[$entry.Path] = $entry
        }
    }
    if ($RollBack) {
        Undo-Change
        Write-Stage 'rolled back'
        exit 2
    }
    $folders = @(Resolve-Path -Path $Path | ForEach-Object ProviderPath | Where-Object { Test-Path -LiteralPath (Join-Path $_ 'index.json') } | Sort-Object -Unique)
    if (-not $folders) { throw "No index is at $Path." }
    foreach ($folder in $folders) {
        if ($state.Contains($folder)) { continue }
        $isCanary = @($state.Values | Where-Object IsCanary).Count -lt $Canary
        $state[$folder] = [pscustomobject]@{
            Path = $folder; IsCanary = $isCanary; Before = "$((Get-HestiaIndex -LiteralPath $folder).Durability)"; Changed = $false; Verified = $false; Measured = $false
            Baseline = $null; After = $null
        }
    }
    Save-State

    foreach ($entry in @($state.Values | Where-Object { $_.IsCanary -and -not $_.Changed })) {
        $entry.Baseline = Measure-Index $entry.Path
        Write-Stage "baseline $($entry.Path): $($entry.Before), $(Format-Measure $entry.Baseline)"
        # Written down before it happens: a run that ends in between takes back one that was not changed, which changes nothing.
        $entry.Changed = $true
        Save-State
        Switch-Durability $entry $Durability
    }
    $complaints = [System.Collections.Generic.List[string]]::new()
    foreach ($entry in @($state.Values | Where-Object IsCanary)) {
        # An earlier run may have ended between noting and doing it.
        if ("$((Get-HestiaIndex -LiteralPath $entry.Path).Durability)" -ne $Durability) { Switch-Durability $entry $Durability }
        $entry.After = Measure-Index $entry.Path
        Write-Stage "canary $($entry.Path): $Durability, $(Format-Measure $entry.After)"
        if ($entry.After -and $entry.After.Commits -gt 0) { $entry.Measured = $true }
        $found = @(Get-Complaint $entry)
        $entry.Verified = -not $found
        foreach ($complaint in $found) { $complaints.Add("$($entry.Path): $complaint") }
    }
    Save-State
    if ($complaints.Count) {
        foreach ($complaint in $complaints) { Write-Stage "NOT GOOD $complaint" }
        Undo-Change
        Write-Stage 'ROLLED BACK: every canary is what it was before'
        exit 2
    }
    if (-not $Unmeasured -and -not @($state.Values | Where-Object { $_.IsCanary -and $_.Measured })) {
        throw "no canary took a write within $Seconds s, so nothing is known yet. The canaries stay changed: start again when they are at work, with -Seconds for longer, with -Unmeasured " +
            'for indexes that nobody has open, or take it back with -RollBack.'
    }
    foreach ($entry in @($state.Values | Where-Object { -not $_.IsCanary })) {
        if (-not $entry.Changed -or "$((Get-HestiaIndex -LiteralPath $entry.Path).Durability)" -ne $Durability) {
            $entry.Changed = $true
            $entry.Verified = $false
            Save-State
            Switch-Durability $entry $Durability
        }
        if ($entry.Verified) { continue }
        $damage = Get-Damage $entry
        if ($damage) { throw "$($entry.Path): $damage" }
        $entry.Verified = $true
        Save-State
    }
    Write-Stage "rolled out: $($state.Count) indexes are $Durability"
}
catch {
    Write-Stage "COULD NOT GO ON: $($_.Exception.Message)"
    exit 1
}
exit 0
