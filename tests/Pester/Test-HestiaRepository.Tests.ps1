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

    It 'says so where there is none' {
        $null = Assert-Failure { Test-HestiaRepository (New-TestPath nothing) } RepositoryNotFound
    }
}
