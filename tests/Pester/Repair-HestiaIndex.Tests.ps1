BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function New-BrokenIndex {
        # A closed index of 600 entries whose larger segment is damaged; without a log that could stand in for it, unless -Durability says so.
        param([string] $Durability = 'Off')
        $ix = Open-HestiaIndex -Path (New-TestPath) -Create -Durability $Durability
        1..500 | ForEach-Object { [pscustomobject]@{ Key = 'k{0:d5}' -f $_; Value = "value $_" } } | Set-HestiaEntry -Index $ix
        $null = Invoke-HestiaFlush -Index $ix
        501..600 | ForEach-Object { [pscustomobject]@{ Key = 'k{0:d5}' -f $_; Value = "value $_" } } | Set-HestiaEntry -Index $ix
        Close-HestiaIndex $ix
        $segments = Get-ChildItem (Join-Path $ix.Path segments) -Filter *.seg | Sort-Object Length
        $bytes = [IO.File]::ReadAllBytes($segments[-1].FullName)
        $middle = [int]($bytes.Length / 3)
        foreach ($i in $middle..($middle + 50)) { $bytes[$i] = 0xAA }
        [IO.File]::WriteAllBytes($segments[-1].FullName, $bytes)
        $ix.Path
    }
}

Describe 'Repair-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'has nothing to do on a healthy index and changes nothing' {
        $path = New-ClosedIndex
        $before = Get-FolderState $path
        $result = Repair-HestiaIndex -Path $path
        $result | Should -BeOfType HestiaPS.RepairResult
        $result.Changed | Should -BeFalse
        $result.Done | Should -BeNullOrEmpty
        $result.Lost | Should -BeNullOrEmpty
        $result.EntriesKept | Should -Be 10
        Get-FolderState $path | Should -Be $before
    }

    It 'stops with RepairWouldLoseData where entries would be lost, and changes nothing' {
        $path = New-BrokenIndex
        $before = Get-FolderState $path
        $null = Assert-Failure { Repair-HestiaIndex -Path $path } RepairWouldLoseData -Names $path
        Get-FolderState $path | Should -Be $before
    }

    It 'prints the whole plan with -WhatIf and changes nothing' {
        $path = New-BrokenIndex
        $before = Get-FolderState $path
        $child = Invoke-Child "Repair-HestiaIndex -Path '$path' -WhatIf"
        $child.Output | Should -BeLike '*What if:*Repair*entries kept*lost*'
        $child.Output | Should -BeLike '*found:*would:*'
        Get-FolderState $path | Should -Be $before
    }

    It 'names in the plan every step, file and loss that the repair then has' {
        $path = New-BrokenIndex
        $plan = (Invoke-Child "Repair-HestiaIndex -Path '$path' -WhatIf -Force").Output
        $result = Repair-HestiaIndex -Path $path -Force
        foreach ($finding in $result.Findings) { $plan | Should -BeLike "*found: *$([WildcardPattern]::Escape($finding.Code))*" }
        foreach ($action in $result.Done) {
            $step = if ($action.File) { "$($action.File): $($action.Message)" } else { $action.Message }
            $plan | Should -BeLike "*would: $([WildcardPattern]::Escape($step))*"
        }
        foreach ($loss in $result.Lost) { $plan | Should -BeLike "*lost: $([WildcardPattern]::Escape($loss.Message))*" }
        ([regex]::Matches($plan, '(?m)^\s+to quarantine: ')).Count | Should -Be $result.Quarantined.Count
        ([regex]::Matches($plan, '(?m)^\s+would: ')).Count | Should -Be $result.Done.Count
        ([regex]::Matches($plan, '(?m)^\s+lost: ')).Count | Should -Be $result.Lost.Count
    }

    It 'salvages with -Force, quarantines, says what is lost, and leaves an index that passes the test' {
        $path = New-BrokenIndex
        $result = Repair-HestiaIndex -Path $path -Force
        $result.Changed | Should -BeTrue
        $result.Findings.Count | Should -BeGreaterThan 0
        $result.Done.Count | Should -BeGreaterThan 0
        $result.Quarantined.Count | Should -BeGreaterThan 0
        $result.Lost.Count | Should -BeGreaterThan 0
        $result.Lost[0].FirstKey | Should -BeOfType string
        $test = Test-HestiaIndex -Path $path
        $test.Healthy | Should -BeTrue
        $test.Entries | Should -Be $result.EntriesKept
        $ix = Open-HestiaIndex -Path $path
        (Get-HestiaEntry -Index $ix -Key k00600).Value | Should -Be 'value 600'
        foreach ($entry in Get-HestiaEntry -Index $ix) { $entry.Value | Should -Be "value $([int]$entry.Key.Substring(1))" }
        Test-Path (Join-Path $path quarantine) | Should -BeTrue
    }

    It 'loses nothing where the log still holds what the segment lost, and needs no -Force then' {
        $path = New-BrokenIndex -Durability GroupSync
        $result = Repair-HestiaIndex -Path $path
        $result.Changed | Should -BeTrue
        $result.Lost | Should -BeNullOrEmpty
        $result.EntriesKept | Should -Be 600
        (Test-HestiaIndex -Path $path -Deep).Healthy | Should -BeTrue
        $ix = Open-HestiaIndex -Path $path
        @(Get-HestiaEntry -Index $ix).Count | Should -Be 600
        foreach ($entry in Get-HestiaEntry -Index $ix) { $entry.Value | Should -Be "value $([int]$entry.Key.Substring(1))" }
    }

    It 'takes the lock: an index that another process has open is refused and left alone' {
        $path = New-BrokenIndex
        $child = Start-Child "`$ix = Open-HestiaIndex -Path '$path'
            'open'; Start-Sleep 60"
        $null = Wait-Output $child 'open'
        try {
            $before = Get-FolderState $path
            $null = Assert-Failure { Repair-HestiaIndex -Path $path -Force } IndexInUse -Names $path, "$($child.Id)"
            Get-FolderState $path | Should -Be $before
        }
        finally {
            Send-Signal $child KILL
            $null = Wait-Child $child
        }
    }

    It 'refuses an index that is open in this process' {
        $ix = New-TestIndex -Count 5
        $null = Assert-Failure { Repair-HestiaIndex -Path $ix.Path } IndexInUse -Names $ix.Path, "$PID"
        $ix.State | Should -Be Ready
    }
}
