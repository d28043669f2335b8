#requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }

BeforeAll {
    . (Join-Path $PSScriptRoot 'TestSupport.ps1')
}

Describe 'Point in time' {
    BeforeAll {
        $repository = Join-Path $TestDrive 'repository'
        $null = New-HestiaRepository $repository
        $ix = Open-HestiaIndex (Join-Path $TestDrive 'orders') -Create -KeyEncoding Utf8 -ValueEncoding Utf8
        $null = Backup-HestiaIndex -Index $ix -Repository $repository
        $first = Backup-HestiaIndex -Index $ix -Repository $repository -Wal
        foreach ($i in 1..5) { Set-HestiaEntry -Index $ix -Key "k$i" -Value "v$i" }
        Start-Sleep -Milliseconds 20
        $between = [DateTimeOffset]::UtcNow
        Start-Sleep -Milliseconds 20
        foreach ($i in 6..9) { Set-HestiaEntry -Index $ix -Key "k$i" -Value "v$i" }
        $shipped = Backup-HestiaIndex -Index $ix -Repository $repository -Wal
    }

    AfterAll {
        Close-HestiaIndex -Index $ix
    }

    It 'ships what is new and says how far it is' {
        $first.ArchivedLsn | Should -Be 0
        $shipped.FromLsn | Should -Be 1
        $shipped.ArchivedLsn | Should -Be 9
        $shipped.LsnsBehind | Should -Be 0
        $shipped.ArchivedTime | Should -BeOfType ([DateTimeOffset])
        @($shipped.Findings).Count | Should -Be 0
        $again = Backup-HestiaIndex -Index $ix -Repository $repository -Wal
        $again.Pieces | Should -Be 0
        $again.FromLsn | Should -BeNullOrEmpty
    }

    It 'shows in Get-HestiaBackup how far the archive leads' {
        $backup = Get-HestiaBackup $repository
        $backup.Lsn | Should -Be 0
        $backup.RecoverableToLsn | Should -Be 9
        $backup.RecoverableToTime | Should -Be $shipped.ArchivedTime
        ($backup | Out-String -Width 200) | Should -Match 'RecoverableTo'
    }

    It 'lands on an LSN' {
        $target = Join-Path $TestDrive 'lsn'
        $result = Restore-HestiaIndex -Repository $repository -IndexName orders -ToLsn 3 -Path $target
        $result.Lsn | Should -Be 3
        $result.Entries | Should -Be 3
        $result.RecoverableToLsn | Should -Be 9
        $result.RecordsReplayed | Should -Be 3
        (Test-HestiaIndex $target).Healthy | Should -BeTrue
    }

    It 'lands on a moment, given as an object, in UTC and in local time' {
        $moments = $between, $between.UtcDateTime, $between.LocalDateTime, $between.ToString('o'), $between.ToOffset('05:30').ToString('o')
        foreach ($moment in $moments) {
            $target = Join-Path $TestDrive ([guid]::NewGuid().ToString('n'))
            $result = Get-HestiaBackup $repository | Restore-HestiaIndex -ToTime $moment -Path $target
            $result.Lsn | Should -Be 5 -Because "$moment is between the fifth and the sixth write"
        }
    }

    It 'takes everything with -ToLatest' {
        (Restore-HestiaIndex -Repository $repository -IndexName orders -ToLatest -Path (Join-Path $TestDrive 'latest')).Lsn | Should -Be 9
    }

    It 'refuses what nothing leads to, and leaves nothing' {
        $target = Join-Path $TestDrive 'beyond'
        { Restore-HestiaIndex -Repository $repository -IndexName orders -ToLsn 10 -Path $target -ErrorAction Stop } |
            Should -Throw -ErrorId 'PointNotReachable,*'
        { Restore-HestiaIndex -Repository $repository -IndexName orders -ToTime ([DateTimeOffset]::UtcNow) -Path $target -ErrorAction Stop } |
            Should -Throw -ErrorId 'PointNotReachable,*'
        { Restore-HestiaIndex -Repository $repository -IndexName orders -ToLsn 2 -ToLatest -Path $target -ErrorAction Stop } |
            Should -Throw -ErrorId 'InvalidOption,*'
        { Restore-HestiaIndex -Repository $repository -IndexName orders -Path $target -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
        { Backup-HestiaIndex -Index $ix -Repository $repository -NewTimeline -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidOption,*'
        Test-Path $target | Should -BeFalse
    }

    It 'changes nothing with -WhatIf' {
        $target = Join-Path $TestDrive 'whatif'
        Restore-HestiaIndex -Repository $repository -IndexName orders -ToLsn 4 -Path $target -WhatIf
        Test-Path $target | Should -BeFalse
        $before = (Get-HestiaBackup $repository).RecoverableToLsn
        Set-HestiaEntry -Index $ix -Key late -Value late
        Backup-HestiaIndex -Index $ix -Repository $repository -Wal -WhatIf
        (Get-HestiaBackup $repository).RecoverableToLsn | Should -Be $before
    }

    It 'refuses a local time that the clocks skip or repeat' {
        if ($IsWindows) { Set-ItResult -Skipped -Because 'the zone of a process cannot be set there'; return }
        if (-not (Test-Path /usr/share/zoneinfo/Europe/Berlin)) { Set-ItResult -Skipped -Because 'there are no zones here'; return }
        $script = @'
param($Module, $Repository, $Target)
$ErrorActionPreference = 'Stop'
Import-Module $Module
foreach ($text in '2026-03-29 02:30:00', '2026-10-25 02:30:00', [datetime]::new(2026, 10, 25, 2, 30, 0)) {
    try { Restore-HestiaIndex -Repository $Repository -IndexName orders -ToTime $text -Path $Target; 'taken' }
    catch { if ($_.Exception.Message -match 'skip it') { 'skipped' } elseif ($_.Exception.Message -match 'repeat it') { 'repeated' } else { "$_" } }
}
try { $null = Restore-HestiaIndex -Repository $Repository -IndexName orders -ToTime '2026-10-25T02:30:00+02:00' -Path $Target; 'moment' }
catch { if ($_.FullyQualifiedErrorId -like 'PointNotReachable,*') { 'moment' } else { "$_" } }
'@
        $file = Join-Path $TestDrive 'zone.ps1'
        Set-Content -Path $file -Value $script
        $module = (Get-Module HestiaPS).Path -replace 'HestiaPS\.dll$', 'HestiaPS.psd1'
        $before = $env:TZ
        try {
            $env:TZ = 'Europe/Berlin'
            $said = & $PowerShellExe -NoProfile -File $file $module $repository (Join-Path $TestDrive 'zone')
        }
        finally {
            $env:TZ = $before
        }

        $said[0..2] | Should -Be @('skipped', 'repeated', 'repeated')
        # With its offset it is a moment like any other; whether the archive reaches it depends on today.
        $said[3] | Should -Be 'moment'
    }
}
