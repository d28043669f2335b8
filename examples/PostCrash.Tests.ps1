#requires -Version 7.4
<#
.SYNOPSIS
    The post-crash runbook as Pester tests: the log, the check, the plan of a repair, every entry, the last backup.
.DESCRIPTION
    Changes nothing: the index is opened read-only at most. What fails says which step of the runbook to go to; PostCrash.ps1 carries them out.
.EXAMPLE
    $env:HESTIA_POSTCRASH_PATH = '/srv/orders'
    Invoke-Pester ./examples/PostCrash.Tests.ps1
.EXAMPLE
    $run = New-PesterContainer -Path ./examples/PostCrash.Tests.ps1 -Data @{ Path = '/srv/orders', '/srv/customers'; Repository = '/mnt/backups' }
    Invoke-Pester -Container $run -Output Detailed
#>
[Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSReviewUnusedParameter', '', Justification = 'Used in blocks that Pester runs.')]
param(
    # Folders of the indexes.
    [string[]] $Path = ($env:HESTIA_POSTCRASH_PATH -split [IO.Path]::PathSeparator),

    # Where their backups are; not looked at without it.
    [string] $Repository = $env:HESTIA_POSTCRASH_REPOSITORY
)

BeforeDiscovery {
    $indexes = @($Path | Where-Object { $_ } | ForEach-Object { @{ Folder = $_ } })
    if (-not $indexes) { throw 'Name the index: -Data @{ Path = ... } or $env:HESTIA_POSTCRASH_PATH.' }
}

Describe 'The index <Folder>' -ForEach $indexes {
    BeforeAll { Import-Module ($env:HESTIAPS_MODULE ?? 'HestiaPS') }

    It 'has a log that opening can use' {
        $wal = Test-HestiaWal -LiteralPath $Folder -ErrorAction SilentlyContinue
        $wal.Healthy | Should -BeTrue -Because ($wal.OpenWould + ($wal.Findings | Out-String))
    }

    It 'passes every check' {
        $check = Test-HestiaIndex -LiteralPath $Folder -Deep -ErrorAction SilentlyContinue
        $check.Healthy | Should -BeTrue -Because ($check.Findings | Out-String)
    }

    It 'opens and can be read to the end' {
        $index = Open-HestiaIndex -LiteralPath $Folder -ReadOnly -ErrorAction Stop
        try { $count = (Get-HestiaEntry -Index $index -ErrorAction Stop | Measure-Object).Count }
        finally { Close-HestiaIndex -Index $index -Confirm:$false }
        $count | Should -Be (Test-HestiaIndex -LiteralPath $Folder).Entries
    }

    It 'has a whole backup to fall back on' -Skip:(-not $Repository) {
        $check = Test-HestiaIndex -LiteralPath $Folder -ErrorAction SilentlyContinue
        $latest = Get-HestiaBackup -Repository $Repository -IndexName $check.Name -Latest -ErrorAction Stop
        Test-HestiaBackup -Repository $Repository -BackupId $latest.BackupId -Deep -Quiet | Should -BeTrue
    }
}
