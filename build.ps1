#requires -Version 7.4
<#
.SYNOPSIS
    Builds, demonstrates, tests, measures and packages HestiaPS.
.DESCRIPTION
    Build    compiles everything with warnings as errors and stages the module in artifacts/HestiaPS, ready for Import-Module.
    Demo     builds, then catalogues a folder, backs the catalogue up twice, deletes it, restores it and proves every entry equal.
    Test     builds, then runs xUnit, Pester, PSScriptAnalyzer and Test-ModuleManifest. The last line is the total.
    Bench    builds, then measures Hestia beside its peers (hours) and makes docs/benchmarks.md; with -Quick the same with few entries into
             artifacts/bench (minutes). What follows the known parameters goes to the benchmark as it is instead.
    Soak     builds, then runs the tests of category Soak until the time or the rounds are used up.
    Package  builds, then makes the module's zip and the NuGet packages in artifacts/packages.
.EXAMPLE
    ./build.ps1 -Task Demo -Folder ~/Pictures
.EXAMPLE
    ./build.ps1 -Task Test -Filter *Restore*
.EXAMPLE
    ./build.ps1 -Task Bench -Quick
.EXAMPLE
    ./build.ps1 -Task Bench run --engine hestia,rocksdb --entries 2000000 --workloads fillrandom,readrandom
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    # What to do.
    [ValidateSet('Build', 'Demo', 'Test', 'Bench', 'Soak', 'Package')]
    [string] $Task = 'Build',

    # Release is what is shipped, tested and measured.
    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release',

    # Demo: the folder to catalogue. Default: PowerShell's own installation.
    [string] $Folder = $PSHOME,

    # Demo: leave the index, the repository and the restored copy where they are.
    [switch] $Keep,

    # Test: only tests whose full name matches, for example *Restore*.
    [string] $Filter,

    # Soak: how long to go on.
    [ValidateRange(1, 100000)]
    [int] $Minutes = 10,

    # Soak: end after so many rounds of each kind of crash, if the time has not ended it before; 0 for as many as there is time for.
    [ValidateRange(0, 100000000)]
    [int] $Rounds = 0,

    # Bench: few entries and rounds, to see that all of it works.
    [switch] $Quick,

    # Bench: arguments of the benchmark itself; none runs its suite.
    [Parameter(ValueFromRemainingArguments)]
    [string[]] $Arguments
)

Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$InformationPreference = 'Continue'
$PSNativeCommandUseErrorActionPreference = $false

$root = $PSScriptRoot
$artifacts = Join-Path $root 'artifacts'
$module = Join-Path $artifacts 'HestiaPS'
$output = "bin/$Configuration"
# Where PowerShell is a .NET tool its folder has no program.
$pwsh = Join-Path $PSHOME ($IsWindows ? 'pwsh.exe' : 'pwsh')
if (-not (Test-Path -LiteralPath $pwsh)) { $pwsh = (Get-Command pwsh -CommandType Application | Select-Object -First 1).Source }

# Build servers would outlive this script and keep its output pipe open.
$env:DOTNET_NOLOGO = '1'
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:MSBUILDDISABLENODEREUSE = '1'

function Write-Step([string] $Text) { Write-Information "`n== $Text" }

# Runs a program with this console's output and no chance to ask; returns its exit code, or 124 when the time is up.
function Invoke-Program {
    param(
        [string] $FilePath,
        [string[]] $ArgumentList,
        [hashtable] $Environment = @{},
        [timespan] $Timeout = [timespan]::FromHours(24)
    )
    $start = [System.Diagnostics.ProcessStartInfo]::new($FilePath)
    $start.WorkingDirectory = $root
    $start.UseShellExecute = $false
    foreach ($argument in $ArgumentList) { $start.ArgumentList.Add($argument) }
    foreach ($name in $Environment.Keys) { $start.Environment[$name] = [string]$Environment[$name] }
    $process = [System.Diagnostics.Process]::Start($start)
    try {
        if ($process.WaitForExit($Timeout)) { return $process.ExitCode }
        Write-Warning "$(Split-Path -Leaf $FilePath) was still running after $Timeout and was ended."
        return 124
    }
    finally {
        if (-not $process.HasExited) { $process.Kill($true) }
        $process.Dispose()
    }
}

function Invoke-Dotnet([string[]] $ArgumentList) {
    $dotnet = Get-Command dotnet -CommandType Application -ErrorAction Ignore | Select-Object -First 1
    if (-not $dotnet) { throw 'dotnet was not found. Install the .NET SDK 10.0 and put it on the PATH.' }
    $exitCode = Invoke-Program -FilePath $dotnet.Source -ArgumentList $ArgumentList
    if ($exitCode -ne 0) { throw "dotnet $($ArgumentList[0]) failed (exit code $exitCode); what is above says why." }
}

# Puts a file where a running PowerShell may have the old one loaded: the new one takes the name, the old one keeps its own bytes.
function Publish-File([string] $Source, [string] $Destination) {
    $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Destination))
    $new = "$Destination.$PID.new"
    [System.IO.File]::Copy($Source, $new, $true)
    try {
        [System.IO.File]::Move($new, $Destination, $true)
    }
    catch [System.UnauthorizedAccessException], [System.IO.IOException] {
        # Windows lets a loaded file be renamed but not replaced.
        $aside = Join-Path ([System.IO.Path]::GetTempPath()) "$([guid]::NewGuid().ToString('n')).old"
        [System.IO.File]::Move($Destination, $aside)
        [System.IO.File]::Move($new, $Destination)
    }
}

function Copy-ModuleFile {
    $built = Join-Path $root "src/HestiaPS/$output/net8.0"
    $files = [ordered]@{
        'HestiaPS.psd1'                       = Join-Path $root 'HestiaPS.psd1'
        'HestiaPS.format.ps1xml'              = Join-Path $root 'src/HestiaPS/HestiaPS.format.ps1xml'
        'HestiaPS.dll'                        = Join-Path $built 'HestiaPS.dll'
        'HestiaPS.pdb'                        = Join-Path $built 'HestiaPS.pdb'
        'LICENSE'                             = Join-Path $root 'LICENSE'
        'en-US/about_HestiaPS.help.txt'       = Join-Path $root 'docs/about_HestiaPS.help.txt'
    }
    foreach ($library in 'Hestia.Core', 'Hestia.Backup', 'Hestia.HestiaStore') {
        foreach ($extension in 'dll', 'pdb') { $files["lib/$library.$extension"] = Join-Path $built "$library.$extension" }
    }
    # The S3 store and its SDK are loaded into a context of their own, on the first s3://, from a folder that holds nothing else.
    $store = Join-Path $root "src/Hestia.Backup.S3/$output/net8.0"
    $parts = @('Hestia.Backup.S3.dll', 'Hestia.Backup.S3.pdb') + (Get-ChildItem -LiteralPath $store -Filter AWSSDK.*.dll).Name
    foreach ($name in $parts) { $files["lib/s3/$name"] = Join-Path $store $name }
    foreach ($name in $files.Keys) { Publish-File -Source $files[$name] -Destination (Join-Path $module $name) }

    $wanted = @($files.Keys) + 'en-US/HestiaPS.dll-Help.xml'
    foreach ($file in Get-ChildItem -LiteralPath $module -Recurse -File) {
        $relative = [System.IO.Path]::GetRelativePath($module, $file.FullName).Replace('\', '/')
        if ($relative -cnotin $wanted) { Remove-Item -LiteralPath $file.FullName -Force }
    }

    # The generator loads the module to learn its parameters; in a process of its own, so that this one stays free of it.
    $help = Join-Path $artifacts 'help/HestiaPS.dll-Help.xml'
    $exitCode = Invoke-Program -FilePath $pwsh -ArgumentList @(
        '-NoProfile', '-NonInteractive', '-File', (Join-Path $root 'tools/New-ModuleHelp.ps1'),
        '-ModulePath', (Join-Path $module 'HestiaPS.psd1'), '-Path', (Join-Path $root 'docs/cmdlets'), '-Destination', $help)
    if ($exitCode -ne 0) { throw 'The help file could not be made; what is above says why.' }
    Publish-File -Source $help -Destination (Join-Path $module 'en-US/HestiaPS.dll-Help.xml')
}

function Get-ModuleVersion {
    $manifest = Import-PowerShellDataFile -LiteralPath (Join-Path $root 'HestiaPS.psd1')
    $properties = [xml](Get-Content -LiteralPath (Join-Path $root 'Directory.Build.props') -Raw)
    $assemblies = $properties.SelectSingleNode('//VersionPrefix').InnerText
    if ($manifest.ModuleVersion -ne $assemblies) {
        throw "HestiaPS.psd1 says version $($manifest.ModuleVersion), Directory.Build.props says $assemblies; make them the same."
    }
    $manifest.ModuleVersion
}

function Invoke-Build {
    Write-Step "Build: compile ($Configuration, warnings as errors) and stage the module"
    $version = Get-ModuleVersion
    Invoke-Dotnet build, (Join-Path $root 'HestiaPS.slnx'), '--configuration', $Configuration, '--verbosity', 'quiet',
        '-warnaserror', '--disable-build-servers'
    Copy-ModuleFile
    Write-Information "HestiaPS $version is staged. Import-Module $(Join-Path $module 'HestiaPS.psd1')"
}

function Invoke-Demo([string] $Folder, [switch] $Keep) {
    Write-Step "Demo: catalogue $Folder, back it up twice, lose it, restore it, prove it"
    $options = @('-NoProfile', '-NonInteractive', '-File', (Join-Path $root 'examples/Demo.ps1'),
        '-Folder', (Resolve-Path -LiteralPath $Folder).ProviderPath)
    if ($Keep) { $options += '-Keep' }
    Invoke-Program -FilePath $pwsh -ArgumentList $options -Environment @{ HESTIAPS_MODULE = Join-Path $module 'HestiaPS.psd1' }
}

# Runs the xUnit tests that match and returns what its result file says.
function Invoke-UnitTest([string[]] $Selection, [hashtable] $Environment, [timespan] $Timeout) {
    $results = Join-Path $artifacts 'tests/unit.xml'
    $null = New-Item -ItemType Directory -Force -Path (Split-Path $results)
    Remove-Item -LiteralPath $results -ErrorAction Ignore
    $test = Join-Path $root "tests/Unit/$output/net10.0/Hestia.Unit.dll"
    # A test that hangs is named, every five minutes again.
    $options = @('exec', $test, '-noLogo', '-noColor', '-longRunning', '300', '-xml', $results) + $Selection
    $exitCode = Invoke-Program -FilePath 'dotnet' -ArgumentList $options -Environment $Environment -Timeout $Timeout
    $count = [ordered]@{ Name = 'xUnit'; Passed = 0; Failed = 0; Skipped = 0 }
    if (Test-Path -LiteralPath $results) {
        foreach ($assembly in ([xml](Get-Content -LiteralPath $results -Raw)).SelectNodes('/assemblies/assembly')) {
            $count.Passed += [int]$assembly.GetAttribute('passed')
            $count.Failed += [int]$assembly.GetAttribute('failed') + [int]$assembly.GetAttribute('errors')
            $count.Skipped += [int]$assembly.GetAttribute('skipped')
        }
    }
    if ($exitCode -ne 0 -and $count.Failed -eq 0) {
        Write-Warning "The unit tests ended with exit code $exitCode and without a result that explains it; that counts as one failure."
        $count.Failed = 1
    }
    [pscustomobject]$count
}

# The module path for the tests: where no Pester is installed, the package that Directory.Packages.props names is put in front of it.
function Get-TestModulePath {
    if (Get-Module -ListAvailable -Name Pester | Where-Object { $_.Version -ge '5.3' -and $_.Version -lt '6.0' }) { return $env:PSModulePath }
    $packages = Join-Path $artifacts 'packages-test'
    try { Invoke-Dotnet restore, (Join-Path $root 'tests/Pester/Pester.proj'), '--packages', $packages, '--verbosity', 'quiet' }
    catch {
        Write-Information 'Pester 5 is not installed, and its package could not be had.'
        return $env:PSModulePath
    }
    $modules = Join-Path $artifacts 'modules-test'
    foreach ($package in Get-ChildItem -LiteralPath (Join-Path $packages 'pester') -Directory) {
        $folder = Join-Path $modules "Pester/$($package.Name)"
        $null = New-Item -ItemType Directory -Force -Path $folder
        Copy-Item -Path (Join-Path $package.FullName 'tools/*') -Destination $folder -Recurse -Force
    }
    $modules + [System.IO.Path]::PathSeparator + $env:PSModulePath
}

# Pester, PSScriptAnalyzer and Test-ModuleManifest in a PowerShell of their own, over the staged module.
function Invoke-ModuleTest([string] $Filter) {
    $results = Join-Path $artifacts 'tests/module.json'
    Remove-Item -LiteralPath $results -ErrorAction Ignore
    $options = @('-NoProfile', '-NonInteractive', '-File', (Join-Path $root 'tools/Invoke-ModuleTest.ps1'), '-Destination', $results)
    if ($Filter) { $options += '-Filter', $Filter }
    $exitCode = Invoke-Program -FilePath $pwsh -ArgumentList $options -Timeout ([timespan]::FromMinutes(25)) -Environment @{
        HESTIAPS_MODULE = Join-Path $module 'HestiaPS.psd1'
        PSModulePath    = Get-TestModulePath
    }
    if (Test-Path -LiteralPath $results) { Get-Content -LiteralPath $results -Raw | ConvertFrom-Json }
    if ($exitCode -ne 0) {
        Write-Warning "The module's tests ended with exit code $exitCode before they could report; that counts as one failure."
        [pscustomobject]@{ Name = 'Module tests'; Passed = 0; Failed = 1; Skipped = 0 }
    }
}

# The last line is read by machines: tests: N passed, N failed, N skipped.
function Write-Total([object[]] $Count) {
    Write-Information ''
    foreach ($row in $Count) {
        Write-Information ('{0,-20} {1,6} passed {2,4} failed {3,4} skipped' -f $row.Name, $row.Passed, $row.Failed, $row.Skipped)
    }
    $total = @{}
    foreach ($name in 'Passed', 'Failed', 'Skipped') { $total[$name] = [int]($Count | Measure-Object -Property $name -Sum).Sum }
    Write-Information "tests: $($total.Passed) passed, $($total.Failed) failed, $($total.Skipped) skipped"
    [int]($total.Failed -gt 0)
}

function Invoke-Test([string] $Filter) {
    Write-Step 'Test: xUnit over the engine and the repository'
    $selection = @('-trait-', 'Category=Soak')
    if ($Filter) { $selection += '-method', $Filter }
    $counts = @(Invoke-UnitTest -Selection $selection -Environment @{} -Timeout ([timespan]::FromMinutes(30)))
    Write-Step 'Test: Pester, PSScriptAnalyzer and Test-ModuleManifest over the module'
    $counts += @(Invoke-ModuleTest -Filter $Filter)
    Write-Total $counts
}

function Invoke-Soak([int] $Minutes, [int] $Rounds) {
    Write-Step "Soak: the tests of category Soak, for $Minutes minutes"
    $environment = @{ HESTIA_SOAK_MINUTES = $Minutes }
    if ($Rounds -gt 0) { $environment['HESTIA_CRASH_ROUNDS'] = $Rounds }
    # Tests that do not fit side by side begin when others have ended, and each may take the whole time.
    $count = Invoke-UnitTest -Selection '-trait', 'Category=Soak', '-showLiveOutput' -Environment $environment `
        -Timeout ([timespan]::FromMinutes(2 * $Minutes + 30))
    if ($count.Passed + $count.Failed + $count.Skipped -eq 0) { Write-Information 'No test is of category Soak.' }
    Write-Total @($count)
}

function Invoke-Bench([string[]] $Arguments, [switch] $Quick) {
    $program = Join-Path $root "bench/Hestia.Bench/$output/net10.0/Hestia.Bench.dll"
    $folder = Join-Path $artifacts 'bench'
    $null = New-Item -ItemType Directory -Force -Path $folder
    if ($Arguments) {
        Write-Step "Bench: $Arguments"
        return Invoke-Program -FilePath 'dotnet' -ArgumentList (@('exec', $program) + $Arguments)
    }

    $name = $Quick ? 'quick' : 'full'
    $results = Join-Path $folder "$name.json"
    $rates = Join-Path $folder "$name-powershell.json"
    Write-Step "Bench: the $name suite"
    $suite = Invoke-Program -FilePath 'dotnet' -ArgumentList 'exec', $program, 'suite', '--scale', $name, '--json', $results
    Write-Step 'Bench: backup, restore and verification beside cp, rsync and restic'
    $backups = Join-Path $folder "$name-repository.json"
    foreach ($bytes in ($Quick ? @(64MB) : @(1GB, 10GB))) {
        $steps = $bytes -gt 1GB ? @('--steps', 'backup,verify,restore,increment,s3', '--rounds', '2') : @()
        $few = $Quick ? @('--rounds', '1', '--segments', '500') : @()
        $repository = Invoke-Program -FilePath 'dotnet' -ArgumentList (
            @('exec', $program, 'repository', '--size', "$bytes", '--json', $backups) + $steps + $few)
        $suite = [Math]::Max($suite, $repository)
    }

    Write-Step 'Bench: the cmdlets beside empty ones'
    $size = $Quick ? @('-Entries', '20000', '-Rounds', '2') : @()
    $script = Join-Path $root 'bench/Measure-PowerShell.ps1'
    $cmdlets = Invoke-Program -FilePath $pwsh -Environment @{ HESTIAPS_MODULE = Join-Path $module 'HestiaPS.psd1' } -ArgumentList (
        @('-NoProfile', '-NonInteractive', '-File', $script, '-Destination', $rates) + $size)
    $page = $Quick ? (Join-Path $folder 'quick.md') : (Join-Path $root 'docs/benchmarks.md')
    $report = Invoke-Program -FilePath 'dotnet' -ArgumentList 'exec', $program, 'report', '--json', $results, '--powershell', $rates,
        '--repository', $backups, '--notes', (Join-Path $root 'bench/notes.md'), '--output', $page
    [Math]::Max([Math]::Max($suite, $cmdlets), $report)
}

# A zip whose bytes depend on nothing but the files: sorted, without their times.
function Compress-Module([string] $Destination) {
    Remove-Item -LiteralPath $Destination -ErrorAction Ignore
    $archive = [System.IO.Compression.ZipFile]::Open($Destination, 'Create')
    try {
        $names = [string[]]@(Get-ChildItem -LiteralPath $module -Recurse -File | ForEach-Object {
            [System.IO.Path]::GetRelativePath($module, $_.FullName).Replace('\', '/')
        })
        [Array]::Sort($names, [StringComparer]::Ordinal)
        foreach ($name in $names) {
            $entry = $archive.CreateEntry("HestiaPS/$name", 'SmallestSize')
            $entry.LastWriteTime = [DateTimeOffset]::new(1980, 1, 1, 0, 0, 0, [timespan]::Zero)
            $target = $entry.Open()
            $source = [System.IO.File]::OpenRead((Join-Path $module $name))
            try { $source.CopyTo($target) }
            finally { $source.Dispose(); $target.Dispose() }
        }
    }
    finally { $archive.Dispose() }
}

function Invoke-Package {
    Write-Step 'Package: the zip of the module and the NuGet packages of the libraries'
    $packages = Join-Path $artifacts 'packages'
    $null = New-Item -ItemType Directory -Force -Path $packages
    Compress-Module (Join-Path $packages "HestiaPS.$(Get-ModuleVersion).zip")
    foreach ($library in 'Hestia.Core', 'Hestia.Extensions.Logging', 'Hestia.Backup', 'Hestia.Backup.S3', 'Hestia.HestiaStore') {
        Invoke-Dotnet pack, (Join-Path $root "src/$library/$library.csproj"), '--configuration', $Configuration, '--no-build',
            '--output', $packages, '--verbosity', 'quiet', '--disable-build-servers'
    }
    foreach ($file in Get-ChildItem -LiteralPath $packages -File) {
        Write-Information ('{0,12:N0} bytes  {1}' -f $file.Length, $file.FullName)
    }
}

$clock = [System.Diagnostics.Stopwatch]::StartNew()
$exitCode = 0
try {
    Invoke-Build
    switch ($Task) {
        'Demo' { $exitCode = Invoke-Demo -Folder $Folder -Keep:$Keep }
        'Test' { $exitCode = Invoke-Test -Filter $Filter }
        'Bench' { $exitCode = Invoke-Bench -Arguments $Arguments -Quick:$Quick }
        'Soak' { $exitCode = Invoke-Soak -Minutes $Minutes -Rounds $Rounds }
        'Package' { Invoke-Package }
    }
}
catch {
    if ($Task -notin 'Test', 'Soak') { throw }
    # Whoever reads the last line must find a total there, also when nothing could be run.
    Write-Information "$_"
    $exitCode = Write-Total ([pscustomobject]@{ Name = $Task; Passed = 0; Failed = 1; Skipped = 0 })
}
if ($Task -notin 'Test', 'Soak') { Write-Information ("`n{0} took {1:N1} s." -f $Task, $clock.Elapsed.TotalSeconds) }
exit $exitCode
