#requires -Version 7.4

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1
}

Describe 'Set-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'changes the durability of a session, and of the next one' {
        $ix = New-TestIndex -Count 20
        $report = Set-HestiaIndex -Index $ix -Durability Off
        $report | Should -BeOfType HestiaPS.DurabilityReport
        $report.Before | Should -Be GroupSync
        $report.Durability | Should -Be Off
        $report.Lsn | Should -Be 20
        $report.Via | Should -Be Session
        $ix.Durability | Should -Be Off
        ($ix | Set-HestiaIndex -Durability Sync).Before | Should -Be Off
        $path = $ix.Path
        Close-HestiaIndex -Index $ix
        (Open-HestiaIndex $path).Durability | Should -Be Sync
    }

    It 'changes <From> into <To> of a closed index' -ForEach @(
        @{ From = 'Off'; To = 'GroupSync' }, @{ From = 'GroupSync'; To = 'Off' }, @{ From = 'Async'; To = 'Sync' }
    ) {
        $path = New-TestPath
        $ix = Open-HestiaIndex $path -Create -Durability $From
        Set-HestiaEntry -Index $ix -Key a -Value 1
        Close-HestiaIndex -Index $ix
        $report = Set-HestiaIndex -Path $path -Durability $To
        $report.Before | Should -Be $From
        $report.Lsn | Should -BeNullOrEmpty
        $report.Via | Should -Be Opened
        (Get-HestiaIndex -Path $path).Durability | Should -Be $To
        (Test-HestiaIndex -Path $path).Entries | Should -Be 1
    }

    It 'does nothing with -WhatIf, and nothing for what is no index' {
        $path = New-ClosedIndex
        $before = Get-FolderState $path
        Set-HestiaIndex -Path $path -Durability Off -WhatIf | Should -BeNullOrEmpty
        Get-FolderState $path | Should -Be $before
        $null = Assert-Failure { Set-HestiaIndex -Path (New-TestPath) -Durability Off } -ErrorId PathNotFound
        { Set-HestiaIndex -Path $path -Durability Sometimes } | Should -Throw
    }

    It 'gives the index of another process a log, and what it writes then outlives its death' {
        $path = New-TestPath
        $owner = Start-Owner $path -Durability Off
        try {
            $report = Set-HestiaIndex -Path $path -Durability GroupSync
            $report.Via | Should -Be Endpoint
            $report.Before | Should -Be Off
            $until = [datetime]::UtcNow.AddSeconds(30)
            while (($last = (Get-HestiaIndex -Path $path).Statistics.DurableLsn.Value) -lt $report.Lsn + 50) {
                [datetime]::UtcNow | Should -BeLessThan $until
                Start-Sleep -Milliseconds 20
            }
        }
        finally { Remove-Owner $owner }
        $check = Test-HestiaIndex -Path $path
        $check.LastLsn | Should -BeGreaterOrEqual $last
        (Get-HestiaIndex -Path $path).Durability | Should -Be GroupSync
    }
}
