BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Invoke-HestiaFlush' {
    AfterEach { Close-TestSession }

    It 'writes segments and moves the checkpoint' {
        $ix = New-TestIndex -Count 50
        $report = Invoke-HestiaFlush -Index $ix
        $report | Should -BeOfType HestiaPS.FlushReport
        $report.IndexName | Should -Be orders
        $report.FlushedIndices | Should -Be 1
        $report.SegmentsWritten | Should -Be 1
        $report.BytesWritten | Should -BeGreaterThan 0
        $report.WalCheckpoint | Should -Be 50
        $report.Duration | Should -BeGreaterThan ([timespan]::Zero)
        $ix.Checkpoint | Should -Be 50
        (Invoke-HestiaFlush -Index $ix).SegmentsWritten | Should -Be 0
    }

    It 'takes sessions from the pipeline, and the path of one that is open' {
        $ix = New-TestIndex -Count 5
        ($ix | Invoke-HestiaFlush).WalCheckpoint | Should -Be 5
        Set-HestiaEntry -Index $ix -Key z -Value 1
        (Invoke-HestiaFlush -Path $ix.Path).WalCheckpoint | Should -Be 6
    }

    It 'does nothing with -WhatIf' {
        $ix = New-TestIndex -Count 5
        Invoke-HestiaFlush -Index $ix -WhatIf | Should -BeNullOrEmpty
        $ix.Checkpoint | Should -Be 0
        (Invoke-Child "`$ix = Open-HestiaIndex -Path '$(New-TestPath)' -Create; Set-HestiaEntry -Index `$ix -Key a -Value 1; Invoke-HestiaFlush -Index `$ix -WhatIf").Output |
            Should -BeLike '*Flush 1 write into segments*'
    }

    It 'looks with -WhatIf at an index that is closed, and refuses one that is not there' {
        $path = New-ClosedIndex
        (Invoke-Child "Invoke-HestiaFlush -Path '$path' -WhatIf").Output | Should -BeLike '*Flush 0 writes into segments*'
        $null = Assert-Failure { Invoke-HestiaFlush -Path "$path-missing" -WhatIf } PathNotFound
    }
}
