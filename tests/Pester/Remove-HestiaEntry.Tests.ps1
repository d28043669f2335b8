BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Remove-HestiaEntry' {
    AfterEach { Close-TestSession }

    BeforeEach { $ix = New-TestIndex -Count 20 }

    It 'removes keys, one and several, and emits nothing' {
        Remove-HestiaEntry -Index $ix -Key k00001 | Should -BeNullOrEmpty
        Remove-HestiaEntry $ix k00002, k00003
        'k00004', 'k00005' | Remove-HestiaEntry -Index $ix
        (Get-HestiaEntry -Index $ix -First 1).Key | Should -Be k00006
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 15
    }

    It 'removes what Get-HestiaEntry finds' {
        Get-HestiaEntry -Index $ix -Prefix k0001 | Remove-HestiaEntry -Index $ix
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 10
    }

    It 'takes a missing key for removed' {
        Remove-HestiaEntry -Index $ix -Key nope -ErrorAction Stop
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 20
    }

    It 'says with -WhatIf how many, and removes none' {
        $child = Invoke-Child "`$ix = Open-HestiaIndex -Path '$(New-ClosedIndex -Count 12)'
            Get-HestiaEntry -Index `$ix | Remove-HestiaEntry -Index `$ix -WhatIf
            @(Get-HestiaEntry -Index `$ix).Count"
        $child.Output | Should -BeLike '*What if:*Remove 12 entries*'
        $child.Output.Split("`n")[-1] | Should -Be 12
    }

    It 'refuses an empty key and goes on' {
        '', 'k00001' | Remove-HestiaEntry -Index $ix -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'KeyEmpty,*'
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 19
    }

    It 'drops the pending batch when the pipeline is stopped from above' {
        {
            1..15 | ForEach-Object { if ($_ -eq 15) { throw 'upstream' }; 'k{0:d5}' -f $_ } |
                Remove-HestiaEntry -Index $ix -BatchSize 10 -BatchInterval 1h
        } | Should -Throw upstream
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 10
        $ix.LastCommittedLsn | Should -Be 30
    }
}
