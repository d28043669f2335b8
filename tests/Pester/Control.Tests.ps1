BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function Start-OtherShell {
        # Another process that has an index open and waits; it writes 20 entries first.
        param([string] $Path, [string] $Option = '', [string] $Then = 'Start-Sleep 120')
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$Path' -Create $Option
            1..20 | ForEach-Object { Set-HestiaEntry -Index `$ix -Key `"k`$_`" -Value v }
            'open'; $Then"
        $null = Wait-Output $child open
        $child
    }

    function Stop-OtherShell($Child) {
        if (-not $Child.HasExited) { Send-Signal $Child KILL }
        $null = Wait-Child $Child
    }
}

Describe 'An index that another process has open' {
    AfterEach { Close-TestSession }

    It 'is flushed, looked at, tested, compacted, backed up and shipped through it' {
        $path = New-TestPath
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $owner = Start-OtherShell $path
        try {
            $info = Get-HestiaIndex -Path $path
            $info.Via, $info.State, $info.LastLsn, $info.Checkpoint, $info.OwnerProcessId | Should -Be Endpoint, Ready, 20, 0, $owner.Id
            $info.MemtableBytes | Should -BeGreaterThan 0
            $info.Pins, $info.SyncFailures, $info.CompactionDebtBytes | Should -Be 0, 0, 0
            $info.LastBackup | Should -BeNullOrEmpty

            $flush = Invoke-HestiaFlush -Path $path
            $flush.Via, $flush.FlushedIndices, $flush.SegmentsWritten, $flush.WalCheckpoint | Should -Be Endpoint, 1, 1, 20
            $test = Test-HestiaIndex -Path $path -Deep
            $test.Via, $test.Healthy, $test.Entries | Should -Be Endpoint, $true, 20
            $wal = Test-HestiaWal -Path $path
            $wal.Via, $wal.Healthy, $wal.LastLsn | Should -Be Endpoint, $true, 20
            (Optimize-HestiaIndex -Path $path).Via | Should -Be Endpoint
            $backup = Backup-HestiaIndex -Path $path -Repository $repository
            $backup.Via, $backup.Lsn, $backup.FlushedIndices, $backup.WalCheckpoint | Should -Be Endpoint, 20, 1, 20
            $shipped = Backup-HestiaIndex -Path $path -Repository $repository -Wal
            $shipped.Via, $shipped.ArchivedLsn | Should -Be Endpoint, 20
            (Get-HestiaIndex -Path $path).LastBackup.BackupId | Should -Be $backup.BackupId
            $backup | Test-HestiaBackup -Deep -Quiet | Should -BeTrue
            { Backup-HestiaIndex -Path $path -Repository $repository -WhatIf } | Should -Not -Throw

            # What only the owner may do is refused, by its name.
            foreach ($try in { Open-HestiaIndex -Path $path }, { Repair-HestiaIndex -Path $path }) {
                $null = Assert-Failure $try IndexInUse -Names $path, "$($owner.Id)" -Category ResourceBusy
            }
        } finally {
            Stop-OtherShell $owner
        }
        (Test-HestiaIndex -Path $path).Via | Should -Be Files
        (Get-HestiaIndex -Path $path).State | Should -Be Closed
        (Invoke-HestiaFlush -Path $path).Via | Should -Be Opened -Because 'its owner died a moment ago'
        $ix = Open-HestiaIndex -Path $path
        $ix.LastLsn | Should -Be 20
        (Invoke-HestiaFlush -Path $path).Via | Should -Be Session
        (Get-HestiaIndex -Path $path).Via | Should -Be Session
    }

    It 'is refused by name where its owner serves no endpoint, and still reported' {
        $path = New-TestPath
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $owner = Start-OtherShell $path -Option -NoControl
        try {
            $names = $path, "$($owner.Id)", ([Environment]::MachineName), 'NoControl'
            foreach ($try in { Invoke-HestiaFlush -Path $path }, { Optimize-HestiaIndex -Path $path }, { Test-HestiaIndex -Path $path },
                { Backup-HestiaIndex -Path $path -Repository $repository }, { Backup-HestiaIndex -Path $path -Repository $repository -Wal }) {
                $null = Assert-Failure $try IndexInUse -Names $names -Category ResourceBusy
            }
            $info = Get-HestiaIndex -Path $path
            $info.Via, $info.InUse, $info.OwnerProcessId | Should -Be Files, $true, $owner.Id
            $info.State | Should -BeNullOrEmpty
            $wal = Test-HestiaWal -Path $path
            $wal.Via, $wal.LastLsn | Should -Be Files, 20
        } finally {
            Stop-OtherShell $owner
        }
    }

    It 'comes with others, one result each, and a failure does not stop the rest' {
        $folder = New-TestPath indexes
        $null = New-Item -ItemType Directory $folder
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $closed = New-ClosedIndex -Path (Join-Path $folder a-closed) -Count 5
        $null = New-Item -ItemType Directory (Join-Path $folder b-none)
        $here = New-TestIndex -Path (Join-Path $folder c-here) -Count 3
        $owner = Start-OtherShell (Join-Path $folder d-there)
        try {
            $results = Get-ChildItem $folder -Directory | Backup-HestiaIndex -Repository $repository -ErrorAction SilentlyContinue -ErrorVariable failed
            $results.Via | Should -Be Opened, Session, Endpoint
            $results.SourcePath | Should -Be $closed, $here.Path, (Join-Path $folder d-there)
            $results.WalCheckpoint | Should -Be 5, 3, 20
            $results.FlushedIndices | Should -Be 1, 1, 1
            $results.SegmentsWritten | Should -Be 0, 1, 1
            $failed[0].FullyQualifiedErrorId | Should -BeLike 'NotAnIndex,*'
            $failed[0].TargetObject | Should -BeLike '*b-none'

            $flushed = Invoke-HestiaFlush -Path (Join-Path $folder '*') -ErrorAction SilentlyContinue -ErrorVariable failed
            $flushed.Via | Should -Be Opened, Session, Endpoint
            $failed.Count | Should -Be 1
        } finally {
            Stop-OtherShell $owner
        }
    }

    It 'may be backed up by two shells at once' {
        $path = New-TestPath
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $owner = Start-OtherShell $path
        try {
            $shells = 1..2 | ForEach-Object { Start-Child "(Backup-HestiaIndex -Path '$path' -Repository '$repository').Via" }
            $ends = $shells | ForEach-Object { Wait-Child $_ }
            $ends.Error | Should -Be '', ''
            $ends.Output | Should -Be Endpoint, Endpoint
        } finally {
            Stop-OtherShell $owner
        }
        @(Get-HestiaBackup -Repository $repository).Count | Should -Be 2
    }

    It 'is not disturbed by its socket once it is closed: copied, it opens' -Skip:($IsWindows) {
        $path = New-TestPath
        $owner = Start-OtherShell $path
        $live = New-TestPath live
        & cp -r $path $live
        Stop-OtherShell $owner
        (Get-Item -LiteralPath (Join-Path $path .control) -Force).Exists | Should -BeTrue -Because 'the owner was killed'
        Test-HestiaIndex -Path $path -Quiet | Should -BeTrue
        foreach ($copy in $live, $path) {
            $ix = Open-HestiaIndex -Path $copy -WarningAction SilentlyContinue
            $ix.LastLsn | Should -Be 20
            Close-HestiaIndex -Index $ix
            Test-Path -LiteralPath (Join-Path $copy .control) | Should -BeFalse
        }
    }

    It 'costs no thread while nobody asks' -Skip:(-not $IsLinux) {
        $script = "`$null = Open-HestiaIndex -Path '$(New-TestPath first)' -Create
            function Get-ThreadCount { @(Get-ChildItem /proc/`$PID/task).Count }
            Start-Sleep 1; `$before = Get-ThreadCount
            1..30 | ForEach-Object { `$null = Open-HestiaIndex -Path (Join-Path '$(New-TestPath more)' `$_) -Create }
            `$until = [datetime]::UtcNow.AddSeconds(30)
            while ((Get-ThreadCount) -gt `$before + 5 -and [datetime]::UtcNow -lt `$until) { Start-Sleep -Milliseconds 200 } # the pool lets its threads go
            '{0} {1}' -f `$before, (Get-ThreadCount)"
        $null = $script -match "'([^']+/more)'"
        $null = New-Item -ItemType Directory -Path $Matches[1]
        $ended = Invoke-Child $script
        $ended.Error | Should -BeNullOrEmpty
        $before, $after = [int[]]($ended.Output -split ' ')
        $after - $before | Should -BeLessOrEqual 5 -Because $ended.Output
    }

    It 'is named by its session also through a symbolic link, and by the asked path where another process has it' -Skip:($IsWindows) {
        $real = New-TestPath real
        $null = New-Item -ItemType Directory -Path $real
        $link = New-TestPath link
        $null = New-Item -ItemType SymbolicLink -Path $link -Target $real
        $here = New-TestIndex -Path (Join-Path $real here) -Count 3
        $through = Join-Path $link here
        foreach ($result in (Invoke-HestiaFlush -Path $through), (Get-HestiaIndex -Path $through)) { $result.Via, $result.Path | Should -Be Session, $here.Path }
        $owner = Start-OtherShell (Join-Path $real there)
        try {
            $through = Join-Path $link there
            foreach ($result in (Invoke-HestiaFlush -Path $through), (Get-HestiaIndex -Path $through)) { $result.Via, $result.Path | Should -Be Endpoint, $through }
        } finally {
            Stop-OtherShell $owner
        }
    }
}

Describe '<_> with a path' -ForEach 'Optimize-HestiaIndex', 'Test-HestiaIndex', 'Test-HestiaWal', 'Set-HestiaIndex', 'Suspend-HestiaIndex', 'Resume-HestiaIndex' {
    BeforeAll {
        $command = $_
        $more = @{}
        if ($command -eq 'Set-HestiaIndex') { $more.Durability = 'Async' }
        if ($command -eq 'Suspend-HestiaIndex') { $more.Duration = '1m' }
        if ($command -notlike 'Test-*') { $more.Confirm = $false }
        $onlyOpen = $command -in 'Suspend-HestiaIndex', 'Resume-HestiaIndex'
        $closedVia = $command -like 'Test-*' ? 'Files' : 'Opened'
    }
    AfterEach { Close-TestSession }

    It 'does what it can here, in a closed index and by wildcard, and says how' {
        $folder = Split-Path (New-TestPath)
        $closed = New-ClosedIndex -Path (Join-Path $folder a-closed) -Count 5
        $here = New-TestIndex -Path (Join-Path $folder b-here) -Count 3
        if ($command -eq 'Resume-HestiaIndex') { $null = Suspend-HestiaIndex -Index $here -Duration 1m }
        $results = @(& $command -Path (Join-Path $folder '*') @more -ErrorAction SilentlyContinue -ErrorVariable failed)
        if ($onlyOpen) {
            $results.Via | Should -Be Session
            $failed[0].FullyQualifiedErrorId | Should -BeLike 'IndexNotOpen,*'
        } else {
            $results.Via | Should -Be $closedVia, Session
            $results.Path | Should -Be $closed, $here.Path
            $failed | Should -BeNullOrEmpty
        }
    }

    It 'refuses by name what its owner serves no endpoint for' {
        $path = New-TestPath
        $owner = Start-OtherShell $path -Option -NoControl
        try {
            if ($command -eq 'Test-HestiaWal') { (& $command -Path $path).Via | Should -Be Files }
            else { $null = Assert-Failure { & $command -Path $path @more } IndexInUse -Names $path, "$($owner.Id)", NoControl -Category ResourceBusy }
        } finally {
            Stop-OtherShell $owner
        }
    }
}
