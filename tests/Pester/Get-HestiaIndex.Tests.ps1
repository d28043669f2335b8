BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Get-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'lists the open sessions of the process' {
        $one = New-TestIndex -Path (New-TestPath one)
        $two = New-TestIndex -Path (New-TestPath two)
        (Get-HestiaIndex).Name | Should -Be one, two
        (Get-HestiaIndex)[0] | Should -Be $one
        (Get-HestiaIndex -Name tw*) | Should -Be $two
    }

    It 'says SessionNotFound for a name that is not open' {
        $null = Assert-Failure { Get-HestiaIndex -Name nobody } SessionNotFound -Names nobody -Category ObjectNotFound
        Get-HestiaIndex -Name nob* | Should -BeNullOrEmpty
    }

    It 'reports a closed index by path without opening or changing it' {
        $path = New-ClosedIndex -Count 10
        $before = Get-FolderState $path
        $info = Get-HestiaIndex -Path $path
        $info | Should -BeOfType HestiaPS.IndexInfo
        $info.Name | Should -Be orders
        $info.Path | Should -Be $path
        $info.InUse | Should -BeFalse
        $info.OwnerProcessId | Should -BeNullOrEmpty
        $info.Checkpoint | Should -Be 10
        $info.Segments | Should -BeGreaterThan 0
        $info.SegmentBytes | Should -BeGreaterThan 0
        $info.Created.Offset | Should -Be ([timespan]::Zero)
        Get-FolderState $path | Should -Be $before
    }

    It 'names the process that has an index open' {
        $session = New-TestIndex
        $info = Get-HestiaIndex -Path $session.Path
        $info.InUse | Should -BeTrue
        $info.OwnerProcessId | Should -Be $PID
        $info.OwnerHost | Should -Be ([Environment]::MachineName)
        ([datetime]::UtcNow - $info.OwnerSince.UtcDateTime).TotalMinutes | Should -BeLessThan 5
    }

    It 'shows what matters of an open index as a list, by session and by path, and every number' {
        $session = New-TestIndex -Count 10 -Flush
        $session.Statistics.EntriesUpperBound, $session.Statistics.SyncFailures | Should -Be 10, 0
        $labels = 'State', 'Owner', 'Size', 'Levels', 'Entries', 'LastLsn', 'DurableLsn', 'Checkpoint', 'Wal', 'Memtable', 'CompactionDebt', 'CacheHitRate', 'WriteStalls', 'Pins',
            'LastBackup', 'SyncFailures'
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = Backup-HestiaIndex -Index $session -Repository $repository
        $null = Suspend-HestiaIndex -Index $session -Duration 1m
        foreach ($shown in (Get-HestiaIndex), (Get-HestiaIndex -Path $session.Path)) {
            $text = $shown | Format-List | Out-String -Width 300
            foreach ($label in $labels) { $text | Should -Match "(?m)^$label +:" }
            foreach ($value in 'State +: Suspended until', "Owner +: .*\b$PID\b", 'Levels +: L\d: 1 \(', 'Entries +: 10\b', 'SyncFailures +: 0', "LastBackup +: $($backup.BackupId) at LSN 10") {
                $text | Should -Match $value
            }
        }
        Close-HestiaIndex -Index $session
        $session.Statistics | Should -BeNullOrEmpty
        $session | Format-List | Out-String | Should -Match 'State +: Closed'
    }

    It 'resolves wildcards and goes on past a folder that is no index' {
        $path = New-ClosedIndex
        $null = New-Item -ItemType Directory (Join-Path (Split-Path $path) 'nothing')
        $found = Get-HestiaIndex -Path (Join-Path (Split-Path $path) '*') -ErrorVariable errors -ErrorAction SilentlyContinue
        $found.Path | Should -Be $path
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'NotAnIndex,*'
    }

    It 'takes folders from Get-ChildItem' {
        $path = New-ClosedIndex -Path (New-TestPath 'a[1]')
        (Get-ChildItem -LiteralPath (Split-Path $path) | Get-HestiaIndex).Path | Should -Be $path
    }
}
