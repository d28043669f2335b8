BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Optimize-HestiaRepository' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $ix = New-TestIndex -Count 500
        $first = Backup-HestiaIndex -Index $ix -Repository $repository
        1..500 | ForEach-Object { [pscustomobject]@{ Key = 'k{0:d5}' -f $_; Value = "other $_" } } | Set-HestiaEntry -Index $ix
        $null = Optimize-HestiaIndex -Index $ix
        $second = Backup-HestiaIndex -Index $ix -Repository $repository
    }

    It 'removes what no backup names, says how much, and frees it' {
        (Optimize-HestiaRepository -Repository $repository).ObjectsRemoved | Should -Be 0
        $null = Remove-HestiaBackup -Repository $repository -KeepLast 1 -Confirm:$false
        $report = Optimize-HestiaRepository $repository
        $report | Should -BeOfType HestiaPS.PruneReport
        $report.ObjectsRemoved | Should -Be 1
        $report.BytesRemoved | Should -Be $first.BytesSent
        @(Get-ChildItem (Join-Path $repository objects) -Recurse -File).Count | Should -Be $report.ObjectsKept
        Test-HestiaBackup -Repository $repository -BackupId $second.BackupId -Deep -Quiet | Should -BeTrue
        ($report | Out-String) | Should -BeLike '*Removed*Kept*'
    }

    It 'says with -WhatIf how much would go, and removes nothing' {
        $null = Remove-HestiaBackup -Repository $repository -KeepLast 1 -Confirm:$false
        $before = Get-FolderState $repository
        $child = Invoke-Child "Optimize-HestiaRepository -Repository '$repository' -WhatIf"
        $child.Output | Should -BeLike '*What if:*Remove 1 object (*that no backup names, of 2 objects*'
        Get-FolderState $repository | Should -Be $before
    }

    It 'keeps what is young, and names a backup that does not end' {
        $null = Remove-HestiaBackup -Repository $repository -KeepLast 1 -Confirm:$false
        (Optimize-HestiaRepository -Repository $repository -MinimumAge 1h).ObjectsYoung | Should -Be 1
        $marker = Join-Path $repository locks/backup-bk-2026-04-15T03-00-00Z-7f3a91.json
        $null = New-Item -ItemType Directory -Force (Split-Path $marker)
        Set-Content -LiteralPath $marker -Value '{"formatVersion":1}'
        $null = Assert-Failure { Optimize-HestiaRepository -Repository $repository -WaitTime 100ms } RepositoryBusy -Names bk-2026-04-15T03-00-00Z-7f3a91
        (Get-Item -LiteralPath $marker).LastWriteTimeUtc = [datetime]::UtcNow.AddDays(-2)
        $report = Optimize-HestiaRepository -Repository $repository
        $report.MarkersRemoved | Should -Be 1
        $report.ObjectsRemoved | Should -Be 1
    }

    It 'removes nothing while a backup cannot be read, and says how to go on' {
        $null = Remove-HestiaBackup -Repository $repository -BackupId $first.BackupId -Confirm:$false
        $file = Get-ChildItem (Join-Path $repository backups) -Recurse -File
        Set-Content -LiteralPath $file.FullName -Value '{}'
        $record = Assert-Failure { Optimize-HestiaRepository -Repository $repository } BackupDamaged -Names $second.BackupId
        $record.ErrorDetails.RecommendedAction | Should -BeLike '*Remove-HestiaBackup*'
        @(Get-ChildItem (Join-Path $repository objects) -Recurse -File).Count | Should -Be 2
    }
}
