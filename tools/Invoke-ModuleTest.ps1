#requires -Version 7.4
<#
.SYNOPSIS
    Runs Pester, PSScriptAnalyzer and Test-ModuleManifest over the staged module and writes the counts as JSON.
.DESCRIPTION
    The module under test is the one whose manifest HESTIAPS_MODULE names. What is not installed counts as skipped, and is said.
    The exit code is 0 whenever the counts were written; they tell whether something failed.
#>
[CmdletBinding()]
param(
    # File that takes the counts.
    [Parameter(Mandatory)]
    [string] $Destination,

    # Only tests whose full name matches.
    [string] $Filter
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$InformationPreference = 'Continue'
$ProgressPreference = 'SilentlyContinue'
$root = Split-Path $PSScriptRoot

function ConvertTo-Count([string] $Name, [int] $Passed, [int] $Failed, [int] $Skipped) {
    [pscustomobject]@{ Name = $Name; Passed = $Passed; Failed = $Failed; Skipped = $Skipped }
}

function Invoke-PesterSuite {
    $files = @(Get-ChildItem -LiteralPath (Join-Path $root 'tests/Pester') -Filter *.Tests.ps1 -Recurse)
    $pester = Get-Module -ListAvailable -Name Pester | Where-Object { $_.Version -ge '5.3' -and $_.Version -lt '6.0' } |
        Sort-Object Version -Descending | Select-Object -First 1
    if (-not $pester) {
        Write-Information "Pester 5 is not installed: the $($files.Count) files in tests/Pester were not run and count as skipped."
        return ConvertTo-Count 'Pester' 0 0 $files.Count
    }
    Import-Module $pester.Path
    Set-StrictMode -Off # the module as people use it
    $configuration = New-PesterConfiguration
    $configuration.Run.Path = $files.FullName
    $configuration.Run.PassThru = $true
    $configuration.Output.Verbosity = 'Normal'
    if ($Filter) { $configuration.Filter.FullName = $Filter }
    $run = Invoke-Pester -Configuration $configuration
    # A file that does not even parse and an AfterAll that throws have no failed test of their own: each counts as one.
    $broken = @($run.FailedContainers).Count + @($run.FailedBlocks | Where-Object FailedCount -EQ 0).Count
    ConvertTo-Count 'Pester' $run.PassedCount ($run.FailedCount + $broken) ($run.SkippedCount + $run.InconclusiveCount)
}

function Invoke-Analysis {
    if (-not (Get-Module -ListAvailable -Name PSScriptAnalyzer)) {
        Write-Information 'PSScriptAnalyzer is not installed: the scripts were not analysed; that counts as one test skipped.'
        return ConvertTo-Count 'PSScriptAnalyzer' 0 0 1
    }
    Import-Module PSScriptAnalyzer
    # The manifest is analysed where its files are: in the staged module.
    $manifest = Join-Path $root 'HestiaPS.psd1'
    $scripts = @(Get-ChildItem -LiteralPath $root -Recurse -File -Include *.ps1, *.psm1, *.psd1 | ForEach-Object FullName |
        Where-Object { $_ -ne $manifest -and [System.IO.Path]::GetRelativePath($root, $_) -notmatch '(^|[\\/])(artifacts|bin|obj)[\\/]' })
    $scripts += $env:HESTIAPS_MODULE
    $findings = @(foreach ($script in $scripts) {
        # Pester runs each block in a scope of its own making, which the first rule cannot see; helpers of tests take no -WhatIf.
        $exclude = @(if ($script -like '*.Tests.ps1' -or (Split-Path -Leaf $script) -eq 'TestSupport.ps1') {
            'PSUseDeclaredVarsMoreThanAssignments'
            'PSUseShouldProcessForStateChangingFunctions'
        })
        Invoke-ScriptAnalyzer -Path $script -Settings (Join-Path $root 'PSScriptAnalyzerSettings.psd1') -ExcludeRule $exclude
    })
    foreach ($finding in $findings) {
        Write-Information "$($finding.ScriptPath):$($finding.Line): $($finding.RuleName): $($finding.Message)"
    }
    Write-Information "PSScriptAnalyzer: $($findings.Count) findings in $($scripts.Count) files."
    ConvertTo-Count 'PSScriptAnalyzer' ([int]($findings.Count -eq 0)) ([int]($findings.Count -gt 0)) 0
}

function Invoke-ManifestTest {
    $problems = @()
    $null = Test-ModuleManifest -Path $env:HESTIAPS_MODULE -ErrorAction SilentlyContinue -ErrorVariable +problems `
        -WarningAction SilentlyContinue -WarningVariable +problems
    foreach ($problem in $problems) { Write-Information "Test-ModuleManifest: $problem" }
    if (-not $problems) { Write-Information 'Test-ModuleManifest: no finding.' }
    ConvertTo-Count 'Test-ModuleManifest' ([int](-not $problems)) ([int][bool]$problems) 0
}

$counts = @(Invoke-PesterSuite)
if (-not $Filter) { $counts += (Invoke-Analysis), (Invoke-ManifestTest) }
$null = New-Item -ItemType Directory -Force -Path (Split-Path $Destination)
ConvertTo-Json -InputObject $counts | Set-Content -LiteralPath $Destination
