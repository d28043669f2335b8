BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Set-HestiaEntry' {
    AfterEach { Close-TestSession }

    BeforeEach { $ix = New-TestIndex }

    It 'writes one entry and emits nothing' {
        Set-HestiaEntry -Index $ix -Key a -Value 1 | Should -BeNullOrEmpty
        (Get-HestiaEntry -Index $ix -Key a).Value | Should -BeExactly '1'
        $ix.LastCommittedLsn | Should -Be 1
    }

    It 'binds Key and Value by property name, from a CSV' {
        $csv = Join-Path $TestDrive 'big.csv'
        1..2500 | ForEach-Object { [pscustomobject]@{ Key = "k$_"; Value = "v$_"; Other = 'x' } } | Export-Csv $csv
        Import-Csv $csv | Set-HestiaEntry -Index $ix | Should -BeNullOrEmpty
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 2500
        (Get-HestiaEntry -Index $ix -Key k2500).Value | Should -Be v2500
        $ix.LastLsn | Should -Be 2500
    }

    It 'takes the pairs of a hashtable, and a dictionary with Key and Value' {
        @{ a = 1; b = 2 }.GetEnumerator() | Set-HestiaEntry -Index $ix
        @{ Key = 'c'; Value = 3 } | Set-HestiaEntry -Index $ix
        Set-HestiaEntry -Index $ix -InputObject ([ordered]@{ Key = 'd'; Value = 4 })
        (Get-HestiaEntry -Index $ix | ForEach-Object { "$($_.Key)=$($_.Value)" }) | Should -Be a=1, b=2, c=3, d=4
        $null = Assert-Failure { @{ x = 1; y = 2 } | Set-HestiaEntry -Index $ix } EntryNotUnderstood -Names GetEnumerator
    }

    It 'takes entries of another index' {
        $other = New-TestIndex -Count 3
        Get-HestiaEntry -Index $other | Set-HestiaEntry -Index $ix
        (Get-HestiaEntry -Index $ix).Value | Should -Be 'value 1', 'value 2', 'value 3'
    }

    It 'emits each entry with its LSN after the commit with -PassThru' {
        $written = 1..2500 | ForEach-Object { [pscustomobject]@{ Key = "k$_"; Value = "v$_" } } | Set-HestiaEntry -Index $ix -PassThru
        $written.Count | Should -Be 2500
        $written[0] | Should -BeOfType HestiaPS.IndexEntry
        $written.Lsn | Should -Be (1..2500)
        $written[1234].Key | Should -Be k1235
        (Get-HestiaEntry -Index $ix -Key k1235).Lsn | Should -Be 1235
    }

    It 'commits in batches of -BatchSize' {
        1..10 | ForEach-Object {
            [pscustomobject]@{ Key = "k$_"; Value = $_ }
            if ($_ -eq 5) { $script:seen = $ix.LastCommittedLsn }
        } | Set-HestiaEntry -Index $ix -BatchSize 4 -BatchInterval 1h
        $script:seen | Should -Be 4
        $ix.LastCommittedLsn | Should -Be 10
    }

    It 'commits after -BatchInterval although nothing more comes' {
        $seen = 1..2 | ForEach-Object {
            if ($_ -eq 2) {
                $until = [datetime]::UtcNow.AddSeconds(10)
                while ($ix.LastCommittedLsn -lt 1 -and [datetime]::UtcNow -lt $until) { Start-Sleep -Milliseconds 10 }
                $script:committed = $ix.LastCommittedLsn
            }
            [pscustomobject]@{ Key = "k$_"; Value = $_ }
        } | Set-HestiaEntry -Index $ix -PassThru
        $script:committed | Should -Be 1
        $seen.Lsn | Should -Be 1, 2
    }

    It 'takes numbers as their invariant text, bytes as they are, and refuses to guess anything else' {
        Set-HestiaEntry -Index $ix -Key n -Value 1.5
        Set-HestiaEntry -Index $ix -Key b -Value ([byte[]](0xff, 0x00))
        (Get-HestiaEntry -Index $ix -Key n).Value | Should -BeExactly '1.5'
        (Get-HestiaEntry -Index $ix -Key b).Value | Should -Be 255, 0
        $null = Assert-Failure {
            Set-HestiaEntry -Index $ix -Key d -Value (Get-Date)
        } EncodingMismatch -Names DateTime -Category InvalidType
        $null = Assert-Failure { Set-HestiaEntry -Index $ix -Key d -Value @{} } EncodingMismatch
        $null = Assert-Failure { Set-HestiaEntry -Index $ix -Key d -Value $null } EntryNotUnderstood -Names null
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 2
    }

    It 'takes an empty value' {
        Set-HestiaEntry -Index $ix -Key e -Value ''
        (Get-HestiaEntry -Index $ix -Key e).Value | Should -BeExactly ''
    }

    It 'refuses an empty key as an error of that item, and the others go on' {
        '', 'a', $null, 'b' | ForEach-Object { [pscustomobject]@{ Key = $_; Value = 1 } } |
            Set-HestiaEntry -Index $ix -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors.Count | Should -Be 2
        $errors | ForEach-Object { $_.FullyQualifiedErrorId | Should -BeLike 'KeyEmpty,*' }
        (Get-HestiaEntry -Index $ix).Key | Should -Be a, b
    }

    It 'says with -WhatIf how many entries it would write, and writes none' {
        $child = Invoke-Child "`$ix = Open-HestiaIndex -Path '$(New-TestPath)' -Create
            1..1234 | ForEach-Object { [pscustomobject]@{ Key = `"k`$_`"; Value = 1 } } | Set-HestiaEntry -Index `$ix -WhatIf
            @(Get-HestiaEntry -Index `$ix).Count"
        $child.Output | Should -BeLike '*What if:*Set 1,234 entries*'
        $child.Output.Split("`n")[-1] | Should -Be 0
    }

    It 'drops the pending batch when the pipeline is stopped by an error upstream' {
        {
            1..25 | ForEach-Object {
                if ($_ -eq 25) { throw 'upstream' }
                [pscustomobject]@{ Key = 'k{0:d2}' -f $_; Value = $_ }
            } | Set-HestiaEntry -Index $ix -BatchSize 10 -BatchInterval 1h
        } | Should -Throw upstream
        $ix.LastCommittedLsn | Should -Be 20 -Because 'two batches were whole; EndProcessing never ran'
        $ix.LastLsn | Should -Be 20
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 20
    }

    It 'drops the pending batch when Select-Object -First stops it' {
        $first = 1..100 | ForEach-Object { [pscustomobject]@{ Key = 'k{0:d3}' -f $_; Value = $_ } } |
            Set-HestiaEntry -Index $ix -BatchSize 10 -BatchInterval 1h -PassThru | Select-Object -First 3
        $first.Count | Should -Be 3
        $ix.LastCommittedLsn | Should -Be 10
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 10
    }

    It 'leaves exactly what it committed when it is stopped as by Ctrl+C' {
        $shell = [powershell]::Create()
        $null = $shell.AddScript({
                param($module, $ix)
                Import-Module $module
                & { $i = 0; while ($true) { $i++; [pscustomobject]@{ Key = 'k{0:d9}' -f $i; Value = $i } } } |
                    Set-HestiaEntry -Index $ix -BatchSize 50
            }).AddArgument($ModulePath).AddArgument($ix)
        $null = $shell.BeginInvoke()
        $until = [datetime]::UtcNow.AddSeconds(30)
        while ($ix.LastCommittedLsn -lt 200 -and [datetime]::UtcNow -lt $until) { Start-Sleep -Milliseconds 5 }
        $shell.Stop()
        $committed = $ix.LastCommittedLsn
        $committed | Should -BeGreaterOrEqual 200
        $ix.LastLsn | Should -Be $committed
        $ix.State | Should -Be Ready
        @(Get-HestiaEntry -Index $ix).Count | Should -Be $committed
        $shell.Dispose()
    }

    It 'takes at least 30,000 objects a second in GroupSync (aim: 100,000)' {
        $count = 100000
        $objects = foreach ($i in 1..$count) { [pscustomobject]@{ Key = 'key{0:d8}' -f $i; Value = "value-$i" } }
        $rates = foreach ($round in 1..4) {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $objects | Set-HestiaEntry -Index $ix
            $count / $watch.Elapsed.TotalSeconds
        }
        $best = ($rates | Measure-Object -Maximum).Maximum # the first rounds also compile; other work on the machine takes its share
        $shown = ($rates | ForEach-Object { '{0:N0}' -f $_ }) -join ', '
        Write-Information ('        Set-HestiaEntry: {0:N0} objects/s in GroupSync, by round {1}' -f $best, $shown) -InformationAction Continue
        $ix.LastLsn | Should -Be (4 * $count)
        $best | Should -BeGreaterThan 30000
    }
}
