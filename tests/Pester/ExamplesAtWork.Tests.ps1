#requires -Version 7.4
# The examples that work beside an application: it has the index open in a process of its own, the example runs in another.

BeforeDiscovery {
    $needed = 'radosgw', 'ceph-mon', 'ceph-osd', 'ceph'
    $found = @(Get-Command $needed -CommandType Application -ErrorAction Ignore | Sort-Object Name -Unique)
    $script:noServer = -not ($IsLinux -and $found.Count -eq $needed.Count)
}

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1
    $examples = Join-Path (Split-Path (Split-Path $PSScriptRoot)) 'examples'

    # Output lines (both streams) and exit code of an example.
    function Invoke-Example([string] $Name, [string[]] $ArgumentList) {
        # Not with &, which would put the files in the place of a * as a shell does.
        $start = [System.Diagnostics.ProcessStartInfo]::new($PowerShellExe)
        foreach ($argument in @('-NoProfile', '-NonInteractive', '-File', (Join-Path $examples $Name)) + $ArgumentList) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardOutput = $true
        $start.RedirectStandardError = $true
        $start.Environment['NO_COLOR'] = '1'
        $process = [System.Diagnostics.Process]::Start($start)
        $errors = $process.StandardError.ReadToEndAsync()
        $output = $process.StandardOutput.ReadToEnd() + $errors.Result
        $process.WaitForExit()
        [pscustomobject]@{ ExitCode = $process.ExitCode; Output = $output; Lines = @($output -split "`r?`n" | Where-Object { $_ }) }
    }

    function New-Folder { (New-Item -ItemType Directory -Path (Join-Path $TestDrive ([guid]::NewGuid()))).FullName }

    # The key=value pairs of a line.
    function ConvertFrom-Line([string] $Line) {
        $pairs = @{}
        foreach ($match in [regex]::Matches($Line, '(\w+)=(?:"([^"]*)"|(\S+))')) { $pairs[$match.Groups[1].Value] = $match.Groups[2].Value + $match.Groups[3].Value }
        $pairs
    }

    # Every example says so in its first lines, or stops at nothing.
    function Get-ExampleText([string] $Name) { Get-Content -LiteralPath (Join-Path $examples $Name) -Raw }
}

Describe 'Every example' {
    It 'stops at errors, and asks nobody' {
        # All that change something which is there; making something new never asks.
        $asking = (Get-Command -Module HestiaPS | Where-Object { $_.Parameters.ContainsKey('Confirm') }).Name |
            Where-Object { $_ -notmatch '^(New|Open|Set|Import|Export|Register)-' -or $_ -eq 'Set-HestiaIndex' }
        $asking | Should -Contain 'Close-HestiaIndex'
        foreach ($file in Get-ChildItem $examples -Filter *.ps1 | Where-Object Name -NotLike *.Tests.ps1) {
            $text = Get-ExampleText $file.Name
            $text | Should -Match "\`$ErrorActionPreference = 'Stop'" -Because $file.Name
            $parsed = [System.Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$null)
            foreach ($call in $parsed.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
                if ($call.GetCommandName() -notin $asking) { continue }
                $call.Extent.Text | Should -Match '-(Confirm:\$false|WhatIf)\b' -Because "$($file.Name) must not ask"
            }
        }
    }
}

Describe 'Beside an application' {
    BeforeAll {
        $folder = New-Folder
        $repository = Join-Path $folder 'backups'
        $null = New-HestiaRepository -Path $repository
        $indexes = New-Item -ItemType Directory -Path (Join-Path $folder 'indexes')
        $path = Join-Path $indexes 'orders'
        $owner = Start-Owner $path
        $closed = New-ClosedIndex -Path (Join-Path $indexes 'customers') -Count 30
    }
    AfterAll { Remove-Owner $owner }

    It 'HotBackup.ps1 flushes, backs up, ships the log, verifies, retains, and says it in a line for each index' {
        $arguments = '-Path', "$indexes/*", '-Repository', $repository, '-Wal', '-KeepDaily', '7', '-VerifyPercent', '100'
        $run = Invoke-Example HotBackup.ps1 $arguments
        $run.ExitCode | Should -Be 0 -Because $run.Output
        $run.Lines.Count | Should -Be 3 -Because $run.Output
        $lines = $run.Lines | ForEach-Object { ConvertFrom-Line $_ }
        $lines.result | Should -Be ok, ok, ok
        $orders = $lines | Where-Object index -EQ orders
        $orders.via | Should -Be Endpoint
        ($lines | Where-Object index -EQ customers).via | Should -Be Opened
        [ulong]$orders.lsn | Should -BeGreaterThan 0
        [ulong]$orders.archivedLsn | Should -BeGreaterOrEqual $orders.lsn
        (Get-HestiaBackup -Repository $repository -IndexName orders -Latest).BackupId | Should -Be $orders.backup
        $again = Invoke-Example HotBackup.ps1 $arguments
        $again.ExitCode | Should -Be 0 -Because $again.Output
        @(Get-HestiaBackup -Repository $repository -IndexName customers).Count | Should -Be 1 -Because 'one a day is kept'
    }

    It 'HotBackup.ps1 goes on after one that fails, and says so' {
        $broken = Join-Path $indexes 'broken'
        $null = New-Item -ItemType Directory -Path (Join-Path $broken 'segments') # an index that has lost the rest
        $none = New-Item -ItemType Directory -Path (Join-Path $indexes 'lost+found'), (Join-Path $indexes 'notes')
        try {
            $run = Invoke-Example HotBackup.ps1 '-Path', "$indexes/*", '-Repository', $repository
            $run.ExitCode | Should -Be 1
            $line = ConvertFrom-Line ($run.Lines -match 'index=broken')[0]
            $line.result | Should -Be failed
            $line.error | Should -Be NotAnIndex
            @($run.Lines -match 'result=ok').Count | Should -Be 2 -Because $run.Output
            @($run.Lines -match 'result=skipped').Count | Should -Be 2 -Because $run.Output
            Remove-Item -LiteralPath $broken -Recurse
            (Invoke-Example HotBackup.ps1 '-Path', "$indexes/*", '-Repository', $repository).ExitCode | Should -Be 0 -Because 'what is no index is passed over'
            (Invoke-Example HotBackup.ps1 '-Path', $none[1].FullName, '-Repository', $repository).ExitCode | Should -Be 1 -Because 'it was named'
        }
        finally { Remove-Item -LiteralPath (@($broken) + $none.FullName) -Recurse -ErrorAction Ignore }
    }

    It 'ParallelBackup.ps1 gives a row for each' {
        $run = & $PowerShellExe -NoProfile -NonInteractive -Command "& '$(Join-Path $examples ParallelBackup.ps1)' -Path '$indexes' -Repository '$repository' | ConvertTo-Json; exit `$LASTEXITCODE"
        $LASTEXITCODE | Should -Be 0 -Because "$run"
        $rows = $run -join "`n" | ConvertFrom-Json
        $rows.Index | Should -Be customers, orders
        $rows.BackedUp | Should -Be $true, $true
        $rows.FlushedIndices | Should -Be 1, 1
        ($rows | Where-Object Index -EQ orders).WalCheckpoint | Should -BeGreaterThan 0
    }

    It 'Snapshot.ps1 runs a command in the window and names the LSN' {
        $copy = Join-Path $folder 'snapshot'
        $command = "Copy-Item -LiteralPath '{path}' -Destination '$copy' -Recurse -Exclude .lock, .control"
        if (-not $IsWindows) { $command = "& cp -r '{path}' '$copy'" }
        $run = Invoke-Example Snapshot.ps1 '-Path', $path, '-Command', $command, '-Duration', '1m'
        $run.ExitCode | Should -Be 0 -Because $run.Output
        $lsn = [regex]::Match($run.Output, 'at LSN (\d+)').Groups[1].Value
        "$((Test-HestiaIndex -LiteralPath $copy -Deep).LastLsn)" | Should -Be $lsn -Because $run.Output

        $late = Invoke-Example Snapshot.ps1 '-Path', $path, '-Command', 'Start-Sleep -Seconds 2', '-Duration', '500ms'
        $late.ExitCode | Should -Be 2 -Because $late.Output
        $late.Output | Should -Match 'NOT OF ONE MOMENT'
        # Its time is up, and somebody else has suspended the index since: neither is taken for the other.
        $resume = "Start-Sleep -Seconds 2; Suspend-HestiaIndex -LiteralPath '{path}' -Duration 1m -Confirm:`$false"
        $other = Invoke-Example Snapshot.ps1 '-Path', $path, '-Command', $resume, '-Duration', '500ms'
        $other.ExitCode | Should -Be 2 -Because $other.Output
        (Resume-HestiaIndex -LiteralPath $path).Expired | Should -BeFalse -Because 'it was left alone'
        $bad = Invoke-Example Snapshot.ps1 '-Path', $path, '-Command', 'throw "no space"', '-Duration', '1m'
        $bad.ExitCode | Should -Be 1
        (Get-HestiaIndex -LiteralPath $path).Statistics.SuspendedUntil | Should -BeNullOrEmpty
    }

    It 'Watch.ps1 shows what the application does' {
        $run = Invoke-Example Watch.ps1 '-Path', $path, '-Interval', '0.5', '-Count', '2'
        $run.ExitCode | Should -Be 0 -Because $run.Output
        @($run.Lines -match '^\s+writes\s+[1-9]').Count | Should -Be 2 -Because $run.Output
        $rows = & (Join-Path $examples Watch.ps1) -Path $path -Interval 0.3 -Count 2 -PassThru
        $rows.Count | Should -Be 2
        $rows[1].WritesPerSecond | Should -BeGreaterThan 0
        $rows[1].SyncsPerSecond | Should -BeGreaterThan 0
        $rows[1].SyncFailures | Should -Be 0
        (Invoke-Example Watch.ps1 '-Path', $closed, '-Count', '1').ExitCode | Should -Be 1
    }

    It 'ColdBackup.ps1 refuses what the application has open' {
        $run = Invoke-Example ColdBackup.ps1 '-Path', $path, '-Repository', $repository
        $run.ExitCode | Should -Be 1
        $run.Output | Should -Match "\b$($owner.Id)\b"
    }

    It 'AzureAutomation.ps1 as a Hybrid Worker backs up and drills, also when it starts again from the beginning' {
        $scratch = New-Folder
        $arguments = '-Form', 'HybridWorker', '-Repository', $repository, '-Path', "$indexes/*", '-ScratchPath', $scratch
        $null = New-Item -ItemType Directory -Path (Join-Path $scratch 'hestia-drill-orders/left over')
        foreach ($round in 1, 2) {
            $run = Invoke-Example AzureAutomation.ps1 $arguments
            $run.ExitCode | Should -Be 0 -Because $run.Output
            @($run.Lines -match 'drill of .*: Success').Count | Should -Be 2 -Because $run.Output
        }
        Get-ChildItem $scratch | Should -BeNullOrEmpty
        (Invoke-Example AzureAutomation.ps1 '-Form', 'HybridWorker', '-Repository', $repository).ExitCode | Should -Be 1
    }

    It 'Restore.ps1 goes through its checklist' {
        $target = Join-Path $folder 'restored'
        $schedule = Join-Path $folder 'crontab'
        Set-Content -LiteralPath $schedule -Value "# $target", "0 * * * * root pwsh HotBackup.ps1 -Path $target"
        $arguments = '-Repository', $repository, '-IndexName', 'customers', '-Path', $target, '-KnownKey', 'k00001,k00002=value 2'
        $run = Invoke-Example Restore.ps1 ($arguments + '-Schedule' + $schedule)
        $run.ExitCode | Should -Be 0 -Because $run.Output
        @($run.Lines -match '^\[good\]').Count | Should -Be 5 -Because $run.Output
        Set-Content -LiteralPath $schedule -Value "# $target"
        $run = Invoke-Example Restore.ps1 ($arguments[0..5] + '-KnownKey', 'k00001=wrong', '-Schedule', $schedule, '-Force')
        $run.ExitCode | Should -Be 2 -Because $run.Output
        @($run.Lines -match '^\[BAD \] (known keys|next backup)').Count | Should -Be 2 -Because $run.Output
    }

    It 'Restore.ps1 refuses to restore onto an index in use, and says who has it' {
        $run = Invoke-Example Restore.ps1 '-Repository', $repository, '-IndexName', 'orders', '-Path', $path, '-Force'
        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match "\b$($owner.Id)\b"
    }

    It 'ParallelBackup.ps1 ends with 1 when one was not backed up' {
        $broken = (New-Item -ItemType Directory -Path (Join-Path $indexes 'broken')).FullName
        Set-Content -LiteralPath (Join-Path $broken 'index.json') -Value '{'
        try {
            $run = Invoke-Example ParallelBackup.ps1 '-Path', $indexes, '-Repository', $repository
            $run.ExitCode | Should -Be 1 -Because $run.Output
        }
        finally { Remove-Item -LiteralPath $broken -Recurse }
    }

    It 'HotBackup.ps1 writes its lines to the system log, and ends with 2 when the check of a backup fails' -Skip:($IsWindows) {
        $bin = New-Folder
        $log = Join-Path $bin 'log'
        Set-Content -LiteralPath (Join-Path $bin 'logger') -Value '#!/bin/sh', ('echo "$@" >> "{0}"' -f $log)
        & chmod +x (Join-Path $bin 'logger')
        $own = Join-Path (New-Folder) 'backups'
        $null = New-HestiaRepository -Path $own
        $arguments = '-Path', $closed, '-Repository', $own, '-VerifyPercent', '100', '-SystemLog'
        $saved = $env:PATH
        $env:PATH = "$bin$([IO.Path]::PathSeparator)$saved"
        try {
            (Invoke-Example HotBackup.ps1 $arguments).ExitCode | Should -Be 0
            $object = Get-ChildItem (Join-Path $own 'objects') -Recurse -File | Select-Object -First 1
            $bytes = [IO.File]::ReadAllBytes($object.FullName)
            $bytes[$bytes.Length / 2] = $bytes[$bytes.Length / 2] -bxor 0x40
            $object.IsReadOnly = $false
            [IO.File]::WriteAllBytes($object.FullName, $bytes)
            $run = Invoke-Example HotBackup.ps1 $arguments
        }
        finally { $env:PATH = $saved }
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'result=flawed .*step=verify'
        $lines = @(Get-Content -LiteralPath $log)
        $lines[0] | Should -Match '^-t HestiaBackup -p user\.info -- HestiaBackup result=ok index=customers '
        $lines[-1] | Should -Match '^-t HestiaBackup -p user\.err -- HestiaBackup result=flawed '
    }

    It 'loses nothing by all of this' {
        $written = Stop-Owner $owner
        (Test-HestiaIndex -LiteralPath $path -Deep).Entries | Should -Be $written
    }
}

Describe 'WalCanary.ps1' {
    BeforeAll {
        $folder = New-Folder
        $indexes = (New-Item -ItemType Directory -Path (Join-Path $folder 'indexes')).FullName
        $owner = Start-Owner (Join-Path $indexes 'a') -Durability Off
        foreach ($name in 'b', 'c') {
            $index = Open-HestiaIndex (Join-Path $indexes $name) -Create -Durability Off
            Set-HestiaEntry -Index $index -Key k -Value 1
            Close-HestiaIndex -Index $index
        }
        function Get-Durability { 'a', 'b', 'c' | ForEach-Object { "$((Get-HestiaIndex -LiteralPath (Join-Path $indexes $_)).Durability)" } }
    }
    AfterAll { Remove-Owner $owner }

    It 'takes the canaries back when a threshold is passed, and touches no other' {
        $run = Invoke-Example WalCanary.ps1 '-Path', "$indexes/*", '-StatePath', (Join-Path $folder 'strict.json'), '-Seconds', '1', '-MaxCommitMilliseconds', '0.000001'
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'NOT GOOD .*a: a commit takes'
        Get-Durability | Should -Be Off, Off, Off
    }

    It 'rolls out in stages, and goes on where it was interrupted' {
        $state = Join-Path $folder 'state.json'
        $arguments = '-Path', "$indexes/*", '-StatePath', $state, '-Seconds', '1', '-Canary', '2', '-MaxCommitMilliseconds', '10000', '-MaxStallPercent', '100', '-MaxSlowdown', '1000'
        $run = Invoke-Example WalCanary.ps1 $arguments
        $run.ExitCode | Should -Be 0 -Because $run.Output
        $run.Output | Should -Match 'canary .*a: GroupSync, [\d.]+ writes/s, [1-9]'
        Get-Durability | Should -Be GroupSync, GroupSync, GroupSync

        # As if it had ended between noting a change and making it.
        $null = Set-HestiaIndex -LiteralPath (Join-Path $indexes 'c') -Durability Off
        (Invoke-Example WalCanary.ps1 $arguments).ExitCode | Should -Be 0
        Get-Durability | Should -Be GroupSync, GroupSync, GroupSync

        $back = Invoke-Example WalCanary.ps1 ($arguments + '-RollBack')
        $back.ExitCode | Should -Be 2 -Because $back.Output
        Get-Durability | Should -Be Off, Off, Off
        $null = Stop-Owner $owner
    }

    It 'takes the canary back that slows its writers down' {
        $slow = Join-Path $folder 'slow.json'
        # As if it had written a thousand times more before.
        ConvertTo-Json @(@{ Path = (Join-Path $indexes 'a'); IsCanary = $true; Before = 'Off'; Changed = $true; After = $null
                Baseline = @{ WritesPerSecond = 1e6; SyncsPerSecond = 0; SyncFailures = 0; CommitMilliseconds = 1; StallPercent = 0 } }) | Set-Content -LiteralPath $slow
        $owner = Start-Owner (Join-Path $indexes 'a')
        try {
            $run = Invoke-Example WalCanary.ps1 '-Path', "$indexes/*", '-StatePath', $slow, '-Seconds', '1', '-MaxCommitMilliseconds', '10000', '-MaxStallPercent', '100'
        }
        finally { $null = Stop-Owner $owner }
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'slower than 2 times'
        Get-Durability | Should -Be Off, Off, Off
    }

    It 'goes no further where no canary took a write, unless it is told to' {
        $arguments = '-Path', "$indexes/*", '-StatePath', (Join-Path $folder 'closed.json'), '-Seconds', '1'
        $run = Invoke-Example WalCanary.ps1 $arguments
        $run.ExitCode | Should -Be 1 -Because $run.Output
        $run.Output | Should -Match 'no canary took a write'
        Get-Durability | Should -Be GroupSync, Off, Off
        (Invoke-Example WalCanary.ps1 ($arguments + '-Unmeasured')).ExitCode | Should -Be 0
        Get-Durability | Should -Be GroupSync, GroupSync, GroupSync
        (Invoke-Example WalCanary.ps1 ($arguments + '-RollBack')).ExitCode | Should -Be 2
    }

    It 'takes canaries back that do not pass their check, and stops at others that do not, every time' {
        # Both are found damaged; what their durability is can still be changed.
        foreach ($name in 'a', 'c') {
            $copy = Join-Path $folder "sound-$name"
            Copy-Item -LiteralPath (Join-Path $indexes $name) -Destination $copy -Recurse
            Get-ChildItem (Join-Path $indexes $name 'segments') -Filter *.seg | Remove-Item
        }
        $state = Join-Path $folder 'damaged.json'
        $arguments = '-Path', "$indexes/*", '-StatePath', $state, '-Seconds', '1', '-Unmeasured'
        $run = Invoke-Example WalCanary.ps1 $arguments
        $run.ExitCode | Should -Be 2 -Because $run.Output
        $run.Output | Should -Match 'NOT GOOD .*a: the check says'
        Get-Durability | Should -Be Off, Off, Off

        Remove-Item -LiteralPath (Join-Path $indexes 'a') -Recurse -Force
        Copy-Item -LiteralPath (Join-Path $folder 'sound-a') -Destination (Join-Path $indexes 'a') -Recurse
        foreach ($round in 1, 2) {
            $run = Invoke-Example WalCanary.ps1 $arguments
            $run.ExitCode | Should -Be 1 -Because $run.Output
            $run.Output | Should -Match 'COULD NOT GO ON: .*c: the check says'
        }
    }

    It 'ends with 1 where there is nothing to do it to' {
        (Invoke-Example WalCanary.ps1 '-Path', (New-Folder), '-StatePath', (Join-Path $folder 'none.json')).ExitCode | Should -Be 1
    }
}

Describe 'AzureAutomation.ps1 in a sandbox' -Skip:$noServer {
    BeforeAll {
        $port = { $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0); $listener.Start(); try { $listener.LocalEndpoint.Port } finally { $listener.Stop() } }
        $s3Port = & $port
        $start = [System.Diagnostics.ProcessStartInfo]::new('bash')
        foreach ($argument in (Join-Path $PSScriptRoot '../RadosGateway/radosgw.sh'), (New-Folder), (& $port), $s3Port) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardInput = $true
        $start.RedirectStandardOutput = $true
        $gateway = [System.Diagnostics.Process]::Start($start)
        $gateway.StandardOutput.ReadLine() | Should -Be ready
        $endpoint = "http://127.0.0.1:$s3Port"
        $bucket = 'p' + [guid]::NewGuid().ToString('N').Substring(0, 12)
        $date = [datetime]::UtcNow.ToString('r')
        $hash = [System.Security.Cryptography.HMACSHA1]::new([Text.Encoding]::UTF8.GetBytes('hestia-secret'))
        $signature = [Convert]::ToBase64String($hash.ComputeHash([Text.Encoding]::UTF8.GetBytes("PUT`n`n`n$date`n/$bucket")))
        $null = Invoke-RestMethod -Method Put -Uri "$endpoint/$bucket" -SkipHeaderValidation -Headers @{ Date = $date; Authorization = "AWS hestia-key:$signature" }
        $url = "s3://$bucket/site-1"
        $saved = $env:AWS_ACCESS_KEY_ID, $env:AWS_SECRET_ACCESS_KEY
        $env:AWS_ACCESS_KEY_ID = 'hestia-key'
        $env:AWS_SECRET_ACCESS_KEY = 'hestia-secret'
        $null = New-HestiaRepository $url -Endpoint $endpoint
        $index = New-TestIndex -Count 500
        foreach ($round in 1..3) {
            Set-HestiaEntry -Index $index -Key "round $round" -Value 1
            $null = Backup-HestiaIndex -Index $index -Repository $url
        }
        Close-HestiaIndex -Index $index
    }
    AfterAll {
        $env:AWS_ACCESS_KEY_ID, $env:AWS_SECRET_ACCESS_KEY = $saved
        if ($gateway) {
            $gateway.StandardInput.Close()
            if (-not $gateway.WaitForExit(10000)) { $gateway.Kill($true) }
        }
    }

    It 'lists, verifies, removes and prunes, and does no harm when it starts again' {
        $arguments = '-Form', 'Sandbox', '-Repository', $url, '-Endpoint', $endpoint, '-VerifyPercent', '100', '-KeepDaily', '1'
        $first = Invoke-Example AzureAutomation.ps1 $arguments
        $first.ExitCode | Should -Be 0 -Because $first.Output
        $first.Output | Should -Match 'latest backup of orders'
        $first.Output | Should -Match 'removed 2 of 3 backups'
        $second = Invoke-Example AzureAutomation.ps1 $arguments
        $second.ExitCode | Should -Be 0 -Because $second.Output
        $second.Output | Should -Match 'removed 0 of 1 backups'
        @(Get-HestiaBackup -Repository $url).Count | Should -Be 1
    }

    It 'fails when the newest backup is too old, or when there is no credential of that name' {
        $old = Invoke-Example AzureAutomation.ps1 '-Form', 'Sandbox', '-Repository', $url, '-Endpoint', $endpoint, '-MaximumAge', '1ms'
        $old.ExitCode | Should -Be 1 -Because $old.Output
        $none = Invoke-Example AzureAutomation.ps1 '-Form', 'Sandbox', '-Repository', $url, '-Endpoint', $endpoint, '-CredentialAsset', 'Bucket'
        $none.ExitCode | Should -Be 1
        $none.Output | Should -Match "no Automation credential 'Bucket'"
    }
}
