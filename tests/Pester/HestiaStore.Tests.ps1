#requires -Version 7.4
# Directories that HestiaStore (Java) wrote, as they are: every cmdlet with a path serves them or says what they are.

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1
    $fixtures = Join-Path (Split-Path $PSScriptRoot) fixtures/hestiastore

    function New-StoreCopy([string] $Name, [switch] $KeepLock) {
        # A copy of a fixture, as a closed one unless -KeepLock; its folder.
        $folder = New-TestPath $Name
        $null = New-Item -ItemType Directory -Force -Path $folder
        tar -xzf (Join-Path $fixtures "$Name.tar.gz") -C $folder --strip-components=1
        if ($LASTEXITCODE -ne 0) { throw "tar ended with $LASTEXITCODE" }
        if (-not $KeepLock) { Get-ChildItem -LiteralPath $folder -Recurse -Force -Filter .lock | Remove-Item -Force }
        $folder
    }

    function Set-Lock([string] $Path, [int] $ProcessId, [string] $ComputerName = [System.Net.Dns]::GetHostName()) {
        Set-Content -LiteralPath (Join-Path $Path .lock) -Value "version=1", "pid=$ProcessId", 'processStartEpochMillis=-1', "host=$ComputerName", 'sessionId=s'
    }
}

Describe 'HestiaStore directories' {
    It 'are described: <name>' -ForEach @(
        @{ name = 'nowal-split'; types = 'ShortString'; entries = 10000; segments = 4 }
        @{ name = 'nowal-long-snappy'; types = 'Long'; entries = 10000; segments = 1 }
        @{ name = 'wal-crashed'; types = 'ShortString'; entries = 10000; segments = 1 }
    ) {
        $path = New-StoreCopy $name
        $info = Get-HestiaIndex -Path $path
        $info | Should -BeOfType HestiaPS.StoreIndexInfo
        $info.Format | Should -Be 'HestiaStore 1.0'
        $info.Name | Should -Be sample
        $info.KeyType | Should -Be $types
        $info.ValueType | Should -Be $types
        $info.LockState | Should -Be None
        $info.Segments | Should -Be $segments
        $info.EntriesUpperBound | Should -BeGreaterOrEqual $entries
        ($info | Out-String) | Should -BeLike '*HestiaStore 1.0*'
    }

    It 'say who has them open' {
        $path = New-StoreCopy nowal-closed
        Set-Lock $path $PID
        $info = Get-HestiaIndex -Path $path
        $info.LockState | Should -Be Alive
        $info.OwnerProcessId | Should -Be $PID
        Set-Lock $path 7 'another-machine'
        (Get-HestiaIndex -Path $path).LockState | Should -Be Unknown
    }

    It 'are checked whole, and stay as they are: <_>' -ForEach 'nowal-closed', 'nowal-split', 'nowal-long-snappy', 'wal-closed', 'wal-crashed' {
        $path = New-StoreCopy $_
        $before = Get-FolderState $path
        $result = Test-HestiaIndex -Path $path
        $result | Should -BeOfType HestiaPS.IndexTestResult
        $result.Healthy | Should -BeTrue
        $result.Entries | Should -Be 10000
        Test-HestiaIndex -Path $path -Quiet | Should -BeTrue
        Get-FolderState $path | Should -Be $before
    }

    It 'have their damage named, with what HestiaStore would make of it' {
        $path = New-StoreCopy nowal-split
        Remove-Item -LiteralPath (Join-Path $path index.map)
        $result = Test-HestiaIndex -Path $path -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Healthy | Should -BeFalse
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'IndexUnhealthy,*'
        $result.Findings.Code | Should -Contain RouteMapMissing
        ($result.Findings | Where-Object Code -EQ HestiaStoreWould)[0].Message | Should -BeLike '*delete this segment with 2,541 entries*'
        ($result.Findings | Where-Object Code -EQ OrphanSegment)[0].FirstKey | Should -BeLike 'key-*'
    }

    It 'are repaired by plan, and what is taken out is kept' {
        $path = New-StoreCopy nowal-split
        Remove-Item -LiteralPath (Join-Path $path index.map)
        $before = Get-FolderState $path
        Repair-HestiaIndex -Path $path -WhatIf
        Get-FolderState $path | Should -Be $before
        $result = Repair-HestiaIndex -Path $path
        $result.Changed | Should -BeTrue
        $result.Lost | Should -BeNullOrEmpty
        $result.EntriesKept | Should -Be 10000
        (Test-HestiaIndex -Path $path).Entries | Should -Be 10000
        (Repair-HestiaIndex -Path $path).Changed | Should -BeFalse
    }

    It 'lose nothing without -Force' {
        $path = New-StoreCopy nowal-split
        Remove-Item -LiteralPath (Join-Path $path segment-00004/v01-delta-0001.cache)
        $before = Get-FolderState $path
        Repair-HestiaIndex -Path $path -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'RepairWouldLoseData,*'
        Get-FolderState $path | Should -Be $before
        $result = Repair-HestiaIndex -Path $path -Force
        $result.Lost.Count | Should -Be 1
        $result.Lost[0].FirstKey | Should -BeLike 'key-*'
    }

    It 'are not repaired while their owner lives, or may' {
        $path = New-StoreCopy nowal-closed
        Remove-Item -LiteralPath (Join-Path $path index.map)
        Set-Lock $path $PID
        Repair-HestiaIndex -Path $path -Force -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'IndexInUse,*'
        $errors[0].Exception.Message | Should -BeLike "*pid $PID*"
        Set-Lock $path 7 'another-machine'
        Repair-HestiaIndex -Path $path -Force -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'IndexInUse,*'
    }

    It 'are refused by name by what cannot serve them: <command>' -ForEach @(
        @{ command = 'Open-HestiaIndex' }
        @{ command = 'Invoke-HestiaFlush' }
        @{ command = 'Optimize-HestiaIndex' }
    ) {
        $path = New-StoreCopy nowal-closed
        $before = Get-FolderState $path
        { & $command -Path $path -ErrorAction Stop } | Should -Throw -ErrorId "ForeignFormat,*" -ExpectedMessage '*HestiaStore*'
        Get-FolderState $path | Should -Be $before
    }

    It 'of another version are refused with the version' {
        $path = New-StoreCopy nowal-closed
        $manifest = Join-Path $path manifest.txt
        Set-Content -LiteralPath $manifest -Value ((Get-Content -LiteralPath $manifest) -replace '^schema.version=2', 'schema.version=3')
        { Get-HestiaIndex -Path $path -ErrorAction Stop } | Should -Throw -ErrorId 'FormatUnsupported,*' -ExpectedMessage '*is 3*'
    }

    It 'of other databases are named: <format>' -ForEach @(
        @{ format = 'RocksDB'; files = 'CURRENT', 'MANIFEST-000004', 'OPTIONS-000007', '000009.sst' }
        @{ format = 'LevelDB'; files = 'CURRENT', 'MANIFEST-000002', '000005.ldb' }
        @{ format = 'Lucene'; files = 'segments_2', 'write.lock', '_0.si' }
        @{ format = 'LMDB'; files = 'data.mdb', 'lock.mdb' }
    ) {
        $path = New-TestPath
        $null = New-Item -ItemType Directory -Path $path
        foreach ($file in $files) { Set-Content -LiteralPath (Join-Path $path $file) -Value x }
        { Test-HestiaIndex -Path $path -ErrorAction Stop } | Should -Throw -ErrorId 'ForeignFormat,*' -ExpectedMessage "*$format*"
        { Open-HestiaIndex -Path $path } | Should -Throw -ErrorId 'ForeignFormat,*'
    }

    It 'are not what a SQLite file or an empty folder is' {
        $file = New-TestPath shop.db
        [IO.File]::WriteAllBytes($file, [Text.Encoding]::ASCII.GetBytes("SQLite format 3`0") + [byte[]]::new(84))
        { Get-HestiaIndex -Path $file -ErrorAction Stop } | Should -Throw -ErrorId 'ForeignFormat,*' -ExpectedMessage '*SQLite*'
        $empty = New-TestPath
        $null = New-Item -ItemType Directory -Path $empty
        { Get-HestiaIndex -Path $empty -ErrorAction Stop } | Should -Throw -ErrorId 'NotAnIndex,*'
    }
}

Describe 'HestiaStore logs' {
    It 'are tested by index and by wal folder' {
        $path = New-StoreCopy wal-crashed
        $result = Test-HestiaWal -Path $path
        $result.Healthy | Should -BeTrue
        $result.Records | Should -Be 12000
        $result.LastLsn | Should -Be 12000
        $result.OpenWould | Should -BeLike 'HestiaStore would replay 2,000 operations*'
        (Test-HestiaWal -Path (Join-Path $path wal)).LastLsn | Should -Be 12000
    }

    It 'agree with the verdict of HestiaStore: <name>' -ForEach @(
        @{ name = 'clean'; healthy = $true }
        @{ name = 'torn-tail'; healthy = $false }
        @{ name = 'flip-body-middle-first-file'; healthy = $false }
        @{ name = 'checkpoint-bad-checksum'; healthy = $false }
        # and are stricter where that is wrong: a log without its first file
        @{ name = 'missing-first-file'; healthy = $false }
    ) {
        $folder = New-StoreCopy wal-damage
        Test-HestiaWal -Path (Join-Path $folder $name wal) -Quiet | Should -Be $healthy
    }

    It 'say what HestiaStore would do to what is behind the damage' {
        $folder = New-StoreCopy wal-damage
        $result = Test-HestiaWal -Path (Join-Path $folder flip-body-middle-first-file wal) -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'WalUnhealthy,*'
        $result.OpenWould | Should -BeLike '*delete everything behind it, LSN 10067 and later*'
        $result.Findings[0].FirstLsn | Should -Be 10066
    }

    It 'are dumped with keys and values of their types' {
        $path = New-StoreCopy wal-crashed
        $last = Get-HestiaWalRecord -Path $path -Last 1
        $last.LastLsn | Should -Be 12000
        $last.Operations[0].Kind | Should -Be Put
        $last.Operations[0].Key | Should -Be key-0000010999
        $last.Operations[0].Value | Should -Be 'value-10999-abcdefghijklmnop'
        (Get-HestiaWalRecord -Path $path -Key key-0000000007).LastLsn | Should -Be 2158, 10008
        @(Get-HestiaWalRecord -Path $path -FromLsn 10001 -ToLsn 10010).Count | Should -Be 10
    }
}
