@{
    RootModule           = 'HestiaPS.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '1e6bee5a-1eca-4fdd-8e76-9bbc43c4595b'
    Author               = 'HestiaPS maintainers'
    CompanyName          = 'HestiaPS maintainers'
    Copyright            = '(c) HestiaPS maintainers. MIT License.'
    Description          = 'An embedded, ordered key-value index whose backup, restore, verification and repair are first-class.'

    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')

    # Loaded before the root module, so that it finds them although they are in a folder of their own.
    RequiredAssemblies   = @('lib/Hestia.Core.dll', 'lib/Hestia.Backup.dll')
    FormatsToProcess     = @('HestiaPS.format.ps1xml')

    FunctionsToExport    = @()
    CmdletsToExport      = @(
        'Backup-HestiaIndex'
        'Close-HestiaIndex'
        'Copy-HestiaBackup'
        'Get-HestiaBackup'
        'Get-HestiaEntry'
        'Get-HestiaIndex'
        'Get-HestiaRepository'
        'Get-HestiaWalRecord'
        'Invoke-HestiaFlush'
        'New-HestiaRepository'
        'Open-HestiaIndex'
        'Optimize-HestiaIndex'
        'Optimize-HestiaRepository'
        'Register-HestiaRepository'
        'Remove-HestiaBackup'
        'Remove-HestiaEntry'
        'Remove-HestiaRepositoryKey'
        'Repair-HestiaIndex'
        'Restore-HestiaIndex'
        'Resume-HestiaIndex'
        'Set-HestiaEntry'
        'Set-HestiaIndex'
        'Set-HestiaRepositoryKey'
        'Suspend-HestiaIndex'
        'Test-HestiaBackup'
        'Test-HestiaIndex'
        'Test-HestiaRepository'
        'Test-HestiaWal'
        'Unregister-HestiaRepository'
    )
    VariablesToExport    = @()
    AliasesToExport      = @()

    PrivateData          = @{
        PSData = @{
            Tags       = @('Backup', 'Restore', 'KeyValue', 'Index', 'LSM', 'Database', 'Storage', 'WAL',
                'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
            LicenseUri = 'https://github.com/hestiaps/hestiaps/blob/main/LICENSE'
            ProjectUri = 'https://github.com/hestiaps/hestiaps'
        }
    }
}
