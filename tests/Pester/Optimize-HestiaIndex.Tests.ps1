BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Optimize-HestiaIndex' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $ix = New-TestIndex
        foreach ($round in 1..3) {
            1..100 | ForEach-Object { [pscustomobject]@{ Key = 'k{0:d3}' -f $_; Value = "$round-$_" } } | Set-HestiaEntry -Index $ix
            $null = Invoke-HestiaFlush -Index $ix
        }
    }

    It 'merges segments and says what it rewrote' {
        $report = Optimize-HestiaIndex -Index $ix
        $report | Should -BeOfType HestiaPS.OptimizeReport
        $report.IndexName | Should -Be orders
        $report.SegmentsBefore | Should -Be 3
        $report.SegmentsAfter | Should -Be 1
        $report.BytesAfter | Should -BeLessThan $report.BytesBefore
        $report.BytesRewritten | Should -BeGreaterThan 0
        (Get-HestiaEntry -Index $ix -Key k050).Value | Should -Be 3-50
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 100
    }

    It 'works on a closed index by path' {
        Close-HestiaIndex $ix
        (Optimize-HestiaIndex -Path $ix.Path).SegmentsAfter | Should -Be 1
        (Get-HestiaIndex -Path $ix.Path).Segments | Should -Be 1
        (Test-HestiaIndex -Path $ix.Path).Entries | Should -Be 100
    }

    It 'says with -WhatIf what it would do in numbers, and does nothing' {
        Close-HestiaIndex $ix
        $before = Get-FolderState $ix.Path
        $child = Invoke-Child "Optimize-HestiaIndex -Path '$($ix.Path)' -WhatIf"
        $child.Output | Should -BeLike '*What if:*3 segments*next backup*'
        Get-FolderState $ix.Path | Should -Be $before
    }
}
