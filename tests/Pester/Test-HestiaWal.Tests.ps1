BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Test-HestiaWal' {
    AfterEach { Close-TestSession }

    It 'checks the log of an index that is in use, by session, path, wal directory and file' {
        $ix = New-TestIndex -Count 30
        $result = Test-HestiaWal -Index $ix
        $result | Should -BeOfType HestiaPS.WalTestResult
        $result.Healthy | Should -BeTrue
        $result.Files | Should -Be 1
        $result.Records | Should -BeGreaterOrEqual 1
        $result.Operations | Should -Be 30
        $result.FirstLsn | Should -Be 1
        $result.LastLsn | Should -Be 30
        $result.OpenWould | Should -Not -BeNullOrEmpty
        (Test-HestiaWal -Path $ix.Path).LastLsn | Should -Be 30
        (Test-HestiaWal -Path (Join-Path $ix.Path wal)).LastLsn | Should -Be 30
        (Get-ChildItem (Join-Path $ix.Path wal) | Test-HestiaWal).LastLsn | Should -Be 30
    }

    It 'finds the log of a closed index healthy and changes nothing' {
        $path = New-ClosedIndex
        $before = Get-FolderState $path
        (Test-HestiaWal -Path $path).Healthy | Should -BeTrue
        Test-HestiaWal -Path $path -Quiet | Should -BeTrue
        Get-FolderState $path | Should -Be $before
    }

    It 'reports damage below what was synced' {
        # A process that is killed leaves its log behind.
        $path = New-TestPath
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path' -Create -Durability Sync
            1..50 | ForEach-Object { Set-HestiaEntry -Index `$ix -Key `"k`$_`" -Value ('v' * 100) }
            'written'; Start-Sleep 60"
        $null = Wait-Output $child 'written'
        Send-Signal $child KILL
        $null = Wait-Child $child
        (Test-HestiaWal -Path $path).Records | Should -Be 50
        $log = (Get-ChildItem (Join-Path $path wal) -Filter *.wal)[0].FullName
        $bytes = [IO.File]::ReadAllBytes($log)
        $bytes[1000] = $bytes[1000] -bxor 0xFF
        [IO.File]::WriteAllBytes($log, $bytes)
        $before = Get-FolderState $path
        $result = Test-HestiaWal -Path $path -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Healthy | Should -BeFalse
        $finding = @($result.Findings | Where-Object Severity -EQ Error)[0]
        $finding.File | Should -BeLike '*.wal'
        $finding.Offset | Should -BeGreaterThan 0
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'WalUnhealthy,*'
        Test-HestiaWal -Path $path -Quiet | Should -BeFalse
        Get-FolderState $path | Should -Be $before
    }
}
