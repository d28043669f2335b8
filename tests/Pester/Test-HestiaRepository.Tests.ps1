BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Test-HestiaRepository' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = New-TestIndex -Count 100 | Backup-HestiaIndex -Repository $repository
    }

    It 'finds a repository in order healthy, and leaves it as it is' {
        $before = Get-FolderState $repository
        $result = Test-HestiaRepository -Repository $repository -MaxBackupAge 1h -ExpectedIndex orders
        $result | Should -BeOfType HestiaPS.RepositoryTestResult
        $result.Healthy | Should -BeTrue
        $result.Findings | Should -BeNullOrEmpty
        $result.Backups | Should -Be 1
        $result.Indexes[0].IndexName | Should -Be orders
        $result.Indexes[0].NewestBackupId | Should -Be $backup.BackupId
        $result.Indexes[0].Age.TotalMinutes | Should -BeLessThan 10
        Get-FolderState $repository | Should -Be $before
        ($result | Out-String) | Should -BeLike '*Healthy*Indexes*'
        ($result.Indexes | Out-String) | Should -BeLike '*orders*'
        $repository | Test-HestiaRepository -Quiet | Should -BeTrue
    }

    It 'names an index that dropped out' {
        $result = Test-HestiaRepository $repository -ExpectedIndex orders, customers -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Healthy | Should -BeFalse
        $result.Findings.Code | Should -Be IndexMissing
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'RepositoryUnhealthy,*'
        $errors[0].Exception.Message | Should -BeLike '*customers*'
        Start-Sleep -Milliseconds 5
        Test-HestiaRepository $repository -MaxBackupAge 1ms -Quiet | Should -BeFalse
        Test-HestiaRepository $repository -MaxArchiveLag 10m -Quiet | Should -BeFalse
    }

    It 'names what is missing and what lies about' {
        $object = Get-ChildItem (Join-Path $repository objects) -Recurse -File | Select-Object -First 1
        $stray = Join-Path $repository ('objects/00/' + '0' * 64)
        $null = New-Item -ItemType Directory (Split-Path $stray)
        Set-Content -LiteralPath $stray -Value x
        Remove-Item -LiteralPath $object.FullName -Force
        $result = Test-HestiaRepository $repository -NoWriteProbe -ErrorAction SilentlyContinue
        $result.Findings.Code | Should -Contain ObjectMissing
        $result.Findings.Code | Should -Contain BackupDamaged
        $result.Findings.Code | Should -Contain Orphans
        $result.Orphans | Should -Be 1
    }

    It 'reads the archive of the log with -Deep and names a piece that is damaged' {
        $index = New-TestIndex
        $first = Backup-HestiaIndex -Index $index -Repository $repository
        $null = Backup-HestiaIndex -Index $index -Repository $repository -Wal
        Set-HestiaEntry -Index $index -Key a -Value b
        $null = Backup-HestiaIndex -Index $index -Repository $repository -Wal
        Test-HestiaRepository $repository -Deep -Quiet | Should -BeTrue
        $piece = Get-ChildItem (Join-Path $repository archive) -Recurse -File -Filter *.wal | Select-Object -First 1
        $bytes = [IO.File]::ReadAllBytes($piece.FullName)
        $bytes[-20] = $bytes[-20] -bxor 1
        [IO.File]::WriteAllBytes($piece.FullName, $bytes)
        Test-HestiaRepository $repository -Quiet | Should -BeTrue
        $result = Test-HestiaRepository $repository -Deep -ErrorAction SilentlyContinue
        $result.Findings.Code | Should -Be ArchiveDamaged
        $result.Findings.File | Should -BeLike "*$($piece.Name)"
        $first | Test-HestiaBackup -Deep -Quiet | Should -BeFalse
        $first | Test-HestiaBackup -Quiet | Should -BeTrue
    }

    It 'says so where there is none' {
        $null = Assert-Failure { Test-HestiaRepository (New-TestPath nothing) } RepositoryNotFound
    }
}
