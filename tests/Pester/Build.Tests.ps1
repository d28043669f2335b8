#requires -Version 7.4
# build.ps1 as a developer uses it: its tasks, and what -Task Package makes.

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1
    $root = Split-Path (Split-Path $PSScriptRoot)
    $build = Join-Path $root build.ps1
    Add-Type -AssemblyName System.IO.Compression.FileSystem

    function Get-ArchiveName([string] $Path) {
        $archive = [System.IO.Compression.ZipFile]::OpenRead($Path)
        try { $archive.Entries.FullName } finally { $archive.Dispose() }
    }
}

Describe 'build.ps1' {
    It 'completes the names of its tasks' {
        $line = "$build -Task "
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Sort-Object |
            Should -Be Bench, Build, Demo, Package, Soak, Test
    }

    It 'refuses a task it does not know' {
        & $PowerShellExe -NoProfile -NonInteractive -File $build -Task Nonsense *> $null
        $LASTEXITCODE | Should -Not -Be 0
    }
}

Describe 'The packages' {
    BeforeAll {
        $shown = & $PowerShellExe -NoProfile -NonInteractive -File $build -Task Package 2>&1 | Out-String
        $exitCode = $LASTEXITCODE
        $packages = Join-Path $root 'artifacts/packages'
        $manifest = Import-PowerShellDataFile (Join-Path $root HestiaPS.psd1)
        $zip = Join-Path $packages "HestiaPS.$($manifest.ModuleVersion).zip"
    }

    It 'are made, and named in what is printed' {
        $exitCode | Should -Be 0 -Because $shown
        $shown | Should -BeLike "*HestiaPS.$($manifest.ModuleVersion).zip*"
        $shown | Should -BeLike '*Hestia.Core.*.nupkg*'
    }

    It 'have the module folder at the root of the zip, with all that the module needs' {
        $names = Get-ArchiveName $zip
        foreach ($name in $names) { $name | Should -BeLike 'HestiaPS/*' }
        foreach ($name in 'HestiaPS.psd1', 'HestiaPS.dll', 'HestiaPS.format.ps1xml', 'lib/Hestia.Core.dll', 'lib/Hestia.Backup.dll',
            'lib/s3/Hestia.Backup.S3.dll', 'lib/s3/AWSSDK.Core.dll', 'lib/s3/AWSSDK.S3.dll', 'lib/s3/AWSSDK.SecurityToken.dll',
            'en-US/HestiaPS.dll-Help.xml', 'en-US/about_HestiaPS.help.txt') { $names | Should -Contain "HestiaPS/$name" }
    }

    It 'unpack to a module that imports by path and by name and works' {
        $folder = Join-Path $TestDrive modules
        [System.IO.Compression.ZipFile]::ExtractToDirectory($zip, $folder)
        $child = Start-Child -NoImport -Environment @{ PSModulePath = $folder } -Script "
            Import-Module HestiaPS -ErrorAction Stop
            (Get-Module HestiaPS).ModuleBase
            `$ix = Open-HestiaIndex -Path '$(New-TestPath)' -Create
            Set-HestiaEntry -Index `$ix -Key a -Value 1
            (Get-HestiaEntry -Index `$ix -Key a).Value
            (Get-Help Open-HestiaIndex).Synopsis.Length -gt 20"
        $ended = Wait-Child $child
        $ended.Output.Split("`n").Trim() | Should -Be (Join-Path $folder HestiaPS), 1, True -Because $ended.Error
    }

    It 'have one NuGet package for each library, with its documentation, licence and dependencies' -ForEach @(
        @{ Library = 'Hestia.Core'; Needs = @() }, @{ Library = 'Hestia.Backup'; Needs = @('Hestia.Core') }
        @{ Library = 'Hestia.Extensions.Logging'; Needs = @('Hestia.Core', 'Microsoft.Extensions.Logging.Abstractions') }
        @{ Library = 'Hestia.Backup.S3'; Needs = @('Hestia.Backup', 'AWSSDK.Core', 'AWSSDK.S3', 'AWSSDK.SecurityToken') }
    ) {
        $package = Join-Path $packages "$Library.$($manifest.ModuleVersion).nupkg"
        $names = Get-ArchiveName $package
        $names | Should -Contain "lib/net8.0/$Library.dll"
        $names | Should -Contain "lib/net8.0/$Library.xml"
        $archive = [System.IO.Compression.ZipFile]::OpenRead($package)
        try {
            $reader = [System.IO.StreamReader]::new($archive.GetEntry("$Library.nuspec").Open())
            $nuspec = [xml]$reader.ReadToEnd()
            $reader.Dispose()
        } finally { $archive.Dispose() }
        $nuspec.package.metadata.license.InnerText | Should -Be MIT
        @($nuspec.SelectNodes("//*[local-name()='dependency']") | ForEach-Object { $_.GetAttribute('id') }) | Should -Be $Needs
    }
}
