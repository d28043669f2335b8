# Progress comes from worker threads; only the pipeline thread may write it, and only for work over a second.
BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function Show-Work {
        # What the view writes for work of so many milliseconds that has reported this progress.
        param([int] $Milliseconds, [Hestia.Core.WorkProgress] $Progress)
        $type = [HestiaPS.IndexSession].Assembly.GetType('HestiaPS.ProgressView')
        $view = [Activator]::CreateInstance($type, @('Backing up orders'))
        $null = $type.GetMethod('Report').Invoke($view, @($Progress))
        $written = [System.Collections.Generic.List[System.Management.Automation.ProgressRecord]]::new()
        $write = [System.Action[System.Management.Automation.ProgressRecord]] { param($record) $written.Add($record) }
        $null = $type.GetMethod('ShowUntilDone').Invoke($view, @([System.Threading.Tasks.Task]::Delay($Milliseconds), $write))
        , $written
    }
}

Describe 'Progress' {
    It 'stays silent for work under a second' {
        (Show-Work 100 ([Hestia.Core.WorkProgress]::new('Sending', 1MB, 2MB, 1, 2))).Count | Should -Be 0
    }

    It 'shows bytes, rate, share and time left for longer work, and completes' {
        $records = Show-Work 1600 ([Hestia.Core.WorkProgress]::new('Sending', 512MB, 1GB, 8, 16))
        $records.Count | Should -BeGreaterThan 2
        $records[0].Activity | Should -Be 'Backing up orders'
        $records[0].StatusDescription | Should -Match '^512 MiB of 1\.00 GiB, \d+ MiB/s, 8 of 16$'
        $records[0].CurrentOperation | Should -Be Sending
        $records[0].PercentComplete | Should -Be 50
        $records[0].SecondsRemaining | Should -BeGreaterOrEqual 0
        $records[-1].RecordType | Should -Be Completed
    }

    It 'shows items where bytes are not known' {
        $records = Show-Work 1300 ([Hestia.Core.WorkProgress]::new('Checking', 0, 0, 3, 4))
        $records[0].StatusDescription | Should -Be '3 of 4'
        $records[0].PercentComplete | Should -Be 75
    }
}
