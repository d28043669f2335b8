# HestiaStore directories in the same repositories as our own indexes, from the shell.
BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function Expand-Fixture {
        param([string] $Name)
        $folder = Split-Path (New-TestPath)
        & tar -xzf (Join-Path $PSScriptRoot "../fixtures/hestiastore/$Name.tar.gz") -C $folder
        (Get-ChildItem $folder).FullName
    }

    function Get-Content64 {
        # Names and hashes of the files below a folder, without locks.
        param([string] $Path)
        Get-ChildItem -LiteralPath $Path -Recurse -File -Force | Where-Object Name -NE .lock | Sort-Object FullName |
            ForEach-Object { "$([IO.Path]::GetRelativePath($Path, $_.FullName)) $((Get-FileHash -LiteralPath $_.FullName).Hash)" }
    }
}

Describe 'A HestiaStore directory' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $store = Expand-Fixture nowal-split
    }

    It 'is backed up, listed, tested and restored byte for byte' {
        $before = Get-FolderState $store
        $backup = Backup-HestiaIndex -Path $store -Repository $repository -Tag first
        $backup.Kind | Should -Be HestiaStore
        $backup.IndexName | Should -Be sample
        Get-FolderState $store | Should -Be $before
        $listed = Get-HestiaBackup -Repository $repository
        $listed.Kind | Should -Be HestiaStore
        ($listed | Out-String -Width 200) | Should -Match HestiaStore
        ($listed | Test-HestiaBackup -Deep).Healthy | Should -BeTrue
        $target = New-TestPath restored
        $report = $listed | Restore-HestiaIndex -Path $target
        $report.Kind | Should -Be HestiaStore
        $report.Entries | Should -Be 10000
        Get-Content64 $target | Should -Be (Get-Content64 $store)
        (Backup-HestiaIndex -Path $store -Repository $repository).BytesSent | Should -Be 0
    }

    It 'is drilled with a validation that gets its folder' {
        $null = Backup-HestiaIndex -Path $store -Repository $repository
        $scratch = Split-Path (New-TestPath)
        $seen = [System.Collections.Generic.List[object]]::new()
        $result = Test-HestiaBackup -Repository $repository -Latest -Drill -ScratchPath $scratch -Validation {
            param($restored) $seen.Add((Get-ChildItem $restored.FullName).Count)
        }
        $result.Healthy | Should -BeTrue
        $result.Entries | Should -Be 10000
        $seen[0] | Should -BeGreaterThan 4
        Get-ChildItem $scratch | Should -BeNullOrEmpty
    }

    It 'goes through copy, encryption, retention and prune like any other' {
        $ix = New-TestIndex -Count 10
        $null = Backup-HestiaIndex -Index $ix -Repository $repository
        $null = Backup-HestiaIndex -Path $store -Repository $repository
        Add-Content (Join-Path $store manifest.txt) '# touched'
        $last = Backup-HestiaIndex -Path $store -Repository $repository
        $secret = [securestring]::new()
        foreach ($letter in 'a long passphrase'.ToCharArray()) { $secret.AppendChar($letter) }
        $safe = (New-HestiaRepository -Path (New-TestPath safe) -Passphrase $secret).Location
        $null = Get-HestiaBackup -Repository $repository | Copy-HestiaBackup -Destination $safe
        $target = New-TestPath restored
        $null = Restore-HestiaIndex -Repository $safe -BackupId $last.BackupId -Path $target
        Get-Content64 $target | Should -Be (Get-Content64 $store)
        $null = Remove-HestiaBackup -Repository $repository -KeepLast 1 -Confirm:$false
        (Get-HestiaBackup -Repository $repository).Count | Should -Be 2
        (Optimize-HestiaRepository -Repository $repository).ObjectsRemoved | Should -Be 1
        (Test-HestiaRepository -Repository $repository).Healthy | Should -BeTrue
    }

    It 'is refused while its owner lives, and what does not fit it is refused' {
        $null = Assert-Failure { Backup-HestiaIndex -Path $store -Repository $repository -Wal } InvalidOption -Names HestiaStore
        $null = Assert-Failure { Backup-HestiaIndex -Path $store -Repository $repository -NoFlush } InvalidOption
        $null = Assert-Failure { Backup-HestiaIndex -Path (New-ClosedIndex) -Repository $repository -IndexId (New-Guid) } InvalidOption
        $started = [DateTimeOffset]::new((Get-Process -Id $PID).StartTime).ToUnixTimeMilliseconds()
        Set-Content (Join-Path $store .lock) "version=1`npid=$PID`nprocessStartEpochMillis=$started`nhost=$([Net.Dns]::GetHostName())`nsessionId=s"
        $null = Assert-Failure { Backup-HestiaIndex -Path $store -Repository $repository -Force } IndexInUse -Names "pid $PID"
        Set-Content (Join-Path $store .lock) "version=1`npid=4711`nprocessStartEpochMillis=$started`nhost=elsewhere`nsessionId=s"
        $null = Assert-Failure { Backup-HestiaIndex -Path $store -Repository $repository } IndexInUse -Names elsewhere
        (Backup-HestiaIndex -Path $store -Repository $repository -Force).Kind | Should -Be HestiaStore
        Get-HestiaBackup -Repository $repository | Should -HaveCount 1
    }

    It 'says with -WhatIf what would be sent' {
        $child = Invoke-Child "Backup-HestiaIndex -Path '$store' -Repository '$repository' -WhatIf"
        $child.Output | Should -BeLike '*What if:*HestiaStore directory*files*sending*'
        Get-HestiaBackup -Repository $repository | Should -BeNullOrEmpty
    }

    It 'is replaced by a restore with -Force only' {
        $null = Backup-HestiaIndex -Path $store -Repository $repository
        Add-Content (Join-Path $store manifest.txt) '# changed since'
        $null = Assert-Failure { Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $store } IndexExists -Names $store
        $report = Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $store -Force
        $report.ReplacedIndex | Should -BeTrue
        Get-Content (Join-Path $store manifest.txt) | Should -Not -Contain '# changed since'
        (Get-ChildItem (Split-Path $store)).Count | Should -Be 1
    }
}
