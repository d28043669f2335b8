BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function Expand-Fixture {
        # A copy of a directory or export that HestiaStore 1.0 wrote.
        param([string] $Name)
        $folder = Split-Path (New-TestPath)
        & tar -xzf (Join-Path $PSScriptRoot "../fixtures/hestiastore/$Name.tar.gz") -C $folder
        (Get-ChildItem $folder).FullName
    }

    function Compare-Entry {
        # Everything in an index as text.
        param([string] $Path)
        $copy = Open-HestiaIndex -Path $Path -ReadOnly
        (Get-HestiaEntry -Index $copy | ForEach-Object { "$($_.Key)=$($_.Value)" }) -join "`n"
        Close-HestiaIndex $copy
    }
}

Describe 'Import-HestiaIndex' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $ix = New-TestIndex -Count 500
        Set-HestiaEntry -Index $ix -Key "quote`"\`u{e9}`u{6f22}" -Value "line`nfeed`0"
        Set-HestiaEntry -Index $ix -Key ([byte[]](255, 254)) -Value ([byte[]](195))
        $file = New-TestPath orders.jsonl.gz
        $export = Export-HestiaIndex -Index $ix -Destination $file
        $target = New-TestPath copy
    }

    It 'takes back what was exported, with the same fingerprint' {
        $report = Import-HestiaIndex -Source $file -Path $target
        $report | Should -BeOfType HestiaPS.ImportReport
        $report.Entries | Should -Be 502
        $report.Verified | Should -BeTrue
        $report.Fingerprint | Should -Be $export.Fingerprint
        $report.SourceFingerprint | Should -Be $export.Fingerprint
        $report.SourceKind | Should -Be 'Hestia export'
        $report.IndexName | Should -Be copy
        $source = Get-HestiaEntry -Index $ix -Raw | ForEach-Object { [Convert]::ToHexString($_.Key) + [Convert]::ToHexString($_.Value) }
        $copy = Open-HestiaIndex -Path $target
        Get-HestiaEntry -Index $copy -Raw | ForEach-Object { [Convert]::ToHexString($_.Key) + [Convert]::ToHexString($_.Value) } | Should -Be $source
        $copy.KeyEncoding | Should -Be Utf8
        (Test-HestiaIndex -Index $copy -Deep).Healthy | Should -BeTrue
        ($report | Out-String) | Should -Match 'Hestia export'
        (Export-HestiaIndex -Index $copy -Destination (New-TestPath x.jsonl)).Fingerprint | Should -Be $export.Fingerprint
    }

    It 'refuses a damaged export and creates nothing' {
        $bytes = [IO.File]::ReadAllBytes($file)
        foreach ($change in { $bytes[0..($bytes.Length - 30)] }, { $bytes[500] = $bytes[500] -bxor 1; $bytes }) {
            [IO.File]::WriteAllBytes($file, [byte[]](& $change))
            $null = Assert-Failure { Import-HestiaIndex -Source $file -Path $target } ExportDamaged -Names $file -Category InvalidData
        }
        Get-ChildItem (Split-Path $target) -Force | Should -BeNullOrEmpty
    }

    It 'refuses what is no export' {
        $other = New-TestPath notes.txt
        Set-Content $other hello
        $null = Assert-Failure { Import-HestiaIndex -Source $other -Path $target } NotAnExport -Names $other
        $null = Assert-Failure { Import-HestiaIndex -Source $ix.Path -Path $target } NotAnExport -Names $ix.Path
        $null = Assert-Failure { Import-HestiaIndex -Source (Split-Path $other) -Path $target } NotAnExport
        $null = Assert-Failure { Import-HestiaIndex -Source (New-TestPath nothing) -Path $target } PathNotFound
        Test-Path $target | Should -BeFalse
    }

    It 'replaces an index with -Force only, and never one in use' {
        $null = New-ClosedIndex -Count 3 -Path $target
        $null = Assert-Failure { Import-HestiaIndex -Source $file -Path $target } IndexExists -Names $target
        $held = Open-HestiaIndex -Path $target
        $null = Assert-Failure { Import-HestiaIndex -Source $file -Path $target -Force } IndexInUse
        Close-HestiaIndex $held
        $report = Import-HestiaIndex -Source $file -Path $target -Force -Name renamed
        $report.ReplacedIndex | Should -BeTrue
        (Get-HestiaIndex -Path $target).Name | Should -Be renamed
        (Get-ChildItem (Split-Path $target) -Force).Name | Should -Be copy
    }

    It 'goes into an open index, refuses what differs before it writes, and overwrites with -Force' {
        $open = New-TestIndex -Count 100 -Path $target
        Set-HestiaEntry -Index $open -Key k00005 -Value other
        $null = Assert-Failure { Import-HestiaIndex -Source $file -Index $open } EntriesDiffer -Names k00005
        $open.LastLsn | Should -Be 101
        $report = Import-HestiaIndex -Source $file -Index $open -Force
        $report.Added | Should -Be 402
        $report.Replaced | Should -Be 1
        $report.Unchanged | Should -Be 99
        $report.Verified | Should -BeTrue
        $open.LastCommittedLsn | Should -Be $report.Lsn
        (Get-HestiaEntry -Index $open).Count | Should -Be 502
        $numbers = Open-HestiaIndex -Path (New-TestPath numbers) -Create -KeyEncoding Int64
        $null = Assert-Failure { Import-HestiaIndex -Source $file -Index $numbers } EncodingMismatch
    }

    It 'says with -WhatIf what it would do' {
        $child = Invoke-Child "Import-HestiaIndex -Source '$file' -Path '$target' -WhatIf"
        $child.Output | Should -BeLike "*What if:*Import the Hestia export*Utf8 keys*into a new index*$target*"
        Test-Path $target | Should -BeFalse
    }

    It 'leaves nothing when it is killed, and the next one works' -Skip:(-not $IsLinux) {
        $child = Start-Child "Import-HestiaIndex -Source '$file' -Path '$target'"
        Start-Sleep -Milliseconds 700
        Send-Signal $child KILL
        $null = Wait-Child $child
        if (-not (Test-Path $target)) { $null = Import-HestiaIndex -Source $file -Path $target }
        Compare-Entry $target | Should -Not -BeNullOrEmpty
        (Get-ChildItem (Split-Path $target) -Force).Name | Should -Be copy
    }
}

Describe 'Import-HestiaIndex of what HestiaStore wrote' {
    AfterEach { Close-TestSession }

    It 'imports <_> with exactly its entries' -ForEach 'nowal-closed', 'nowal-split', 'nowal-long-snappy', 'wal-closed', 'wal-crashed',
    'wal-closed-bundle', 'wal-closed-jsonl', 'nowal-long-snappy-bundle', 'nowal-long-snappy-jsonl' {
        $source = Expand-Fixture $_
        $before = Get-FolderState $source
        $target = New-TestPath moved
        $report = Import-HestiaIndex -Source $source -Path $target -Force:($_ -eq 'wal-crashed')
        Get-FolderState $source | Should -Be $before
        $report.Entries | Should -Be 10000
        $report.Verified | Should -BeTrue
        $expected = if ($_ -like '*long*') { $report.KeyEncoding | Should -Be Int64; 0..9999 | ForEach-Object { "$_=$(7 * $_)" } }
        else {
            $from = $_ -eq 'wal-crashed' ? 1000 : 0
            $from..($from + 9999) | ForEach-Object { "key-{0:d10}=value-{0}-abcdefghijklmnop" -f $_ }
        }
        $moved = Compare-Entry $target
        $moved.Length | Should -Be ($expected -join "`n").Length
        $moved -ceq ($expected -join "`n") | Should -BeTrue
    }

    It 'refuses a directory that is open, naming the owner' {
        $source = Expand-Fixture nowal-closed
        $self = Get-Process -Id $PID
        $started = [DateTimeOffset]::new($self.StartTime).ToUnixTimeMilliseconds()
        Set-Content (Join-Path $source .lock) "version=1`npid=$PID`nprocessStartEpochMillis=$started`nhost=$([Net.Dns]::GetHostName())`nsessionId=s"
        $target = New-TestPath moved
        $null = Assert-Failure { Import-HestiaIndex -Source $source -Path $target -Force } IndexInUse -Names "pid $PID"
        Test-Path $target | Should -BeFalse
    }

    It 'refuses an export with <What>' -ForEach @(
        @{ What = 'a part missing'; Change = { Remove-Item (Join-Path $source part-000001.bin.gz) } }
        @{ What = 'a part cut short'; Change = { $f = Join-Path $source part-000001.bin.gz; [IO.File]::WriteAllBytes($f, [IO.File]::ReadAllBytes($f)[0..9999]) } }
        @{ What = 'no checksums'; Change = { Remove-Item (Join-Path $source checksums.txt) } }
        @{ What = 'another manifest'; Change = { (Get-Content (Join-Path $source manifest.json)) -replace '10000', '9999' | Set-Content (Join-Path $source manifest.json) } }
    ) {
        $source = Expand-Fixture wal-closed-bundle
        & $Change
        $target = New-TestPath moved
        $null = Assert-Failure { Import-HestiaIndex -Source $source -Path $target } ExportDamaged -Names $source
        Get-ChildItem (Split-Path $target) -Force | Should -BeNullOrEmpty
    }
}
