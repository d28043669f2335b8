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
}
