#requires -Version 7.4
# Suspend- and Resume-HestiaIndex, on sessions and through the process that has the index open.

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1
}

Describe 'Suspend-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'holds the directory of a session still until it is resumed' {
        $ix = New-TestIndex -Count 200
        $window = Suspend-HestiaIndex -Index $ix -Duration 5m
        $window | Should -BeOfType HestiaPS.SuspensionReport
        $window.IndexName | Should -Be orders
        $window.Lsn | Should -Be 200
        $window.Via | Should -Be Session
        ($window.Until - $window.Began).TotalMinutes | Should -Be 5
        $copy = New-TestPath copy
        $before = Get-FolderState $ix.Path
        if ($IsWindows) { Copy-Item -LiteralPath $ix.Path -Destination $copy -Recurse -Exclude .lock } else { & cp -r $ix.Path $copy }
        (Get-HestiaEntry -Index $ix -Key k00007).Value | Should -Be 'value 7'
        Get-FolderState $ix.Path | Should -Be $before
        $end = Resume-HestiaIndex -Path $ix.Path
        $end | Should -BeOfType HestiaPS.ResumeReport
        $end.Expired | Should -BeFalse
        $end.Lsn | Should -Be 200
        Set-HestiaEntry -Index $ix -Key later -Value 1

        $opened = Open-HestiaIndex -Path $copy
        $opened.LastLsn | Should -Be 200
        $opened.Recovery.Notices | Should -BeNullOrEmpty
    }

    It 'ends by its time limit and says so, once' {
        $ix = New-TestIndex -Count 3
        $null = $ix | Suspend-HestiaIndex -Duration '200ms'
        Set-HestiaEntry -Index $ix -Key waits -Value 1
        $end = Resume-HestiaIndex -Index $ix -WarningVariable said -WarningAction SilentlyContinue
        $end.Expired | Should -BeTrue
        "$said" | Should -BeLike '*time limit*'
        $null = Assert-Failure { Resume-HestiaIndex -Index $ix } -ErrorId IndexNotSuspended -Names $ix.Path
    }

    It 'refuses what makes no sense and changes nothing' {
        $ix = New-TestIndex -Count 3
        $null = Assert-Failure { Suspend-HestiaIndex -Index $ix -Duration '2d' } -ErrorId InvalidOption
        $null = Assert-Failure { Suspend-HestiaIndex -Index $ix -Duration '0s' } -ErrorId InvalidOption
        { Suspend-HestiaIndex -Index $ix -Duration 30 } | Should -Throw '*not a duration*'
        Suspend-HestiaIndex -Index $ix -Duration 1m -WhatIf | Should -BeNullOrEmpty
        Set-HestiaEntry -Index $ix -Key goes -Value 1
        $null = Suspend-HestiaIndex -Index $ix -Duration 1m
        $null = Assert-Failure { Suspend-HestiaIndex -Index $ix -Duration 1m } -ErrorId IndexSuspended -Names $ix.Path
        $closed = New-ClosedIndex
        $null = Assert-Failure { Suspend-HestiaIndex -Path $closed -Duration 1m } -ErrorId IndexNotOpen -Names $closed -Category InvalidOperation
        $null = Assert-Failure { Suspend-HestiaIndex -Path (New-TestPath) -Duration 1m } -ErrorId PathNotFound
    }
}

Describe 'Suspending an index of another process' {
    BeforeAll {
        $path = New-TestPath
        $owner = Start-Owner $path
    }
    AfterAll {
        Remove-Owner $owner
    }

    It 'holds its directory still while it wants to write, and lets it go on' {
        $window = Suspend-HestiaIndex -Path $path -Duration 2m
        $window.Via | Should -Be Endpoint
        $before = Get-FolderState $path
        $copy = New-TestPath copy
        if ($IsWindows) { Copy-Item -LiteralPath $path -Destination $copy -Recurse -Exclude .lock } else { & cp -r $path $copy }
        Start-Sleep -Milliseconds 300
        Get-FolderState $path | Should -Be $before
        $held = Get-HestiaIndex -Path $path
        $held.SuspendedUntil | Should -Be $window.Until
        $held | Out-String -Width 160 | Should -Match '\bSuspended\b'
        $end = Resume-HestiaIndex -Path $path
        $end.Via | Should -Be Endpoint
        $end.Expired | Should -BeFalse
        $check = Test-HestiaIndex -Path $copy -Deep
        $check.LastLsn | Should -Be $window.Lsn
        $check.Findings | Where-Object Severity -NE Information | Should -BeNullOrEmpty
        $until = [datetime]::UtcNow.AddSeconds(30)
        while ((Get-HestiaIndex -Path $path).Statistics.LastLsn.Value -le $window.Lsn) {
            [datetime]::UtcNow | Should -BeLessThan $until -Because 'the owner writes again'
            Start-Sleep -Milliseconds 20
        }
    }

    It 'ends by itself when the shell that asked for it is gone' {
        $child = Invoke-Child -Script "`$ErrorActionPreference = 'Stop'; (Suspend-HestiaIndex -Path '$path' -Duration '1s').Lsn; [Environment]::Exit(0)"
        $child.ExitCode | Should -Be 0 -Because $child.Error
        $lsn = [ulong]$child.Output
        $until = [datetime]::UtcNow.AddSeconds(30)
        while ((Get-HestiaIndex -Path $path).Statistics.LastLsn.Value -le $lsn) {
            [datetime]::UtcNow | Should -BeLessThan $until -Because 'the owner writes again'
            Start-Sleep -Milliseconds 50
        }
        (Resume-HestiaIndex -Path $path -WarningAction SilentlyContinue).Expired | Should -BeTrue
    }

    It 'loses nothing by it' {
        $written = Stop-Owner $owner
        (Test-HestiaIndex -Path $path -Deep).Entries | Should -Be $written
    }
}
