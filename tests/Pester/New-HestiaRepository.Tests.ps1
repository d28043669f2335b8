BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'New-HestiaRepository' {
    It 'creates a repository that the other cmdlets take as object and as path' {
        $path = New-TestPath backups
        $repository = New-HestiaRepository -Path $path
        $repository | Should -BeOfType HestiaPS.RepositoryInfo
        $repository.Location | Should -Be $path
        $repository.Id | Should -Not -Be ([guid]::Empty)
        Test-Path -LiteralPath (Join-Path $path repository.json) | Should -BeTrue
        Get-HestiaBackup -Repository $repository | Should -BeNullOrEmpty
        Get-HestiaBackup -Repository $path | Should -BeNullOrEmpty
    }

    It 'creates nothing with -WhatIf' {
        $path = New-TestPath backups
        New-HestiaRepository -Path $path -WhatIf | Should -BeNullOrEmpty
        Test-Path -LiteralPath $path | Should -BeFalse
    }

    It 'refuses a second one, and a folder that holds something' {
        $path = New-TestPath backups
        $null = New-HestiaRepository -LiteralPath $path
        $null = Assert-Failure { New-HestiaRepository -Path $path } RepositoryExists -Names $path -Category ResourceExists
        $full = New-TestPath full
        $null = New-Item -ItemType Directory $full
        Set-Content (Join-Path $full x.txt) x
        $before = Get-FolderState $full
        $null = Assert-Failure { New-HestiaRepository -Path $full } TargetNotEmpty -Names $full
        Get-FolderState $full | Should -Be $before
    }
}
