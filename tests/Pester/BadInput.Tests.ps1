# What people get wrong: each case asserts the ErrorId, that the message names the thing and the way out, and that nothing changed.
BeforeDiscovery {
    $script:linuxRoot = $IsLinux -and (& id -u) -eq '0'
    $script:otherUser = $linuxRoot -and (Get-Command setpriv -ErrorAction Ignore)
}
BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'A path that is missing' {
    AfterEach { Close-TestSession }

    It 'is PathNotFound in <_>' -ForEach 'Open-HestiaIndex', 'Get-HestiaIndex', 'Test-HestiaIndex', 'Repair-HestiaIndex',
    'Test-HestiaWal', 'Get-HestiaWalRecord', 'Optimize-HestiaIndex', 'Invoke-HestiaFlush' {
        $command = $_
        $path = New-TestPath missing
        $record = Assert-Failure { & $command -Path $path } PathNotFound -Names $path -Category ObjectNotFound
        $record.TargetObject | Should -Be $path
        Test-Path -LiteralPath $path | Should -BeFalse
    }

    It 'is PathNotFound for a new index, a new repository and a restore below a folder that is not there' {
        $path = Join-Path (New-TestPath nothing) deeper
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = Backup-HestiaIndex -Path (New-ClosedIndex) -Repository $repository
        $before = Get-FolderState $repository
        foreach ($try in { Open-HestiaIndex -Path $path -Create }, { New-HestiaRepository -Path $path }, { $backup | Restore-HestiaIndex -Path $path }) {
            $null = Assert-Failure $try PathNotFound -Names (Split-Path $path) -Category ObjectNotFound
            Test-Path -LiteralPath (Split-Path $path) | Should -BeFalse
        }
        Get-FolderState $repository | Should -Be $before
    }

    It 'is PathNotFound for a backup, and the repository stays as it was' {
        $path = New-TestPath missing
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $before = Get-FolderState $repository
        $null = Assert-Failure { Backup-HestiaIndex -Path $path -Repository $repository } PathNotFound -Names $path -Category ObjectNotFound
        Get-FolderState $repository | Should -Be $before
        Test-Path -LiteralPath $path | Should -BeFalse
    }

    It 'is RepositoryNotFound for a repository' {
        $path = New-TestPath missing
        $null = Assert-Failure { Get-HestiaBackup -Repository $path } RepositoryNotFound -Names $path
        $null = Assert-Failure {
            Restore-HestiaIndex -Repository $path -BackupId bk-x -Path (New-TestPath target)
        } RepositoryNotFound -Names $path
        Test-Path -LiteralPath $path | Should -BeFalse
    }
}

Describe 'A path of the wrong type' {
    AfterEach { Close-TestSession }

    It 'a file is NotAnIndex in <_>' -ForEach 'Open-HestiaIndex',
    'Get-HestiaIndex', 'Test-HestiaIndex', 'Repair-HestiaIndex', 'Optimize-HestiaIndex', 'Invoke-HestiaFlush', 'Test-HestiaWal',
    'Get-HestiaWalRecord', 'Set-HestiaIndex', 'Suspend-HestiaIndex', 'Backup-HestiaIndex' {
        $command = $_
        $more = switch ($command) {
            'Backup-HestiaIndex' { @{ Repository = (New-HestiaRepository -Path (New-TestPath backups)).Location } }
            'Set-HestiaIndex' { @{ Durability = 'Off' } }
            'Suspend-HestiaIndex' { @{ Duration = '5s' } }
            default { @{} }
        }
        $path = New-TestPath file.txt
        Set-Content -LiteralPath $path hello
        $before = Get-FolderState (Split-Path $path)
        $null = Assert-Failure { & $command -Path $path @more } NotAnIndex -Names $path
        Get-FolderState (Split-Path $path) | Should -Be $before
        if ($more.Repository) { Get-HestiaBackup -Repository $more.Repository | Should -BeNullOrEmpty }
    }

    It 'a file is no place for a restore, a new index or a new repository' {
        $path = New-TestPath file.txt
        Set-Content -LiteralPath $path hello
        $before = Get-FolderState (Split-Path $path)
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = Backup-HestiaIndex -Path (New-ClosedIndex) -Repository $repository
        foreach ($try in { $backup | Restore-HestiaIndex -Path $path }, { $backup | Restore-HestiaIndex -Path $path -Force },
            { Open-HestiaIndex -Path $path -Create }, { New-HestiaRepository -Path $path }) {
            $null = Assert-Failure $try TargetNotEmpty -Names $path -Category ResourceExists
            Get-FolderState (Split-Path $path) | Should -Be $before
        }
    }

    It 'a folder that is no index is NotAnIndex in <_>' -ForEach 'Open-HestiaIndex',
    'Get-HestiaIndex', 'Test-HestiaIndex', 'Repair-HestiaIndex', 'Optimize-HestiaIndex', 'Invoke-HestiaFlush', 'Backup-HestiaIndex' {
        $command = $_
        $more = if ($command -eq 'Backup-HestiaIndex') { @{ Repository = (New-HestiaRepository -Path (New-TestPath backups)).Location } } else { @{} }
        $path = New-TestPath folder
        $null = New-Item -ItemType Directory $path
        Set-Content (Join-Path $path notes.txt) hello
        $before = Get-FolderState $path
        $null = Assert-Failure { & $command -Path $path @more } NotAnIndex -Names $path -Category InvalidArgument
        Get-FolderState $path | Should -Be $before
        Test-Path -LiteralPath (Join-Path $path .lock) | Should -BeFalse
    }

    It 'a folder without a log is an error in <_>' -ForEach 'Test-HestiaWal', 'Get-HestiaWalRecord' {
        $command = $_
        $path = New-TestPath folder
        $null = New-Item -ItemType Directory $path
        Set-Content (Join-Path $path notes.txt) hello
        $before = Get-FolderState $path
        $null = Assert-Failure { & $command -Path $path } NotAnIndex -Names $path
        Get-FolderState $path | Should -Be $before
    }

    It 'a folder that holds something is TargetNotEmpty for a new index and for a restore' {
        $path = New-TestPath folder
        $null = New-Item -ItemType Directory $path
        Set-Content (Join-Path $path notes.txt) hello
        $before = Get-FolderState $path
        $null = Assert-Failure { Open-HestiaIndex -Path $path -Create } TargetNotEmpty -Names $path -Category ResourceExists
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $null = Backup-HestiaIndex -Path (New-ClosedIndex) -Repository $repository
        $null = Assert-Failure { Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $path } TargetNotEmpty -Names $path
        $null = Assert-Failure {
            Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $path -Force
        } TargetNotEmpty -Names $path
        Get-FolderState $path | Should -Be $before
    }

    It 'an index is not a repository' {
        $path = New-ClosedIndex
        $before = Get-FolderState $path
        $null = Assert-Failure { Get-HestiaBackup -Repository $path } RepositoryNotFound -Names $path
        Get-FolderState $path | Should -Be $before
    }
}

Describe 'An index in use by another process' {
    AfterEach { Close-TestSession }

    It 'is IndexInUse and names who reads it' -Skip:(-not $IsLinux) {
        $path = New-ClosedIndex
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path' -ReadOnly; 'open'; Start-Sleep 60"
        try {
            $null = Wait-Output $child open
            $null = Assert-Failure { Open-HestiaIndex -Path $path } IndexInUse -Names $path, "pid $($child.Id)", ([Environment]::MachineName)
        } finally {
            Send-Signal $child KILL
            $null = Wait-Child $child
        }
    }

    It 'is IndexInUse and names pid, host and since' {
        $path = New-TestPath
        # Without an endpoint: with one it would be reached through that process.
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path' -Create -NoControl
            Set-HestiaEntry -Index `$ix -Key a -Value 1
            'open'; Start-Sleep 60"
        try {
            $null = Wait-Output $child open
            $before = Get-FolderState $path
            $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
            $owner = "$($child.Id)", ([Environment]::MachineName), ([datetime]::UtcNow.ToString('yyyy-MM-dd'))
            foreach ($try in { Open-HestiaIndex -Path $path }, { Open-HestiaIndex -Path $path -ReadOnly },
                { Test-HestiaIndex -Path $path }, { Repair-HestiaIndex -Path $path },
                { Optimize-HestiaIndex -Path $path }, { Backup-HestiaIndex -Path $path -Repository $repository }) {
                $null = Assert-Failure $try IndexInUse -Names (@($path) + $owner) -Category ResourceBusy
            }
            $info = Get-HestiaIndex -Path $path
            $info.InUse | Should -BeTrue
            $info.OwnerProcessId | Should -Be $child.Id
            (Test-HestiaWal -Path $path).LastLsn | Should -Be 1 -Because 'the log can be tested while in use'
            Get-FolderState $path | Should -Be $before
        } finally {
            Send-Signal $child KILL
            $null = Wait-Child $child
        }
        (Open-HestiaIndex -Path $path -WarningAction SilentlyContinue).LastLsn | Should -Be 1 -Because 'the lock died with its owner'
    }
}

Describe 'A folder that may not be written' {
    AfterEach { Close-TestSession }

    It 'is AccessDenied for an index and a repository there' -Skip:(-not ($otherUser -or (-not $linuxRoot -and -not $IsWindows))) {
        $path = New-ClosedIndex
        $folder = Split-Path $path
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $null = Backup-HestiaIndex -Path $path -Repository $repository
        # Their own to write in: what refuses them is the repository alone.
        $theirs = New-TestPath theirs
        $null = New-Item -ItemType Directory $theirs
        $readable = "try { Import-Module '$ModulePath' -ErrorAction Stop } catch { 'UNREADABLE'; exit }"
        $script = "$readable
            `$ix = Open-HestiaIndex -Path '$theirs/orders' -Create
            Set-HestiaEntry -Index `$ix -Key a -Value 1
            foreach (`$try in { Open-HestiaIndex -Path '$path' -ErrorAction Stop },
                { Open-HestiaIndex -Path '$folder/new' -Create -ErrorAction Stop },
                { Backup-HestiaIndex -Path '$path' -Repository '$repository' -ErrorAction Stop },
                { Get-HestiaBackup -Repository '$repository' | Restore-HestiaIndex -Path '$folder/restored' -ErrorAction Stop },
                { Backup-HestiaIndex -Index `$ix -Repository '$repository' -ErrorAction Stop },
                { New-HestiaRepository -Path '$folder/more' -ErrorAction Stop }) {
                try { `$null = & `$try; 'no error' }
                catch { '{0}|{1}|{2}' -f `$_.FullyQualifiedErrorId.Split(',')[0], `$_.Exception.Message, `$_.ErrorDetails.RecommendedAction }
            }
            'entries ' + @(Get-HestiaEntry -Index `$ix).Count"
        & chmod -R a+rX,a-w (Split-Path $path) (Split-Path $repository)
        & chmod -R a+rwX (Split-Path $theirs)
        $up = $TestDrive
        while ($up -ne '/' -and $up -ne (Split-Path ([IO.Path]::GetTempPath()))) { & chmod a+rx $up 2>$null; $up = Split-Path $up }
        $before = Get-FolderState $folder
        $backups = Get-FolderState $repository
        try {
            $prefix = if ($otherUser) { 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups' } else { @() }
            $elsewhere = @{ HOME = '/tmp'; XDG_CACHE_HOME = '/tmp/none'; POWERSHELL_TELEMETRY_OPTOUT = '1' }
            $process = Start-Child -NoImport -Prefix $prefix -Script $script -Environment $elsewhere
            $child = Wait-Child $process
        } finally {
            & chmod -R u+w (Split-Path $path) (Split-Path $repository)
        }
        if ($child.Output -like '*UNREADABLE*' -or -not $child.Output) {
            Set-ItResult -Skipped -Because "another user cannot read the module: $($child.Error)"
            return
        }
        $lines = $child.Output.Split("`n").Trim()
        $lines.Count | Should -Be 7 -Because $child.Error
        $lines[6] | Should -Be 'entries 1'
        $places = $path, $folder, $path, $folder, $repository, $folder
        for ($i = 0; $i -lt 6; $i++) {
            $id, $message, $action = $lines[$i].Split('|')
            $id | Should -Be AccessDenied -Because $lines[$i]
            $message | Should -BeLike "*$($places[$i])*"
            $action | Should -BeLike '*permission*'
        }
        Get-FolderState $folder | Should -Be $before
        Get-FolderState $repository | Should -Be $backups
    }
}

Describe 'A full disk' {
    AfterEach { Close-TestSession }

    BeforeAll {
        $mounted = $false
        if ($IsLinux -and (& id -u) -eq '0') {
            $disk = Join-Path $TestDrive disk
            $null = New-Item -ItemType Directory $disk
            & mount -t tmpfs -o size=24m tmpfs $disk 2>$null
            $mounted = $LASTEXITCODE -eq 0
        }
    }
    AfterAll {
        Close-TestSession
        if ($mounted) { & umount $disk }
    }

    It 'refuses the write by name, keeps what was written, and goes on once there is space' {
        if (-not $mounted) { Set-ItResult -Skipped -Because 'no small file system can be mounted here'; return }
        $path = Join-Path $disk full
        $ix = Open-HestiaIndex -Path $path -Create -MemtableBytes 1MB
        $random = [byte[]]::new(64KB)
        [Random]::new(1).NextBytes($random)
        $written = 0
        $record = Get-Failure {
            foreach ($i in 1..2000) {
                Set-HestiaEntry -Index $ix -Key ('k{0:d5}' -f $i) -Value $random
                $script:written = $i
            }
        }
        $record.FullyQualifiedErrorId.Split(',')[0] | Should -Be DiskFull -Because $record.Exception.Message
        $record.Exception.Message | Should -BeLike "*$disk*"
        $record.ErrorDetails.RecommendedAction | Should -BeLike '*space*'
        $script:written | Should -BeGreaterThan 10
        @(Get-HestiaEntry -Index $ix).Count | Should -Be $script:written
        $ix.LastCommittedLsn | Should -Be $script:written
        try { Close-HestiaIndex $ix -ErrorAction Stop } catch { $_.FullyQualifiedErrorId | Should -Match '^(DiskFull|IndexFailed)' }
        & mount -o remount,size=96m $disk
        $again = Open-HestiaIndex -Path $path -WarningAction SilentlyContinue
        @(Get-HestiaEntry -Index $again).Count | Should -Be $script:written
        Set-HestiaEntry -Index $again -Key more -Value 1
        (Test-HestiaIndex -Index $again).Healthy | Should -BeTrue
        Close-HestiaIndex $again
    }

    It 'refuses a backup and a restore before or while they run, and leaves nothing of them' {
        if (-not $mounted) { Set-ItResult -Skipped -Because 'no small file system can be mounted here'; return }
        Get-ChildItem -LiteralPath $disk | Remove-Item -Recurse -Force
        & mount -o remount,size=8m $disk
        $ix = New-TestIndex
        $random = [byte[]]::new(64KB)
        foreach ($i in 1..300) { [Random]::new($i).NextBytes($random); Set-HestiaEntry -Index $ix -Key "k$i" -Value $random }
        $small = Join-Path $disk backups
        $null = New-HestiaRepository -Path $small
        $null = Assert-Failure { Backup-HestiaIndex -Index $ix -Repository $small } DiskFull -Names $disk -Category ResourceUnavailable
        Get-HestiaBackup -Repository $small | Should -BeNullOrEmpty
        $large = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = Backup-HestiaIndex -Index $ix -Repository $large
        $target = Join-Path $disk restored
        $null = Assert-Failure { $backup | Restore-HestiaIndex -Path $target } DiskFull -Names $target
        Test-Path -LiteralPath $target | Should -BeFalse
        Get-ChildItem -LiteralPath $disk -Force | Select-Object -ExpandProperty Name | Should -Be backups
    }
}

Describe 'A newer format' {
    AfterEach { Close-TestSession }

    It 'is FormatTooNew in <_>, and nothing changes' -ForEach 'Open-HestiaIndex',
    'Get-HestiaIndex', 'Test-HestiaIndex', 'Repair-HestiaIndex', 'Optimize-HestiaIndex', 'Invoke-HestiaFlush', 'Backup-HestiaIndex' {
        $command = $_
        $more = if ($command -eq 'Backup-HestiaIndex') { @{ Repository = (New-HestiaRepository -Path (New-TestPath backups)).Location } } else { @{} }
        $path = New-ClosedIndex
        Set-FormatVersion (Join-Path $path index.json) 999
        $before = Get-FolderState $path
        $record = Assert-Failure { & $command -Path $path @more } FormatTooNew -Names 999, $path -Category InvalidData
        $record.ErrorDetails.RecommendedAction | Should -BeLike '*newer*'
        Get-FolderState $path | Should -Be $before
    }
}

Describe 'A newer repository' {
    AfterEach { Close-TestSession }

    It 'is FormatTooNew for all that use it, and nothing changes' {
        $path = New-ClosedIndex
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = Backup-HestiaIndex -Path $path -Repository $repository
        $settings = Join-Path $repository repository.json
        Set-ItemProperty -LiteralPath $settings -Name IsReadOnly -Value $false
        Set-FormatVersion $settings 999
        $before = Get-FolderState $repository
        $target = New-TestPath target
        foreach ($try in { Get-HestiaBackup -Repository $repository }, { Backup-HestiaIndex -Path $path -Repository $repository },
            { Test-HestiaBackup -Repository $repository -BackupId $backup.BackupId }, { $backup | Restore-HestiaIndex -Path $target }) {
            $record = Assert-Failure $try FormatTooNew -Names 999 -Category InvalidData
            $record.ErrorDetails.RecommendedAction | Should -BeLike '*newer*'
        }
        Test-Path -LiteralPath $target | Should -BeFalse
        Get-FolderState $repository | Should -Be $before
    }
}

Describe 'Keys and values' {
    AfterEach { Close-TestSession }

    BeforeEach { $ix = New-TestIndex -Count 3 }

    It 'an empty key is KeyEmpty' {
        $null = Assert-Failure { Set-HestiaEntry -Index $ix -Key '' -Value x } KeyEmpty -Category InvalidArgument
        $null = Assert-Failure { Get-HestiaEntry -Index $ix -Key '' } KeyEmpty
        $null = Assert-Failure { Remove-HestiaEntry -Index $ix -Key '' } KeyEmpty
        $ix.LastLsn | Should -Be 3
    }

    It 'a key of 65,535 bytes is taken and a longer one is KeyTooLong' {
        $longest = 'x' * 65535
        Set-HestiaEntry -Index $ix -Key $longest -Value ok
        (Get-HestiaEntry -Index $ix -Key $longest).Value | Should -Be ok
        $null = Assert-Failure {
            Set-HestiaEntry -Index $ix -Key ($longest + 'x') -Value x
        } KeyTooLong -Names '65,535' -Category InvalidArgument
        $ix.LastLsn | Should -Be 4
    }

    It 'a value of more than 64 MiB is ValueTooLarge, as an error of that item' {
        $large = [byte[]]::new(64MB + 1)
        [pscustomobject]@{ Key = 'big'; Value = $large }, [pscustomobject]@{ Key = 'small'; Value = 1 } |
            Set-HestiaEntry -Index $ix -ErrorVariable errors -ErrorAction SilentlyContinue
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'ValueTooLarge,*'
        $errors[0].TargetObject | Should -Be big
        $errors[0].Exception.Message | Should -BeLike '*67,108,864*'
        $errors[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        (Get-HestiaEntry -Index $ix).Key | Should -Be k00001, k00002, k00003, small
    }

    It 'what does not fit the encoding is EncodingMismatch' {
        $numbers = Open-HestiaIndex -Path (New-TestPath) -Create -KeyEncoding Int64 -ValueEncoding Guid
        $null = Assert-Failure {
            Set-HestiaEntry -Index $numbers -Key abc -Value ([guid]::NewGuid())
        } EncodingMismatch -Names abc -Category InvalidType
        $null = Assert-Failure { Set-HestiaEntry -Index $numbers -Key 1 -Value nope } EncodingMismatch -Names nope
        $numbers.LastLsn | Should -Be 0
    }
}

Describe 'Backups and repositories' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $null = Backup-HestiaIndex -Path (New-ClosedIndex -Count 500) -Repository $repository
    }

    It 'an unknown backup id is BackupNotFound in <_>' -ForEach 'Get-HestiaBackup', 'Test-HestiaBackup', 'Restore-HestiaIndex' {
        $command = $_
        $target = New-TestPath target
        $more = if ($command -eq 'Restore-HestiaIndex') { @{ Path = $target } } else { @{} }
        $before = Get-FolderState $repository
        $null = Assert-Failure {
            & $command -Repository $repository -BackupId 'bk-2020-01-01T00-00-00Z-0000' @more
        } BackupNotFound -Names bk-2020 -Category ObjectNotFound
        Test-Path -LiteralPath $target | Should -BeFalse
        Get-FolderState $repository | Should -Be $before
    }

    It 'an id that tries to leave the repository is BackupNotFound' {
        $null = Assert-Failure { Test-HestiaBackup -Repository $repository -BackupId '../../../etc/passwd' } BackupNotFound
    }

    It 'a damaged object is found by verify, refused by restore, and repaired by no one' {
        $object = Get-ChildItem (Join-Path $repository objects) -Recurse -File | Sort-Object Length | Select-Object -Last 1
        Set-ItemProperty -LiteralPath $object.FullName -Name IsReadOnly -Value $false
        $bytes = [IO.File]::ReadAllBytes($object.FullName)
        $bytes[[int]($bytes.Length / 2)] = $bytes[[int]($bytes.Length / 2)] -bxor 4
        [IO.File]::WriteAllBytes($object.FullName, $bytes)
        $before = Get-FolderState $repository
        $target = New-TestPath target
        $null = Assert-Failure {
            Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $target
        } ObjectDamaged -Names $object.Name.Substring(0, 16) -Category InvalidData
        Get-ChildItem -LiteralPath (Split-Path $target) -Force | Should -BeNullOrEmpty
        # All that is new is the note for the next backup.
        Remove-Item -LiteralPath (Join-Path $repository locks) -Recurse
        Get-FolderState $repository | Should -Be $before
    }

    It 'a missing object is ObjectMissing' {
        $object = Get-ChildItem (Join-Path $repository objects) -Recurse -File | Sort-Object Length | Select-Object -Last 1
        Remove-Item -LiteralPath $object.FullName -Force
        $target = New-TestPath target
        $null = Assert-Failure {
            Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $target
        } ObjectMissing -Names $object.Name.Substring(0, 16)
        Get-ChildItem -LiteralPath (Split-Path $target) -Force | Should -BeNullOrEmpty
    }

    It 'a damaged repository.json is RepositoryDamaged' {
        Set-ItemProperty -LiteralPath (Join-Path $repository repository.json) -Name IsReadOnly -Value $false
        Set-Content -LiteralPath (Join-Path $repository repository.json) '{ "version": '
        $null = Assert-Failure { Get-HestiaBackup -Repository $repository } RepositoryDamaged -Names $repository
    }

    It 'a damaged source publishes nothing' {
        $path = New-ClosedIndex -Count 2000
        $segment = (Get-ChildItem (Join-Path $path segments) -Filter *.seg)[0].FullName
        $bytes = [IO.File]::ReadAllBytes($segment)
        $bytes[300] = $bytes[300] -bxor 1
        [IO.File]::WriteAllBytes($segment, $bytes)
        $null = Assert-Failure {
            Backup-HestiaIndex -Path $path -Repository $repository
        } SourceDamaged -Names ([IO.Path]::GetFileNameWithoutExtension($segment).Substring(0, 16))
        @(Get-HestiaBackup -Repository $repository).Count | Should -Be 1
    }
}

Describe 'The file of registered names' {
    It 'is understood or refused by name, whatever is in it (400 changed ones)' {
        $saved = $env:HESTIAPS_REPOSITORIES
        $file = New-TestPath repositories.json
        $env:HESTIAPS_REPOSITORIES = $file
        try {
            $repository = New-TestPath repository
            $null = New-HestiaRepository -Path $repository
            $null = Register-HestiaRepository -Name nightly -Path $repository
            $valid = [IO.File]::ReadAllText($file)
            $random = [Random]::new(7)
            $values = 'null', '0', '-1', '1e400', 'true', '[]', '{}', '"x"', '""', '[null]', ('[' * 100), '"' + ('a' * 3000) + '"'
            $understood = 0
            foreach ($round in 1..400) {
                $text = $valid
                foreach ($change in 0..$random.Next(3)) {
                    $colons = [regex]::Matches($text, '(?<=: )[^,}\]\n]*')
                    if ($colons.Count -eq 0) { break }
                    $at = $colons[$random.Next($colons.Count)]
                    switch ($random.Next(4)) {
                        0 { $text = $text.Remove($random.Next($text.Length)) }
                        1 { $text = $text.Remove($at.Index, $at.Length) }
                        default { $text = $text.Remove($at.Index, $at.Length).Insert($at.Index, $values[$random.Next($values.Count)]) }
                    }
                }
                [IO.File]::WriteAllText($file, $text)
                try {
                    $null = Get-HestiaRepository -ErrorAction Stop
                    $understood++
                }
                catch {
                    $_.FullyQualifiedErrorId | Should -Match '^(SettingsDamaged|FormatTooNew|RepositoryNotFound|PathNotFound|NotARepository|InvalidOption|VaultUnavailable),' -Because "round ${round}: $_`n$text"
                }
            }
            $understood | Should -BeLessThan 300
        }
        finally { $env:HESTIAPS_REPOSITORIES = $saved }
    }
}

Describe 'Everything else' {
    AfterEach { Close-TestSession }

    It 'a string for -Index says what is wanted' {
        $record = Get-Failure { Get-HestiaEntry -Index ./orders -Key a }
        $record.Exception | Should -BeOfType System.Management.Automation.ParameterBindingException
        $record.Exception.Message | Should -BeLike '*IndexSession*'
    }

    It 'options out of range are refused before anything happens' {
        $path = New-TestPath
        $record = Get-Failure { Open-HestiaIndex -Path $path -Create -MemtableBytes 1 }
        $record.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        $null = Assert-Failure { Open-HestiaIndex -Path $path -Create -GroupDelay 5m } InvalidOption -Names GroupDelay
        Test-Path -LiteralPath $path | Should -BeFalse
    }
}
