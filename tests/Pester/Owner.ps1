# An application of ours in another process: has an index open and writes to it until it is told to end. Used by the tests that work beside it.

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
