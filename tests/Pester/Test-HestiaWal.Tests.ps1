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

    It 'takes no other file for a log: <Name>' -ForEach @(
        @{ Name = 'README.md'; Bytes = [byte[]][char[]]"# A title`n`nAnd text, more of it than a header has. ".PadRight(400) }
        @{ Name = 'random.wal'; Bytes = [byte[]](1..20000 | ForEach-Object { ($_ * 7919 -bxor ($_ -shr 3)) % 251 + 1 }) }
        @{ Name = 'two'; Bytes = [byte[]](72, 105) }
    ) {
        $file = New-TestPath $Name
        [IO.File]::WriteAllBytes($file, $Bytes)
        $null = Assert-Failure { Test-HestiaWal -Path $file } NotAnIndex -Names $file
        $null = Assert-Failure { Test-HestiaWal -Path $file -Quiet } NotAnIndex
        $null = Assert-Failure { Get-HestiaWalRecord -Path $file } NotAnIndex -Names $file
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

    It 'says what opening would refuse for although the log is healthy: <Code>' -ForEach @(
        @{ Code = 'SettingsDamaged'; File = 'index.json'; Harm = { param($path) Set-Content -LiteralPath (Join-Path $path index.json) -Value '{}' } }
        @{ Code = 'ManifestMissing'; File = 'manifest'; Harm = { param($path) Remove-Item -LiteralPath (Join-Path $path manifest) -Recurse } }
        @{ Code = 'SegmentMissing'; File = 'segments*.seg'; Harm = { param($path) Get-ChildItem (Join-Path $path segments) | Remove-Item } }
    ) {
        $path = New-ClosedIndex
        (Test-HestiaWal -Path $path).WouldOpen | Should -BeTrue
        & $Harm $path
        $before = Get-FolderState $path
        $result = Test-HestiaWal -Path $path -WarningVariable warnings -WarningAction SilentlyContinue -ErrorAction Stop
        $result.Healthy | Should -BeTrue
        $result.WouldOpen | Should -BeFalse
        $result.OpenRefusal.Code | Should -Be $Code
        $result.OpenRefusal.File | Should -BeLike $File
        $result.OpenWould | Should -BeLike "Open would refuse with $Code*"
        $result.Findings.Code | Should -Contain $Code
        $warnings | Should -BeLike "*healthy*$Code*"
        Test-HestiaWal -Path $path -Quiet -WarningVariable warnings | Should -BeTrue
        $warnings | Should -BeNullOrEmpty
        Get-FolderState $path | Should -Be $before
        $null = Assert-Failure { Open-HestiaIndex -Path $path } $Code
    }

    Context 'the log that a killed process left' {
        BeforeAll {
            # Writes LSN -First and on, each durable by itself, and is killed.
            function Invoke-KilledWriter([string] $Path, [int] $First) {
                $child = Start-Child "`$ix = Open-HestiaIndex -Path '$Path' -Create:$(if ($First -eq 1) { '$true' } else { '$false' }) -Durability Sync
                    $First..$($First + 19) | ForEach-Object { Set-HestiaEntry -Index `$ix -Key `"k`$_`" -Value ('v' * 100) }
                    'written'; Start-Sleep 60"
                $null = Wait-Output $child 'written'
                Send-Signal $child KILL
                $null = Wait-Child $child
            }

            function Copy-Index([string] $From) {
                $to = New-TestPath
                # Not Copy-Item on Unix: it cannot copy the socket that a killed owner leaves.
                if ($IsWindows) { Copy-Item -LiteralPath $From -Destination $to -Recurse } else { & cp -r $From $to }
                $to
            }

            function Get-Log([string] $Path) { (Get-ChildItem (Join-Path $Path wal) -Filter *.wal | Sort-Object Name).FullName }

            function Get-Report([string] $Path) { Test-HestiaWal -Path $Path -ErrorAction SilentlyContinue }

            $killed = New-TestPath
            Invoke-KilledWriter $killed 1
            Invoke-KilledWriter $killed 21
        }

        It 'is healthy, in two files, and would be replayed' {
            $before = Get-FolderState $killed
            $result = Get-Report $killed
            $result.Healthy | Should -BeTrue
            $result.Files | Should -Be 2
            $result.LastLsn | Should -Be 40
            $result.OpenWould | Should -BeLike '*replay up to 40 records, up to LSN 40*'
            Get-FolderState $killed | Should -Be $before
        }

        It 'tells a torn tail, which is healthy, and what opening cuts off' {
            $path = Copy-Index $killed
            $log = (Get-Log $path)[-1]
            $last = Get-HestiaWalRecord -Path $log -Last 1
            $stream = [IO.File]::OpenWrite($log)
            $stream.SetLength($last.Offset + $last.Bytes - 3)
            $stream.Dispose()
            $result = Test-HestiaWal -Path $path
            $result.Healthy | Should -BeTrue
            $result.Findings.Code | Should -Be WalTornTail
            $result.Findings.Severity | Should -Be Information
            $result.OpenWould | Should -BeLike '*cut*quarantine*up to LSN 39*'
            Test-HestiaWal -Path $path -Quiet | Should -BeTrue
            $ix = Open-HestiaIndex -Path $path
            $ix.LastLsn | Should -Be 39
        }

        It 'tells a gap where a file in the middle is missing, by its LSNs' {
            $path = Copy-Index $killed
            Remove-Item -LiteralPath (Get-Log $path)[0]
            $result = Get-Report $path
            $result.Healthy | Should -BeFalse
            $finding = $result.Findings | Where-Object Severity -EQ Error
            $finding.Code | Should -Be WalGap
            $finding.FirstLsn | Should -Be 1
            $finding.LastLsn | Should -Be 20
            $result.OpenWould | Should -BeLike '*refuse*WalGap*'
            $null = Assert-Failure { Open-HestiaIndex -Path $path } WalGap
        }

        It 'tells a file of another index' {
            $path = Copy-Index $killed
            $other = New-TestPath
            Invoke-KilledWriter $other 1
            Copy-Item -LiteralPath (Get-Log $other) -Destination (Get-Log $path)[0]
            $result = Get-Report $path
            $result.Healthy | Should -BeFalse
            ($result.Findings | Where-Object Severity -EQ Error).Code | Should -Contain ForeignFile
            $result.OpenWould | Should -BeLike '*refuse*'
            $null = Assert-Failure { Open-HestiaIndex -Path $path } ForeignFile
        }

        It 'tells a checkpoint beyond the log, which is healthy' {
            $path = Copy-Index $killed
            $logs = Copy-Index (Join-Path $path wal)
            $ix = Open-HestiaIndex -Path $path
            41..60 | ForEach-Object { Set-HestiaEntry -Index $ix -Key "k$_" -Value v }
            Close-HestiaIndex $ix
            # A copy that took the log first and the rest later.
            Get-ChildItem (Join-Path $path wal) | Remove-Item
            Get-ChildItem $logs | Copy-Item -Destination (Join-Path $path wal)
            $result = Test-HestiaWal -Path $path
            $result.Healthy | Should -BeTrue
            $result.LastLsn | Should -Be 40
            $finding = $result.Findings | Where-Object Code -EQ WalBehindCheckpoint
            $finding.FirstLsn | Should -Be 41
            $finding.LastLsn | Should -Be 60
            $result.OpenWould | Should -BeLike '*checkpoint, LSN 60*'
            $ix = Open-HestiaIndex -Path $path
            $ix.LastLsn | Should -Be 60
        }

        It 'works on one file and on a wal folder by itself, and names no gap for what is not there' {
            $log = (Get-Log $killed)[1]
            (Test-HestiaWal -LiteralPath $log).FirstLsn | Should -Be 21
            $folder = Copy-Index (Join-Path $killed wal)
            (Test-HestiaWal -LiteralPath $folder).LastLsn | Should -Be 40
        }

        It 'is told while another process writes to it' {
            $path = New-TestPath
            $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path' -Create -Durability Sync
                'open'; foreach (`$i in 1..100000) { Set-HestiaEntry -Index `$ix -Key `"k`$i`" -Value v }"
            $null = Wait-Output $child 'open'
            try {
                # It says that it has opened before it writes the first entry.
                $until = [datetime]::UtcNow.AddSeconds(60)
                do { $last = (Test-HestiaWal -Path $path).LastLsn } until ($last -gt 0 -or [datetime]::UtcNow -gt $until)
                $last | Should -BeGreaterThan 0
                foreach ($i in 1..10) { Test-HestiaWal -Path $path -Quiet | Should -BeTrue }
                (Test-HestiaWal -Path $path).LastLsn | Should -BeGreaterOrEqual $last
            }
            finally {
                Send-Signal $child KILL
                $null = Wait-Child $child
            }
        }
    }
}
