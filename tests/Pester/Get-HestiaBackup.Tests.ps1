BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Get-HestiaBackup' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = New-HestiaRepository -Path (New-TestPath backups)
        $orders = New-TestIndex -Count 10
        $stock = New-TestIndex -Count 20 -Path (New-TestPath stock)
        $one = Backup-HestiaIndex -Index $orders -Repository $repository
        $two = Backup-HestiaIndex -Index $stock -Repository $repository
        Set-HestiaEntry -Index $orders -Key z -Value 1
        $three = Backup-HestiaIndex -Index $orders -Repository $repository
    }

    It 'lists what is there, oldest first' {
        $backups = Get-HestiaBackup -Repository $repository
        $backups.BackupId | Should -Be $one.BackupId, $two.BackupId, $three.BackupId
        $backups[0] | Should -BeOfType HestiaPS.IndexBackup
        $backups[0].IndexName | Should -Be orders
        $backups[0].SourcePath | Should -Be $orders.Path
        $backups[0].Lsn | Should -Be 10
        $backups[0].Repository | Should -Be $repository.Location
        $backups[0].Completed.Offset | Should -Be ([timespan]::Zero)
        $backups[0].PSObject.Properties.Name | Should -Not -Contain Path
        $backups[0].PSObject.Properties.Name | Should -Not -Contain Index
    }

    It 'filters by index name, id and -Latest' {
        (Get-HestiaBackup -Repository $repository -IndexName orders).BackupId | Should -Be $one.BackupId, $three.BackupId
        (Get-HestiaBackup -Repository $repository -IndexName s*).BackupId | Should -Be $two.BackupId
        (Get-HestiaBackup -Repository $repository -IndexName orders -Latest).BackupId | Should -Be $three.BackupId
        (Get-HestiaBackup -Repository $repository -Latest).BackupId | Should -Be $two.BackupId, $three.BackupId
        (Get-HestiaBackup $repository $one.BackupId).Lsn | Should -Be 10
        ($repository | Get-HestiaBackup -Latest).Count | Should -Be 2
    }

    It 'says BackupNotFound rather than nothing' {
        $null = Assert-Failure {
            Get-HestiaBackup -Repository $repository -BackupId bk-nope
        } BackupNotFound -Names bk-nope -Category ObjectNotFound
        $null = Assert-Failure { Get-HestiaBackup -Repository $repository -IndexName nobody -Latest } BackupNotFound -Names nobody
        Get-HestiaBackup -Repository $repository -BackupId no* | Should -BeNullOrEmpty
    }
}
