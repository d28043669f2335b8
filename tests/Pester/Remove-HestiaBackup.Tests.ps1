BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Remove-HestiaBackup' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $ix = New-TestIndex -Count 10
        $ids = foreach ($n in 1..4) {
            Set-HestiaEntry -Index $ix -Key "n$n" -Value $n
            (Backup-HestiaIndex -Index $ix -Repository $repository -Tag "run-$n").BackupId
            Start-Sleep -Milliseconds 20 # backups are ordered by the time they began
        }
    }

    It 'shows with -WhatIf what goes and why the rest stays, and removes nothing' {
        $before = Get-FolderState $repository
        $rows = Remove-HestiaBackup -Repository $repository -KeepLast 2 -KeepTag run-1 -WhatIf
        $rows | Should -BeOfType HestiaPS.BackupRemoval
        $rows.BackupId | Should -Be $ids[3, 2, 1, 0]
        $rows.Action | Should -Be Kept, Kept, WouldRemove, Kept
        $rows.Reason | Should -Be 'last 1', 'last 2', 'no rule keeps it', 'tag run-1'
        Get-FolderState $repository | Should -Be $before
        ($rows | Format-Table | Out-String) | Should -BeLike '*WouldRemove*no rule keeps it*'
    }

    It 'applies a policy' {
        $rows = Remove-HestiaBackup $repository -KeepLast 1 -Confirm:$false
        $rows.Action | Should -Be Kept, Removed, Removed, Removed
        (Get-HestiaBackup -Repository $repository).BackupId | Should -Be $ids[3]
    }

    It 'removes by id, by object and by report' {
        (Remove-HestiaBackup -Repository $repository -BackupId $ids[0] -Confirm:$false).Action | Should -Be Removed
        Get-HestiaBackup -Repository $repository -BackupId $ids[1] | Remove-HestiaBackup -Confirm:$false | Should -Not -BeNullOrEmpty
        [pscustomobject]@{ Repository = $repository; BackupId = $ids[2] } | Remove-HestiaBackup -Confirm:$false | Should -Not -BeNullOrEmpty
        (Get-HestiaBackup -Repository $repository).BackupId | Should -Be $ids[3]
    }

    It 'keeps the last that can be restored unless told otherwise' {
        $rows = Get-HestiaBackup -Repository $repository | Remove-HestiaBackup -Confirm:$false -ErrorVariable errors -ErrorAction SilentlyContinue
        ($rows | Where-Object Action -EQ Kept).BackupId | Should -Be $ids[3]
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'LastRestorableBackup,*'
        (Remove-HestiaBackup -Repository $repository -BackupId $ids[3] -AllowRemoveAll -Confirm:$false).Action | Should -Be Removed
        Get-HestiaBackup -Repository $repository | Should -BeNullOrEmpty
    }

    It 'refuses a policy that keeps nothing, and names what is not there' {
        $null = Assert-Failure { Remove-HestiaBackup -Repository $repository -Confirm:$false } InvalidOption -Category InvalidArgument
        $null = Assert-Failure {
            Remove-HestiaBackup -Repository $repository -BackupId bk-2020-01-01T00-00-00Z-000000 -Confirm:$false
        } BackupNotFound -Names bk-2020-01-01T00-00-00Z-000000
        $null = Assert-Failure { Remove-HestiaBackup -Repository $repository -IndexName nobody -KeepLast 1 -Confirm:$false } BackupNotFound
        @(Get-HestiaBackup -Repository $repository).Count | Should -Be 4
    }

    It 'asks, and so removes nothing where nobody can answer' {
        $child = Invoke-Child "Remove-HestiaBackup -Repository '$repository' -KeepLast 1 -ErrorAction Stop"
        $child.Error | Should -BeLike '*NonInteractive*'
        @(Get-HestiaBackup -Repository $repository).Count | Should -Be 4
    }
}
