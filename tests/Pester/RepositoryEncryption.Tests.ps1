BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function ConvertTo-Secret([string] $Text) {
        $secret = [securestring]::new()
        $Text.ToCharArray() | ForEach-Object { $secret.AppendChar($_) }
        $secret
    }

    function New-KeyFile {
        $path = New-TestPath key
        [IO.File]::WriteAllBytes($path, [Security.Cryptography.RandomNumberGenerator]::GetBytes(32))
        $path
    }

    # Another process, which remembers nothing.
    function Invoke-Elsewhere([string] $Script) {
        & $PowerShellExe -NoProfile -NonInteractive -Command "Import-Module '$ModulePath'; $Script" 2>&1 | Out-String
    }

    $secret = ConvertTo-Secret 'correct horse'
    $wrong = ConvertTo-Secret 'incorrect horse'
}

Describe 'Encrypted repositories' {
    BeforeEach { $path = New-TestPath encrypted }

    AfterEach { Close-TestSession }

    It 'are created, backed up into, listed, tested and restored from with a passphrase' {
        $repository = New-HestiaRepository -Path $path -Passphrase $secret
        $repository.Encrypted | Should -BeTrue
        $repository.Keys.Name | Should -Be default
        $index = New-ClosedIndex -Count 50
        $backup = Backup-HestiaIndex -Path $index -Repository $path -Passphrase $secret
        $listed = Get-HestiaBackup -Repository $path -Passphrase $secret
        $listed.BackupId | Should -Be $backup.BackupId
        ($listed | Test-HestiaBackup -Deep -Passphrase $secret).Healthy | Should -BeTrue
        $target = New-TestPath restored
        (Restore-HestiaIndex -Repository $path -BackupId $backup.BackupId -Path $target -Passphrase $secret).Entries | Should -Be 50
        $names = (Get-ChildItem -LiteralPath $path -Recurse -File).FullName -join "`n"
        $names | Should -Not -Match ([regex]::Escape($backup.BackupId))
    }

    It 'take a key file, and a PSCredential for its password' {
        $file = New-KeyFile
        $null = New-HestiaRepository -Path $path -KeyFile $file -KeyName nightly
        (Get-HestiaRepository $path -KeyFile $file).Keys.Name | Should -Be nightly
        $other = New-TestPath other
        $null = New-HestiaRepository -Path $other -Passphrase ([pscredential]::new('x', $secret))
        (Get-HestiaRepository $other -Passphrase $secret).Encrypted | Should -BeTrue
    }

    It 'tell a wrong passphrase, none, and one that is not needed apart' {
        $null = New-HestiaRepository -Path $path -Passphrase $secret
        $null = Assert-Failure { Get-HestiaBackup -Repository $path -Passphrase $wrong -ErrorAction Stop } KeyRejected -Category SecurityError
        Invoke-Elsewhere "try { Get-HestiaBackup -Repository '$path' -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId }" | Should -Match KeyMissing
        $plain = New-TestPath plain
        $null = New-HestiaRepository -Path $plain
        $null = Assert-Failure { Get-HestiaBackup -Repository $plain -Passphrase $secret -ErrorAction Stop } RepositoryNotEncrypted
        $null = Assert-Failure { Get-HestiaBackup -Repository $path -Passphrase $secret -KeyFile (New-KeyFile) -ErrorAction Stop } InvalidOption
        $null = Assert-Failure { New-HestiaRepository -Path (New-TestPath x) -KeyName a } InvalidOption
    }

    It 'open without the passphrase again in the process that gave it, and never show it' {
        $repository = New-HestiaRepository -Path $path -Passphrase $secret
        Get-HestiaBackup -Repository $repository | Should -BeNullOrEmpty
        Get-HestiaBackup -Repository $path | Should -BeNullOrEmpty
        ($repository | Format-List * | Out-String) + ($repository | ConvertTo-Json -Depth 4) | Should -Not -Match 'horse'
        $text = Assert-Failure { Get-HestiaBackup -Repository $path -Passphrase $wrong -ErrorAction Stop } KeyRejected
        "$text" | Should -Not -Match 'horse'
    }

    It 'open by their registered name with a key file' {
        $file = New-KeyFile
        $null = New-HestiaRepository -Path $path -KeyFile $file
        $registry = New-TestPath repositories.json
        $env:HESTIAPS_REPOSITORIES = $registry
        try {
            $registration = Register-HestiaRepository -Name locked -Path $path -KeyFile $file
            $registration.KeyFile | Should -Be $file
            Invoke-Elsewhere '(Get-HestiaRepository locked).Encrypted' | Should -Match True
            $null = Assert-Failure { Register-HestiaRepository -Name twice -Path $path -KeyFile $file -KeySecretName x } InvalidOption
        } finally {
            $env:HESTIAPS_REPOSITORIES = $null
        }
    }

    It 'open by their registered name with a passphrase from the vault' {
        $null = New-HestiaRepository -Path $path -Passphrase $secret
        $registry = New-TestPath repositories.json
        $script = @"
            `$env:HESTIAPS_REPOSITORIES = '$registry'
            function Get-Secret([string] `$Name, [string] `$Vault) {
                if (`$Name -ne 'pass' -or `$Vault -ne 'v') { throw 'no such secret' }
                `$s = [securestring]::new(); 'correct horse'.ToCharArray() | ForEach-Object { `$s.AppendChar(`$_) }; `$s
            }
            `$null = Register-HestiaRepository -Name locked -Path '$path' -Vault v -KeySecretName pass
            (Get-HestiaRepository locked).Encrypted
            `$null = Register-HestiaRepository -Name other -Path '$path' -Vault v -KeySecretName none
            try { Get-HestiaBackup -Repository other -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId }
"@
        $said = Invoke-Elsewhere $script
        $said | Should -Match '(?s)True.*SecretUnavailable'
        Get-Content -LiteralPath $registry -Raw | Should -Not -Match horse
    }
}

Describe 'Set- and Remove-HestiaRepositoryKey' {
    BeforeEach {
        $path = New-TestPath encrypted
        $null = New-HestiaRepository -Path $path -Passphrase $secret
    }

    It 'add, change and remove passphrases and key files' {
        $file = New-KeyFile
        $key = Set-HestiaRepositoryKey $path -Name nightly -NewKeyFile $file -Passphrase $secret
        "$($key.Name) $($key.Kind)" | Should -Be 'nightly KeyFile'
        $null = Set-HestiaRepositoryKey $path -NewPassphrase $wrong -KeyFile $file
        $null = Assert-Failure { Get-HestiaRepository $path -Passphrase $secret -ErrorAction Stop } KeyRejected
        (Get-HestiaRepository $path -Passphrase $wrong).Keys.Name | Should -Be default, nightly
        Remove-HestiaRepositoryKey $path -Name default -KeyFile $file -Confirm:$false
        $null = Assert-Failure { Get-HestiaRepository $path -Passphrase $wrong -ErrorAction Stop } KeyRejected
        (Get-HestiaRepository $path -KeyFile $file).Keys.Name | Should -Be nightly
    }

    It 'change nothing with -WhatIf' {
        $before = Get-FolderState $path
        Set-HestiaRepositoryKey $path -Name more -NewPassphrase $wrong -WhatIf | Should -BeNullOrEmpty
        Remove-HestiaRepositoryKey $path -Name default -WhatIf
        Get-FolderState $path | Should -Be $before
    }

    It 'refuse the last key, an unknown one, and a repository that is not encrypted' {
        $null = Assert-Failure { Remove-HestiaRepositoryKey $path -Name default -Confirm:$false -ErrorAction Stop } InvalidOption
        $null = Assert-Failure { Remove-HestiaRepositoryKey $path -Name bob -Confirm:$false -ErrorAction Stop } KeyNotFound -Category ObjectNotFound
        $plain = New-TestPath plain
        $null = New-HestiaRepository -Path $plain
        $null = Assert-Failure { Set-HestiaRepositoryKey $plain -NewPassphrase $secret -ErrorAction Stop } RepositoryNotEncrypted
    }
}
