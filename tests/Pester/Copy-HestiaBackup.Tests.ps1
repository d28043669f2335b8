BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function ConvertTo-Secret([string] $Text) {
        $secret = [securestring]::new()
        $Text.ToCharArray() | ForEach-Object { $secret.AppendChar($_) }
        $secret
    }

    $first = ConvertTo-Secret 'first site'
    $second = ConvertTo-Secret 'second site'
}

Describe 'Copy-HestiaBackup' {
    BeforeEach {
        $from = New-TestPath from
        $to = New-TestPath to
        $index = New-ClosedIndex -Count 40
    }

    AfterEach { Close-TestSession }

    It 'copies what is missing, and nothing the second time' {
        $null = New-HestiaRepository -Path $from
        $null = New-HestiaRepository -Path $to
        $backup = Backup-HestiaIndex -Path $index -Repository $from
        $copy = Get-HestiaBackup -Repository $from | Copy-HestiaBackup -Destination $to
        $copy | Should -BeOfType HestiaPS.CopyReport
        $copy.BackupId | Should -Be $backup.BackupId
        $copy.BytesSent | Should -Be $backup.Bytes
        $copy.AlreadyThere | Should -BeFalse
        ($copy | Test-HestiaBackup -Deep).Healthy | Should -BeTrue
        $again = Copy-HestiaBackup -Repository $from -BackupId $backup.BackupId -Destination $to -Verify
        $again.BytesSent | Should -Be 0
        $again.AlreadyThere | Should -BeTrue
        $again.ObjectsVerified | Should -BeGreaterThan 0
        $target = New-TestPath restored
        (Restore-HestiaIndex -Repository $to -BackupId $backup.BackupId -Path $target).Entries | Should -Be 40
    }

    It 'copies between repositories with different passphrases' {
        $null = New-HestiaRepository -Path $from -Passphrase $first
        $null = New-HestiaRepository -Path $to -Passphrase $second
        $backup = Backup-HestiaIndex -Path $index -Repository $from
        $copy = Copy-HestiaBackup -Repository $from -BackupId $backup.BackupId -Destination $to -Passphrase $first -DestinationPassphrase $second
        ($copy | Test-HestiaBackup -Deep -Passphrase $second).Healthy | Should -BeTrue
        $null = Assert-Failure {
            Copy-HestiaBackup -Repository $from -BackupId $backup.BackupId -Destination $to -DestinationPassphrase $first
        } KeyRejected
    }

    It 'sends nothing with -WhatIf' {
        $null = New-HestiaRepository -Path $from
        $null = New-HestiaRepository -Path $to
        $null = Backup-HestiaIndex -Path $index -Repository $from
        $before = Get-FolderState $to
        Get-HestiaBackup -Repository $from | Copy-HestiaBackup -Destination $to -WhatIf | Should -BeNullOrEmpty
        Get-FolderState $to | Should -Be $before
    }

    It 'names what it does not find and goes on with the next' {
        $null = New-HestiaRepository -Path $from
        $null = New-HestiaRepository -Path $to
        $backup = Backup-HestiaIndex -Path $index -Repository $from
        $copies = Copy-HestiaBackup -Repository $from -BackupId 'bk-2026-04-15T03-00-00Z-7f3a91', $backup.BackupId -Destination $to -ErrorAction SilentlyContinue -ErrorVariable failed
        $copies.BackupId | Should -Be $backup.BackupId
        $failed[0].FullyQualifiedErrorId | Should -Match BackupNotFound
        $null = Assert-Failure { Copy-HestiaBackup -Repository $from -BackupId $backup.BackupId -Destination $from -ErrorAction Stop } InvalidOption
        $null = Assert-Failure { Copy-HestiaBackup -Repository $from -BackupId $backup.BackupId -Destination (New-TestPath none) } RepositoryNotFound
    }
}
