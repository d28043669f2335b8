#requires -Version 7.4
<#
.SYNOPSIS
    A restore drill as Pester tests: each index of a repository is restored into a scratch folder, checked and thrown away.
.DESCRIPTION
    Proves what a list of backups cannot: that they come back. Run it on a schedule, on a machine that is not the one backed up.
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
    [string] $MaximumAge = '26h'
)

BeforeDiscovery {
    Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
    if (-not $Repository) { throw 'Name the repository: -Data @{ Repository = ... } or $env:HESTIA_DRILL_REPOSITORY.' }
    $latest = @(Get-HestiaBackup -Repository $Repository -ErrorAction Stop | Group-Object IndexName | ForEach-Object {
        $newest = $_.Group | Sort-Object Completed | Select-Object -Last 1
        @{ IndexName = $_.Name; BackupId = $newest.BackupId; Completed = $newest.Completed; Lsn = $newest.Lsn }
    })
    if (-not $latest) { throw "There is no backup in $Repository." }
}

Describe 'The latest backup of <IndexName>' -ForEach $latest {
    BeforeAll {
        Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS')
        $script:target = Join-Path $TestDrive ([guid]::NewGuid())
    }

    It 'is recent enough' {
        $unit = @{ d = 1440; h = 60; m = 1 }[$MaximumAge.Substring($MaximumAge.Length - 1)]
        $oldest = [DateTimeOffset]::UtcNow.AddMinutes(-$unit * [int]($MaximumAge -replace '\D'))
        $Completed | Should -BeGreaterThan $oldest
    }

    It 'is whole, byte by byte' {
        Test-HestiaBackup -Repository $Repository -BackupId $BackupId -Deep -Quiet | Should -BeTrue
    }

    It 'comes back at the LSN it names' {
        $backup = Get-HestiaBackup -Repository $Repository -BackupId $BackupId -ErrorAction Stop
        $restored = $backup | Restore-HestiaIndex -LiteralPath $script:target -Confirm:$false -ErrorAction Stop
        $restored.Lsn | Should -Be $Lsn
    }

    It 'passes every check' {
        $check = Test-HestiaIndex -LiteralPath $script:target -Deep -ErrorAction Stop
        $check.Healthy | Should -BeTrue
        $check.LastLsn | Should -Be $Lsn
    }

    It 'can be read to the end' {
        $index = Open-HestiaIndex -LiteralPath $script:target -ReadOnly -ErrorAction Stop
        try { $count = (Get-HestiaEntry -Index $index | Measure-Object).Count }
        finally { Close-HestiaIndex -Index $index }
        $count | Should -Be (Test-HestiaIndex -LiteralPath $script:target).Entries
    }

    AfterAll { Remove-Item -LiteralPath $script:target -Recurse -Force -ErrorAction Ignore }
}
