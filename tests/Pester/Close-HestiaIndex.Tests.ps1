BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Close-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'closes, keeps the last LSNs readable and lets the index be opened again' {
        $session = New-TestIndex -Count 5
        Close-HestiaIndex -Index $session
        $session.State | Should -Be Closed
        $session.LastLsn | Should -Be 5
        $session.LastCommittedLsn | Should -Be 5
        Get-HestiaIndex | Should -BeNullOrEmpty
        (Open-HestiaIndex -Path $session.Path).LastLsn | Should -Be 5
    }

    It 'takes sessions from the pipeline and by position' {
        $first = New-TestIndex
        $second = New-TestIndex
        $first | Close-HestiaIndex
        Close-HestiaIndex $second
        $first.State, $second.State | Should -Be Closed, Closed
    }

    It 'emits nothing' {
        New-TestIndex | Close-HestiaIndex | Should -BeNullOrEmpty
    }

    It 'keeps the session open with -WhatIf' {
        $session = New-TestIndex -Count 5
        Close-HestiaIndex $session -WhatIf
        $session.State | Should -Be Ready
    }

    It 'says SessionNotLive for a closed one and goes on with the others' {
        $closed = New-TestIndex
        Close-HestiaIndex $closed
        $open = New-TestIndex
        $closed, $open | Close-HestiaIndex -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'SessionNotLive,*'
        $open.State | Should -Be Closed
    }
}
