#requires -Version 7.4
# The module on a real S3 server, which these tests start themselves (tests/RadosGateway), and names for repositories.

BeforeDiscovery {
    $needed = 'radosgw', 'ceph-mon', 'ceph-osd', 'ceph'
    $found = @(Get-Command $needed -CommandType Application -ErrorAction Ignore | Sort-Object Name -Unique)
    $script:noServer = -not ($IsLinux -and $found.Count -eq $needed.Count)
}

BeforeAll {
    . $PSScriptRoot/TestSupport.ps1

    function Get-FreePort {
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        try { $listener.LocalEndpoint.Port } finally { $listener.Stop() }
    }

    function Start-Gateway {
        # The server ends when its standard input is closed, or this process ends.
        $port = Get-FreePort
        $start = [System.Diagnostics.ProcessStartInfo]::new('bash')
        foreach ($argument in (Join-Path $PSScriptRoot '../RadosGateway/radosgw.sh'), (New-TestFolder), (Get-FreePort), $port) {
            $start.ArgumentList.Add($argument)
        }
        $start.RedirectStandardInput = $true
        $start.RedirectStandardOutput = $true
        $process = [System.Diagnostics.Process]::Start($start)
        $line = $process.StandardOutput.ReadLine()
        if ($line -ne 'ready') { throw "radosgw: $line" }
        [pscustomobject]@{ Process = $process; Endpoint = "http://127.0.0.1:$port" }
    }

    function New-TestFolder {
        (New-Item -ItemType Directory -Path (New-TestPath folder)).FullName
    }

    function New-TestBucket([string] $Endpoint) {
        # The module never makes a bucket; this is the old signature, which needs no SDK.
        $name = 'p' + [guid]::NewGuid().ToString('N').Substring(0, 12)
        $date = [datetime]::UtcNow.ToString('r')
        $hash = [System.Security.Cryptography.HMACSHA1]::new([Text.Encoding]::UTF8.GetBytes('hestia-secret'))
        $signature = [Convert]::ToBase64String($hash.ComputeHash([Text.Encoding]::UTF8.GetBytes("PUT`n`n`n$date`n/$name")))
        $null = Invoke-RestMethod -Method Put -Uri "$Endpoint/$name" -SkipHeaderValidation -Headers @{
            Date = $date; Authorization = "AWS hestia-key:$signature"
        }
        $name
    }

    function New-TestCredential([string] $Key, [string] $Text) {
        [pscredential]::new($Key, [System.Net.NetworkCredential]::new('', $Text).SecurePassword)
    }

    $savedRegistry = $env:HESTIAPS_REPOSITORIES
}

AfterAll {
    $env:HESTIAPS_REPOSITORIES = $savedRegistry
}

Describe 'Repositories on S3' -Skip:$noServer {
    BeforeAll {
        $gateway = Start-Gateway
        $credential = New-TestCredential hestia-key hestia-secret
    }
    AfterAll {
        if ($gateway) {
            $gateway.Process.StandardInput.Close()
            if (-not $gateway.Process.WaitForExit(10000)) { $gateway.Process.Kill($true) }
        }
    }
    BeforeEach {
        $env:HESTIAPS_REPOSITORIES = Join-Path (New-TestFolder) repositories.json
        $url = "s3://$(New-TestBucket $gateway.Endpoint)/site-1"
        $settings = @{ Endpoint = $gateway.Endpoint; Credential = $credential }
    }
    AfterEach {
        Close-TestSession
        Remove-Item function:Get-Secret -ErrorAction Ignore
    }

    It 'does all that a folder does, by object and in a pipeline' {
        $repository = New-HestiaRepository $url @settings
        $repository.Location | Should -Be $url
        $repository.Endpoint | Should -Be "$($gateway.Endpoint)/"
        $ix = New-TestIndex -Count 500
        $first = Backup-HestiaIndex -Index $ix -Repository $repository
        Set-HestiaEntry -Index $ix -Key more -Value 1
        $second = Backup-HestiaIndex -Index $ix -Repository $repository
        $second.SegmentsReused | Should -BeGreaterThan 0
        $first, $second | Test-HestiaBackup -Deep | ForEach-Object { $_.Healthy | Should -BeTrue }
        Get-HestiaBackup -Repository $repository | Should -HaveCount 2
        $restored = New-TestPath restored
        $report = Get-HestiaBackup -Repository $repository -Latest | Restore-HestiaIndex -Path $restored
        $report.BackupId | Should -Be $second.BackupId
        $copy = Open-HestiaIndex -Path $restored -ReadOnly
        (Get-HestiaEntry -Index $copy -Key more).Value | Should -Be 1
        @(Get-HestiaEntry -Index $copy).Count | Should -Be 501
    }

    It 'finds it again by its URL in the same process, and not in another' {
        $null = New-HestiaRepository $url @settings
        Get-HestiaBackup -Repository $url | Should -BeNullOrEmpty
        (Get-HestiaRepository $url).Location | Should -Be $url
        $script = "try { Get-HestiaBackup -Repository '$url' -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId }"
        $child = Invoke-Child $script -Environment @{
            AWS_EC2_METADATA_DISABLED = 'true'; AWS_REGION = 'us-east-1'; AWS_ENDPOINT_URL = $gateway.Endpoint
            AWS_SHARED_CREDENTIALS_FILE = '/dev/null'; AWS_CONFIG_FILE = '/dev/null'
        }
        $child.Output | Should -BeLike 'CredentialsMissing,*'
    }

    It 'takes credentials and region from the environment' {
        $null = New-HestiaRepository $url @settings
        $child = Invoke-Child "(Get-HestiaRepository '$url' -Endpoint '$($gateway.Endpoint)').Location" -Environment @{
            AWS_ACCESS_KEY_ID = 'hestia-key'; AWS_SECRET_ACCESS_KEY = 'hestia-secret'
        }
        $child.Output | Should -Be $url -Because $child.Error
    }

    It 'is reached by its registered name, with credentials from a vault' {
        $null = New-HestiaRepository $url @settings
        $registered = Register-HestiaRepository offsite $url -Endpoint $gateway.Endpoint -Vault v -SecretName s
        $registered.Name | Should -Be offsite
        Get-Content -LiteralPath $env:HESTIAPS_REPOSITORIES -Raw | Should -Not -BeLike '*hestia-secret*'
        function global:Get-Secret { param($Name, $Vault) if ($Name -eq 's' -and $Vault -eq 'v') { $script:asked++; $credential } }
        $ix = New-TestIndex -Count 5
        $backup = Backup-HestiaIndex -Index $ix -Repository offsite
        $backup.Repository | Should -Be $url
        ($backup | Test-HestiaBackup).Healthy | Should -BeTrue
        (Get-HestiaBackup OFFSITE).BackupId | Should -Be $backup.BackupId
        (Get-HestiaBackup $registered).BackupId | Should -Be $backup.BackupId
        $repository = Get-HestiaRepository offsite
        $repository.Name | Should -Be offsite
        (Get-HestiaBackup $repository).BackupId | Should -Be $backup.BackupId
    }

    It 'says what is wrong with what the vault gives' {
        $null = Register-HestiaRepository offsite $url -Endpoint $gateway.Endpoint -SecretName s
        if (-not (Get-Command Get-Secret -ErrorAction Ignore)) {
            $null = Assert-Failure { Get-HestiaBackup offsite } SecretModuleMissing -Names offsite, Microsoft.PowerShell.SecretManagement
        }
        function global:Get-Secret { param($Name) if ($Name) { throw 'the vault is locked' } }
        $null = Assert-Failure { Get-HestiaBackup offsite } SecretUnavailable -Names offsite, 'the vault is locked'
        function global:Get-Secret { param($Name) "text $Name" }
        $null = Assert-Failure { Get-HestiaBackup offsite } SecretUnavailable -Names offsite, PSCredential
    }

    It 'names wrong credentials, a missing bucket and a missing repository, without the secret' {
        $null = New-HestiaRepository $url @settings
        $wrong = @{ Endpoint = $gateway.Endpoint; Credential = New-TestCredential hestia-key not-the-secret }
        $record = Assert-Failure { Get-HestiaRepository $url @wrong } CredentialsRejected -Names $url -Category AuthenticationError
        "$($record | Format-List -Force | Out-String) $($record.Exception)" | Should -Not -BeLike '*not-the-secret*'
        $null = Assert-Failure { New-HestiaRepository s3://no-such-bucket/x @settings } ContainerNotFound -Category ObjectNotFound
        $null = Assert-Failure { Get-HestiaRepository "$url-2" @settings } RepositoryNotFound -Names "$url-2"
        $null = Assert-Failure { New-HestiaRepository $url @settings } RepositoryExists -Names $url
    }

    It 'gives up in time on an endpoint where nothing is' {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        $null = Assert-Failure {
            Get-HestiaRepository $url -Endpoint "http://127.0.0.1:$(Get-FreePort)" -Credential $credential -RetryTime '1s'
        } StoreUnavailable -Category ConnectionError
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 10
    }

    It 'keeps the SDK out of the session, in a context that stays when the module goes' {
        $child = Invoke-Child @"
`$secret = [securestring]::new(); 'hestia-secret'.ToCharArray().ForEach({ `$secret.AppendChar(`$_) })
`$credential = [pscredential]::new('hestia-key', `$secret)
function Get-Part { [AppDomain]::CurrentDomain.GetAssemblies().Where({ `$_.GetName().Name -match '^AWSSDK|^Hestia.Backup.S3' }) }
(Get-Part).Count
`$null = New-HestiaRepository $url -Endpoint $($gateway.Endpoint) -Credential `$credential
(Get-Part).ForEach({ [System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext(`$_).Name }) | Sort-Object -Unique
Remove-Module HestiaPS
Import-Module '$ModulePath'
(Get-HestiaRepository $url).Location
(Get-Part).Count -eq (Get-Part | Sort-Object FullName -Unique).Count
'Amazon.S3.AmazonS3Client' -as [type]
"@
        $child.Output.Split("`n").Trim() | Should -Be '0', 'HestiaPS.S3', $url, 'True' -Because $child.Error
    }
}

Describe 'Names for repositories' {
    BeforeEach {
        $env:HESTIAPS_REPOSITORIES = Join-Path $TestDrive "$([guid]::NewGuid())/names/repositories.json"
        $path = New-TestPath backups
        $null = New-HestiaRepository -Path $path
    }
    AfterEach { Close-TestSession }

    It 'stand for a folder wherever -Repository does' {
        (Register-HestiaRepository nas $path).Location | Should -Be $path
        $ix = New-TestIndex -Count 3
        $backup = Backup-HestiaIndex -Index $ix -Repository nas
        $backup.Repository | Should -Be $path
        (Get-HestiaBackup nas).BackupId | Should -Be $backup.BackupId
        (Test-HestiaBackup -Repository NAS -BackupId $backup.BackupId).Healthy | Should -BeTrue
        $target = New-TestPath restored
        (Restore-HestiaIndex -Repository nas -BackupId $backup.BackupId -Path $target).BackupId | Should -Be $backup.BackupId
        (Get-HestiaRepository nas).Location | Should -Be $path
        $line = 'Get-HestiaBackup -Repository n'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain nas
    }

    It 'are listed, replaced only with -Force, and forgotten' {
        Get-HestiaRepository | Should -BeNullOrEmpty
        $null = Register-HestiaRepository a $path
        $null = Register-HestiaRepository b s3://bucket/x -Region eu-central-1 -ProfileName p -PathStyle:$false -RetryTime '30s'
        (Get-HestiaRepository).Name | Should -Be a, b
        $b = Get-HestiaRepository -Name B*
        $b.Location, $b.Region, $b.ProfileName, $b.PathStyle, $b.RetryTime.TotalSeconds |
            Should -Be s3://bucket/x, eu-central-1, p, $false, 30
        $null = Assert-Failure { Register-HestiaRepository A $path } RegistrationExists -Names A -Category ResourceExists
        (Register-HestiaRepository A s3://other -Force).Location | Should -Be s3://other
        (Get-HestiaRepository).Name | Should -Be A, b
        Register-HestiaRepository c $path -WhatIf
        Get-HestiaRepository | Unregister-HestiaRepository
        Get-HestiaRepository | Should -BeNullOrEmpty
        $null = Assert-Failure { Unregister-HestiaRepository a } RepositoryNotRegistered -Names a -Category ObjectNotFound
        $null = Assert-Failure { Get-HestiaRepository -Name a } RepositoryNotRegistered -Names a
    }

    It 'do not stand before a path that says it is one' {
        $null = Register-HestiaRepository backups s3://no-such-bucket-anywhere/x -Endpoint http://127.0.0.1:1
        Push-Location (Split-Path $path)
        try { (Get-HestiaRepository ./backups).Location | Should -Be $path } finally { Pop-Location }
    }

    It 'refuse what does not fit: <Case>' -ForEach @(
        @{ Case = 'a path as name'; Call = { Register-HestiaRepository ./x $path } }
        @{ Case = 'settings for a folder'; Call = { Register-HestiaRepository x $path -Region r } }
        @{ Case = 'a vault without a secret'; Call = { Register-HestiaRepository x s3://bucket -Vault v } }
        @{ Case = 'a secret in the URL'; Call = { Register-HestiaRepository x s3://key:secret@bucket/x } }
        @{ Case = 'a secret in the endpoint'; Call = { Register-HestiaRepository x s3://bucket/x -Endpoint https://key:secret@h } }
        @{ Case = 'a secret and a profile'; Call = { Register-HestiaRepository x s3://bucket -SecretName s -ProfileName p } }
        @{ Case = 'settings and no repository'; Call = { Get-HestiaRepository -Region r } }
        @{ Case = 'settings for a folder at creation'; Call = { New-HestiaRepository "$path-2" -Region r } }
        @{ Case = 'a storage class that is frozen'; Call = { New-HestiaRepository s3://bucket/x -Region r -StorageClass GLACIER } }
        @{ Case = 'a bucket that cannot be'; Call = { New-HestiaRepository s3://Bucket/x -Region r } }
        @{ Case = 'certificates without TLS'; Call = { New-HestiaRepository s3://bucket/x -Endpoint http://h -CACertificatePath /x } }
    ) {
        $null = Assert-Failure $Call InvalidOption -Category InvalidArgument
    }

    It 'repeat nothing that may be a secret' {
        foreach ($call in { New-HestiaRepository s3://AKIA:topsecret@bucket/x -Region r }, { Get-HestiaRepository s3://AKIA:topsecret@bucket/x -Region r }) {
            $failure = Assert-Failure $call InvalidOption
            $failure.Exception.Message | Should -Not -Match topsecret
            "$($failure.TargetObject) $($failure.Exception)" | Should -Not -Match topsecret
        }
    }

    It 'say when their file is damaged' {
        $null = Register-HestiaRepository a $path
        Set-Content -LiteralPath $env:HESTIAPS_REPOSITORIES '{'
        $null = Assert-Failure { Get-HestiaRepository } SettingsDamaged -Names $env:HESTIAPS_REPOSITORIES
        Get-HestiaBackup -Repository $path | Should -BeNullOrEmpty
    }

    It 'survive many that register at once' {
        $null = 1..12 | ForEach-Object -ThrottleLimit 6 -Parallel {
            Import-Module $using:ModulePath
            Register-HestiaRepository "n$_" $using:path
        }
        @(Get-HestiaRepository).Count | Should -Be 12
    }
}
