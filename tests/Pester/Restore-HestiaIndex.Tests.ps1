BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Restore-HestiaIndex' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $ix = New-TestIndex -Count 200
        $backup = Backup-HestiaIndex -Index $ix -Repository $repository
        $target = New-TestPath restored
    }

    It 'restores the newest backup to another place, as the tour does' {
        $result = Get-HestiaBackup -Repository $repository -IndexName orders -Latest | Restore-HestiaIndex -Path $target
        $result | Should -BeOfType HestiaPS.RestoreReport
        $result.Path | Should -Be $target
        $result.IndexName | Should -Be orders
        $result.Lsn | Should -Be 200
        $result.Entries | Should -Be 200
        $result.ReplacedIndex | Should -BeFalse
        $result.ObjectsVerified | Should -BeGreaterThan 0
        (Test-HestiaIndex -Path $target -Deep).Healthy | Should -BeTrue
        $copy = Open-HestiaIndex -Path $target
        $expected = Get-HestiaEntry -Index $ix | ForEach-Object { "$($_.Key)=$($_.Value)" }
        Get-HestiaEntry -Index $copy | ForEach-Object { "$($_.Key)=$($_.Value)" } | Should -Be $expected
    }

    It 'restores by id, and from what Backup-HestiaIndex reported' {
        (Restore-HestiaIndex -Repository $repository -BackupId $backup.BackupId -Path $target).Entries | Should -Be 200
        ($backup | Restore-HestiaIndex -LiteralPath (New-TestPath 'b[1]')).Entries | Should -Be 200
    }

    It 'refuses a target that holds an index, replaces it with -Force, never one in use' {
        Close-HestiaIndex $ix
        $changed = Open-HestiaIndex -Path $ix.Path
        Set-HestiaEntry -Index $changed -Key later -Value 1
        $null = Assert-Failure { $backup | Restore-HestiaIndex -Path $ix.Path -Force } IndexInUse -Names $ix.Path
        $changed.State | Should -Be Ready
        Close-HestiaIndex $changed
        $before = Get-FolderState $ix.Path
        $record = Get-Failure { $backup | Restore-HestiaIndex -Path $ix.Path }
        $record.FullyQualifiedErrorId | Should -Match '^(TargetNotEmpty|IndexExists),'
        Get-FolderState $ix.Path | Should -Be $before
        $result = $backup | Restore-HestiaIndex -Path $ix.Path -Force
        $result.ReplacedIndex | Should -BeTrue
        (Test-HestiaIndex -Path $ix.Path).Entries | Should -Be 200
    }

    It 'refuses with -WhatIf what it would refuse' {
        Get-ChildItem (Join-Path $repository objects) -Recurse -File | Select-Object -First 1 | Remove-Item
        $null = Assert-Failure { Restore-HestiaIndex -Repository $repository -BackupId $backup.BackupId -Path $target -WhatIf } ObjectMissing
        Test-Path -LiteralPath $target | Should -BeFalse
    }

    It 'says with -WhatIf what it would fetch, and restores nothing' {
        $child = Invoke-Child "Restore-HestiaIndex -Repository '$repository' -BackupId '$($backup.BackupId)' -Path '$target' -WhatIf"
        $child.Output | Should -BeLike "*What if:*1 segment*$($backup.BackupId)*fetching*free*"
        Test-Path -LiteralPath $target | Should -BeFalse
    }

    It 'leaves the target as it was when an object is damaged' {
        $object = Get-ChildItem (Join-Path $repository objects) -Recurse -File | Sort-Object Length | Select-Object -Last 1
        Set-ItemProperty -LiteralPath $object.FullName -Name IsReadOnly -Value $false
        $bytes = [IO.File]::ReadAllBytes($object.FullName)
        $bytes[100] = $bytes[100] -bxor 1
        [IO.File]::WriteAllBytes($object.FullName, $bytes)
        $other = New-ClosedIndex -Count 20 -Path (New-TestPath other)
        $before = Get-FolderState (Split-Path $other)
        $null = Assert-Failure { $backup | Restore-HestiaIndex -Path $other -Force } ObjectDamaged -Names $object.Name.Substring(0, 16)
        Get-FolderState (Split-Path $other) | Should -Be $before
        $null = Get-Failure { $backup | Restore-HestiaIndex -Path $target }
        Get-ChildItem -LiteralPath (Split-Path $target) -Force | Should -BeNullOrEmpty
    }
}
