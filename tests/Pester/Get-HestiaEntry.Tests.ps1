BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Get-HestiaEntry' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $ix = New-TestIndex
        'a', 'ab', 'abc', 'b', 'ba', 'c' | ForEach-Object { [pscustomobject]@{ Key = $_; Value = "v-$_" } } | Set-HestiaEntry -Index $ix
    }

    It 'reads a key with its value and LSN' {
        $entry = Get-HestiaEntry -Index $ix -Key 'ab'
        $entry | Should -BeOfType HestiaPS.IndexEntry
        $entry.Key | Should -BeExactly 'ab'
        $entry.Value | Should -BeExactly 'v-ab'
        $entry.Lsn | Should -Be 2
    }

    It 'reads several keys, from an argument and from the pipeline, in the order asked' {
        (Get-HestiaEntry -Index $ix -Key c, a).Value | Should -Be v-c, v-a
        ('b', 'abc' | Get-HestiaEntry -Index $ix).Value | Should -Be v-b, v-abc
        (Get-HestiaEntry $ix a).Value | Should -Be v-a
        ([pscustomobject]@{ Key = 'b' } | Get-HestiaEntry -Index $ix).Value | Should -Be v-b
    }

    It 'says EntryNotFound for a missing key and goes on' {
        $found = Get-HestiaEntry -Index $ix -Key a, nope, c -ErrorVariable errors -ErrorAction SilentlyContinue
        $found.Key | Should -Be a, c
        $errors.Count | Should -Be 1
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'EntryNotFound,*'
        $errors[0].CategoryInfo.Category | Should -Be ObjectNotFound
        $errors[0].TargetObject | Should -Be nope
        $errors[0].Exception.Message | Should -BeLike '*nope*'
    }

    It 'reads everything in key order' {
        (Get-HestiaEntry -Index $ix).Key | Should -Be a, ab, abc, b, ba, c
    }

    It 'reads a prefix, a range, the first few, and in reverse' {
        (Get-HestiaEntry -Index $ix -Prefix ab).Key | Should -Be ab, abc
        (Get-HestiaEntry -Index $ix -From ab -To b).Key | Should -Be ab, abc
        (Get-HestiaEntry -Index $ix -From ab -To b -ToInclusive).Key | Should -Be ab, abc, b
        (Get-HestiaEntry -Index $ix -First 2).Key | Should -Be a, ab
        (Get-HestiaEntry -Index $ix -Reverse -First 2).Key | Should -Be c, ba
        (Get-HestiaEntry -Index $ix -Prefix b -Reverse).Key | Should -Be ba, b
        Get-HestiaEntry -Index $ix -Prefix zz | Should -BeNullOrEmpty
    }

    It 'gives bytes with -Raw' {
        $entry = Get-HestiaEntry -Index $ix -Key ab -Raw
        , $entry.Key | Should -BeOfType byte[]
        $entry.Key | Should -Be 97, 98
        [Text.Encoding]::UTF8.GetString($entry.Value) | Should -Be v-ab
        , (Get-HestiaEntry -Index $ix -First 1 -Raw).Value | Should -BeOfType byte[]
    }

    It 'takes bytes as a key' {
        (Get-HestiaEntry -Index $ix -Key ([byte[]](97, 98))).Value | Should -Be v-ab
    }

    It 'streams: what was read is there although the pipeline stops in the middle, and the cursor is closed' {
        (Get-HestiaEntry -Index $ix | Select-Object -First 1).Key | Should -Be a
        { Get-HestiaEntry -Index $ix | ForEach-Object { throw 'enough' } } | Should -Throw enough
        $ix.GetStatistics().OpenSnapshots | Should -Be 0
    }

    It 'shows one moment although entries are written while it runs' {
        $seen = Get-HestiaEntry -Index $ix | ForEach-Object {
            Set-HestiaEntry -Index $ix -Key "z$($_.Key)" -Value late
            $_.Key
        }
        $seen | Should -Be a, ab, abc, b, ba, c
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 12
    }

    It 'takes numbers and shows numbers where the keys are Int64' {
        $numbers = Open-HestiaIndex -Path (New-TestPath) -Create -KeyEncoding Int64
        -5, 3, 100 | ForEach-Object { Set-HestiaEntry -Index $numbers -Key $_ -Value "n$_" }
        (Get-HestiaEntry -Index $numbers).Key | Should -Be -5, 3, 100
        (Get-HestiaEntry -Index $numbers -From 0).Key | Should -Be 3, 100
        (Get-HestiaEntry -Index $numbers -Key 100).Value | Should -Be n100
        $null = Assert-Failure { Get-HestiaEntry -Index $numbers -Key 'x' } EncodingMismatch -Names x
    }

    It 'says SessionNotLive on a closed session' {
        Close-HestiaIndex $ix
        $null = Assert-Failure { Get-HestiaEntry -Index $ix -Key a } SessionNotLive -Names orders -Category InvalidOperation
    }
}
