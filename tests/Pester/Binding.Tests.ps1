# What binds to what: paths, repositories, backups, durations; and what must never bind.
BeforeDiscovery {
    . $PSScriptRoot/TestSupport.ps1
    $script:commands = (Get-Command -Module HestiaPS).Name
}
BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function Get-ParameterAttribute {
        param([string] $Command, [string] $Parameter)
        (Get-Command $Command).Parameters[$Parameter].Attributes | Where-Object { $_ -is [System.Management.Automation.ParameterAttribute] }
    }
}

Describe 'Parameters of <_>' -ForEach $commands {
    AfterEach { Close-TestSession }

    It 'has -LiteralPath with the alias PSPath beside -Path' {
        $parameters = (Get-Command $_).Parameters
        if ($parameters.ContainsKey('Path')) {
            $parameters.ContainsKey('LiteralPath') | Should -BeTrue
            $parameters['LiteralPath'].Aliases | Should -Contain PSPath
        }
    }

    It 'types -Index as a session and -Repository, -BackupId as text' {
        $parameters = (Get-Command $_).Parameters
        $expected = @{ Index = '^HestiaPS\.IndexSession(\[\])?$'; Repository = '^System\.String$'; BackupId = '^System\.String(\[\])?$' }
        foreach ($name in $expected.Keys | Where-Object { $parameters.ContainsKey($_) }) {
            $parameters[$name].ParameterType.FullName | Should -Match $expected[$name]
        }
    }

    It 'says what it emits, and each type has a default view' {
        $types = (Get-Command $_).OutputType.Type
        @($types).Count | Should -BeGreaterThan 0
        foreach ($type in $types | Where-Object { $_ -and $_.Namespace -eq 'HestiaPS' }) {
            Get-FormatData -TypeName $type.FullName -PowerShellVersion $PSVersionTable.PSVersion |
                Should -Not -BeNullOrEmpty -Because $type.FullName
        }
    }
}

Describe 'Restore-HestiaIndex' {
    AfterEach { Close-TestSession }

    It 'never binds a path by property name or from the pipeline' {
        foreach ($parameter in 'Path', 'LiteralPath') {
            foreach ($attribute in Get-ParameterAttribute Restore-HestiaIndex $parameter) {
                $attribute.ValueFromPipelineByPropertyName | Should -BeFalse
                $attribute.ValueFromPipeline | Should -BeFalse
                $attribute.Mandatory | Should -BeTrue
            }
        }
    }

    It 'restores nothing over its source, whatever the piped object says' {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $ix = New-TestIndex -Count 5
        $backup = Backup-HestiaIndex -Index $ix -Repository $repository
        Close-HestiaIndex $ix
        $before = Get-FolderState $ix.Path
        # Where somebody could answer, this would ask for -Path.
        $child = Invoke-Child "
            `$piped = [pscustomobject]@{ BackupId = '$($backup.BackupId)'; Repository = '$repository'; Path = '$($ix.Path)' }
            `$piped | Add-Member LiteralPath '$($ix.Path)'
            `$piped | Add-Member PSPath '$($ix.Path)'
            try { `$piped | Restore-HestiaIndex -Force } catch { `$_.FullyQualifiedErrorId }"
        $child.Output | Should -BeLike 'MissingMandatoryParameter,*'
        $piped = [pscustomobject]@{ BackupId = $backup.BackupId; Repository = $repository; Path = $ix.Path; PSPath = $ix.Path }
        Get-FolderState $ix.Path | Should -Be $before
        ($piped | Restore-HestiaIndex -Path (New-TestPath elsewhere)).Entries | Should -Be 5
        Get-FolderState $ix.Path | Should -Be $before
    }

    It 'takes backups that went through JSON and CSV, by id and repository' {
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $null = New-TestIndex -Count 5 | Backup-HestiaIndex -Repository $repository
        $backup = Get-HestiaBackup -Repository $repository
        ($backup | ConvertTo-Json | ConvertFrom-Json | Restore-HestiaIndex -Path (New-TestPath json)).Entries | Should -Be 5
        ($backup | ConvertTo-Csv | ConvertFrom-Csv | Restore-HestiaIndex -Path (New-TestPath csv)).Entries | Should -Be 5
    }
}

Describe 'Paths' {
    AfterEach { Close-TestSession }

    It 'takes folders from the pipeline by PSPath, with wildcard characters in their names' {
        $folder = Split-Path (New-ClosedIndex -Path (New-TestPath 'a[1]'))
        $null = New-ClosedIndex -Path (Join-Path $folder 'b')
        (Get-ChildItem -LiteralPath $folder | Test-HestiaIndex).Name | Should -Be 'a[1]', b
        (Test-HestiaIndex -Path (Join-Path $folder '*')).Count | Should -Be 2
        (Test-HestiaIndex -LiteralPath (Join-Path $folder 'a[1]')).Healthy | Should -BeTrue
        (Get-Item -LiteralPath $folder).FullName | Join-Path -ChildPath b | Test-HestiaIndex -Quiet | Should -BeTrue
    }

    It 'says PathNotFound where a wildcard matches nothing' {
        $null = Assert-Failure { Test-HestiaIndex -Path (Join-Path $TestDrive 'no*such') } PathNotFound -Names 'no*such'
    }

    It 'takes a path on a drive of the file system provider, and refuses other providers' {
        $path = New-ClosedIndex
        $null = New-PSDrive -Name hestia -PSProvider FileSystem -Root (Split-Path $path) -Scope Global
        try { (Test-HestiaIndex -Path hestia:/orders).Path | Should -Be $path } finally { Remove-PSDrive hestia }
        $null = Assert-Failure { Test-HestiaIndex -Path Env:/PATH } NotAFileSystemPath -Names 'Env:/PATH'
    }

    It 'takes what a restore or a test emitted by its Path' {
        $path = New-ClosedIndex
        (Test-HestiaIndex -Path $path | Repair-HestiaIndex).Changed | Should -BeFalse
        (Get-HestiaIndex -Path $path | Test-HestiaWal).Healthy | Should -BeTrue
    }

    It 'uses the open session where this process has one on the path' {
        $ix = New-TestIndex -Count 5
        (Test-HestiaIndex -Path $ix.Path).Entries | Should -Be 5
        (Invoke-HestiaFlush -Path "$($ix.Path)/").WalCheckpoint | Should -Be 5
        $ix.State | Should -Be Ready
    }
}

Describe 'Repositories' {
    AfterEach { Close-TestSession }

    It 'passes URLs by the provider and says what is wrong with them' {
        $record = Get-Failure { Get-HestiaBackup -Repository 'nowhere://bucket/prefix' }
        $record.Exception.Message | Should -Not -BeLike '*drive*'
        $record.Exception.Message | Should -BeLike '*nowhere://bucket/prefix*'
    }

    It 'takes a repository object, a folder object and a relative path' {
        $path = New-TestPath backups
        $repository = New-HestiaRepository -Path $path
        $null = New-TestIndex -Count 1 | Backup-HestiaIndex -Repository $repository
        (Get-HestiaBackup -Repository $repository).IndexName | Should -Be orders
        (Get-HestiaBackup -Repository (Get-Item $path)).IndexName | Should -Be orders
        Push-Location (Split-Path $path)
        try { (Get-HestiaBackup -Repository ./backups).IndexName | Should -Be orders } finally { Pop-Location }
        $text = [System.Management.Automation.PSSerializer]::Serialize($repository)
        $copy = [System.Management.Automation.PSSerializer]::Deserialize($text)
        (Get-HestiaBackup -Repository $copy).IndexName | Should -Be orders
    }

    It 'completes backup ids and index names' {
        $path = New-TestPath backups
        $null = New-HestiaRepository -Path $path
        $backup = New-TestIndex -Count 1 | Backup-HestiaIndex -Repository $path
        $line = "Restore-HestiaIndex -Repository $path -BackupId "
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain $backup.BackupId
        $line = "Get-HestiaBackup -Repository $path -IndexName o"
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain orders
        $line = 'Open-HestiaIndex x -Durability G'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain GroupSync
    }
}

Describe 'Durations' {
    AfterEach { Close-TestSession }

    It 'takes <Text> as <Expected>' -ForEach @(
        @{ Text = '7d'; Expected = '7.00:00:00' }, @{ Text = '12h'; Expected = '12:00:00' }, @{ Text = '30m'; Expected = '00:30:00' }
        @{ Text = '45s'; Expected = '00:00:45' }, @{ Text = '500ms'; Expected = '00:00:00.5' }, @{ Text = '1.5h'; Expected = '01:30:00' }
        @{ Text = '00:00:05'; Expected = '00:00:05' }
    ) {
        [HestiaPS.DurationTransformationAttribute]::new().Transform($ExecutionContext, $Text) | Should -Be ([timespan]$Expected)
    }

    It 'takes a TimeSpan and refuses <_>' -ForEach 30, '30', '', 'h', '-5s', '5 weeks', '1e9d', '9999999999999d' {
        $transformation = [HestiaPS.DurationTransformationAttribute]::new()
        $transformation.Transform($ExecutionContext, [timespan]::FromSeconds(3)) | Should -Be ([timespan]'00:00:03')
        { $transformation.Transform($ExecutionContext, $_) } | Should -Throw '*not a duration*'
    }
}

Describe 'Default views' {
    AfterEach { Close-TestSession }

    It 'shows sizes in binary units' {
        [HestiaPS.Display]::Size(512) | Should -BeExactly '512 B'
        [HestiaPS.Display]::Size(1536) | Should -BeExactly '1.50 KiB'
        [HestiaPS.Display]::Size(1GB) | Should -BeExactly '1.00 GiB'
        [HestiaPS.Display]::Size(1023) | Should -BeExactly '1.00 KiB'
        [HestiaPS.Display]::Size(150MB) | Should -BeExactly '150 MiB'
    }

    It 'shows times in UTC' {
        [HestiaPS.Display]::Time([datetimeoffset]'2026-04-15T05:00:00+02:00') | Should -BeExactly '2026-04-15 03:00:00Z'
    }

    It 'holds no row back: a script that ends with exit shows them all' {
        $path = New-ClosedIndex
        $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location
        $child = Invoke-Child "Backup-HestiaIndex -Path '$path' -Repository '$repository'; exit 0"
        $child.Output | Should -Match 'bk-.*orders'
    }

    It 'renders every type that the tour emits without an error' {
        $ix = New-TestIndex -Count 20
        $repository = New-HestiaRepository -Path (New-TestPath backups)
        $objects = @(
            $ix
            Get-HestiaEntry -Index $ix -First 1
            Get-HestiaIndex -Path $ix.Path
            Get-HestiaWalRecord -Index $ix
            (Get-HestiaWalRecord -Index $ix).Operations[0]
            Test-HestiaWal -Index $ix
            Invoke-HestiaFlush -Index $ix
            Optimize-HestiaIndex -Index $ix
            Test-HestiaIndex -Index $ix
            $repository
            Backup-HestiaIndex -Index $ix -Repository $repository
            Get-HestiaBackup -Repository $repository
            Get-HestiaBackup -Repository $repository | Test-HestiaBackup
            Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path (New-TestPath restored)
        )
        Close-HestiaIndex $ix
        $objects += Repair-HestiaIndex -Path $ix.Path
        $Error.Clear()
        foreach ($object in $objects) {
            $text = $object | Format-Table | Out-String -Width 220
            $text.Trim().Split("`n").Count | Should -Be 3 -Because "a heading, a line and one row of $($object.GetType().Name)"
            # What does not fit a narrow console is left out, not squeezed into a column of single letters.
            $narrow = ($object | Format-Table | Out-String -Width 80).Trim().Split("`n")
            $narrow.Count | Should -Be 3 -Because "$($object.GetType().Name) in 80 columns"
        }
        $Error | Should -BeNullOrEmpty
    }
}

Describe 'Public types' {
    AfterEach { Close-TestSession }

    It 'say times with their offset: <_>' -ForEach 'IndexSession', 'IndexInfo', 'IndexBackup', 'BackupReport', 'RestoreReport',
    'BackupTestResult', 'IndexTestResult', 'WalTestResult', 'WalRecordInfo', 'RepairResult', 'RepositoryInfo', 'FlushReport',
    'RepositoryRegistration' {
        $types = ([type]"HestiaPS.$_").GetProperties().PropertyType.ForEach({ [Nullable]::GetUnderlyingType($_) ?? $_ })
        $types | Should -Not -Contain ([datetime])
    }

    It 'name the source of a backup so that nothing takes it for a target: <_>' -ForEach 'IndexBackup', 'BackupReport' {
        $names = ([type]"HestiaPS.$_").GetProperties().Name
        $names | Should -Contain SourcePath
        $names | Should -Contain IndexName
        foreach ($forbidden in 'Path', 'LiteralPath', 'PSPath', 'Index') { $names | Should -Not -Contain $forbidden }
    }

    It 'come from no private load context' {
        $default = [System.Runtime.Loader.AssemblyLoadContext]::Default
        foreach ($command in Get-Command -Module HestiaPS) {
            $types = @($command.Parameters.Values.ParameterType) + @($command.OutputType.Type) | Where-Object { $_ }
            $types += $types | Where-Object { $_.Namespace -eq 'HestiaPS' } | ForEach-Object { $_.GetProperties().PropertyType }
            foreach ($type in $types) {
                $element = if ($type.IsArray) { $type.GetElementType() } else { $type }
                [System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext($element.Assembly) |
                    Should -Be $default -Because "$($command.Name): $element"
            }
        }
    }
}
