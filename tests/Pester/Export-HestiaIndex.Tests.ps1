BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Export-HestiaIndex' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $ix = New-TestIndex -Count 300
        $file = New-TestPath orders.jsonl
    }

    It 'writes what the shell shows, line by line' {
        $report = Export-HestiaIndex -Index $ix -Destination $file
        $report | Should -BeOfType HestiaPS.ExportReport
        $report.Path | Should -Be $file
        $report.Entries | Should -Be 300
        $report.Lsn | Should -Be 300
        $report.Bytes | Should -Be (Get-Item $file).Length
        $report.Fingerprint | Should -Match '^[0-9a-f]{64}$'
        $lines = Get-Content $file | ConvertFrom-Json
        $lines[0].format | Should -Be hestia-export
        $lines[1..300].key | Should -Be (Get-HestiaEntry -Index $ix).Key
        $lines[1..300].value | Should -Be (Get-HestiaEntry -Index $ix).Value
        $lines[301].entries | Should -Be 300
        ($report | Out-String) | Should -Match $report.Fingerprint.Substring(0, 12)
    }

    It 'keeps the types: numbers, GUIDs, bytes' {
        $typed = Open-HestiaIndex -Path (New-TestPath typed) -Create -KeyEncoding Int64 -ValueEncoding Guid
        $guid = [guid]::NewGuid()
        Set-HestiaEntry -Index $typed -Key -7 -Value $guid
        Set-HestiaEntry -Index $typed -Key ([long]::MaxValue) -Value ([byte[]](1, 2, 3))
        $null = Export-HestiaIndex -Index $typed -Destination $file
        $lines = Get-Content $file | ConvertFrom-Json
        $lines[1].key | Should -Be -7
        $lines[1].value | Should -Be "$guid"
        $lines[2].key | Should -Be ([long]::MaxValue)
        $lines[2].value.base64 | Should -Be AQID
    }

    It 'takes ranges, limits and gzip, by switch and by name' {
        (Export-HestiaIndex $ix $file -From k00010 -To k00020).Entries | Should -Be 10
        (Export-HestiaIndex $ix $file -From k00010 -To k00020 -ToInclusive -Force).Entries | Should -Be 11
        (Export-HestiaIndex $ix $file -Prefix k0001 -Force).Entries | Should -Be 10
        (Export-HestiaIndex $ix $file -First 7 -Force).Entries | Should -Be 7
        $whole = Export-HestiaIndex $ix "$file.gz"
        $whole.Gzip | Should -BeTrue
        [IO.File]::ReadAllBytes("$file.gz")[0..1] | Should -Be 0x1F, 0x8B
        $folder = Split-Path (New-TestPath)
        (Export-HestiaIndex -Path $ix.Path -Destination $folder -Gzip).Path | Should -Be (Join-Path $folder orders.jsonl.gz)
    }

    It 'exports closed indexes, several into a folder' {
        $one = New-ClosedIndex -Count 3 -Path (New-TestPath one)
        $two = New-ClosedIndex -Count 4 -Path (New-TestPath two)
        $folder = Split-Path (New-TestPath)
        $reports = $one, $two | Export-HestiaIndex -Destination $folder
        $reports.Entries | Should -Be 3, 4
        (Get-ChildItem $folder).Name | Should -Be one.jsonl, two.jsonl
    }

    It 'refuses to overwrite without -Force' {
        Set-Content $file mine
        $null = Assert-Failure { Export-HestiaIndex -Index $ix -Destination $file } FileExists -Names $file -Category ResourceExists
        Get-Content $file | Should -Be mine
        $null = Export-HestiaIndex -Index $ix -Destination $file -Force
        (Get-Content $file).Count | Should -Be 302
        (Get-ChildItem (Split-Path $file)).Count | Should -Be 1
    }

    It 'refuses what cannot be, and says what' {
        $null = Assert-Failure { Export-HestiaIndex -Index $ix -Destination (Join-Path (Split-Path $file) no such) } PathNotFound
        $null = Assert-Failure { Export-HestiaIndex -Index $ix -Destination (Join-Path $ix.Path x.jsonl) } InvalidOption
        $null = Assert-Failure { Export-HestiaIndex -Path (New-TestPath nothing) -Destination $file } PathNotFound
        Test-Path $file | Should -BeFalse
    }

    It 'says with -WhatIf how much it would be' {
        $child = Invoke-Child "Export-HestiaIndex -Path '$(New-ClosedIndex -Count 12)' -Destination '$file' -WhatIf"
        $child.Output | Should -BeLike "*What if:*Export 12 entries*LSN 12*$file*"
        Test-Path $file | Should -BeFalse
    }

    It 'leaves no half file when it is stopped' {
        $ps = [powershell]::Create()
        $null = $ps.AddScript("Import-Module '$ModulePath'; `$ix = Open-HestiaIndex -Path '$(New-TestPath big)' -Create -Durability Off
            1..60000 | ForEach-Object { [pscustomobject]@{ Key = `"k`$_`"; Value = 'v' * 300 } } | Set-HestiaEntry -Index `$ix
            'ready'; Export-HestiaIndex -Index `$ix -Destination '$file.gz'")
        $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
        $run = $ps.BeginInvoke([System.Management.Automation.PSDataCollection[psobject]]::new(), $output)
        $until = [datetime]::UtcNow.AddSeconds(60)
        while ($output.Count -eq 0 -and [datetime]::UtcNow -lt $until) { Start-Sleep -Milliseconds 20 }
        while (-not (Get-ChildItem (Split-Path $file)) -and -not $run.IsCompleted -and [datetime]::UtcNow -lt $until) { }
        $ps.Stop()
        # Stopped in time there is nothing; else it was faster, and the file is whole.
        foreach ($left in Get-ChildItem (Split-Path $file)) {
            $left.Name | Should -Be orders.jsonl.gz
            (Import-HestiaIndex -Source $left.FullName -Path (New-TestPath again)).Entries | Should -Be 60000
        }
        $ps.Dispose()
    }
}
