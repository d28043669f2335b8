BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Test-HestiaBackup' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = New-TestIndex -Count 500 | Backup-HestiaIndex -Repository $repository
        $object = Get-ChildItem (Join-Path $repository objects) -Recurse -File | Sort-Object Length | Select-Object -Last 1
    }

    It 'finds a good backup healthy, by object, by id and by report' {
        $result = Get-HestiaBackup -Repository $repository | Test-HestiaBackup
        $result | Should -BeOfType HestiaPS.BackupTestResult
        $result.Healthy | Should -BeTrue
        $result.IndexName | Should -Be orders
        $result.ObjectsChecked | Should -BeGreaterThan 0
        $result.Deep | Should -BeFalse
        (Test-HestiaBackup -Repository $repository -BackupId $backup.BackupId -Deep).Deep | Should -BeTrue
        $backup | Test-HestiaBackup -Quiet | Should -BeTrue
    }

    It 'finds a changed byte with -Deep, and a missing object without' {
        $bytes = [IO.File]::ReadAllBytes($object.FullName)
        $bytes[$bytes.Length / 2] = $bytes[$bytes.Length / 2] -bxor 1
        Set-ItemProperty -LiteralPath $object.FullName -Name IsReadOnly -Value $false
        [IO.File]::WriteAllBytes($object.FullName, $bytes)
        $before = Get-FolderState $repository
        $result = $backup | Test-HestiaBackup -Deep -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Healthy | Should -BeFalse
        $result.Findings[0].Message | Should -BeLike "*$($object.Name.Substring(0, 8))*"
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'BackupUnhealthy,*'
        Get-FolderState $repository | Should -Be $before
        Remove-Item -LiteralPath $object.FullName -Force
        $backup | Test-HestiaBackup -Quiet | Should -BeFalse
    }
}
