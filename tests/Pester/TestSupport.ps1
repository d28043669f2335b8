# Shared by the Pester files: the module as users import it, folders, child processes and signals.

# An error that a test does not expect fails it.
$ErrorActionPreference = 'Stop'

$script:ModulePath = if ($env:HESTIAPS_MODULE) { $env:HESTIAPS_MODULE } else { Join-Path $PSScriptRoot '../../artifacts/HestiaPS' }
$script:ModulePath = (Resolve-Path -LiteralPath $script:ModulePath).ProviderPath
Import-Module $script:ModulePath -Force -ErrorAction Stop

$script:PowerShellExe = Join-Path $PSHOME ($IsWindows ? 'pwsh.exe' : 'pwsh')
if (-not (Test-Path -LiteralPath $script:PowerShellExe)) {
    # PowerShell as a .NET tool has no program in its folder.
    $script:PowerShellExe = (Get-Command pwsh -CommandType Application | Select-Object -First 1).Source
}

function New-TestPath {
    # A path in the test drive that nothing else uses; nothing is there yet.
    param([string] $Name = 'orders')
    $folder = Join-Path $TestDrive ([guid]::NewGuid().ToString('N').Substring(0, 8))
    $null = New-Item -ItemType Directory -Path $folder
    Join-Path $folder $Name
}

function New-TestIndex {
    # A session on a new index with -Count entries k00001 ... = value 1 ...
    param([int] $Count = 0, [string] $Path = (New-TestPath), [switch] $Flush)
    $session = Open-HestiaIndex -Path $Path -Create
    if ($Count -gt 0) {
        1..$Count | ForEach-Object { [pscustomobject]@{ Key = 'k{0:d5}' -f $_; Value = "value $_" } } | Set-HestiaEntry -Index $session
    }
    if ($Flush) { $null = Invoke-HestiaFlush -Index $session }
    $session
}

function New-ClosedIndex {
    # The path of a closed index with -Count entries.
    param([int] $Count = 10, [string] $Path = (New-TestPath))
    $session = New-TestIndex -Count $Count -Path $Path
    Close-HestiaIndex -Index $session
    $Path
}

function Close-TestSession {
    Get-HestiaIndex | Close-HestiaIndex
}

function Get-FolderState {
    # Every file below a folder with its length and hash, as one text. The lock file is left out: whoever asks for the lock touches it; the socket has no bytes.
    param([string] $Path)
    if (-not (Test-Path -LiteralPath $Path)) { return '(nothing there)' }
    $files = Get-ChildItem -LiteralPath $Path -Recurse -File -Force | Where-Object Name -NotIn '.lock', '.control' | Sort-Object FullName
    ($files | ForEach-Object { '{0} {1} {2}' -f $_.FullName, $_.Length, (Get-FileHash -LiteralPath $_.FullName).Hash }) -join "`n"
}

function Set-FormatVersion {
    # Writes another format version into a JSON file that ends in its own SHA-256, as a newer Hestia would: sealed again.
    param([string] $Path, [int] $Version)
    $text = [IO.File]::ReadAllText($Path) -replace '("formatVersion":\s*)\d+', "`${1}$Version"
    $body = $text -replace ',"sha256":"[0-9a-f]{64}"\}\n$'
    $body.Length | Should -BeLessThan $text.Length
    $hash = [Security.Cryptography.SHA256]::HashData([Text.Encoding]::UTF8.GetBytes($body))
    [IO.File]::WriteAllText($Path, $body + ',"sha256":"' + [Convert]::ToHexString($hash).ToLowerInvariant() + "`"}`n")
}

function Get-Failure {
    # The error record that a script block ends with; fails the test if there is none.
    param([scriptblock] $Script)
    $ErrorActionPreference = 'Stop'
    try { $null = & $Script } catch { return $_ }
    throw 'There was no error.'
}

function Assert-Failure {
    # Asserts ErrorId, that the message names what it should, and that there is a way out. Returns the record.
    param([scriptblock] $Script, [string] $ErrorId, [string[]] $Names = @(), [string] $Category)
    $record = Get-Failure $Script
    $because = "the error was: $($record.Exception.Message)"
    $record.FullyQualifiedErrorId.Split(',')[0] | Should -BeExactly $ErrorId -Because $because
    foreach ($name in $Names) { $record.Exception.Message | Should -BeLike "*$([WildcardPattern]::Escape($name))*" }
    $record.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty -Because 'an error says what to do'
    if ($Category) { $record.CategoryInfo.Category | Should -Be $Category }
    $record
}

function Invoke-Child {
    # Runs a script with pwsh -File in a process of its own. Returns ExitCode, Output and Error.
    param([string] $Script, [hashtable] $Environment = @{}, [string[]] $Prefix = @(), [int] $TimeoutSeconds = 120)
    $child = Start-Child -Script $Script -Environment $Environment -Prefix $Prefix
    Wait-Child $child -TimeoutSeconds $TimeoutSeconds
}

function Start-Child {
    # Starts a script with pwsh -File; $ModulePath is imported first. Returns the process; Wait-Child ends it.
    param([string] $Script, [hashtable] $Environment = @{}, [string[]] $Prefix = @(), [switch] $NoImport)
    $file = Join-Path $TestDrive "child-$([guid]::NewGuid().ToString('N')).ps1"
    $import = if ($NoImport) { '' } else { "Import-Module '$script:ModulePath' -ErrorAction Stop`n" }
    Set-Content -LiteralPath $file -Value ($import + $Script)
    $command = @($Prefix) + @($script:PowerShellExe, '-NoProfile', '-NonInteractive', '-File', $file) | Where-Object { $_ }
    $start = [System.Diagnostics.ProcessStartInfo]::new($command[0])
    foreach ($argument in $command[1..($command.Count - 1)]) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.RedirectStandardInput = $true
    foreach ($name in $Environment.Keys) { $start.Environment[$name] = $Environment[$name] }
    $start.Environment['NO_COLOR'] = '1'
    $process = [System.Diagnostics.Process]::Start($start)
    $process.StandardInput.Close()
    Add-Member -InputObject $process -NotePropertyName ErrorTask -NotePropertyValue $process.StandardError.ReadToEndAsync()
    $process
}

function Wait-Output {
    # Reads a child's output up to a line; returns the lines before it.
    param([System.Diagnostics.Process] $Process, [string] $Line, [int] $TimeoutSeconds = 60)
    $until = [datetime]::UtcNow.AddSeconds($TimeoutSeconds)
    while ([datetime]::UtcNow -lt $until) {
        $read = $Process.StandardOutput.ReadLineAsync()
        if (-not $read.Wait(($until - [datetime]::UtcNow))) { break }
        if ($null -eq $read.Result) { throw "The child ended before it wrote '$Line': $($Process.ErrorTask.Result)" }
        if ($read.Result -eq $Line) { return }
        $read.Result
    }
    throw "The child did not write '$Line' in $TimeoutSeconds s."
}

function Wait-Child {
    param([System.Diagnostics.Process] $Process, [int] $TimeoutSeconds = 120)
    $output = $Process.StandardOutput.ReadToEndAsync()
    if (-not $Process.WaitForExit($TimeoutSeconds * 1000)) {
        $Process.Kill($true)
        throw "The child did not end in $TimeoutSeconds s. $($Process.ErrorTask.Result)"
    }
    $Process.WaitForExit()
    [pscustomobject]@{ ExitCode = $Process.ExitCode; Output = $output.Result.TrimEnd(); Error = $Process.ErrorTask.Result.TrimEnd() }
    $Process.Dispose()
}

function Send-Signal {
    param([System.Diagnostics.Process] $Process, [ValidateSet('TERM', 'INT', 'HUP', 'KILL')] [string] $Signal)
    & kill "-$Signal" $Process.Id
}

function Test-Root {
    $IsLinux -and (& id -u) -eq '0'
}

# An application of ours in another process: has an index open and writes to it until it is told to end.

function Start-Owner {
    # Opens (and makes) an index in a process of its own, which writes one entry after the other, and returns when it has written ten. Stop-Owner ends it.
    param([string] $Path, [string] $Durability = 'GroupSync', [string] $Options = '', [switch] $Idle)
    $stop = "$Path.stop"
    Remove-Item -LiteralPath $stop -ErrorAction Ignore
    $child = Start-Child -Script @"
`$ErrorActionPreference = 'Stop'
`$create = @{}
if (-not (Test-Path -LiteralPath '$Path')) { `$create.Create = `$true; `$create.Durability = '$Durability' }
`$ix = Open-HestiaIndex -LiteralPath '$Path' @create $Options
`$number = [ulong]0
`$told = `$false
while (-not (Test-Path -LiteralPath '$stop')) {
    if (-not `$$([bool]$Idle) -or `$number -lt 10) { `$number++; Set-HestiaEntry -Index `$ix -Key ('w{0:d8}' -f `$number) -Value `$number }
    if (`$number -eq 10 -and -not `$told) { `$told = `$true; 'writing' }
    if (`$number -ge 10) { Start-Sleep -Milliseconds 2 }
}
Close-HestiaIndex -Index `$ix
"wrote `$number"
"@
    $null = Wait-Output $child 'writing'
    Add-Member -InputObject $child -NotePropertyName StopFile -NotePropertyValue $stop -PassThru
}

function Stop-Owner {
    # Ends it cleanly; returns how much it has written.
    param([System.Diagnostics.Process] $Owner)
    $null = New-Item -ItemType File -Path $Owner.StopFile -Force
    $ended = Wait-Child $Owner
    if ($ended.ExitCode) { throw "The owner failed: $($ended.Output) $($ended.Error)" }
    [long](($ended.Output -split "`n")[-1] -replace '\D')
}

function Remove-Owner {
    # Kills it, unless it has ended already.
    param([System.Diagnostics.Process] $Owner)
    if (-not $Owner) { return }
    try {
        $Owner.Kill($true)
        $Owner.WaitForExit()
    }
    catch [System.InvalidOperationException] { Write-Debug 'It has ended.' }
    catch [System.Management.Automation.MethodInvocationException] { Write-Debug 'It has ended.' }
}
