#requires -Version 7.4
<#
.SYNOPSIS
    A restore drill as Pester tests: the newest backup of each index is restored into a scratch folder, checked and thrown away.
.DESCRIPTION
    Proves what a list of backups cannot: that they come back, how long it takes and how much is lost. Run it each week, on a machine
    that is not the one backed up.
.EXAMPLE
    $env:HESTIA_DRILL_REPOSITORY = '/mnt/backups'
    Invoke-Pester ./examples/RestoreDrill.Tests.ps1
.EXAMPLE
    $drill = New-PesterContainer -Path ./examples/RestoreDrill.Tests.ps1 -Data @{ Repository = '/mnt/backups'; MaximumAge = '1d' }
    Invoke-Pester -Container $drill -Output Detailed
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSReviewUnusedParameter', '', Justification = 'Used in blocks that Pester runs.')]
param(
    # Folder of the repository.
    [string] $Repository = $env:HESTIA_DRILL_REPOSITORY,

    # Newer than this the latest backup of each index must be: a number of days, hours or minutes, like 26h.
    [ValidatePattern('^\d+[dhm]$')]
    [string] $MaximumAge = '26h',

    # Longer than this no index may take to come back.
    [ValidatePattern('^\d+[dhms]$')]
    [string] $MaximumRecoveryTime = '4h',

    # Indexes that must have a backup, by name or id.
    [string[]] $ExpectedIndex = @(),

    # Where to restore to; there must be room for the largest index. Without it, Pester's own folder.
    [string] $ScratchPath
)

BeforeDiscovery {
    Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
    if (-not $Repository) { throw 'Name the repository: -Data @{ Repository = ... } or $env:HESTIA_DRILL_REPOSITORY.' }
    # By id and not by name: two indexes may have the same.
    $latest = @(Get-HestiaBackup -Repository $Repository -Latest -ErrorAction Stop | ForEach-Object {
        @{ IndexName = $_.IndexName; BackupId = $_.BackupId; Lsn = $_.Lsn }
    })
    if (-not $latest) { throw "There is no backup in $Repository." }
}

Describe 'The repository' {
    It 'has recent backups of every index, and can be written' {
        Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
        $arguments = @{ Repository = $Repository; MaxBackupAge = $MaximumAge }
        if ($ExpectedIndex) { $arguments.ExpectedIndex = $ExpectedIndex }
        $result = Test-HestiaRepository @arguments -ErrorAction SilentlyContinue
        $wrong = $result.Findings | Where-Object Severity -EQ Error
        $wrong.Message -join "`n" | Should -BeNullOrEmpty
    }
}

Describe 'The latest backup of <IndexName>' -ForEach $latest {
    BeforeAll {
        Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
        $script:scratch = if ($ScratchPath) { $ScratchPath } else { "$TestDrive" }
        $script:count = -1
        $script:drill = Test-HestiaBackup -Repository $Repository -BackupId $BackupId -Drill -ScratchPath $script:scratch -Validation {
            param($ix)
            $script:count = (Get-HestiaEntry -Index $ix | Measure-Object).Count
        } -ErrorAction SilentlyContinue
    }

    It 'comes back whole' {
        $script:drill.Status | Should -Be Success -Because $script:drill.Reason
    }

    It 'comes back at the LSN it names' {
        $script:drill.Lsn | Should -Be $Lsn
    }

    It 'can be read to the end' {
        $script:count | Should -Be $script:drill.Entries
    }

    It 'comes back in time' {
        $unit = @{ d = 86400; h = 3600; m = 60; s = 1 }[$MaximumRecoveryTime.Substring($MaximumRecoveryTime.Length - 1)]
        $script:drill.RecoveryTime.TotalSeconds | Should -BeLessThan ($unit * [int]($MaximumRecoveryTime -replace '\D'))
    }
}
