# The module in scripts that nobody watches: pwsh -File, -NonInteractive, signals, jobs and parallel runs.
BeforeDiscovery { $script:unix = -not $IsWindows }
BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Exit codes of pwsh -NonInteractive -File' {
    AfterEach { Close-TestSession }

    It 'is 0 for the whole tour' {
        $folder = Split-Path (New-TestPath)
        $child = Invoke-Child "
            `$ErrorActionPreference = 'Stop'
            Set-Location '$folder'
            `$ix = Open-HestiaIndex -Path ./orders -Create -Durability GroupSync
            1..100 | ForEach-Object { [pscustomobject]@{ Key = `"k`$_`"; Value = `$_ } } | Set-HestiaEntry -Index `$ix
            `$null = Invoke-HestiaFlush -Index `$ix
            `$null = New-HestiaRepository -Path ./backups
            `$null = Backup-HestiaIndex -Index `$ix -Repository ./backups
            `$null = Get-HestiaBackup -Repository ./backups -IndexName orders -Latest | Restore-HestiaIndex -Path ./restored
            (Test-HestiaIndex -Path ./restored).Entries
            Close-HestiaIndex -Index `$ix"
        $child.ExitCode | Should -Be 0 -Because $child.Error
        $child.Output | Should -Be 100
        $child.Error | Should -BeNullOrEmpty
    }

    It 'is 1 for a terminating error, whatever the preference' {
        (Invoke-Child "Open-HestiaIndex -Path '$(Join-Path $TestDrive nothing)'; exit 0").ExitCode | Should -Be 0 -Because 'exit 0 follows'
        $child = Invoke-Child "`$ErrorActionPreference = 'Stop'; Open-HestiaIndex -Path '$(Join-Path $TestDrive nothing)'"
        $child.ExitCode | Should -Be 1
        $child.Error | Should -BeLike '*nothing*'
    }

    It 'is 1 for damage once errors stop the script, and 0 without' {
        $path = New-ClosedIndex -Count 2000
        $segment = (Get-ChildItem (Join-Path $path segments) -Filter *.seg)[0].FullName
        $bytes = [IO.File]::ReadAllBytes($segment)
        $bytes[200] = $bytes[200] -bxor 1
        [IO.File]::WriteAllBytes($segment, $bytes)
        (Invoke-Child "`$ErrorActionPreference = 'Stop'; Test-HestiaIndex -Path '$path'").ExitCode | Should -Be 1
        (Invoke-Child "Test-HestiaIndex -Path '$path' 2>`$null").ExitCode | Should -Be 0
        (Invoke-Child "if (-not (Test-HestiaIndex -Path '$path' -Quiet)) { exit 2 }").ExitCode | Should -Be 2
    }

    It 'never asks: everything that changes something runs under -NonInteractive' {
        $path = New-ClosedIndex
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $child = Invoke-Child "
            `$ErrorActionPreference = 'Stop'
            `$ix = Open-HestiaIndex -Path '$path'
            Set-HestiaEntry -Index `$ix -Key a -Value 1
            Remove-HestiaEntry -Index `$ix -Key a
            `$null = Optimize-HestiaIndex -Index `$ix
            `$backup = Backup-HestiaIndex -Index `$ix -Repository '$repository'
            Close-HestiaIndex `$ix
            `$null = Repair-HestiaIndex -Path '$path' -Force
            `$null = `$backup | Restore-HestiaIndex -Path '$path' -Force
            'done'"
        $child.Output | Should -Be done -Because $child.Error
        $child.ExitCode | Should -Be 0
    }

    It 'closes what a script left open' {
        $path = New-TestPath
        $child = Invoke-Child "`$ix = Open-HestiaIndex -Path '$path' -Create -Durability Off; Set-HestiaEntry -Index `$ix -Key a -Value 1"
        $child.ExitCode | Should -Be 0
        $ix = Open-HestiaIndex -Path $path -WarningVariable warnings
        $warnings | Should -BeNullOrEmpty
        (Get-HestiaEntry -Index $ix -Key a).Value | Should -Be 1 -Because 'closing flushed what no log holds'
    }
}

Describe 'Confirmation' {
    AfterEach { Close-TestSession }

    It 'has no cmdlet whose impact is High but the one that removes backups' {
        foreach ($command in Get-Command -Module HestiaPS | Where-Object Name -NE Remove-HestiaBackup) {
            $attribute = $command.ImplementingType.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
            $attribute.ConfirmImpact | Should -Not -Be High -Because $command.Name
        }
    }

    It 'calls nothing that asks: neither ShouldContinue nor a prompt of the host' {
        $names = [System.Collections.Generic.HashSet[string]]::new()
        $stream = [IO.File]::OpenRead([HestiaPS.IndexSession].Assembly.Location)
        $file = [System.Reflection.PortableExecutable.PEReader]::new($stream)
        try {
            $metadata = [System.Reflection.Metadata.PEReaderExtensions]::GetMetadataReader($file)
            foreach ($handle in $metadata.MemberReferences) { $null = $names.Add($metadata.GetString($metadata.GetMemberReference($handle).Name)) }
        } finally { $file.Dispose() }
        $names | Should -Contain ShouldProcess -Because 'else this looks at the wrong thing'
        foreach ($asking in 'ShouldContinue', 'Prompt', 'PromptForChoice', 'PromptForCredential', 'ReadLine', 'ReadLineAsSecureString', 'ReadKey') {
            $names | Should -Not -Contain $asking
        }
    }

    It 'obeys $WhatIfPreference' {
        $ix = New-TestIndex
        & { $WhatIfPreference = $true; Set-HestiaEntry -Index $ix -Key a -Value 1 }
        $ix.LastLsn | Should -Be 0
    }

    It 'goes on with -Confirm:$false although $ConfirmPreference is Low' {
        $ix = New-TestIndex
        & { $ConfirmPreference = 'Low'; Set-HestiaEntry -Index $ix -Key a -Value 1 -Confirm:$false }
        $ix.LastLsn | Should -Be 1
    }
}

Describe 'Signals' -Skip:(-not $unix) {
    AfterEach { Close-TestSession }

    It 'SIG<_> in the middle of a write leaves an index that opens clean' -ForEach 'TERM', 'HUP' {
        $path = New-TestPath
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path' -Create -Durability GroupSync
            `$next = 0
            & { for (`$i = 1; ; `$i++) {
                [pscustomobject]@{ Key = 'k{0:d9}' -f `$i; Value = `$i }
                if (`$i -eq 2000) { [Console]::Out.WriteLine('going') }
            } } | Set-HestiaEntry -Index `$ix -BatchSize 100 -BatchInterval 1h -PassThru | ForEach-Object {
                if (`$_.Lsn -ge `$next) { [Console]::Out.WriteLine(`$_.Lsn); `$next = `$_.Lsn + 500 }
            }"
        $null = Wait-Output $child 'going'
        Start-Sleep -Milliseconds 300
        Send-Signal $child $_
        $ended = Wait-Child $child -TimeoutSeconds 60
        $ended.ExitCode | Should -Not -Be 0 -Because 'the signal ended it'
        $acknowledged = [long]($ended.Output.Split("`n") | Where-Object { $_ -match '^\d+$' } | Select-Object -Last 1)
        $info = Get-HestiaIndex -Path $path
        $info.InUse | Should -BeFalse
        $ix = Open-HestiaIndex -Path $path -WarningVariable warnings -WarningAction SilentlyContinue
        $warnings | Should -BeNullOrEmpty -Because 'it was closed, not cut off'
        $ix.Recovery.ReplayedRecords | Should -Be 0
        $ix.LastLsn | Should -BeGreaterOrEqual $acknowledged
        $ix.LastLsn % 100 | Should -Be 0 -Because 'a batch is whole or not there'
        @(Get-HestiaEntry -Index $ix).Count | Should -Be $ix.LastLsn
        (Test-HestiaIndex -Index $ix).Healthy | Should -BeTrue
    }

    It 'a hang-up under nohup, which the process survives, leaves its sessions open' -Skip:(-not (Get-Command nohup -ErrorAction Ignore)) {
        $path = New-TestPath
        $child = Start-Child -Prefix nohup "`$ix = Open-HestiaIndex -Path '$path' -Create
            'ready'
            Start-Sleep 3
            Set-HestiaEntry -Index `$ix -Key a -Value 1 -ErrorAction Stop
            'written'"
        $null = Wait-Output $child 'ready'
        Send-Signal $child HUP
        $ended = Wait-Child $child
        $ended.Output | Should -Be written -Because $ended.Error
    }

    It 'Ctrl+C while <Stage> leaves nothing half done' -ForEach @(
        @{ Stage = 'writing'; Script = '& { for ($i = 1; ; $i++) { @{ Key = "w$i"; Value = $i } } } | Set-HestiaEntry -Index $ix' }
        @{ Stage = 'reading'; Script = 'while ($true) { Get-HestiaEntry -Index $ix | Out-Null }' }
        @{ Stage = 'flushing'; Script = 'while ($true) { Add-One; $null = Invoke-HestiaFlush -Index $ix }' }
        @{ Stage = 'compacting'; Script = 'while ($true) { Add-One; $null = Optimize-HestiaIndex -Index $ix }' }
        @{ Stage = 'backing up'; Script = 'while ($true) { Add-One; $null = Backup-HestiaIndex -Index $ix -Repository $repository }' }
        @{ Stage = 'restoring'; Script = 'for ($i = 0; ; $i++) { $null = $backup | Restore-HestiaIndex -Path "$target-$i" }' }
        @{ Stage = 'testing'; Script = 'while ($true) { $null = Test-HestiaIndex -Index $ix -Deep }' }
        @{ Stage = 'verifying'; Script = 'while ($true) { $null = $backup | Test-HestiaBackup -Deep }' }
        @{ Stage = 'opening and closing'; Script = 'while ($true) { Add-One; Close-HestiaIndex $ix; $ix = Open-HestiaIndex -Path $path }' }
        @{ Stage = 'checking the log'; Script = 'while ($true) { Add-One; $null = Test-HestiaWal -Index $ix }' }
        @{ Stage = 'dumping the log'; Script = 'while ($true) { Add-One; Get-HestiaWalRecord -Index $ix | Out-Null }' }
        @{ Stage = 'removing'; Script = 'while ($true) { Add-One; Remove-HestiaEntry -Index $ix -Key x1 }' }
        @{ Stage = 'making repositories'; Script = 'for ($i = 0; ; $i++) { $null = New-HestiaRepository -Path "$target-r$i" }' }
        @{ Stage = 'repairing'; Script = 'while ($true) { Restore-Damaged; $null = Repair-HestiaIndex -Path $broken -Force }' }
    ) {
        $path = New-ClosedIndex -Count 3000
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = Backup-HestiaIndex -Path $path -Repository $repository
        $target = New-TestPath restored
        $broken = New-TestPath broken
        $child = Start-Child "
            `$path = '$path'
            `$broken = '$broken'
            `$repository = '$repository'
            `$target = '$target'
            `$backup = Get-HestiaBackup -Repository '$repository'
            `$ix = Open-HestiaIndex -Path '$path'
            `$count = 0
            function Restore-Damaged {
                `$null = `$backup | Restore-HestiaIndex -Path `$broken -Force
                `$segment = (Get-ChildItem (Join-Path `$broken segments))[0].FullName
                `$bytes = [IO.File]::ReadAllBytes(`$segment)
                `$bytes[200] = `$bytes[200] -bxor 1
                [IO.File]::WriteAllBytes(`$segment, `$bytes)
            }
            function Add-One { Set-HestiaEntry -Index `$ix -Key ('x{0}' -f ++`$script:count) -Value 1 }
            [Console]::Out.WriteLine('going')
            $Script"
        $null = Wait-Output $child 'going'
        Start-Sleep -Milliseconds (Get-Random -Minimum 200 -Maximum 900)
        $child.HasExited | Should -BeFalse -Because 'a failure before the signal would prove nothing'
        Send-Signal $child INT
        $ended = Wait-Child $child -TimeoutSeconds 60
        $ended.Error | Should -BeNullOrEmpty
        (Get-HestiaIndex -Path $path).InUse | Should -BeFalse
        (Test-HestiaIndex -Path $path -Deep).Healthy | Should -BeTrue
        $ix = Open-HestiaIndex -Path $path
        @(Get-HestiaEntry -Index $ix -Prefix k).Count | Should -Be 3000
        # Every backup that is listed can be restored, and every restored folder is whole.
        Get-HestiaBackup -Repository $repository | Test-HestiaBackup -Deep -Quiet | Should -Not -Contain $false
        foreach ($folder in Get-ChildItem -LiteralPath (Split-Path $target) -Directory | Where-Object Name -Like 'restored-*') {
            if ($folder.Name -like 'restored-r*') {
                # A repository is there, and takes a backup, or nothing is, and can be made one.
                if (-not (Test-Path -LiteralPath (Join-Path $folder.FullName repository.json))) { $null = New-HestiaRepository -Path $folder.FullName }
                $null = Backup-HestiaIndex -Index $ix -Repository $folder.FullName
                continue
            }
            if (-not (Test-Path -LiteralPath (Join-Path $folder.FullName index.json))) { continue }
            (Test-HestiaIndex -LiteralPath $folder.FullName).Entries | Should -Be 3000
        }
        $null = Backup-HestiaIndex -Index $ix -Repository $repository
        $null = $backup | Restore-HestiaIndex -Path (New-TestPath again)
        # Whatever an interrupted repair has left, another one finishes it.
        if (Test-Path -LiteralPath $broken) {
            $null = Repair-HestiaIndex -Path $broken -Force
            (Test-HestiaIndex -Path $broken -Deep).Healthy | Should -BeTrue
        }
    }

    It 'a killed process leaves what it was acknowledged, and no lock' {
        $path = New-TestPath
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path' -Create
            1..50 | ForEach-Object { Set-HestiaEntry -Index `$ix -Key `"k`$_`" -Value `$_ }
            'written'; Start-Sleep 60"
        $null = Wait-Output $child 'written'
        Send-Signal $child KILL
        $null = Wait-Child $child
        $ix = Open-HestiaIndex -Path $path -WarningAction SilentlyContinue
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 50
        (Test-HestiaIndex -Index $ix).Healthy | Should -BeTrue
    }
}

Describe 'Parallel runs and jobs' {
    AfterEach { Close-TestSession }

    It 'several runspaces write through one session under ForEach-Object -Parallel' {
        $ix = New-TestIndex
        1..4 | ForEach-Object -ThrottleLimit 4 -Parallel {
            Import-Module $using:ModulePath
            $part = $_
            1..250 | ForEach-Object { [pscustomobject]@{ Key = "p$part-{0:d3}" -f $_; Value = $_ } } | Set-HestiaEntry -Index $using:ix
        }
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 1000
        $ix.LastLsn | Should -Be 1000
        $ix.LastCommittedLsn | Should -Be 1000
        $ix.State | Should -Be Ready -Because 'the end of a runspace closes nothing'
    }

    It 'each runspace can open an index of its own, and the first of several takes one' {
        $folder = Split-Path (New-TestPath)
        $counts = 1..3 | ForEach-Object -ThrottleLimit 3 -Parallel {
            Import-Module $using:ModulePath
            $ix = Open-HestiaIndex -Path (Join-Path $using:folder "own$_") -Create
            Set-HestiaEntry -Index $ix -Key a -Value $_
            @(Get-HestiaEntry -Index $ix).Count
            Close-HestiaIndex $ix
        }
        $counts | Should -Be 1, 1, 1
        $path = New-ClosedIndex
        $outcomes = 1..4 | ForEach-Object -ThrottleLimit 4 -Parallel {
            Import-Module $using:ModulePath
            try { $null = Open-HestiaIndex -Path $using:path; 'opened' } catch { $_.FullyQualifiedErrorId.Split(',')[0] }
        }
        @($outcomes | Where-Object { $_ -eq 'opened' }).Count | Should -Be 1
        @($outcomes | Where-Object { $_ -eq 'IndexInUse' }).Count | Should -Be 3
    }

    It 'a session that came back from a job is not live' {
        $path = New-TestPath
        $job = Start-Job { Import-Module $using:ModulePath; Open-HestiaIndex -Path $using:path -Create }
        $copy = $job | Receive-Job -Wait -AutoRemoveJob
        $copy.Name | Should -Be orders
        $null = Assert-Failure { Set-HestiaEntry -Index $copy -Key a -Value 1 } SessionNotLive -Names orders
    }
}

Describe 'Import' {
    AfterEach { Close-TestSession }

    It 'adds under 0.3 s to the start of pwsh' {
        # Best of several rounds, alternating; more of them where the machine has other work.
        function Measure-Start([string] $Command) {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $options = '-NoProfile', '-NonInteractive', '-Command', $Command
            Start-Process -FilePath $PowerShellExe -ArgumentList $options -Wait -RedirectStandardOutput (Join-Path $TestDrive start.txt)
            $watch.Elapsed.TotalMilliseconds
        }
        $plain = @()
        $with = @()
        $added = [double]::MaxValue
        for ($round = 1; $round -le 10 -and ($round -le 3 -or $added -ge 300); $round++) {
            $plain += Measure-Start '1'
            $with += Measure-Start "Import-Module $ModulePath"
            $added = ($with | Measure-Object -Minimum).Minimum - ($plain | Measure-Object -Minimum).Minimum
        }
        Write-Information ('        Import-Module HestiaPS adds {0:N0} ms' -f $added) -InformationAction Continue
        $added | Should -BeLessThan 300
    }

    It 'exports exactly the cmdlets of the manifest, with approved verbs' {
        $file = if ($ModulePath -like '*.psd1') { $ModulePath } else { Join-Path $ModulePath HestiaPS.psd1 }
        $manifest = Import-PowerShellDataFile $file
        (Get-Command -Module HestiaPS).Name | Sort-Object | Should -Be ($manifest.CmdletsToExport | Sort-Object)
        $verbs = (Get-Verb).Verb
        foreach ($command in Get-Command -Module HestiaPS) { $verbs | Should -Contain $command.Verb }
        (Test-ModuleManifest $file).Name | Should -Be HestiaPS
    }
}
