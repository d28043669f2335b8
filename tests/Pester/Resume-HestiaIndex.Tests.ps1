#requires -Version 7.4
# What is particular to Resume-HestiaIndex; the rest is tested with Suspend-HestiaIndex.

BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Resume-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'ends nothing where nothing is suspended' {
        $ix = New-TestIndex -Count 3
        $null = Assert-Failure { Resume-HestiaIndex -Index $ix } -ErrorId IndexNotSuspended -Names $ix.Path
        $closed = New-ClosedIndex
        $null = Assert-Failure { Resume-HestiaIndex -LiteralPath $closed } -ErrorId IndexNotOpen -Names $closed
    }

    It 'takes several, and one that fails does not stop the others' {
        $first = New-TestIndex -Count 1
        $second = New-TestIndex -Count 2
        $null = Suspend-HestiaIndex -Index $second -Duration 1m
        $ends = @(Resume-HestiaIndex -Index $first, $second -ErrorAction SilentlyContinue -ErrorVariable failed)
        $ends.Lsn | Should -Be 2
        $failed.Count | Should -Be 1
    }

    It 'ends the suspension it is given, and leaves that of somebody else alone' {
        $ix = New-TestIndex -Count 3
        $first = Suspend-HestiaIndex -Index $ix -Duration '200ms'
        Set-HestiaEntry -Index $ix -Key waits -Value 1
        $second = Suspend-HestiaIndex -Index $ix -Duration 1m
        $late = $first | Resume-HestiaIndex -WarningAction SilentlyContinue
        $late.Expired, $late.Began | Should -Be $true, $first.Began
        $null = Assert-Failure { Resume-HestiaIndex -Path $ix.Path -Began $first.Began } -ErrorId IndexNotSuspended -Names $ix.Path, $second.Until.ToString('u')
        (Get-HestiaIndex -Path $ix.Path).SuspendedUntil | Should -Be $second.Until
        $end = Resume-HestiaIndex -Index $ix -Began $second.Began
        $end.Expired, $end.Began | Should -Be $false, $second.Began
    }

    It 'does nothing with -WhatIf' {
        $ix = New-TestIndex -Count 1
        $null = Suspend-HestiaIndex -Index $ix -Duration 1m
        Resume-HestiaIndex -Index $ix -WhatIf | Should -BeNullOrEmpty
        (Resume-HestiaIndex -Index $ix).Expired | Should -BeFalse
    }
}
