BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Open-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'creates an index and returns a session that can be used' {
        $path = New-TestPath
        $session = Open-HestiaIndex -Path $path -Create -Durability GroupSync
        $session | Should -BeOfType HestiaPS.IndexSession
        $session.Name | Should -Be 'orders'
        $session.Path | Should -Be $path
        $session.State | Should -Be Ready
        $session.Durability | Should -Be GroupSync
        $session.KeyEncoding | Should -Be Utf8
        $session.ValueEncoding | Should -Be Utf8
        $session.LastLsn | Should -Be 0
        $session.Id | Should -Not -Be ([guid]::Empty)
        Test-Path -LiteralPath (Join-Path $path 'index.json') | Should -BeTrue
    }

    It 'opens what was closed, with everything in it' {
        $path = New-ClosedIndex -Count 25
        $session = Open-HestiaIndex $path
        @(Get-HestiaEntry -Index $session).Count | Should -Be 25
        $session.LastLsn | Should -Be 25
    }

    It 'keeps name and encodings that were given at creation' {
        $path = New-TestPath
        $created = Open-HestiaIndex -Path $path -Create -Name 'ledger' -KeyEncoding Int64 -ValueEncoding Guid
        Close-HestiaIndex $created
        $session = Open-HestiaIndex -Path $path
        $session.Name | Should -Be 'ledger'
        $session.KeyEncoding | Should -Be Int64
        $session.ValueEncoding | Should -Be Guid
    }

    It 'takes the durability <_>' -ForEach 'Sync', 'GroupSync', 'Async', 'Off' {
        $path = New-TestPath
        $session = Open-HestiaIndex -Path $path -Create -Durability $_
        $session.Durability | Should -Be $_
        Set-HestiaEntry -Index $session -Key a -Value 1
        Close-HestiaIndex $session
        $session = Open-HestiaIndex -Path $path
        $session.Durability | Should -Be $_ -Because 'it became the index''s own'
        (Get-HestiaEntry -Index $session -Key a).Value | Should -Be '1'
    }

    It 'lets one session have another durability' {
        $path = New-ClosedIndex
        $session = Open-HestiaIndex -Path $path -Durability Async
        $session.Durability | Should -Be Async
        Close-HestiaIndex $session
        (Get-HestiaIndex -Path $path).Durability | Should -Be GroupSync
    }

    It 'opens read-only and changes nothing' {
        $path = New-ClosedIndex
        $before = Get-FolderState $path
        $session = Open-HestiaIndex -Path $path -ReadOnly
        $session.IsReadOnly | Should -BeTrue
        @(Get-HestiaEntry -Index $session).Count | Should -Be 10
        $null = Assert-Failure { Set-HestiaEntry -Index $session -Key a -Value b } IndexReadOnly -Names $path
        Close-HestiaIndex $session
        Get-FolderState $path | Should -Be $before
    }

    It 'says with -WhatIf what it would create, and creates nothing' {
        $path = New-TestPath
        Open-HestiaIndex -Path $path -Create -WhatIf | Should -BeNullOrEmpty
        Test-Path -LiteralPath $path | Should -BeFalse
    }

    It 'takes a wildcard that stands for one index and refuses one that stands for several' {
        $folder = Split-Path (New-ClosedIndex)
        $null = New-ClosedIndex -Path (Join-Path $folder 'other')
        $session = Open-HestiaIndex -Path (Join-Path $folder 'ord*')
        $session.Name | Should -Be orders
        $null = Assert-Failure { Open-HestiaIndex -Path (Join-Path $folder 'o*') } PathAmbiguous
    }

    It 'takes -LiteralPath as it is written' {
        $path = New-TestPath 'a[1]'
        $session = Open-HestiaIndex -LiteralPath $path -Create
        $session.Path | Should -Be $path
        Close-HestiaIndex $session
        (Get-Item -LiteralPath $path | Open-HestiaIndex).Path | Should -Be $path -Because 'PSPath binds to -LiteralPath'
    }

    It 'resolves relative paths against the location of the shell' {
        $path = New-TestPath
        Push-Location (Split-Path $path)
        try { (Open-HestiaIndex -Path ./orders -Create).Path | Should -Be $path } finally { Pop-Location }
    }

    It 'refuses an index that this process has open already, naming it' {
        $session = New-TestIndex
        $null = Assert-Failure { Open-HestiaIndex -Path $session.Path } IndexInUse -Names $session.Path, "$PID" -Category ResourceBusy
        $session.State | Should -Be Ready
    }

    It 'refuses to create over an index' {
        $path = New-ClosedIndex
        $before = Get-FolderState $path
        $null = Assert-Failure { Open-HestiaIndex -Path $path -Create } IndexExists -Names $path -Category ResourceExists
        Get-FolderState $path | Should -Be $before
    }

    It 'takes durations with a unit and refuses bare numbers' {
        $path = New-TestPath
        (Open-HestiaIndex -Path $path -Create -GroupDelay 2ms -RetiredAge 1h).State | Should -Be Ready
        $record = Get-Failure { Open-HestiaIndex -Path (New-TestPath) -Create -GroupDelay 30 }
        $record.Exception.Message | Should -BeLike '*not a duration*500ms*'
    }

    It 'warns about what recovery had to do' {
        $path = New-ClosedIndex
        $session = Open-HestiaIndex -Path $path -WarningVariable warnings -WarningAction SilentlyContinue
        $session.Recovery | Should -Not -BeNullOrEmpty
        $warnings | Should -BeNullOrEmpty -Because 'the index was closed cleanly'
    }
}
