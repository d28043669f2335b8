BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function New-DamagedIndex {
        # A closed index with a byte flipped in the middle of its largest segment.
        $ix = New-TestIndex -Count 2000 -Flush
        Close-HestiaIndex $ix
        $segment = Get-ChildItem (Join-Path $ix.Path segments) -Filter *.seg | Sort-Object Length | Select-Object -Last 1
        $bytes = [IO.File]::ReadAllBytes($segment.FullName)
        $bytes[$bytes.Length / 3] = $bytes[$bytes.Length / 3] -bxor 0x55
        [IO.File]::WriteAllBytes($segment.FullName, $bytes)
        $ix.Path
    }
}

Describe 'Test-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'finds a closed index healthy and changes nothing' {
        $path = New-ClosedIndex -Count 100
        $before = Get-FolderState $path
        $result = Test-HestiaIndex -Path $path
        $result | Should -BeOfType HestiaPS.IndexTestResult
        $result.Healthy | Should -BeTrue
        $result.Entries | Should -Be 100
        $result.Segments | Should -BeGreaterThan 0
        $result.LastLsn | Should -Be 100
        @($result.Findings | Where-Object Severity -EQ Error) | Should -BeNullOrEmpty
        Get-FolderState $path | Should -Be $before
    }

    It 'checks an open session, by -Index, from the pipeline and by its path' {
        $ix = New-TestIndex -Count 10
        (Test-HestiaIndex -Index $ix).Entries | Should -Be 10
        ($ix | Test-HestiaIndex).Healthy | Should -BeTrue
        (Test-HestiaIndex -Path $ix.Path -Deep).Entries | Should -Be 10
        (Test-HestiaIndex $ix.Path).Deep | Should -BeFalse
        (Test-HestiaIndex $ix).Entries | Should -Be 10
    }

    It 'gives only a bool with -Quiet' {
        $path = New-ClosedIndex
        $healthy = Test-HestiaIndex -Path $path -Quiet
        $healthy | Should -BeOfType bool
        $healthy | Should -BeTrue
    }

    It 'reports damage as an object and as a non-terminating error' {
        $path = New-DamagedIndex
        $before = Get-FolderState $path
        $result = Test-HestiaIndex -Path $path -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Healthy | Should -BeFalse
        $result.Findings.Count | Should -BeGreaterThan 0
        $result.Findings[0].File | Should -BeLike '*.seg'
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'IndexUnhealthy,*'
        $errors[0].CategoryInfo.Category | Should -Be InvalidData
        $errors[0].TargetObject | Should -Be $path
        $errors[0].ErrorDetails.RecommendedAction | Should -BeLike '*Repair-HestiaIndex*'
        Get-FolderState $path | Should -Be $before
    }

    It 'gives false and no error with -Quiet on damage' {
        Test-HestiaIndex -Path (New-DamagedIndex) -Quiet -ErrorVariable errors | Should -BeFalse
        $errors | Should -BeNullOrEmpty
    }

    It 'goes on past an index that cannot be tested' {
        $good = New-ClosedIndex
        $results = Test-HestiaIndex -Path (Join-Path $TestDrive missing), $good -ErrorVariable errors -ErrorAction SilentlyContinue
        @($results).Count | Should -Be 1
        $results.Path | Should -Be $good
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'PathNotFound,*'
    }
}
