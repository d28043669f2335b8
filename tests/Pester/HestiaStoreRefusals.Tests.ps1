#requires -Version 7.4
# What cannot be done to a directory that HestiaStore (Java) wrote, or to an export of it: refused by a name that scripts can rely on, with the thing named, a way out, and nothing changed.

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function New-StoreCopy([string] $Name) {
        # A copy of a fixture as a closed directory; its folder.
        $folder = New-TestPath $Name
        $null = New-Item -ItemType Directory -Force -Path $folder
        tar -xzf (Join-Path $PSScriptRoot "../fixtures/hestiastore/$Name.tar.gz") -C $folder --strip-components=1
        if ($LASTEXITCODE -ne 0) { throw "tar ended with $LASTEXITCODE" }
        Get-ChildItem -LiteralPath $folder -Recurse -Force -Filter .lock | Remove-Item -Force
        $folder
    }
}

Describe 'HestiaStoreRefusals' {
    AfterEach { Close-TestSession }

    It 'serves no HestiaStore directory with <name>' -ForEach @(
        @{ name = 'Open-HestiaIndex'; call = { Open-HestiaIndex -Path $path } }
        @{ name = 'Open-HestiaIndex -Create'; call = { Open-HestiaIndex -Path $path -Create } }
        @{ name = 'Invoke-HestiaFlush'; call = { Invoke-HestiaFlush -Path $path } }
        @{ name = 'Optimize-HestiaIndex'; call = { Optimize-HestiaIndex -Path $path } }
        @{ name = 'Suspend-HestiaIndex'; call = { Suspend-HestiaIndex -Path $path -Duration 0:0:5 } }
        @{ name = 'Resume-HestiaIndex'; call = { Resume-HestiaIndex -Path $path } }
        @{ name = 'Set-HestiaIndex'; call = { Set-HestiaIndex -Path $path -Durability Async } }
        @{ name = 'Export-HestiaIndex'; call = { Export-HestiaIndex -Path $path -Destination $other } }
        @{ name = 'Import-HestiaIndex to'; call = { Import-HestiaIndex -Source $export -Path $path } }
        @{ name = 'Import-HestiaIndex -Force to'; call = { Import-HestiaIndex -Source $export -Path $path -Force } }
        @{ name = 'Restore-HestiaIndex to'; call = { Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $path } }
        @{ name = 'Restore-HestiaIndex -Force to'; call = { Get-HestiaBackup -Repository $repository | Restore-HestiaIndex -Path $path -Force } }
    ) {
        $path = New-StoreCopy nowal-closed
        $other = New-TestPath other.jsonl
        $index = New-ClosedIndex
        if ($name -like 'Import*') { $null = Export-HestiaIndex -Path $index -Destination ($export = New-TestPath own.jsonl) }
        if ($name -like 'Restore*') { $null = Backup-HestiaIndex -Path $index -Repository ($repository = (New-HestiaRepository -Path (New-TestPath backups)).Location) }
        $before = Get-FolderState $path
        $record = Assert-Failure $call ForeignFormat -Names $path, 'HestiaStore'
        $record.ErrorDetails.RecommendedAction | Should -BeLike '*Import-HestiaIndex*'
        Get-FolderState $path | Should -Be $before
        Get-ChildItem -LiteralPath $path -Force | ForEach-Object Name | Sort-Object | Should -Be index.map, manifest.txt, segment-00000
        Test-Path -LiteralPath $other | Should -BeFalse
    }

    It 'puts nothing of ours into a HestiaStore directory: <name>' -ForEach @(
        @{ name = 'a repository'; id = 'ForeignFormat'; call = { New-HestiaRepository -Path $path } }
        @{ name = 'an export'; id = 'InvalidOption'; call = { Export-HestiaIndex -Path $index -Destination $path } }
        @{ name = 'an export in place of index.map'; id = 'InvalidOption'; call = { Export-HestiaIndex -Path $index -Destination $path/index.map -Force } }
        @{ name = 'an export among its segments'; id = 'InvalidOption'; call = { Export-HestiaIndex -Path $index -Destination $path/segment-00000/a.jsonl } }
    ) {
        $path = New-StoreCopy nowal-closed
        $index = New-ClosedIndex
        $before = Get-FolderState $path
        $null = Assert-Failure $call $id -Names $path, HestiaStore
        Get-FolderState $path | Should -Be $before
    }

    It 'puts no export into another index of ours' {
        $path = New-ClosedIndex
        $other = New-ClosedIndex
        $before = Get-FolderState $other
        $null = Assert-Failure { Export-HestiaIndex -Path $path -Destination $other } InvalidOption -Names $other, 'another index'
        $null = Assert-Failure { Export-HestiaIndex -Path $path -Destination (Join-Path $other wal/x) -Force } InvalidOption -Names $other
        Get-FolderState $other | Should -Be $before
    }

    It 'names an export of HestiaStore for what it is with <name>: <export>' -ForEach @(
        foreach ($export in 'wal-closed-bundle', 'nowal-long-snappy-jsonl') {
            @{ export = $export; name = 'Open-HestiaIndex'; call = { Open-HestiaIndex -Path $path } }
            @{ export = $export; name = 'Get-HestiaIndex'; call = { Get-HestiaIndex -Path $path } }
            @{ export = $export; name = 'Test-HestiaIndex'; call = { Test-HestiaIndex -Path $path } }
            @{ export = $export; name = 'Repair-HestiaIndex'; call = { Repair-HestiaIndex -Path $path -Force } }
            @{ export = $export; name = 'Test-HestiaWal'; call = { Test-HestiaWal -Path $path } }
            @{ export = $export; name = 'Get-HestiaWalRecord'; call = { Get-HestiaWalRecord -Path $path } }
            @{ export = $export; name = 'Export-HestiaIndex'; call = { Export-HestiaIndex -Path $path -Destination "$path.jsonl" } }
            @{ export = $export; name = 'Backup-HestiaIndex'; call = { Backup-HestiaIndex -Path $path -Repository $repository } }
        }
    ) {
        $path = New-StoreCopy $export
        if ($name -like 'Backup*') { $repository = (New-HestiaRepository -Path (New-TestPath backups)).Location }
        $before = Get-FolderState $path
        $null = Assert-Failure $call ForeignFormat -Names $path, 'an export of HestiaStore (Import-HestiaIndex -Source reads it)'
        Get-FolderState $path | Should -Be $before
    }

    It 'has no log to show of an index without one: <name>' -ForEach @(
        @{ name = 'Test-HestiaWal'; call = { Test-HestiaWal -Path $path } }
        @{ name = 'Test-HestiaWal -Quiet'; call = { Test-HestiaWal -Path $path -Quiet } }
        @{ name = 'Get-HestiaWalRecord'; call = { Get-HestiaWalRecord -Path $path } }
    ) {
        foreach ($fixture in 'nowal-split', 'nowal-long-snappy') {
            $path = New-StoreCopy $fixture
            $before = Get-FolderState $path
            $record = Assert-Failure $call PathNotFound -Names $path, 'no log of HestiaStore'
            $record.ErrorDetails.RecommendedAction | Should -BeLike '*without one*Test-HestiaIndex*'
            Get-FolderState $path | Should -Be $before
        }
    }

    It 'does not call damaged what only is not understood: <name>' -ForEach @(
        @{ name = 'a segment of schema 2'; file = 'segment-00000/manifest.txt'; was = 'schema.version=1'; now = 'schema.version=2'; named = 'schema.version is 2' }
        @{ name = 'an index of schema 3'; file = 'manifest.txt'; was = 'schema.version=2'; now = 'schema.version=3'; named = 'schema.version is 3' }
        @{ name = 'the filter aes-gcm'; file = 'manifest.txt'; was = 'ChunkFilters=p\='; now = 'ChunkFilters=p\=aes-gcm,p\='; named = "'aes-gcm'" }
        @{ name = 'a type of an application'; file = 'manifest.txt'; was = 'valueTypeDescriptor=org.hestiastore.index.datatype'; now = 'valueTypeDescriptor=com.example'
            named = 'com.example.TypeDescriptorShortString' }
    ) {
        $path = New-StoreCopy nowal-closed
        $manifest = Join-Path $path $file
        $text = [IO.File]::ReadAllText($manifest)
        [IO.File]::WriteAllText($manifest, $text.Replace($was, $now))
        [IO.File]::ReadAllText($manifest) | Should -Not -Be $text
        $before = Get-FolderState $path
        foreach ($call in { Test-HestiaIndex -Path $path }, { Repair-HestiaIndex -Path $path -Force }, { Get-HestiaIndex -Path $path }, { Import-HestiaIndex -Source $path -Path "$path.new" }) {
            $record = Assert-Failure $call FormatUnsupported -Names $path, $named
            "$($record.Exception.Message) $($record.ErrorDetails.RecommendedAction)" | Should -Not -BeLike '*damage*' -Because "of $call"
            $record.ErrorDetails.RecommendedAction | Should -BeLike '*version of HestiaStore that wrote it*'
        }
        Test-HestiaIndex -Path $path -Quiet | Should -BeFalse
        Get-FolderState $path | Should -Be $before
        Test-Path -LiteralPath "$path.new" | Should -BeFalse
    }

    It 'does not call a log damaged that is of another version' {
        $path = Join-Path (New-StoreCopy wal-closed) wal
        [IO.File]::WriteAllText((Join-Path $path format.meta), "version=2`nchecksum=-206901109`n")
        $record = Assert-Failure { Test-HestiaWal -Path $path } FormatUnsupported -Names $path, 'version 2'
        $record.Exception.Message | Should -Not -BeLike '*damaged*'
    }

    It 'shows with -WhatIf the plan of a repair, and its losses, and changes nothing' {
        $path = New-StoreCopy nowal-split
        Remove-Item -LiteralPath (Join-Path $path index.map)
        Remove-Item -LiteralPath (Join-Path $path segment-00004/v01-delta-0001.cache)
        $before = Get-FolderState $path
        $text = (Invoke-Child "Repair-HestiaIndex -Path '$path' -WhatIf").Output
        Get-FolderState $path | Should -Be $before
        $text | Should -BeLike "*What if:*Repair '$path'*to quarantine/, 1 range lost.*"
        $text | Should -BeLike '*found: *RouteMapMissing*index.map*would: *segment-00004: *would: *index.map: *to quarantine: segment-00004*lost: Delta file 1 of segment 4*'
        $text | Should -BeLike '*found: *HestiaStore would delete this segment*'
        $text | Should -BeLike '*Without -Force the repair stops here*'

        $plan = (Invoke-Child "Repair-HestiaIndex -Path '$path' -WhatIf -Force").Output
        $plan | Should -Not -BeLike '*Without -Force*'
        $result = Repair-HestiaIndex -Path $path -Force
        foreach ($action in $result.Done) { $plan | Should -BeLike "*would: $([WildcardPattern]::Escape("$($action.File): $($action.Message)"))*" }
        foreach ($loss in $result.Lost) { $plan | Should -BeLike "*lost: $([WildcardPattern]::Escape($loss.Message))*" }
        (Invoke-Child "Repair-HestiaIndex -Path '$path' -WhatIf").Output | Should -BeLike "*Nothing to repair in '$path'*"
    }
}
