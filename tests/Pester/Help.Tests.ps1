#requires -Version 7.4
# Help is complete and true: what Get-Help shows, the pages in docs/cmdlets, and every command line in the documentation and the examples.

BeforeDiscovery {
    Import-Module $env:HESTIAPS_MODULE
    $root = Split-Path (Split-Path $PSScriptRoot)
    $cmdlets = Get-Command -Module HestiaPS -CommandType Cmdlet | ForEach-Object { @{ Name = $_.Name } }
    $texts = @(Get-ChildItem $root -File -Filter *.md) + @(Get-ChildItem (Join-Path $root 'docs') -Recurse -File -Include *.md, *.txt) +
        @(Get-ChildItem (Join-Path $root 'examples') -File -Filter *.ps1) |
        ForEach-Object { @{ File = [System.IO.Path]::GetRelativePath($root, $_.FullName); FullName = $_.FullName } }
}

BeforeAll {
    Import-Module $env:HESTIAPS_MODULE
    $root = Split-Path (Split-Path $PSScriptRoot)
    $standard = [System.Management.Automation.Cmdlet]::CommonParameters + [System.Management.Automation.Cmdlet]::OptionalCommonParameters

    # The commands in a script; in a document, those of its code blocks, fenced or indented.
    function Get-DocumentedCommand([string] $File) {
        $lines = Get-Content -LiteralPath $File
        if ($File -notlike '*.ps1') {
            $fenced = $false
            $indented = $File -like '*.txt' ? '^ {8,}' : '^ {4,}'
            $lines = foreach ($line in $lines) {
                if ($line -match '^\s*```') { $fenced = $line -match '^\s*```powershell'; '' }
                elseif ($fenced -or $line -match $indented) { $line.Trim() }
                else { '' }
            }
        }
        $ast = [System.Management.Automation.Language.Parser]::ParseInput($lines -join "`n", [ref]$null, [ref]$null)
        $ast.FindAll({ param($node) $node -is [System.Management.Automation.Language.CommandAst] }, $true) |
            Where-Object { $_.GetCommandName() -match '^[A-Z]\w+-Hestia\w+$' }
    }
}

Describe 'The help of <Name>' -ForEach $cmdlets {
    BeforeAll {
        $help = Get-Help $Name -Full
        $rendered = $help | Out-String -Width 200
        $command = Get-Command $Name
        $page = Join-Path $root "docs/cmdlets/$Name.md"
    }

    It 'has a synopsis and a description of its own' {
        $help.Synopsis | Should -Not -BeNullOrEmpty
        $help.Synopsis | Should -Not -Match '^\s*Hestia|\[<CommonParameters>\]'
        ($help.description.Text -join ' ').Length | Should -BeGreaterThan 60
    }

    It 'describes every parameter' {
        foreach ($parameter in $command.Parameters.Keys | Where-Object { $_ -notin $standard }) {
            $described = $help.parameters.parameter | Where-Object name -EQ $parameter
            ($described.description.Text -join '').Length | Should -BeGreaterThan 10 -Because "-$parameter needs help"
            $rendered | Should -Match "(?m)^ +-$parameter\b"
        }
    }

    It 'has at least two examples, each with code' {
        @($help.examples.example).Count | Should -BeGreaterOrEqual 2
        foreach ($example in $help.examples.example) { $example.code | Should -Match 'Hestia|pwsh' }
        (Get-Help $Name -Examples | Out-String -Width 200) | Should -Match 'Example 2: '
    }

    It 'says what goes in, what comes out and what can go wrong' {
        $help.inputTypes.inputType | Should -Not -BeNullOrEmpty
        $help.returnValues.returnValue | Should -Not -BeNullOrEmpty
        ($help.alertSet.alert.Text -join "`n") | Should -Match 'ErrorId'
    }

    It 'names only types that exist' {
        foreach ($type in @($help.inputTypes.inputType.type.name) + @($help.returnValues.returnValue.type.name)) {
            if ($type.Trim() -ne 'None') { $type.Trim() -as [type] | Should -Not -BeNullOrEmpty -Because "$type is named in the help" }
        }
    }

    It 'names as output what the cmdlet declares' {
        $declared = @($command.OutputType.Type.FullName | Where-Object { $_ -ne 'System.Void' })
        $documented = @($help.returnValues.returnValue.type.name.Trim() | Where-Object { $_ -ne 'None' })
        $documented | Sort-Object | Should -Be ($declared | Sort-Object)
    }

    It 'has only ErrorIds that exist in its list of errors' {
        $known = [enum]::GetNames([Hestia.Core.HestiaErrorCode]) +
            [HestiaPS.CommandErrors].GetFields().ForEach({ $_.GetRawConstantValue() })
        $rows = Get-Content -LiteralPath $page | Where-Object { $_ -match '^\| [A-Z]\w+' -and $_ -notlike '| ErrorId*' }
        foreach ($id in ($rows -replace '^\| ([^|]+) \|.*', '$1') -split ',\s*') { $id.Trim() | Should -BeIn $known }
    }

    It 'has a page whose syntax is that of the cmdlet' {
        # After a change: tools/New-ModuleHelp.ps1 -ModulePath artifacts/HestiaPS/HestiaPS.psd1 -UpdateSyntax
        $text = (Get-Content -LiteralPath $page -Raw) -replace '\r'
        $text -match '(?s)## Syntax\n\n```text\n(.*?)\n```' | Should -BeTrue
        ($Matches[1] -replace '\s+', ' ') | Should -Be (((Get-Command $Name -Syntax) -replace '\s+', ' ').Trim())
    }

    It 'has a page whose related links lead somewhere' {
        foreach ($link in [regex]::Matches((Get-Content -LiteralPath $page -Raw), '\]\(([^)#:]+)\)')) {
            Join-Path (Split-Path $page) $link.Groups[1].Value | Should -Exist
        }
    }
}

Describe 'The pages' {
    It 'are of cmdlets that exist' {
        (Get-ChildItem (Join-Path $root 'docs/cmdlets') -Filter *.md).BaseName | Sort-Object |
            Should -Be (Get-Command -Module HestiaPS -CommandType Cmdlet).Name
    }

    It 'include about_HestiaPS' {
        (Get-Help about_HestiaPS | Out-String) | Should -Match 'LONG DESCRIPTION'
    }

    It 'do what the tour in the README says' {
        . $PSScriptRoot/TestSupport.ps1
        $readme = Get-Content -LiteralPath (Join-Path $root 'README.md') -Raw
        $tour = [regex]::Match($readme, '(?s)## Two minutes\s+```powershell\r?\n(.*?)```').Groups[1].Value
        $tour | Should -Not -BeNullOrEmpty
        $folder = New-TestPath tour
        $null = New-Item -ItemType Directory $folder
        $child = Invoke-Child "`$ErrorActionPreference = 'Stop'; Set-Location '$folder'`n$tour"
        $child.Error | Should -BeNullOrEmpty
        $child.ExitCode | Should -Be 0
        $child.Output | Should -Match 'order/1003'
        (Test-HestiaIndex -Path (Join-Path $folder orders)).Entries | Should -Be 3
    }

    It 'are all in the table of the README' {
        $readme = Get-Content -LiteralPath (Join-Path $root 'README.md') -Raw
        foreach ($name in (Get-Command -Module HestiaPS -CommandType Cmdlet).Name) { $readme | Should -BeLike "*docs/cmdlets/$name.md*" }
    }
}

Describe 'The command lines in <File>' -ForEach $texts {
    It 'use only cmdlets and parameters that exist' {
        foreach ($ast in Get-DocumentedCommand $FullName) {
            $command = Get-Command $ast.GetCommandName() -Module HestiaPS -ErrorAction Ignore
            $command | Should -Not -BeNullOrEmpty -Because "$($ast.Extent.Text) is written there"
            $known = @($command.Parameters.Keys) + @($command.Parameters.Values.Aliases)
            foreach ($element in $ast.CommandElements) {
                if ($element -is [System.Management.Automation.Language.CommandParameterAst]) {
                    $element.ParameterName | Should -BeIn $known -Because "$($ast.Extent.Text) is written there"
                }
            }
        }
    }

    It 'lead to files that are there' {
        if ($FullName -notlike '*.md') { return }
        foreach ($link in [regex]::Matches((Get-Content -LiteralPath $FullName -Raw), '\]\(([^)#:]+)(#[^)]*)?\)')) {
            Join-Path (Split-Path $FullName) $link.Groups[1].Value | Should -Exist
        }
    }
}
