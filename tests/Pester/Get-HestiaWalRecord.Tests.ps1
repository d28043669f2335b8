BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Get-HestiaWalRecord' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $ix = New-TestIndex
        1..10 | ForEach-Object { Set-HestiaEntry -Index $ix -Key "k$_" -Value "v$_" }
        Remove-HestiaEntry -Index $ix -Key k3
    }

    It 'reads the records with their operations as people wrote them' {
        $records = Get-HestiaWalRecord -Index $ix
        $records.Count | Should -Be 11
        $records[0] | Should -BeOfType HestiaPS.WalRecordInfo
        $records[0].FirstLsn | Should -Be 1
        $records[0].Operations[0].Kind | Should -Be Put
        $records[0].Operations[0].Key | Should -BeExactly k1
        $records[0].Operations[0].Value | Should -BeExactly v1
        $records[10].Operations[0].Kind | Should -Be Delete
        $records[10].Operations[0].Value | Should -BeNullOrEmpty
        $records[0].CommitTime.Offset | Should -Be ([timespan]::Zero)
        @($records | Where-Object Damage) | Should -BeNullOrEmpty
    }

    It 'filters by LSN, key and number' {
        (Get-HestiaWalRecord -Path $ix.Path -FromLsn 3 -ToLsn 5).FirstLsn | Should -Be 3, 4, 5
        (Get-HestiaWalRecord -Path $ix.Path -Key k3).FirstLsn | Should -Be 3, 11
        (Get-HestiaWalRecord -Index $ix -Last 2).FirstLsn | Should -Be 10, 11
    }

    It 'reads a wal directory with the encodings of the index it is in, and stops when told' {
        $records = Get-HestiaWalRecord -Path (Join-Path $ix.Path wal) | Select-Object -First 2
        $records.Count | Should -Be 2
        $records[1].Operations[0].Key | Should -BeExactly k2
    }

    It 'goes on behind damage and marks it' {
        $log = (Get-ChildItem (Join-Path $ix.Path wal) -Filter *.wal).FullName
        $copy = Join-Path (New-Item -ItemType Directory -Path (Join-Path $TestDrive ([guid]::NewGuid()))).FullName (Split-Path $log -Leaf)
        Copy-Item -LiteralPath $log -Destination $copy
        $records = Get-HestiaWalRecord -Path $copy
        $bytes = [IO.File]::ReadAllBytes($copy)
        $bytes[$records[4].Offset + 10] = $bytes[$records[4].Offset + 10] -bxor 1
        [IO.File]::WriteAllBytes($copy, $bytes)
        $found = Get-HestiaWalRecord -Path $copy
        ($found | Where-Object { -not $_.Damage }).FirstLsn | Should -Be 1, 2, 3, 4, 6, 7, 8, 9, 10, 11
        $damage = @($found | Where-Object Damage)
        $damage.Count | Should -Be 1
        $damage[0].Offset | Should -Be $records[4].Offset
        $damage[0].FirstLsn | Should -Be 5
        $damage[0].LastLsn | Should -Be 5
        (Get-HestiaWalRecord -Path $copy -FromLsn 5 -ToLsn 6 | Where-Object { -not $_.Damage }).FirstLsn | Should -Be 6
        (Get-HestiaWalRecord -Path $copy -Last 3).FirstLsn | Should -Be 9, 10, 11
    }

    It 'streams: a log of 200 MB takes little more memory than one of a few' {
        $big = New-TestPath
        $child = Invoke-Child "`$ix = Open-HestiaIndex -Path '$big' -Create -Durability Async
            `$value = [byte[]]::new(60KB)
            1..3500 | ForEach-Object { [pscustomobject]@{ Key = `"k`$_`"; Value = `$value } } | Set-HestiaEntry -Index `$ix -BatchSize 10
            [Diagnostics.Process]::GetCurrentProcess().Kill()"
        $child.ExitCode | Should -Not -Be 0
        (Get-ChildItem (Join-Path $big wal) | Measure-Object Length -Sum).Sum | Should -BeGreaterThan 200MB
        # With a heap that could not hold the log, and the peak of the whole process beside that with a small log.
        $peak = foreach ($path in (New-ClosedIndex), $big) {
            $child = Invoke-Child -Environment @{ DOTNET_GCHeapHardLimit = '0x8000000' } "`$n = (Get-HestiaWalRecord -Path '$path' | Measure-Object).Count
                `$last = @(Get-HestiaWalRecord -Path '$path' -Last 1).Count
                `"`$n `$last `$([Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64)`""
            $child.ExitCode | Should -Be 0 -Because $child.Error
            $count, $last, $bytes = $child.Output -split ' '
            if ($path -eq $big) { [int]$count | Should -BeGreaterOrEqual 350 }
            $last | Should -Be 1
            [long]$bytes
        }
        ($peak[1] - $peak[0]) / 1MB | Should -BeLessThan 150
    }
}
