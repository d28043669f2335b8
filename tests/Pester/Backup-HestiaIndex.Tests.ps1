BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Backup-HestiaIndex' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = New-TestPath backups
        $null = New-HestiaRepository -Path $repository
    }

    It 'backs up an open index and says what it sent' {
        $ix = New-TestIndex -Count 100
        $report = Backup-HestiaIndex -Index $ix -Repository $repository
        $report | Should -BeOfType HestiaPS.BackupReport
        $report.BackupId | Should -BeLike 'bk-*'
        $report.IndexName | Should -Be orders
        $report.SourcePath | Should -Be $ix.Path
        $report.Lsn | Should -Be 100
        $report.Bytes | Should -BeGreaterThan 0
        $report.BytesSent | Should -BeGreaterThan 0
        $report.SegmentsSent | Should -Be 1
        $report.SegmentsReused | Should -Be 0
        $report.PSObject.Properties.Name | Should -Contain Duration
        $report.PSObject.Properties.Name | Should -Not -Contain Path -Because 'nothing may take the source for a target'
        $report.PSObject.Properties.Name | Should -Not -Contain Index
    }

    It 'sends only what is new the second time' {
        $ix = New-TestIndex -Count 1000
        $first = Backup-HestiaIndex $ix $repository
        Set-HestiaEntry -Index $ix -Key new -Value 1
        $second = Backup-HestiaIndex -Index $ix -Repository $repository
        $second.SegmentsReused | Should -Be 1
        $second.SegmentsSent | Should -Be 1
        $second.BytesSent | Should -BeLessThan $first.BytesSent
        $second.Lsn | Should -Be 1001
    }

    It 'backs up a closed index by path, and the open session where the path is open' {
        $path = New-ClosedIndex -Count 10
        (Backup-HestiaIndex -Path $path -Repository $repository).Lsn | Should -Be 10
        Get-HestiaIndex | Should -BeNullOrEmpty
        $ix = Open-HestiaIndex -Path $path
        Set-HestiaEntry -Index $ix -Key z -Value 1
        (Backup-HestiaIndex -Path $path -Repository $repository).Lsn | Should -Be 11
        $ix.State | Should -Be Ready
    }

    It 'says with -WhatIf what would be sent, and sends nothing' {
        $path = New-ClosedIndex -Count 10
        $source = Get-FolderState $path
        $before = Get-FolderState $repository
        $child = Invoke-Child "Backup-HestiaIndex -Path '$path' -Repository '$repository' -WhatIf"
        $child.Output | Should -BeLike '*What if:*Back up 1 segment (*sending 1 segment (*'
        Get-FolderState $repository | Should -Be $before
        Get-FolderState $path | Should -Be $source
    }

    It 'never creates a repository' {
        $ix = New-TestIndex -Count 1
        $missing = New-TestPath unmounted
        $null = Assert-Failure {
            Backup-HestiaIndex -Index $ix -Repository $missing
        } RepositoryNotFound -Names $missing -Category ObjectNotFound
        Test-Path -LiteralPath $missing | Should -BeFalse
        $empty = New-TestPath mountpoint
        $null = New-Item -ItemType Directory $empty
        $null = Assert-Failure { Backup-HestiaIndex -Index $ix -Repository $empty } RepositoryNotFound -Names $empty
        Get-ChildItem -LiteralPath $empty -Force | Should -BeNullOrEmpty
    }

    It 'goes on past an index that cannot be backed up' {
        $good = New-ClosedIndex
        $paths = (Join-Path $TestDrive nowhere), $good
        $reports = Backup-HestiaIndex -Path $paths -Repository $repository -ErrorVariable errors -ErrorAction SilentlyContinue
        @($reports).Count | Should -Be 1
        $reports.SourcePath | Should -Be $good
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'PathNotFound,*'
    }

    It 'is exact at its LSN although writers go on' {
        $ix = New-TestIndex -Count 500
        $shell = [powershell]::Create()
        $null = $shell.AddScript({
                param($module, $ix)
                Import-Module $module
                & { foreach ($i in 1..1000000) { [pscustomobject]@{ Key = 'w{0:d9}' -f $i; Value = $i } } } |
                    Set-HestiaEntry -Index $ix -BatchSize 10
            }).AddArgument($ModulePath).AddArgument($ix)
        $null = $shell.BeginInvoke()
        while ($ix.LastCommittedLsn -lt 600) { Start-Sleep -Milliseconds 5 }
        $report = Backup-HestiaIndex -Index $ix -Repository $repository
        $shell.Stop()
        $shell.Dispose()
        $target = New-TestPath restored
        $restored = Get-HestiaBackup -Repository $repository -BackupId $report.BackupId | Restore-HestiaIndex -Path $target
        $restored.Entries | Should -Be $report.Lsn -Because 'every write made an entry'
    }

    It 'marks with -Tag, and ends at the checkpoint with -NoFlush' {
        $ix = New-TestIndex -Count 100 -Flush
        Set-HestiaEntry -Index $ix -Key late -Value 1
        $report = Backup-HestiaIndex -Index $ix -Repository $repository -NoFlush -Tag before-upgrade, nightly
        $report.Lsn | Should -Be 100
        (Get-HestiaBackup -Repository $repository).Tags | Should -Be before-upgrade, nightly
        $ix.Checkpoint | Should -Be 100
        (Backup-HestiaIndex -Index $ix -Repository $repository).Lsn | Should -Be 101
    }

    It 'keeps to -MaxBytesPerSecond' {
        $ix = New-TestIndex -Count 5000 -Flush
        $report = Backup-HestiaIndex -Index $ix -Repository $repository -MaxBytesPerSecond 40000
        $report.Duration.TotalSeconds | Should -BeGreaterThan ($report.BytesSent / 40000 * 0.9)
        { Backup-HestiaIndex -Index $ix -Repository $repository -MaxBytesPerSecond 0 } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
    }
}
