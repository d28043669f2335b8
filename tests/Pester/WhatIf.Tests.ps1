# -WhatIf of every cmdlet that changes something: says what would happen, in numbers where there are any, and changes nothing.
BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    # The text of each, from one process: what the host prints can be read there only. $ix holds 5 writes that are not flushed; $closed 12 entries that are.
    $script:cases = [ordered]@{
        'Backup-HestiaIndex'          = '-Path $closed -Repository $repository', '*Back up 1 segment (* into *sending 1 segment (*'
        'Backup-HestiaIndex -Wal'     = '-Index $ix -Repository $repository', '*Ship 5 writes of the log (LSN 1 to 5) into the archive in *'
        'Close-HestiaIndex'           = '-Index $ix', '*Close the index and flush 5 writes*orders*'
        'Copy-HestiaBackup'           = '-Repository $repository -BackupId $backup -Destination $other', '*Copy the backup of * (1 segment, *) to *sending 1 segment (*'
        'Export-HestiaIndex'          = '-Path $closed -Destination $new', '*Export 12 entries (* of keys and values) as of LSN 12 to *'
        'Import-HestiaIndex'          = '-Source $export -Path $new', '*Import the Hestia export *export.jsonl* (* B, Utf8 keys, Utf8 values) into a new index*'
        'Invoke-HestiaFlush'          = '-Index $ix', '*Flush 5 writes into segments*'
        'New-HestiaRepository'        = '-Path $new', '*Create a repository*$new*'
        'Open-HestiaIndex'            = '-Path $new -Create', '*Create an index (GroupSync, Utf8 keys, Utf8 values)*$new*'
        'Optimize-HestiaIndex'        = '-Path $closed', '*1 segment*'
        'Optimize-HestiaRepository'   = '-Repository $repository', '*0 *'
        'Register-HestiaRepository'   = 'name $other', "*Register the repository as 'name'*$other*"
        'Remove-HestiaBackup'         = '-Repository $repository -BackupId $backup -AllowRemoveAll', '*Remove the backup*$backup*'
        'Remove-HestiaEntry'          = '-Index $ix -Key a', '*Remove 1 entry*'
        'Remove-HestiaRepositoryKey'  = '-Repository $encrypted -Name second -Passphrase $secret', "*Remove the key 'second'*"
        'Repair-HestiaIndex'          = '-Path $damaged -Force', '*2 findings, 3 steps, 1 file to quarantine/*nothing lost*'
        'Restore-HestiaIndex'         = '-Repository $repository -BackupId $backup -Path $new', '*Restore 1 segment (*'
        'Resume-HestiaIndex'          = '-Index $ix', '*Let writers go on*'
        'Set-HestiaEntry'             = '-Index $ix -Key a -Value b', '*Set 1 entry (2 B)*'
        'Set-HestiaIndex'             = '-Path $closed -Durability Off', '*Change the durability to Off*'
        'Set-HestiaRepositoryKey'     = '-Repository $encrypted -Name third -NewPassphrase $secret -Passphrase $secret', "*Add a passphrase as the key 'third'*"
        'Suspend-HestiaIndex'         = '-Index $ix -Duration 1m', '*Hold the directory still, and writers with it, for 00:01:00 at most*'
        'Unregister-HestiaRepository' = 'registered', "*Forget the name of the repository*registered*"
    }
}

Describe 'WhatIf' {
    AfterAll { Close-TestSession }

    It 'is tried for every cmdlet that has it' {
        $having = (Get-Command -Module HestiaPS | Where-Object { $_.Parameters.ContainsKey('WhatIf') }).Name | Sort-Object
        $having | Should -Be (@($cases.Keys | ForEach-Object { $_.Split(' ')[0] } | Sort-Object -Unique))
        foreach ($name in $having) { (Get-Command $name).Parameters.Keys | Should -Contain Confirm }
    }

    It 'says what would happen and changes nothing, in every one of them' {
        $closed = New-ClosedIndex
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $other = (New-HestiaRepository -Path (New-TestPath others)).Location
        $secret = [securestring]::new()
        'a long passphrase'.ToCharArray() | ForEach-Object { $secret.AppendChar($_) }
        $encrypted = (New-HestiaRepository -Path (New-TestPath encrypted) -Passphrase $secret).Location
        $null = Set-HestiaRepositoryKey -Repository $encrypted -Name second -NewPassphrase $secret -Passphrase $secret
        $backup = (Backup-HestiaIndex -Path $closed -Repository $other | Copy-HestiaBackup -Destination $repository).BackupId
        $null = Remove-Item -LiteralPath $other -Recurse -Force
        $other = (New-HestiaRepository -Path $other).Location
        $second = New-ClosedIndex -Count 12
        $damaged = New-ClosedIndex -Count 100
        $segment = (Get-ChildItem -LiteralPath (Join-Path $damaged segments) -Filter *.seg)[0].FullName
        $bytes = [IO.File]::ReadAllBytes($segment)
        $bytes[100] = $bytes[100] -bxor 1
        [IO.File]::WriteAllBytes($segment, $bytes)
        $export = New-TestPath export.jsonl
        $null = Export-HestiaIndex -Path $second -Destination $export
        $new = New-TestPath new
        $orders = New-TestPath orders
        $folders = $closed, $repository, $other, $encrypted, $damaged, $second
        $before = $folders | ForEach-Object { Get-FolderState $_ }
        $closed, $second = $second, $closed # one that no repository has
        $lines = foreach ($name in $cases.Keys) {
            $command, $more = $name.Split(' ')
            "'== $name'; $command $more $($cases[$name][0]) -WhatIf"
        }
        $given = foreach ($name in 'closed', 'repository', 'other', 'encrypted', 'backup', 'damaged', 'export', 'new') {
            "`$$name = '$(Get-Variable $name -ValueOnly)'"
        }
        $child = Invoke-Child -Environment @{ HOME = (Split-Path $new); XDG_CONFIG_HOME = (Split-Path $new); APPDATA = (Split-Path $new) } -Script (@(
                '$ErrorActionPreference = "Continue"'
                "`$secret = [securestring]::new(); 'a long passphrase'.ToCharArray() | ForEach-Object { `$secret.AppendChar(`$_) }"
                $given
                '$null = Register-HestiaRepository registered $other'
                "`$ix = Open-HestiaIndex -Path '$orders' -Create"
                '1..5 | ForEach-Object { Set-HestiaEntry -Index $ix -Key "k$_" -Value $_ }'
                $lines
                "'== end'; '{0} {1} {2} {3}' -f `$ix.State, `$ix.LastLsn, `$ix.Checkpoint, `$ix.Durability"
                '(Get-HestiaRepository).Name -join ","'
            ) -join "`n")
        $child.Error | Should -BeNullOrEmpty
        $said = @{}
        foreach ($line in $child.Output.Split("`n")) {
            if ($line -match '^== (.*?)\s*$') { $at = $Matches[1]; $said[$at] = '' } else { $said[$at] += $line + "`n" }
        }
        foreach ($name in $cases.Keys) {
            $said[$name] | Should -BeLike 'What if: *' -Because $name
            $said[$name] | Should -BeLike $ExecutionContext.InvokeCommand.ExpandString($cases[$name][1]) -Because $name
        }
        $said['end'] | Should -BeLike 'Ready 5 0 GroupSync*registered*'
        Test-Path -LiteralPath $new | Should -BeFalse
        $folders | ForEach-Object { Get-FolderState $_ } | Should -Be $before
    }
}
