# The life of a session: process, runspaces, removal of the module, copies.
BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Sessions' {
    AfterEach { Close-TestSession }

    It 'is not enumerable, so that a pipeline passes it whole' {
        $ix = New-TestIndex -Count 5
        @($ix).Count | Should -Be 1
        ($ix | ForEach-Object { $_.GetType().FullName }) | Should -Be HestiaPS.IndexSession
        $ix -is [System.Collections.IEnumerable] | Should -BeFalse
    }

    It 'shows name, state, durability, LSNs and path by default' {
        $ix = New-TestIndex -Count 5
        $shown = $ix | Out-String -Width 200
        $shown | Should -Match 'Name\s+State\s+Durability\s+ReadOnly\s+LastLsn\s+DurableLsn\s+Path'
        $shown | Should -BeLike "*orders*Ready*GroupSync*5*$($ix.Path)*"
    }

    It 'belongs to the process: another runspace lists and uses it' {
        $ix = New-TestIndex -Count 5
        $shell = [powershell]::Create()
        $use = { param($module) Import-Module $module; $s = Get-HestiaIndex; $s.Name; @(Get-HestiaEntry -Index $s).Count }
        $result = $shell.AddScript($use).AddArgument($ModulePath).Invoke()
        $result | Should -Be orders, 5
        $shell.Dispose()
        $ix.State | Should -Be Ready
    }

    It 'removing the module closes only the sessions of that runspace' {
        $mine = New-TestIndex -Path (New-TestPath mine)
        $path = New-TestPath theirs
        $runspace = [runspacefactory]::CreateRunspace()
        $runspace.Open()
        $shell = [powershell]::Create($runspace)
        $open = { param($module, $path) Import-Module $module; Open-HestiaIndex -Path $path -Create }
        $theirs = $shell.AddScript($open).AddArgument($ModulePath).AddArgument($path).Invoke()[0]
        $theirs.RunspaceId | Should -Be $runspace.InstanceId
        $theirs.State | Should -Be Ready
        $shell.Commands.Clear()
        $null = $shell.AddScript({ Remove-Module HestiaPS }).Invoke()
        $shell.HadErrors | Should -BeFalse
        $theirs.State | Should -Be Closed
        $mine.State | Should -Be Ready
        Set-HestiaEntry -Index $mine -Key a -Value 1
        $mine.LastLsn | Should -Be 1
        $runspace.Dispose()
    }

    It 'a runspace that ends leaves its sessions to the process' {
        $runspace = [runspacefactory]::CreateRunspace()
        $runspace.Open()
        $shell = [powershell]::Create($runspace)
        $open = { param($module, $path) Import-Module $module; Open-HestiaIndex -Path $path -Create }
        $ix = $shell.AddScript($open).AddArgument($ModulePath).AddArgument((New-TestPath)).Invoke()[0]
        $shell.Dispose()
        $runspace.Dispose()
        $ix.State | Should -Be Ready
        Set-HestiaEntry -Index $ix -Key a -Value 1
        (Get-HestiaIndex).Name | Should -Be orders
    }

    It 'removing and importing the module again works in one process' {
        $child = Invoke-Child "
            `$ix = Open-HestiaIndex -Path '$(New-TestPath)' -Create
            Set-HestiaEntry -Index `$ix -Key a -Value 1
            Remove-Module HestiaPS
            `$ix.State
            Import-Module '$ModulePath'
            `$again = Open-HestiaIndex -Path `$ix.Path
            (Get-HestiaEntry -Index `$again -Key a).Value"
        $child.Output.Split("`n").Trim() | Should -Be Closed, 1 -Because $child.Error
        $child.ExitCode | Should -Be 0
    }

    It 'a closed session says SessionNotLive in <_>' -ForEach @(
        'Get-HestiaEntry', 'Set-HestiaEntry', 'Remove-HestiaEntry', 'Invoke-HestiaFlush', 'Optimize-HestiaIndex', 'Test-HestiaIndex',
        'Test-HestiaWal', 'Get-HestiaWalRecord', 'Close-HestiaIndex', 'Backup-HestiaIndex'
    ) {
        $command = $_
        $ix = New-TestIndex -Count 3
        Close-HestiaIndex $ix
        $more = switch ($command) {
            'Set-HestiaEntry' { @{ Key = 'a'; Value = 1 } }
            { $_ -in 'Get-HestiaEntry', 'Remove-HestiaEntry' } { @{ Key = 'a' } }
            'Backup-HestiaIndex' { @{ Repository = (New-HestiaRepository -Path (New-TestPath backups)).Location } }
            default { @{} }
        }
        $before = Get-FolderState $ix.Path
        $null = Assert-Failure { & $command -Index $ix @more } SessionNotLive -Names orders -Category InvalidOperation
        Get-FolderState $ix.Path | Should -Be $before
    }

    It 'a deserialized session says SessionNotLive, by argument and from the pipeline, and is never taken by its path' {
        $ix = New-TestIndex -Count 3
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $copy = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($ix))
        $copy.Path | Should -Be $ix.Path
        $null = Assert-Failure { Get-HestiaEntry -Index $copy -Key k00001 } SessionNotLive -Names orders, 'another process'
        $null = Assert-Failure { Backup-HestiaIndex -Index $copy -Repository $repository } SessionNotLive -Names orders
        $null = Assert-Failure { $copy | Backup-HestiaIndex -Repository $repository } SessionNotLive -Names orders
        $null = Assert-Failure { $copy | Close-HestiaIndex } SessionNotLive -Names orders
        Get-HestiaBackup -Repository $repository | Should -BeNullOrEmpty
        $ix.State | Should -Be Ready
    }

    It 'keeps the last committed LSN readable after a stop and after closing' {
        $ix = New-TestIndex
        { 1..5 | ForEach-Object { if ($_ -eq 5) { throw 'stop' }; [pscustomobject]@{ Key = "k$_"; Value = $_ } } |
                Set-HestiaEntry -Index $ix -BatchSize 2 -BatchInterval 1h } | Should -Throw stop
        $ix.LastCommittedLsn | Should -Be 4
        $ix.LastLsn | Should -Be 4
        $ix.DurableLsn | Should -Be 4
        Close-HestiaIndex $ix
        $ix.LastCommittedLsn, $ix.LastLsn, $ix.DurableLsn | Should -Be 4, 4, 4
    }

    It 'completes the names of open sessions for -Index and Get-HestiaIndex -Name' {
        $null = New-TestIndex -Path (New-TestPath completed)
        (TabExpansion2 'Get-HestiaEntry -Index comp' 27).CompletionMatches.CompletionText |
            Should -Contain '(Get-HestiaIndex -Name completed)'
        (TabExpansion2 'Get-HestiaIndex -Name comp' 26).CompletionMatches.CompletionText | Should -Contain completed
    }
}
