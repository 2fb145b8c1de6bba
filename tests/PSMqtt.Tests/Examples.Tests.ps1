# Every block marked powershell in the README and in docs/en-US is checked, and run against embedded brokers.
#
# broker.example.com and broker2.example.com stand for two of them; in a folder of its own lie the files that examples read. An example that needs
# something else of the outside, a proxy or a WebSocket, is only checked.

BeforeDiscovery {
    . "$PSScriptRoot/TestSetup.ps1"
    . "$PSScriptRoot/Pages.ps1"
    $outside = 'proxy\.example\.com|wss?://|unix://|\+srv://|^\./build'
    $provided = 'Get-Credential', './Invoke-LeakRunbook.ps1', './Invoke-Bridge.ps1'
    $isPester = '^\s*Describe '

    $examples = foreach ($file in @("$repository/README.md") + [IO.Directory]::GetFiles($pageDirectory, '*.md')) {
        foreach ($example in Get-PageCode $file) {
            $example.Name = "$($example.Page):$($example.Line) $($example.Heading)"
            $parsed = [Management.Automation.Language.Parser]::ParseInput($example.Code, [ref] $null, [ref] $null)
            $example.Calls = @($parsed.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true))
            $example.IsPester = $example.Code -match $isPester
            $example.Lacks = $example.Calls.ForEach({ $_.GetCommandName() }).Where({
                    $_ -and $_ -notin $provided -and -not (Get-Command $_ -ErrorAction Ignore) })
            $example
        }
    }
    $runnable = $examples.Where({ $_.Code -notmatch $outside })
    $here = $runnable.Where({ -not $_.Lacks -and -not $_.IsPester -and $_.Code -notmatch '-Parallel' })
    $inPwsh = $runnable.Where({ -not $_.IsPester -and $_ -notin $here })
    $pester = $runnable.Where({ $_.IsPester })
}

Describe 'the code of an example' {
    BeforeAll { . "$PSScriptRoot/TestSetup.ps1" }

    It 'is right: <Name>' -ForEach $examples {
        $problems = $null
        $null = [Management.Automation.Language.Parser]::ParseInput($Code, [ref] $null, [ref] $problems)
        $problems.Count | Should -Be 0
        foreach ($call in $Calls.Where({ $_.GetCommandName() -like '*-Mqtt*' })) {
            $command = Get-Command $call.GetCommandName()
            if ($command.CommandType -eq 'Alias') { $command = $command.ResolvedCommand }
            foreach ($element in $call.CommandElements.Where({ $_ -is [Management.Automation.Language.CommandParameterAst] })) {
                # A page shows parameters by their whole names. Those that come with -Server are not there without.
                if ($command.Name -ne 'Connect-Mqtt' -and $call.Extent.Text -match '-Server ') {
                    $known = $command.Parameters.Keys + [PSMqtt.MqttConnection].Assembly.GetType('PSMqtt.Commands.OneShotParameters').GetProperties().Name
                }
                else { $known = $command.Parameters.Keys }
                $known | Should -Contain $element.ParameterName -Because $call.Extent.Text
            }
        }
    }
}

Describe 'the example' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Pages.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        $plant = Start-MqttBroker
        $office = Start-MqttBroker
        $secure = Start-MqttBroker -Tls

        # Readings as they might come from a plant, and a device that answers.
        $feeder = New-OtherRunspace
        $feeding = Start-Other $feeder @'
param($uri, $secureUri, $certificate)
$plant = Connect-Mqtt $uri -Name plant
$secure = Connect-Mqtt $secureUri -CACertificate $certificate -Name secure
$commands = Register-MqttSubscription device/+/command -Connection $plant
'ready'
$i = 0
while ($true) {
    foreach ($message in Receive-MqttMessage -Subscription $commands -TimeoutSeconds 0.1) {
        $device = $message.Topic.Split('/')[1]
        Send-MqttMessage "device/$device/state" ready -QoS 1 -Connection $plant
        if ($message.ResponseTopic) {
            Send-MqttMessage $message.ResponseTopic '{"done":true}' -CorrelationData $message.CorrelationData -QoS 1 -Connection $plant
        }
    }
    $i++
    foreach ($connection in $plant, $secure) {
        Send-MqttMessage plant/line1/temperature @{ celsius = 79.5 + $i % 4 } -Connection $connection
        Send-MqttMessage plant/line2/temperature @{ celsius = 81.5 + $i % 4 } -Connection $connection
    }
}
'@ $plant.Uri, $secure.Uri, $secure.Certificate
        $null = Wait-OtherOutput $feeding

        # Where ForEach-Object -Parallel finds the module, as it does when it is installed.
        $searched = $env:PSModulePath
        $env:PSModulePath = "$([IO.Path]::GetFullPath("$modulePath/../.."))$([IO.Path]::PathSeparator)$searched"

        # The files that examples read.
        [IO.File]::WriteAllText("$folder/ca.pem", $secure.Certificate.ExportCertificatePem())
        $key = [Security.Cryptography.ECDsa]::Create([Security.Cryptography.ECCurve+NamedCurves]::nistP256)
        $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new('CN=plant-logger', $key, 'SHA256')
        $own = $request.CreateSelfSigned([DateTimeOffset]::Now.AddDays(-1), [DateTimeOffset]::Now.AddDays(30))
        [IO.File]::WriteAllText("$folder/client.pem", $own.ExportCertificatePem())
        [IO.File]::WriteAllText("$folder/client.key", $key.ExportPkcs8PrivateKeyPem())
        [IO.File]::WriteAllText("$folder/readings.csv", "Topic,Payload,Retain`nplant/line1/pressure,1.5,False`nplant/line2/pressure,1.75,True`n")
        [IO.File]::WriteAllText("$folder/app.log", "started`nready`n")
        $null = [IO.Directory]::CreateDirectory("$folder/pictures")
        [IO.File]::WriteAllBytes("$folder/pictures/1.jpg", [byte[]] (1..100))
        [IO.File]::WriteAllText("$folder/Invoke-LeakRunbook.ps1", @'
param($Server)
$connection = Connect-Mqtt $Server -Name runbook
Send-MqttMessage pump/command stop -QoS 1 -Connection $connection
$connection | Disconnect-Mqtt
'@)

        # Whoever runs the tests is not asked for a password.
        function New-TestCredential($UserName = 'plant', $Message) {
            $password = [securestring]::new()
            'secret'.ToCharArray().ForEach({ $password.AppendChar($_) })
            [pscredential]::new($UserName, $password)
        }

        function Get-RunnableCode($Code) {
            $Code.Replace('Get-Credential', 'New-TestCredential').Replace('mqtts://broker.example.com', "mqtts://localhost:$($secure.Port)").
                Replace('broker2.example.com', $office.Uri).Replace('broker.example.com', $plant.Uri)
        }

        # Whether it receives until Ctrl+C.
        function Test-Endless($Calls) {
            foreach ($call in $Calls.Where({ $_.GetCommandName() -eq 'Receive-MqttMessage' })) {
                $given = $call.CommandElements.Where({ $_ -is [Management.Automation.Language.CommandParameterAst] }).ParameterName
                $isBounded = $given.Where({ $_ -in 'Count', 'TimeoutSeconds', 'IdleSeconds', 'Until' }).Count -gt 0
                if (-not $isBounded -and ($given -contains 'Wait' -or $given -notcontains 'Subscription')) { return $true }
            }
            $false
        }

        function Invoke-Example($Example) {
            $ErrorActionPreference = 'Stop'
            $PSDefaultParameterValues = @{}
            if ($Example.Code -match 'mqtts://' -and $Example.Code -notmatch '-CACertificate') {
                $PSDefaultParameterValues['Connect-Mqtt:CACertificate'] = $secure.Certificate
            }
            $block = [scriptblock]::Create((Get-RunnableCode $Example.Code))
            if (Test-Endless $Example.Calls) { & $block | Select-Object -First 2 } else { & $block }
        }
    }

    AfterAll {
        $null = Stop-Other $feeding
        $feeder.Dispose()
        Get-MqttConnection | Disconnect-Mqtt
        $plant, $office, $secure | Stop-MqttBroker
        [IO.Directory]::Delete($folder, $true)
        $env:PSModulePath = $searched
    }

    BeforeEach {
        $null = Connect-Mqtt $plant.Uri
        Send-MqttMessage plant/line1/setpoint 21.5 -QoS 1 -Retain
        $path = $ExecutionContext.SessionState.Path
        $where = $path.CurrentLocation
        $null = $path.SetLocation($folder)
    }

    AfterEach {
        # Before the location is another one: an action of an example writes a file.
        $events = $ExecutionContext.Events
        foreach ($subscriber in @($events.Subscribers)) {
            if ($subscriber.SourceIdentifier -notlike 'PowerShell.*') { $events.UnsubscribeEvent($subscriber) }
        }
        Get-MqttConnection | Disconnect-Mqtt
        $null = $path.SetLocation($where)
        Get-MqttBroker | Where-Object { $_ -notin $plant, $office, $secure } | Stop-MqttBroker
    }

    It 'runs: <Name>' -ForEach $here {
        $null = Invoke-Example $_
    }

    It 'runs in PowerShell: <Name>' -Tag RequiresPwsh -ForEach $inPwsh {
        $null = Invoke-Example $_
    }

    It 'is a test that passes: <Name>' -ForEach $pester {
        [IO.File]::WriteAllText("$folder/Example.Tests.ps1", "Import-Module '$modulePath'`n$Code")
        $arguments = if ([Environment]::GetCommandLineArgs()[0] -like '*PSMqtt.TestHost.dll') {
            @([Environment]::GetCommandLineArgs()[0], 'test', "$folder/Example.Tests.ps1")
        }
        else {
            $script = "Import-Module '$((Get-Module Pester).Path)'; `$r = Invoke-Pester '$folder/Example.Tests.ps1' -Output Detailed -PassThru; exit [int] (`$r.Result -ne 'Passed' -or `$r.PassedCount -eq 0)"
            @('-NoProfile', '-NonInteractive', '-Command', $script)
        }
        $start = [Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
        foreach ($argument in $arguments) { $start.ArgumentList.Add($argument) }
        $start.WorkingDirectory = $folder
        $start.RedirectStandardOutput = $true
        $process = [Diagnostics.Process]::Start($start)
        try {
            $said = $process.StandardOutput.ReadToEnd()
            $process.WaitForExit()
            $process.ExitCode | Should -Be 0 -Because $said
        }
        finally { $process.Dispose() }
    }
}

Describe 'the README' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Pages.ps1"
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        Get-MqttBroker | Stop-MqttBroker
    }

    It 'is a session that runs as README.md shows it' {
        $lines = [IO.File]::ReadAllLines("$repository/README.md")
        $typed = 0
        for ($i = 0; $i -lt $lines.Count; $i++) {
            if ($lines[$i] -notmatch '^PS> (.+)$') { continue }
            $typed++
            $line = $Matches[1]
            $expected = if ($lines[$i + 1] -match '^[A-Z]\w+-\w+: (.+)$') { $Matches[1] }
            $problem = $null
            # In this scope: what a line has set, the next ones use.
            foreach ($written in @(. ([scriptblock]::Create($line)) 2>&1)) {
                if ($written -is [Management.Automation.ErrorRecord]) { $problem = $written }
            }
            "$(if ($problem) { $problem.Exception.Message })" | Should -Be "$expected" -Because $line
        }
        $typed | Should -BeGreaterThan 10
    }
}
