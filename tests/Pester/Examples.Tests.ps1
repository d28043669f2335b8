#requires -Version 7.4
# Every script in examples/ run as a user runs it: a PowerShell of its own, -NonInteractive, judged by its exit code.

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1
    $examples = Join-Path (Split-Path (Split-Path $PSScriptRoot)) 'examples'

    # Output (both streams) and exit code of an example.
    function Invoke-Example([string] $Name, [string[]] $ArgumentList) {
        $output = & $PowerShellExe -NoProfile -NonInteractive -File (Join-Path $examples $Name) @ArgumentList 2>&1 | Out-String -Width 500
        [pscustomobject]@{ ExitCode = $LASTEXITCODE; Output = $output }
    }

    function New-Folder { (New-Item -ItemType Directory -Path (Join-Path $TestDrive ([guid]::NewGuid()))).FullName }

    # A closed index with so many entries in one segment.
    function New-Index([string] $Path, [int] $Count = 1000) {
        $index = Open-HestiaIndex -LiteralPath $Path -Create
        1..$Count | ForEach-Object { [pscustomobject]@{ Key = 'key-{0:d6}' -f $_; Value = "value-$_" } } | Set-HestiaEntry -Index $index
        Close-HestiaIndex -Index $index
    }

    # An index whose process was killed with everything still in the log.
    function New-CrashedIndex([string] $Path) {
        $script = "Import-Module '$env:HESTIAPS_MODULE'; `$index = Open-HestiaIndex -LiteralPath '$Path' -Create; " +
            '1..1000 | ForEach-Object { [pscustomobject]@{ Key = "key-{0:d6}" -f $_; Value = "value-$_" } } | ' +
            'Set-HestiaEntry -Index $index -BatchSize 50; ' +
            '[System.Diagnostics.Process]::GetCurrentProcess().Kill()'
        & $PowerShellExe -NoProfile -NonInteractive -Command $script *> $null
        Remove-Item -LiteralPath (Join-Path $Path '.control') -Force -ErrorAction Ignore # Copy-Item cannot copy a socket
    }

    # Flips one byte of a file.
    function Edit-Byte([string] $File, [long] $Offset) {
        $stream = [System.IO.File]::Open($File, 'Open', 'ReadWrite')
        try {
            $stream.Position = $Offset
            $byte = $stream.ReadByte()
            $stream.Position = $Offset
            $stream.WriteByte($byte -bxor 0x40)
        }
        finally { $stream.Dispose() }
    }

    # Every file with its hash, to show that nothing changed.
    function Get-FolderState([string] $Path) {
        Get-ChildItem -LiteralPath $Path -Recurse -File -Force | Sort-Object FullName |
            ForEach-Object { "$($_.FullName) $((Get-FileHash -LiteralPath $_.FullName).Hash)" }
    }

    function Get-Segment([string] $Path) {
        Get-ChildItem -LiteralPath (Join-Path $Path 'segments') -Filter *.seg | Sort-Object Length | Select-Object -Last 1
    }
}

Describe 'Demo.ps1' {
    BeforeAll {
        $folder = New-Folder
        1..40 | ForEach-Object { Set-Content -LiteralPath (Join-Path $folder "file $_.txt") -Value ('x' * $_) }
        $null = New-Item -ItemType Directory -Path (Join-Path $folder 'deeper/and deeper')
        $odd = 'deeper/and deeper/[brackets] & {0}quotes{0} ' -f ($IsWindows ? "'" : '"') + [char]0xE9
        Set-Content -LiteralPath (Join-Path $folder $odd) -Value 'y'
        $null = New-Item -ItemType File -Path (Join-Path $folder 'empty')
    }

    It 'proves that every entry came back, and cleans up' {
        $before = Get-FolderState $folder
        $scratch = Join-Path $TestDrive 'demo'
        $run = Invoke-Example Demo.ps1 '-Folder', $folder, '-Scratch', $scratch
        $run.Output | Should -Match 'Every one of \d+ entries came back'
        $run.Output | Should -Match '42 entries'
        $run.Output | Should -Match 'healthy'
        $run.ExitCode | Should -Be 0
        $scratch | Should -Not -Exist
        Get-FolderState $folder | Should -Be $before
    }

    It 'leaves its work with -Keep' {
        $scratch = Join-Path $TestDrive 'kept'
        (Invoke-Example Demo.ps1 '-Folder', $folder, '-Scratch', $scratch, '-Keep').ExitCode | Should -Be 0
        Test-HestiaIndex -LiteralPath (Join-Path $scratch 'restored') -Deep -Quiet | Should -BeTrue
        @(Get-HestiaBackup -Repository (Join-Path $scratch 'backups')).Count | Should -Be 2
    }

    It 'fails for a folder without files' {
        $run = Invoke-Example Demo.ps1 '-Folder', (New-Folder), '-Scratch', (Join-Path $TestDrive 'nothing')
        $run.ExitCode | Should -Be 1
        $run.Output | Should -Match 'no file to catalogue'
    }
}

Describe 'ColdBackup.ps1' {
    BeforeAll {
        $folder = New-Folder
        $orders = Join-Path $folder 'orders'
        New-Index $orders
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
    }

    It 'backs up and verifies' {
        $run = Invoke-Example ColdBackup.ps1 '-Path', $orders, '-Repository', $repository
        $run.ExitCode | Should -Be 0
        $run.Output | Should -Match 'bk-'
        (Get-HestiaBackup -Repository $repository -IndexName orders -Latest).Lsn | Should -Be 1000
    }

    It 'refuses an index in use and says who has it' {
        $index = Open-HestiaIndex -LiteralPath $orders
        try { $run = Invoke-Example ColdBackup.ps1 '-Path', $orders, '-Repository', $repository }
        finally { Close-HestiaIndex -Index $index }
        $run.ExitCode | Should -Be 1
        $run.Output | Should -Match "NOT BACKED UP: .*\b$PID\b"
    }

    It 'does not make a repository' {
        $missing = Join-Path $folder 'not mounted'
        (Invoke-Example ColdBackup.ps1 '-Path', $orders, '-Repository', $missing).ExitCode | Should -Be 1
        $missing | Should -Not -Exist
    }
}

Describe 'HotBackup.ps1' {
    BeforeAll {
        $folder = New-Folder
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
        $hotBackup = Join-Path $examples 'HotBackup.ps1'
    }

    It 'backs up what this process has open' {
        $index = Open-HestiaIndex -LiteralPath (Join-Path $folder 'hot') -Create
        try {
            Set-HestiaEntry -Index $index -Key a -Value 1
            $backup = & $hotBackup -Repository $repository -Name hot -PassThru
            $LASTEXITCODE | Should -Be 0
            $backup.Lsn | Should -Be 1
            Set-HestiaEntry -Index $index -Key b -Value 2
            (& $hotBackup -Repository $repository -Name hot -PassThru).Lsn | Should -Be 2
        }
        finally { Close-HestiaIndex -Index $index }
        @(Get-HestiaBackup -Repository $repository).Count | Should -Be 2
    }

    It 'backs up while another runspace writes' {
        $index = Open-HestiaIndex -LiteralPath (Join-Path $folder 'busy') -Create
        try {
            $module = $env:HESTIAPS_MODULE
            $done = [System.Threading.ManualResetEventSlim]::new()
            $writer = 1 | ForEach-Object -AsJob -Parallel {
                Import-Module $using:module
                for ($number = 1; -not ($using:done).IsSet; $number++) {
                    Set-HestiaEntry -Index $using:index -Key "key-$number" -Value $number
                }
            }
            while ($index.LastLsn -lt 20) { Start-Sleep -Milliseconds 10 }
            $backup = & $hotBackup -Repository $repository -Name busy -PassThru
            $exitCode = $LASTEXITCODE
            $done.Set()
            $null = $writer | Receive-Job -Wait -AutoRemoveJob -ErrorAction Stop
        }
        finally { Close-HestiaIndex -Index $index }
        $exitCode | Should -Be 0
        $restored = Join-Path $folder 'restored'
        $null = $backup | Restore-HestiaIndex -LiteralPath $restored
        $check = Test-HestiaIndex -LiteralPath $restored -Deep
        $check.Healthy | Should -BeTrue
        $check.LastLsn | Should -Be $backup.Lsn
        $check.Entries | Should -Be $backup.Lsn -Because 'each write is a key of its own'
    }

    It 'says so when nothing is open' {
        $run = Invoke-Example HotBackup.ps1 '-Repository', $repository
        $run.ExitCode | Should -Be 1
        $run.Output | Should -Match 'NOT BACKED UP'
    }
}

Describe 'Restore.ps1' {
    BeforeAll {
        $folder = New-Folder
        $source = Join-Path $folder 'orders'
        New-Index $source
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
        $first = Backup-HestiaIndex -LiteralPath $source -Repository $repository
        $options = '-Repository', $repository, '-IndexName', 'orders', '-Path'
    }

    It 'restores to a new place' {
        $target = Join-Path $folder 'new'
        $run = Invoke-Example Restore.ps1 ($options + $target)
        $run.ExitCode | Should -Be 0
        (Test-HestiaIndex -LiteralPath $target).Entries | Should -Be 1000
    }

    It 'replaces an index only with -Force' {
        $target = Join-Path $folder 'there'
        New-Index $target 3
        $before = Get-FolderState $target
        $run = Invoke-Example Restore.ps1 ($options + $target)
        $run.ExitCode | Should -Be 1
        $run.Output | Should -Match '-Force'
        Get-FolderState $target | Should -Be $before
        (Invoke-Example Restore.ps1 ($options + $target + '-Force')).ExitCode | Should -Be 0
        (Test-HestiaIndex -LiteralPath $target).Entries | Should -Be 1000
    }

    It 'passes over a damaged backup and takes the one before' {
        $index = Open-HestiaIndex -LiteralPath $source
        $objects = Join-Path $repository 'objects'
        $before = Get-ChildItem $objects -Recurse -File
        Set-HestiaEntry -Index $index -Key later -Value 1
        $second = Backup-HestiaIndex -Index $index -Repository $repository
        Close-HestiaIndex -Index $index
        $new = Get-ChildItem $objects -Recurse -File | Where-Object FullName -NotIn $before.FullName | Select-Object -First 1
        Edit-Byte $new.FullName ($new.Length / 2)

        $target = Join-Path $folder 'older'
        $run = Invoke-Example Restore.ps1 ($options + $target)
        $run.ExitCode | Should -Be 0
        $run.Output | Should -Match "PASSED OVER: .*$([regex]::Escape($second.BackupId))"
        (Test-HestiaIndex -LiteralPath $target).LastLsn | Should -Be $first.Lsn
    }

    It 'ends with 1 when there is no backup of that name' {
        $target = Join-Path $folder 'never'
        (Invoke-Example Restore.ps1 '-Repository', $repository, '-IndexName', 'customers', '-Path', $target).ExitCode | Should -Be 1
        $target | Should -Not -Exist
    }
}

Describe 'RestoreDrill.Tests.ps1' {
    BeforeAll {
        $folder = New-Folder
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
        foreach ($name in 'orders', 'customers') {
            New-Index (Join-Path $folder $name) 50
            $null = Backup-HestiaIndex -LiteralPath (Join-Path $folder $name) -Repository $repository
        }

        function Invoke-Drill([string] $Repository) {
            $script = "`$env:HESTIA_DRILL_REPOSITORY = '$Repository'; " +
                "`$run = Invoke-Pester -Path '$(Join-Path $examples 'RestoreDrill.Tests.ps1')' -PassThru -Output None; " +
                '"$($run.Result) $($run.PassedCount) $($run.FailedCount)"'
            & $PowerShellExe -NoProfile -NonInteractive -Command $script | Select-Object -Last 1
        }
    }

    It 'restores the latest backup of every index' { Invoke-Drill $repository | Should -Be 'Passed 9 0' }

    It 'fails for a repository with a damaged object' {
        $object = Get-ChildItem (Join-Path $repository 'objects') -Recurse -File | Select-Object -First 1
        Edit-Byte $object.FullName ($object.Length / 2)
        Invoke-Drill $repository | Should -Match '^Failed \d+ [1-9]'
    }

    It 'fails for a repository without backups' {
        $empty = Join-Path $folder 'empty'
        $null = New-HestiaRepository -Path $empty
        Invoke-Drill $empty | Should -Match '^Failed'
    }
}

Describe 'TestWal.ps1' {
    BeforeAll {
        $folder = New-Folder
        $crashed = Join-Path $folder 'crashed'
        New-CrashedIndex $crashed
        $damaged = Join-Path $folder 'damaged'
        Copy-Item -LiteralPath $crashed -Destination $damaged -Recurse
        $file = Get-ChildItem (Join-Path $damaged 'wal') -Filter *.wal | Select-Object -First 1
        Edit-Byte $file.FullName 300
    }

    It 'ends with 0 after a mere crash' {
        $run = Invoke-Example TestWal.ps1 $crashed
        $run.Output | Should -Match '^healthy'
        $run.ExitCode | Should -Be 0
    }

    It 'ends with 2 for damage below what was synced, and changes nothing' {
        $before = Get-FolderState $damaged
        $run = Invoke-Example TestWal.ps1 $crashed, $damaged
        $run.ExitCode | Should -Be 2
        $run.Output | Should -Match 'DAMAGED'
        Get-FolderState $damaged | Should -Be $before
    }

    It 'ends with 2 where the log is whole but its index would not open' {
        $refused = Join-Path $folder 'refused'
        Copy-Item -LiteralPath $crashed -Destination $refused -Recurse
        Get-ChildItem (Join-Path $refused 'manifest') | Remove-Item
        $run = Invoke-Example TestWal.ps1 $refused
        $run.ExitCode | Should -Be 2
        $run.Output | Should -Match 'DAMAGED.*refuse with ManifestMissing'
    }

    It 'ends with 1 where a newer version wrote the index' {
        $newer = Join-Path $folder 'newer'
        Copy-Item -LiteralPath $crashed -Destination $newer -Recurse
        Set-Content -LiteralPath (Join-Path $newer 'index.json') -Value '{"format":"hestia-index","formatVersion":9}'
        $run = Invoke-Example TestWal.ps1 $newer
        $run.Output | Should -Match 'COULD NOT CHECK.*FormatTooNew'
        $run.ExitCode | Should -Be 1
    }

    It 'ends with 1 when it cannot look' {
        $run = Invoke-Example TestWal.ps1 (Join-Path $folder 'missing')
        $run.ExitCode | Should -Be 1
        $run.Output | Should -Match 'COULD NOT CHECK'
    }
}

Describe 'PostCrash.ps1' {
    BeforeAll {
        $folder = New-Folder
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
    }

    It 'brings an index back after a crash, and backs it up' {
        $crashed = Join-Path $folder 'crashed'
        New-CrashedIndex $crashed
        $run = Invoke-Example PostCrash.ps1 '-Path', $crashed, '-Repository', $repository, '-Compact'
        $run.Output | Should -Match 'healthy: 1000 entries'
        $run.ExitCode | Should -Be 0
        (Get-HestiaBackup -Repository $repository -IndexName crashed -Latest).Lsn | Should -Be 1000
    }

    Context 'a damaged segment' {
        BeforeAll {
            $damaged = Join-Path $folder 'damaged'
            # Without a log: what is in the segment is nowhere else, so its damage is a loss.
            $index = Open-HestiaIndex -LiteralPath $damaged -Create -Durability Off
            1..20000 | ForEach-Object { [pscustomobject]@{ Key = 'key-{0:d6}' -f $_; Value = "value-$_" } } | Set-HestiaEntry -Index $index
            Close-HestiaIndex -Index $index
            $segment = Get-Segment $damaged
            Edit-Byte $segment.FullName ($segment.Length / 3)
        }

        It 'is shown with its plan and left as it is' {
            $before = Get-FolderState (Join-Path $damaged 'segments')
            $run = Invoke-Example PostCrash.ps1 '-Path', $damaged, '-Repository', $repository
            $run.ExitCode | Should -Be 2
            $run.Output | Should -Match 'Nothing was changed'
            $run.Output | Should -Match 'lost:'
            Get-FolderState (Join-Path $damaged 'segments') | Should -Be $before
        }

        It 'is not repaired where entries would be lost' {
            $run = Invoke-Example PostCrash.ps1 '-Path', $damaged, '-Repair'
            $run.ExitCode | Should -Be 2
            $run.Output | Should -Match 'COULD NOT BE DONE'
        }

        It 'is repaired when the loss is accepted' {
            $run = Invoke-Example PostCrash.ps1 '-Path', $damaged, '-Repository', $repository, '-Repair', '-AcceptLoss'
            $run.Output | Should -Match 'LOST: '
            $run.ExitCode | Should -Be 0
            $check = Test-HestiaIndex -LiteralPath $damaged -Deep
            $check.Healthy | Should -BeTrue
            $check.Entries | Should -BeGreaterThan 15000 -Because 'only what shared a block with the damage is lost'
        }
    }

    It 'ends with 1 for a folder that is no index' {
        $run = Invoke-Example PostCrash.ps1 '-Path', (New-Folder)
        $run.ExitCode | Should -Be 1
    }
}

Describe 'PostCrash.Tests.ps1' {
    BeforeAll {
        $folder = New-Folder
        $crashed = Join-Path $folder 'crashed'
        New-CrashedIndex $crashed
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
        $whole = Join-Path $folder 'whole'
        New-Index $whole
        $null = Backup-HestiaIndex -LiteralPath $whole -Repository $repository

        function Invoke-PostCrash([string[]] $Path, [string] $Repository) {
            $script = "`$env:HESTIA_POSTCRASH_PATH = '$($Path -join [IO.Path]::PathSeparator)'; `$env:HESTIA_POSTCRASH_REPOSITORY = '$Repository'; " +
                "`$run = Invoke-Pester -Path '$(Join-Path $examples 'PostCrash.Tests.ps1')' -PassThru -Output None; " +
                '"$($run.Result) $($run.PassedCount) $($run.FailedCount) $($run.SkippedCount)"'
            & $PowerShellExe -NoProfile -NonInteractive -Command $script | Select-Object -Last 1
        }
    }

    It 'passes after a mere crash and changes nothing' {
        $before = Get-FolderState $crashed
        Invoke-PostCrash $crashed | Should -Be 'Passed 3 0 1'
        Get-FolderState $crashed | Should -Be $before
    }

    It 'looks at the backup too' { Invoke-PostCrash $whole $repository | Should -Be 'Passed 4 0 0' }

    It 'fails for a damaged log, and for a folder that is no index' {
        $damaged = Join-Path $folder 'damaged'
        Copy-Item -LiteralPath $crashed -Destination $damaged -Recurse
        Edit-Byte (Get-ChildItem (Join-Path $damaged 'wal') -Filter *.wal | Select-Object -First 1).FullName 300
        Invoke-PostCrash $damaged | Should -Be 'Failed 0 3 1'
        Invoke-PostCrash (New-Folder) | Should -Match '^Failed'
    }
}
