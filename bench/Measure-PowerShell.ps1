#requires -Version 7.4
<#
.SYNOPSIS
    Measures Set-HestiaEntry and range reads of Get-HestiaEntry beside empty cmdlets.
.DESCRIPTION
    What a cmdlet can reach is bounded by the pipeline: an empty compiled cmdlet that binds, or emits, the same objects shows how far.
    Into a variable, where the pipeline costs next to nothing, the empty one makes each object as a cmdlet that reads must; into another
    cmdlet it hands on objects that were there before.
    Rounds alternate; every figure is a median. The result is written as JSON, which the report of Hestia.Bench takes.
.EXAMPLE
    ./bench/Measure-PowerShell.ps1 -Destination artifacts/bench/powershell.json
#>
[CmdletBinding()]
param(
    # The JSON file to write.
    [Parameter(Mandatory)]
    [string] $Destination,

    # Entries written and read in each round.
    [ValidateRange(1000, 10000000)]
    [int] $Entries = 300000,

    # How often each way is measured.
    [ValidateRange(1, 1000)]
    [int] $Rounds = 5,

    # Where the index is made. Default: a new folder under the temporary one.
    [string] $Scratch = (Join-Path ([System.IO.Path]::GetTempPath()) "hestia-cmdlets-$PID")
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$InformationPreference = 'Continue'
$ProgressPreference = 'SilentlyContinue'
Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')

# The same parameters as the cmdlets they stand beside, and nothing done with them.
$types = Add-Type -PassThru -TypeDefinition @'
using System.Collections;
using System.Management.Automation;

[Cmdlet("Set", "NothingByValue")]
public sealed class SetNothingByValueCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    public object Index { get; set; }

    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public object InputObject { get; set; }

    protected override void ProcessRecord() { }
}

[Cmdlet("Set", "NothingByDictionary")]
public sealed class SetNothingByDictionaryCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    public object Index { get; set; }

    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public IDictionary InputObject { get; set; }

    protected override void ProcessRecord() { }
}

[Cmdlet("Set", "NothingByName")]
public sealed class SetNothingByNameCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    public object Index { get; set; }

    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    public object Key { get; set; }

    [Parameter(Mandatory = true, Position = 2, ValueFromPipelineByPropertyName = true)]
    public object Value { get; set; }

    protected override void ProcessRecord() { }
}

[Cmdlet("Get", "Ready")]
public sealed class GetReadyCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    public object[] Objects { get; set; }

    protected override void ProcessRecord()
    {
        foreach (var item in Objects) WriteObject(item);
    }
}

public sealed class MadeEntry
{
    public object Key { get; set; }
    public object Value { get; set; }
    public ulong Lsn { get; set; }
}

[Cmdlet("Get", "Made")]
public sealed class GetMadeCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)]
    public string[] Keys { get; set; }

    [Parameter(Mandatory = true, Position = 1)]
    public string Value { get; set; }

    protected override void ProcessRecord()
    {
        ulong lsn = 0;
        foreach (var key in Keys)
            WriteObject(new MadeEntry { Key = new string(key.ToCharArray()), Value = new string(Value.ToCharArray()), Lsn = ++lsn });
    }
}
'@
Import-Module -Assembly ($types | Select-Object -First 1).Assembly

function Get-Median([double[]] $Value) {
    $sorted = @($Value | Sort-Object)
    $middle = [int][Math]::Floor($sorted.Count / 2)
    $sorted.Count % 2 ? $sorted[$middle] : ($sorted[$middle - 1] + $sorted[$middle]) / 2
}

# Entries per second of one call; what earlier ones left is collected before.
function Measure-Rate([scriptblock] $Body, [object[]] $ArgumentList) {
    [GC]::Collect()
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    & $Body @ArgumentList
    $Entries / $clock.Elapsed.TotalSeconds
}

function Open-Scratch([string] $Durability) {
    $path = Join-Path $Scratch ([guid]::NewGuid().ToString('n'))
    Open-HestiaIndex -Path $path -Create -KeyEncoding Utf8 -ValueEncoding Utf8 -Durability $Durability
}

$value = 'v' * 23
$keys = [string[]]::new($Entries)
$dictionaries = [object[]]::new($Entries)
$objects = [object[]]::new($Entries)
for ($i = 0; $i -lt $Entries; $i++) {
    $key = '{0:x16}' -f $i
    $keys[$i] = $key
    $dictionaries[$i] = @{ Key = $key; Value = $value }
    $objects[$i] = [pscustomobject]@{ Key = $key; Value = $value }
}

$null = New-Item -ItemType Directory -Path $Scratch
try {
    $shared = Open-Scratch Async
    $dictionaries | Set-HestiaEntry $shared
    Invoke-HestiaFlush $shared | Out-Null
    $ready = [object[]]@(Get-HestiaEntry $shared)
    if ($ready.Count -ne $Entries) { throw "The index shows $($ready.Count) of $Entries entries." }

    $ways = [ordered]@{
        'Set-HestiaEntry, dictionaries by value, Async' = @{
            Ours  = { $index = Open-Scratch Async; try { $dictionaries | Set-HestiaEntry $index } finally { $script:last = $index } }
            Empty = { $dictionaries | Set-NothingByDictionary $shared }
        }
        'Set-HestiaEntry, dictionaries by value, GroupSync' = @{
            Ours  = { $index = Open-Scratch GroupSync; try { $dictionaries | Set-HestiaEntry $index } finally { $script:last = $index } }
            Empty = { $dictionaries | Set-NothingByDictionary $shared }
        }
        'Set-HestiaEntry, objects by property name, Async' = @{
            Ours  = { $index = Open-Scratch Async; try { $objects | Set-HestiaEntry $index } finally { $script:last = $index } }
            Empty = { $objects | Set-NothingByName $shared }
        }
        'Get-HestiaEntry, whole range into a variable (empty: makes each object)' = @{
            Ours  = { $all = Get-HestiaEntry $shared; if ($all.Count -ne $Entries) { throw "$($all.Count) entries." } }
            Empty = { $all = Get-Made $keys $value; if ($all.Count -ne $Entries) { throw "$($all.Count) entries." } }
        }
        'Get-HestiaEntry, whole range into an empty cmdlet (empty: ready objects)' = @{
            Ours  = { Get-HestiaEntry $shared | Set-NothingByValue $shared }
            Empty = { Get-Ready $ready | Set-NothingByValue $shared }
        }
        'Get-HestiaEntry -Reverse into an empty cmdlet (empty: ready objects)' = @{
            Ours  = { Get-HestiaEntry $shared -Reverse | Set-NothingByValue $shared }
            Empty = { Get-Ready $ready | Set-NothingByValue $shared }
        }
    }

    $rates = foreach ($name in $ways.Keys) {
        $ours, $empty, $ratios = @(), @(), @()
        # Round 0 warms up what is compiled at run time.
        for ($round = 0; $round -le $Rounds; $round++) {
            $script:last = $null
            $one = Measure-Rate $ways[$name].Ours
            if ($script:last) {
                if ($round -eq 0 -and @(Get-HestiaEntry $script:last).Count -ne $Entries) { throw "$name lost entries." }
                Close-HestiaIndex $script:last
            }
            $other = Measure-Rate $ways[$name].Empty
            if ($round -eq 0) { continue }
            $ours += $one
            $empty += $other
            $ratios += $one / $other
        }
        $row = [ordered]@{
            name           = $name
            perSecond      = Get-Median $ours
            emptyPerSecond = Get-Median $empty
            ratio          = Get-Median $ratios
        }
        Write-Information ('{0,-74} {1,10:N0}/s   empty {2,10:N0}/s   {3:N2}' -f $name, $row.perSecond, $row.emptyPerSecond, $row.ratio)
        $row
    }
    Close-HestiaIndex $shared

    $document = [ordered]@{
        time       = [DateTimeOffset]::UtcNow.ToString('o')
        powerShell = "$($PSVersionTable.PSVersion)"
        rounds     = $Rounds
        entries    = $Entries
        rates      = @($rates)
    }
    $file = [System.IO.Path]::GetFullPath($Destination, $PWD.ProviderPath)
    $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($file))
    [System.IO.File]::WriteAllText($file, ($document | ConvertTo-Json -Depth 4) + "`n")
}
finally {
    Get-HestiaIndex -ErrorAction Ignore | Where-Object { $_.Path -like "$Scratch*" } | Close-HestiaIndex -ErrorAction Ignore
    Remove-Item -LiteralPath $Scratch -Recurse -Force -ErrorAction Ignore
}
