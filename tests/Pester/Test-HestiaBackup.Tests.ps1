BeforeDiscovery {
    $otherUser = $IsLinux -and (& id -u) -eq 0 -and (Get-Command setpriv -ErrorAction Ignore)
}

BeforeAll { . $PSScriptRoot/TestSupport.ps1 }

Describe 'Test-HestiaBackup' {
    AfterEach { Close-TestSession }

    BeforeEach {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $backup = New-TestIndex -Count 500 | Backup-HestiaIndex -Repository $repository
        $object = Get-ChildItem (Join-Path $repository objects) -Recurse -File | Sort-Object Length | Select-Object -Last 1
    }

    It 'finds a good backup healthy, by object, by id and by report' {
        $result = Get-HestiaBackup -Repository $repository | Test-HestiaBackup
        $result | Should -BeOfType HestiaPS.BackupTestResult
        $result.Healthy | Should -BeTrue
        $result.IndexName | Should -Be orders
        $result.ObjectsChecked | Should -BeGreaterThan 0
        $result.Deep | Should -BeFalse
        (Test-HestiaBackup -Repository $repository -BackupId $backup.BackupId -Deep).Deep | Should -BeTrue
        $backup | Test-HestiaBackup -Quiet | Should -BeTrue
    }

    It 'finds a changed byte with -Deep, and a missing object without' {
        $bytes = [IO.File]::ReadAllBytes($object.FullName)
        $bytes[$bytes.Length / 2] = $bytes[$bytes.Length / 2] -bxor 1
        Set-ItemProperty -LiteralPath $object.FullName -Name IsReadOnly -Value $false
        [IO.File]::WriteAllBytes($object.FullName, $bytes)
        $before = Get-FolderState $repository
        $result = $backup | Test-HestiaBackup -Deep -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Healthy | Should -BeFalse
        $result.Findings[0].Message | Should -BeLike "*$($object.Name.Substring(0, 8))*"
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'BackupUnhealthy,*'
        $note = Get-ChildItem (Join-Path $repository locks) -File
        $note.Name | Should -Be "damaged-$($object.Name).json" -Because 'the next backup is to send it again'
        Remove-Item -LiteralPath $note.FullName
        Get-FolderState $repository | Should -Be $before
        Remove-Item -LiteralPath $object.FullName -Force
        $backup | Test-HestiaBackup -Quiet | Should -BeFalse
    }

    It 'says $false with -Quiet, and nothing else, of a backup whose own file is damaged' {
        $file = Get-ChildItem (Join-Path $repository backups) -Recurse -File -Filter "$($backup.BackupId).json"
        Set-ItemProperty -LiteralPath $file.FullName -Name IsReadOnly -Value $false
        [IO.File]::WriteAllText($file.FullName, 'x' + [IO.File]::ReadAllText($file.FullName).Substring(1))
        Test-HestiaBackup -Repository $repository -BackupId $backup.BackupId -Quiet -ErrorVariable errors | Should -BeFalse
        $errors | Should -BeNullOrEmpty
    }

    It 'hashes a sample' {
        $result = $backup | Test-HestiaBackup -SamplePercent 5
        $result.Status | Should -Be Success
        $result.ObjectsHashed | Should -Be 1
        $result.BytesHashed | Should -BeGreaterThan 0
    }

    It 'restores in a drill, measures it, lets it be validated, and leaves nothing behind' {
        $scratch = New-TestPath scratch
        $null = New-Item -ItemType Directory $scratch
        $seen = [System.Collections.Generic.List[object]]::new()
        $result = Test-HestiaBackup -Repository $repository -Latest -Drill -ScratchPath $scratch -Validation {
            param($ix)
            $seen.Add((Get-HestiaEntry -Index $ix -Key k00500).Value)
            $seen.Add($ix.IsReadOnly)
        }
        $result.Status | Should -Be Success
        $result.BackupId | Should -Be $backup.BackupId
        $result.RecoveryTime | Should -BeGreaterThan ([timespan]::Zero)
        $result.RecoveryPoint.UtcDateTime | Should -BeGreaterThan ([datetime]::UtcNow.AddHours(-1))
        $result.Lsn | Should -Be 500
        $result.Entries | Should -Be 500
        $seen | Should -Be 'value 500', $true
        Get-ChildItem -LiteralPath $scratch -Force | Should -BeNullOrEmpty
        @(Get-HestiaIndex).Count | Should -Be 1 -Because 'only the index that was backed up is open'
        ($result | Format-Table | Out-String) | Should -BeLike '*Success*'
    }

    It 'fails a drill by $false, by an error and by damage, and cleans up all the same: <Name>' -ForEach @(
        @{ Name = 'false'; Block = { $false }; Reason = '*$false*' }
        @{ Name = 'throw'; Block = { throw 'no such thing' }; Reason = '*no such thing*' }
        @{ Name = 'error'; Block = { param($ix) Get-HestiaEntry -Index $ix -Key missing }; Reason = '*missing*' }
    ) {
        $scratch = New-TestPath scratch
        $null = New-Item -ItemType Directory $scratch
        $result = $backup | Test-HestiaBackup -Drill -ScratchPath $scratch -Validation $Block -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Status | Should -Be Failed
        $result.Reason | Should -BeLike $Reason
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'BackupUnhealthy,*'
        Get-ChildItem -LiteralPath $scratch -Force | Should -BeNullOrEmpty
    }

    It 'skips a drill for which there is no folder, and says so' {
        $nowhere = New-TestPath nowhere
        $result = $backup | Test-HestiaBackup -Drill -ScratchPath $nowhere -ErrorVariable errors -ErrorAction SilentlyContinue
        $result.Status | Should -Be Skipped
        $result.Reason | Should -BeLike "*$nowhere*"
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'DrillSkipped,*'
        Test-Path -LiteralPath $nowhere | Should -BeFalse
        $null = Assert-Failure { $backup | Test-HestiaBackup -Drill } InvalidOption
    }

    It 'fails a drill of a repository that it may not read, and skips one for which it may not write, whatever the folders are called' -Skip:(-not $otherUser) {
        $base = New-TestPath base
        $null = New-Item -ItemType Directory $base, "$base/scratch", "$base/closed"
        Copy-Item -LiteralPath $repository -Destination "$base/scratch-repo" -Recurse
        & chmod 777 "$base/scratch"
        & chmod -R o+rX "$base/scratch-repo"
        $file = Get-ChildItem "$base/scratch-repo/objects" -Recurse -File | Select-Object -First 1
        & chmod 000 $file.FullName
        $script = @"
foreach (`$scratch in 'scratch', 'closed') {
    `$row = Test-HestiaBackup -Repository '$base/scratch-repo' -Latest -Drill -ScratchPath "$base/`$scratch" -ErrorAction SilentlyContinue
    `$scratch, `$row.Status, `$row.Reason -join '|'
}
"@
        $up = $TestDrive
        while ($up -ne '/' -and $up -ne (Split-Path ([IO.Path]::GetTempPath()))) { & chmod a+rx $up 2>$null; $up = Split-Path $up }
        $child = Invoke-Child $script -Prefix setpriv, '--reuid=65534', '--regid=65534', '--clear-groups' -Environment @{
            HOME = '/tmp'; XDG_CACHE_HOME = '/tmp/none'; POWERSHELL_TELEMETRY_OPTOUT = '1'
        }
        if (-not $child.Output) {
            Set-ItResult -Skipped -Because "another user cannot read the module: $($child.Error)"
            return
        }
        $rows = @($child.Output -split '\r?\n' | Where-Object { $_ })
        $rows[0] | Should -BeLike 'scratch|Failed|*'
        $rows[1] | Should -BeLike 'closed|Skipped|*' -Because 'it is the scratch folder that cannot be written'
        $rows[1] | Should -Not -BeLike '*removed*'
        Get-ChildItem -LiteralPath "$base/scratch", "$base/closed" -Force | Should -BeNullOrEmpty
    }

    It 'has a row for a backup that was there when it was listed' {
        $listed = Get-HestiaBackup -Repository $repository
        Get-ChildItem (Join-Path $repository backups) -Recurse -File -Filter "$($backup.BackupId).json" | Remove-Item
        $row = $listed | Test-HestiaBackup -ErrorVariable errors -ErrorAction SilentlyContinue
        $row.Status | Should -Be Failed
        $row.IndexName | Should -Be $backup.IndexName
        $errors[0].FullyQualifiedErrorId | Should -BeLike 'BackupNotFound,*'
    }

    It 'has one row for each index, also for one without a backup and for one that cannot be read' {
        $other = New-TestIndex -Count 5 -Path (New-TestPath customers)
        $lost = Backup-HestiaIndex -Index $other -Repository $repository
        $rows = Test-HestiaBackup -Repository $repository -Latest -IndexName *, invoices -ErrorAction SilentlyContinue
        $rows.Count | Should -Be 3
        ($rows | Where-Object Status -EQ Failed).IndexName | Should -Be invoices
        $file = Get-ChildItem (Join-Path $repository backups) -Recurse -File -Filter "$($lost.BackupId).json"
        Set-Content -LiteralPath $file.FullName -Value '{}'
        $rows = Test-HestiaBackup -Repository $repository -Latest -ErrorAction SilentlyContinue -WarningAction SilentlyContinue
        $rows.Status | Should -Be Success, Failed
        $rows[1].IndexName | Should -Be $other.Id.ToString()
    }
}
