#requires -Version 7.4
<#
.SYNOPSIS
    Makes the module's MAML help file from the pages in docs/cmdlets.
.DESCRIPTION
    The pages are the single source of the words; names, types, positions and parameter sets come from the module itself, so help
    cannot drift from the code. A page that is missing, describes a parameter that does not exist or leaves one out is an error.

    A page has a title, a synopsis (the text up to the first heading) and the sections Syntax, Description, Parameters (### -Name),
    Inputs, Outputs (### Type), Examples (### title; a powershell block, then output and remarks), Errors (a table) and Related (a list).
    A parameter's last line may be "Default: ...".
.EXAMPLE
    tools/New-ModuleHelp.ps1 -ModulePath artifacts/HestiaPS/HestiaPS.psd1 -UpdateSyntax

    Rewrites the Syntax section of every page after parameters have changed.
#>
[CmdletBinding()]
param(
    # Manifest of the built module.
    [Parameter(Mandatory)]
    [string] $ModulePath,

    # Folder with one page per cmdlet.
    [string] $Path = (Join-Path (Split-Path $PSScriptRoot) 'docs/cmdlets'),

    # The help file to write; none is written without it.
    [string] $Destination,

    # Rewrite the Syntax section of the pages.
    [switch] $UpdateSyntax
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$namespaces = @{
    maml    = 'http://schemas.microsoft.com/maml/2004/10'
    command = 'http://schemas.microsoft.com/maml/dev/command/2004/10'
    dev     = 'http://schemas.microsoft.com/maml/dev/2004/10'
}
$standard = @{
    WhatIf  = 'Says what would happen, in numbers, and changes nothing.'
    Confirm = 'Asks before anything is changed.'
}
$common = [System.Management.Automation.Cmdlet]::CommonParameters

# Splits lines at headings of one level, outside code blocks: heading -> lines. What stands before the first is under ''.
function Split-Section([string[]] $Line, [string] $Mark) {
    $sections = [ordered]@{ '' = [System.Collections.Generic.List[string]]::new() }
    $current = ''
    $fenced = $false
    foreach ($text in $Line) {
        if ($text.StartsWith('```')) { $fenced = -not $fenced }
        if (-not $fenced -and $text.StartsWith("$Mark ")) {
            $current = $text.Substring($Mark.Length + 1).Trim()
            $sections[$current] = [System.Collections.Generic.List[string]]::new()
        }
        else { $sections[$current].Add($text) }
    }
    $sections
}

# Markdown to plain text: links keep their text, marks go.
function ConvertTo-PlainText([string] $Text) {
    $Text = $Text -replace '\[([^\]]+)\]\([^)]+\)', '$1'
    $Text -replace '\*\*([^*]+)\*\*', '$1' -replace '`([^`]+)`', '$1'
}

# Lines to paragraphs: wrapped lines are joined, list items and table rows stand alone, code keeps its lines.
function ConvertTo-Paragraph([string[]] $Line) {
    $pending = ''
    $code = $null
    foreach ($text in @($Line) + '') {
        if ($text.StartsWith('```')) {
            if ($pending) { ConvertTo-PlainText $pending; $pending = '' }
            if ($null -eq $code) { $code = @() }
            else { $code -join "`n"; $code = $null }
        }
        elseif ($null -ne $code) { $code += $text }
        elseif (-not $text.Trim()) {
            if ($pending) { ConvertTo-PlainText $pending; $pending = '' }
        }
        elseif ($text -match '^\|\s*(:?-+:?\s*\|\s*)+$') { continue }
        elseif ($text -match '^\|(.+)\|\s*$') {
            ConvertTo-PlainText ((($Matches[1] -split '\|').Trim() | Where-Object { $_ }) -join ': ')
        }
        elseif ($text -match '^[-*] ') {
            if ($pending) { ConvertTo-PlainText $pending }
            $pending = $text.Trim()
        }
        else { $pending = "$pending $($text.Trim())".Trim() }
    }
}

function Read-Page([string] $File) {
    $lines = Get-Content -LiteralPath $File
    $sections = Split-Section $lines '##'
    $page = @{
        Synopsis   = @(ConvertTo-Paragraph @($sections[''] | Where-Object { -not $_.StartsWith('# ') })) -join ' '
        Parameters = @{}
        Defaults   = @{}
    }
    foreach ($name in 'Description', 'Errors', 'Related') {
        $page[$name] = @($sections.Contains($name) ? (ConvertTo-Paragraph $sections[$name]) : @())
    }
    foreach ($name in 'Parameters', 'Inputs', 'Outputs', 'Examples') {
        if (-not $sections.Contains($name)) { throw "$File has no section $name." }
    }
    $parameters = Split-Section $sections['Parameters'] '###'
    foreach ($heading in $parameters.Keys) {
        if (-not $heading) { continue }
        $paragraphs = @(ConvertTo-Paragraph $parameters[$heading])
        $default = $paragraphs | Where-Object { $_ -like 'Default: *' } | Select-Object -Last 1
        $page.Parameters[$heading.TrimStart('-')] = @($paragraphs | Where-Object { $_ -notlike 'Default: *' })
        if ($default) { $page.Defaults[$heading.TrimStart('-')] = $default.Substring(9).TrimEnd('.') }
    }
    foreach ($name in 'Inputs', 'Outputs') {
        $types = Split-Section $sections[$name] '###'
        $page[$name] = @($types.Keys | Where-Object { $_ } | ForEach-Object {
            @{ Type = ConvertTo-PlainText $_; Text = @(ConvertTo-Paragraph $types[$_]) }
        })
    }
    $examples = Split-Section $sections['Examples'] '###'
    $page['Examples'] = @($examples.Keys | Where-Object { $_ } | ForEach-Object {
        $body = $examples[$_]
        $first = $body.FindIndex({ param($text) $text.StartsWith('```powershell') })
        if ($first -lt 0) { throw "${File}: example '$_' has no powershell block." }
        $last = $body.FindIndex($first + 1, { param($text) $text.StartsWith('```') })
        @{
            Title = $_
            Code  = $body.GetRange($first + 1, $last - $first - 1) -join "`n"
            Text  = @(ConvertTo-Paragraph $body.GetRange($last + 1, $body.Count - $last - 1))
        }
    })
    $page
}

function Write-Element([string] $Prefix, [string] $Name, [string] $Text) {
    $xml.WriteElementString($Prefix, $Name, $namespaces[$Prefix], $Text)
}

function Write-ParagraphList([string] $Prefix, [string] $Name, [string[]] $Text) {
    $xml.WriteStartElement($Prefix, $Name, $namespaces[$Prefix])
    foreach ($paragraph in $Text) { Write-Element 'maml' 'para' $paragraph }
    $xml.WriteEndElement()
}

function Write-Link([string] $Text, [string] $Uri) {
    $xml.WriteStartElement('maml', 'navigationLink', $namespaces.maml)
    Write-Element 'maml' 'linkText' $Text
    Write-Element 'maml' 'uri' $Uri
    $xml.WriteEndElement()
}

function Write-TypeList([string] $List, [string] $Item, [object[]] $Type) {
    $xml.WriteStartElement('command', $List, $namespaces.command)
    foreach ($entry in $Type) {
        $xml.WriteStartElement('command', $Item, $namespaces.command)
        $xml.WriteStartElement('dev', 'type', $namespaces.dev)
        Write-Element 'maml' 'name' $entry.Type
        $xml.WriteEndElement()
        Write-ParagraphList 'maml' 'description' $entry.Text
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()
}

function Write-Parameter([System.Management.Automation.CommandParameterInfo] $Parameter, [hashtable] $Page) {
    $wildcards = @($Parameter.Attributes | Where-Object { $_ -is [System.Management.Automation.SupportsWildcardsAttribute] }).Count -gt 0
    $pipeline = @(
        if ($Parameter.ValueFromPipeline) { 'ByValue' }
        if ($Parameter.ValueFromPipelineByPropertyName) { 'ByPropertyName' }
    )
    $xml.WriteStartElement('command', 'parameter', $namespaces.command)
    $xml.WriteAttributeString('required', "$($Parameter.IsMandatory)".ToLowerInvariant())
    $xml.WriteAttributeString('variableLength', "$($Parameter.ParameterType.IsArray)".ToLowerInvariant())
    $xml.WriteAttributeString('globbing', "$wildcards".ToLowerInvariant())
    $xml.WriteAttributeString('pipelineInput', ($pipeline ? "True ($($pipeline -join ', '))" : 'False'))
    $xml.WriteAttributeString('position', ($Parameter.Position -lt 0 ? 'named' : "$($Parameter.Position)"))
    $xml.WriteAttributeString('aliases', ($Parameter.Aliases ? $Parameter.Aliases -join ', ' : 'none'))
    Write-Element 'maml' 'name' $Parameter.Name
    Write-ParagraphList 'maml' 'description' ($Page.Parameters[$Parameter.Name] ?? $standard[$Parameter.Name])
    $type = [System.Nullable]::GetUnderlyingType($Parameter.ParameterType) ?? $Parameter.ParameterType
    if ($type -ne [switch]) {
        $xml.WriteStartElement('command', 'parameterValue', $namespaces.command)
        $xml.WriteAttributeString('required', 'true')
        $xml.WriteAttributeString('variableLength', "$($type.IsArray)".ToLowerInvariant())
        $xml.WriteString($type.Name)
        $xml.WriteEndElement()
    }
    $xml.WriteStartElement('dev', 'type', $namespaces.dev)
    Write-Element 'maml' 'name' $type.Name
    $xml.WriteEndElement()
    Write-Element 'dev' 'defaultValue' ($Page.Defaults[$Parameter.Name] ?? ($type -eq [switch] ? 'False' : 'None'))
    $xml.WriteEndElement()
}

function Write-Command([System.Management.Automation.CmdletInfo] $Command, [hashtable] $Page) {
    $xml.WriteStartElement('command', 'command', $namespaces.command)
    $xml.WriteStartElement('command', 'details', $namespaces.command)
    Write-Element 'command' 'name' $Command.Name
    Write-Element 'command' 'verb' $Command.Verb
    Write-Element 'command' 'noun' $Command.Noun
    Write-ParagraphList 'maml' 'description' $Page.Synopsis
    $xml.WriteEndElement()
    Write-ParagraphList 'maml' 'description' $Page.Description

    $xml.WriteStartElement('command', 'syntax', $namespaces.command)
    foreach ($set in $Command.ParameterSets) {
        $xml.WriteStartElement('command', 'syntaxItem', $namespaces.command)
        Write-Element 'maml' 'name' $Command.Name
        $set.Parameters | Where-Object Name -NotIn $common |
            Sort-Object { $_.Position -lt 0 ? [int]::MaxValue : $_.Position }, { -not $_.IsMandatory } -Stable |
            ForEach-Object { Write-Parameter $_ $Page }
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()

    $xml.WriteStartElement('command', 'parameters', $namespaces.command)
    $Command.ParameterSets.Parameters | Where-Object Name -NotIn $common | Sort-Object Name, { -not $_.IsMandatory } -Stable |
        Group-Object Name | ForEach-Object { Write-Parameter $_.Group[0] $Page }
    $xml.WriteEndElement()

    Write-TypeList 'inputTypes' 'inputType' $Page.Inputs
    Write-TypeList 'returnValues' 'returnValue' $Page.Outputs
    if ($Page.Errors) {
        $xml.WriteStartElement('maml', 'alertSet', $namespaces.maml)
        Write-ParagraphList 'maml' 'alert' (@('Errors by ErrorId:') + @($Page.Errors | Where-Object { $_ -notlike 'ErrorId: *' }))
        $xml.WriteEndElement()
    }
    $xml.WriteStartElement('command', 'examples', $namespaces.command)
    $number = 0
    foreach ($example in $Page.Examples) {
        $number++
        $xml.WriteStartElement('command', 'example', $namespaces.command)
        Write-Element 'maml' 'title' "-------- Example ${number}: $($example.Title) --------"
        Write-Element 'dev' 'code' $example.Code
        Write-ParagraphList 'dev' 'remarks' (@($example.Text) + '')
        $xml.WriteEndElement()
    }
    $xml.WriteEndElement()
    $xml.WriteStartElement('command', 'relatedLinks', $namespaces.command)
    if ($module.ProjectUri) { Write-Link 'Online version:' "$($module.ProjectUri)/blob/main/docs/cmdlets/$($Command.Name).md" }
    foreach ($link in $Page.Related) { Write-Link ($link -replace '^[-*] ') '' }
    $xml.WriteEndElement()
    $xml.WriteEndElement()
}

# What is missing from a page, or too much in it.
function Get-PageProblem([System.Management.Automation.CmdletInfo] $Command, [hashtable] $Page) {
    $names = @($Command.Parameters.Keys | Where-Object { $_ -notin $common })
    foreach ($name in $names) {
        if (-not $Page.Parameters[$name] -and -not $standard.ContainsKey($name)) { "$($Command.Name).md does not describe -$name." }
    }
    foreach ($name in $Page.Parameters.Keys) {
        if ($name -notin $names) { "$($Command.Name).md describes -$name, which does not exist." }
    }
}

$module = Import-Module (Resolve-Path -LiteralPath $ModulePath).ProviderPath -PassThru -Force
$commands = @($module.ExportedCmdlets.Values | Sort-Object Name)
$problems = @()

if ($UpdateSyntax) {
    foreach ($command in $commands) {
        $file = Join-Path $Path "$($command.Name).md"
        if (-not (Test-Path -LiteralPath $file)) { continue }
        $syntax = ((Get-Command $command.Name -Syntax).Trim() -replace '\r') -replace '\n\s*\n', "`n`n"
        $block = @('## Syntax', '', '```text', $syntax, '```', '') -join "`n"
        $text = (Get-Content -LiteralPath $file -Raw) -replace '(?s)## Syntax\n\n```text\n.*?\n```\n\n', ''
        Set-Content -LiteralPath $file -NoNewline -Value ($text.Insert($text.IndexOf("`n## ") + 1, "$block`n"))
    }
}

$pages = @{}
foreach ($command in $commands) {
    $file = Join-Path $Path "$($command.Name).md"
    if (-not (Test-Path -LiteralPath $file)) { $problems += "$($command.Name).md is missing in $Path."; continue }
    $pages[$command.Name] = Read-Page $file
    $problems += @(Get-PageProblem $command $pages[$command.Name])
}
if ($problems) { throw "The help pages do not fit the module:`n$($problems -join "`n")" }

if ($Destination) {
    $null = New-Item -ItemType Directory -Force -Path (Split-Path $Destination)
    $settings = [System.Xml.XmlWriterSettings]@{ Indent = $true; NewLineChars = "`n"; Encoding = [System.Text.UTF8Encoding]::new($false) }
    $xml = [System.Xml.XmlWriter]::Create($Destination, $settings)
    try {
        $xml.WriteStartElement('helpItems', 'http://msh')
        $xml.WriteAttributeString('schema', 'maml')
        foreach ($command in $commands) { Write-Command $command $pages[$command.Name] }
        $xml.WriteEndElement()
    }
    finally { $xml.Dispose() }
}
