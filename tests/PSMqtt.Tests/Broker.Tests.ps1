# The embedded broker: Start-MqttBroker, Get-MqttBroker, Stop-MqttBroker. It is looked at from outside, by bytes on a socket, so that these tests
# say nothing about the client.

BeforeAll {
    . $PSScriptRoot/TestSetup.ps1

    function Connect-Socket($Broker) {
        $client = [Net.Sockets.TcpClient]::new()
        $client.ReceiveTimeout = 10000
        $client.Connect([Net.IPAddress]::Loopback, $Broker.Port)
        $client
    }

    function Send-Byte($Client, [byte[]]$Bytes) {
        $Client.GetStream().Write($Bytes, 0, $Bytes.Length)
    }

    function Read-Packet($Client) {
        $stream = $Client.GetStream()
        $first = $stream.ReadByte()
        if ($first -lt 0) { return }
        $length = $stream.ReadByte()
        $body = [byte[]]::new($length)
        $stream.ReadExactly($body, 0, $length)
        [byte[]](@($first, $length) + $body)
    }

    # MQTT 3.1.1, clean session, keep-alive 60; with a user name and password where there are some.
    function New-ConnectPacket([string]$ClientId, [string]$UserName, [string]$Password) {
        function ConvertTo-Field([string]$Text) {
            $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
            [byte[]](@(0, $bytes.Length) + $bytes)
        }

        $flags = if ($UserName) { 0xC2 } else { 0x02 }
        $body = @(0, 4, 77, 81, 84, 84, 4, $flags, 0, 60) + (ConvertTo-Field $ClientId)
        if ($UserName) { $body += (ConvertTo-Field $UserName) + (ConvertTo-Field $Password) }
        [byte[]](@(0x10, $body.Length) + $body)
    }

    $accepted = [byte[]](0x20, 2, 0, 0)
}

Describe 'Start-MqttBroker' {
    AfterEach {
        Get-MqttBroker | Stop-MqttBroker
    }

    It 'starts a broker on loopback and a free port' {
        $broker = Start-MqttBroker
        $broker | Should -BeOfType PSMqtt.MqttBroker
        $broker.State | Should -Be 'Running'
        $broker.Port | Should -BeGreaterThan 0
        $broker.Uri | Should -Be "mqtt://127.0.0.1:$($broker.Port)"
        $broker.ClientCount | Should -Be 0

        $listeners = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners()
        $addresses = $listeners.Where({ $_.Port -eq $broker.Port }).ForEach({ "$($_.Address)" })
        $addresses | Should -Be '127.0.0.1'
    }

    It 'starts a broker that speaks MQTT' {
        $broker = Start-MqttBroker
        $client = Connect-Socket $broker
        try {
            Send-Byte $client (New-ConnectPacket 'a-client')
            Read-Packet $client | Should -Be $accepted
            $broker.ClientCount | Should -Be 1
            $broker.Clients[0].ClientId | Should -Be 'a-client'
            $broker.Clients[0].ProtocolVersion | Should -Be '3.1.1'
        }
        finally {
            $client.Dispose()
        }
    }

    It 'starts several at once, each with a name of its own' {
        $first = Start-MqttBroker
        $second = Start-MqttBroker
        $first.Port | Should -Not -Be $second.Port
        $first.Name | Should -Not -Be $second.Name
    }

    It 'listens on the port it is given' {
        $port = (Start-MqttBroker).Port
        Get-MqttBroker | Stop-MqttBroker
        (Start-MqttBroker -Port $port).Port | Should -Be $port
    }

    It 'says so when the port is in use' {
        $broker = Start-MqttBroker
        $thrown = { Start-MqttBroker -Port $broker.Port } |
            Should -Throw -ErrorId 'MqttBrokerPortInUse,PSMqtt.Commands.StartMqttBrokerCommand' -PassThru
        $thrown.CategoryInfo.Category | Should -Be 'ResourceBusy'
        $thrown.TargetObject | Should -Be $broker.Port
        $thrown.ErrorDetails.RecommendedAction | Should -Match '-Port'
        $thrown.Exception.Message | Should -Match $broker.Port
        @(Get-MqttBroker) | Should -HaveCount 1
    }

    It 'says so when the name is taken, and leaves no broker behind' {
        $null = Start-MqttBroker -Name plant
        $thrown = { Start-MqttBroker -Name PLANT } |
            Should -Throw -ErrorId 'MqttBrokerNameInUse,PSMqtt.Commands.StartMqttBrokerCommand' -PassThru
        $thrown.CategoryInfo.Category | Should -Be 'ResourceExists'
        @(Get-MqttBroker) | Should -HaveCount 1
    }

    It 'refuses a port that cannot be one: <_>' -ForEach -1, 65536 {
        { Start-MqttBroker -Port $_ } | Should -Throw -ErrorId 'ParameterArgumentValidationError,*'
    }

    Context 'with -Credential' {
        BeforeEach {
            $password = [securestring]::new()
            'secret'.ToCharArray().ForEach({ $password.AppendChar($_) })
            $broker = Start-MqttBroker -Credential ([pscredential]::new('operator', $password))
        }

        It '<what>' -ForEach @(
            @{ what = 'lets in the right user'; user = 'operator'; secret = 'secret'; answer = 0 }
            @{ what = 'refuses a wrong password'; user = 'operator'; secret = 'Secret'; answer = 4 }
            @{ what = 'refuses another user'; user = 'somebody'; secret = 'secret'; answer = 4 }
            @{ what = 'refuses a client that says nothing'; user = ''; secret = ''; answer = 4 }
        ) {
            $client = Connect-Socket $broker
            try {
                Send-Byte $client (New-ConnectPacket 'a-client' $user $secret)
                (Read-Packet $client)[3] | Should -Be $answer
            }
            finally {
                $client.Dispose()
            }
        }

        It 'shows the password nowhere' {
            "$broker $($broker.Uri)" | Should -Not -Match 'secret'
        }
    }
}

Describe 'the library beneath' {
    It 'is loaded in a context of its own, and the module''s types in none but theirs' {
        $broker = Start-MqttBroker
        try {
            $library = [AppDomain]::CurrentDomain.GetAssemblies().Where({ $_.GetName().Name -like 'MQTTnet*' })
            $library.Count | Should -BeGreaterThan 0
            foreach ($assembly in $library) {
                $context = [Runtime.Loader.AssemblyLoadContext]::GetLoadContext($assembly)
                $context | Should -Not -Be ([Runtime.Loader.AssemblyLoadContext]::Default)
                $context.Name | Should -Be 'PSMqtt.Broker'
            }

            [AppDomain]::CurrentDomain.GetAssemblies().Where({ $_.GetName().Name -eq 'PSMqtt' }) | Should -HaveCount 1
        }
        finally {
            $broker.Dispose()
        }
    }

    It 'is not loaded by importing the module' {
        # In a process of its own: this one may have started a broker before.
        $script = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid()).ps1")
        try {
            [IO.File]::WriteAllText($script, @'
param([string]$ModulePath)
Import-Module $ModulePath -ErrorAction Stop
$names = [AppDomain]::CurrentDomain.GetAssemblies().ForEach({ $_.GetName().Name })
"module: $($names -contains 'PSMqtt'); library: $(@($names -like 'MQTTnet*').Count)"
'@)
            $start = [Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
            $arguments = if ($Host.Name -eq 'PSMqtt.TestHost') {
                $testHost = [IO.Path]::Combine([AppContext]::BaseDirectory, 'PSMqtt.TestHost.dll')
                $(if ([IO.Path]::GetFileNameWithoutExtension([Environment]::ProcessPath) -eq 'dotnet') { $testHost }), 'run', $script
            }
            else {
                '-NoProfile', '-NonInteractive', '-File', $script
            }
            foreach ($argument in @($arguments) + '-ModulePath' + $modulePath) { if ($argument) { $start.ArgumentList.Add($argument) } }
            $start.RedirectStandardOutput = $true
            $process = [Diagnostics.Process]::Start($start)
            $text = $process.StandardOutput.ReadToEnd()
            $process.WaitForExit()
            $text.Trim() | Should -Be 'module: True; library: 0'
        }
        finally {
            [IO.File]::Delete($script)
        }
    }
}

Describe 'Get-MqttBroker' {
    BeforeAll {
        $plant = Start-MqttBroker -Name plant1
        $other = Start-MqttBroker -Name other
    }

    AfterAll {
        Get-MqttBroker | Stop-MqttBroker
    }

    It 'lists all' { (Get-MqttBroker).Name | Should -Be 'other', 'plant1' }
    It 'finds one by name' { Get-MqttBroker PLANT1 | Should -Be $plant }
    It 'understands wildcards' { (Get-MqttBroker 'p*').Name | Should -Be 'plant1' }
    It 'finds nothing by a wildcard without a word' { Get-MqttBroker 'x*' -ErrorAction Stop | Should -BeNullOrEmpty }

    It 'says so when there is none of that name' {
        { Get-MqttBroker nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'MqttBrokerNotFound,PSMqtt.Commands.GetMqttBrokerCommand'
    }

    It 'is shown as a table' {
        $lines = ($plant, $other | Out-String) -split '\r?\n'
        @($lines -match '^Name\s+State\s+Uri\s+Clients') | Should -HaveCount 1
        @($lines -match "^plant1\s+Running\s+mqtt://127\.0\.0\.1:$($plant.Port)\s+0") | Should -HaveCount 1
    }
}

Describe 'Stop-MqttBroker' {
    AfterEach {
        Get-MqttBroker | Stop-MqttBroker
    }

    It 'stops a broker from the pipeline, and its port is free' {
        $broker = Start-MqttBroker
        $broker | Stop-MqttBroker
        $broker.State | Should -Be 'Stopped'
        $broker.ClientCount | Should -Be 0
        Get-MqttBroker | Should -BeNullOrEmpty
        { Connect-Socket $broker } | Should -Throw
    }

    It 'cuts its clients off' {
        $broker = Start-MqttBroker
        $client = Connect-Socket $broker
        try {
            Send-Byte $client (New-ConnectPacket 'a-client')
            $null = Read-Packet $client
            Stop-MqttBroker $broker
            Read-Packet $client | Should -BeNullOrEmpty
        }
        finally {
            $client.Dispose()
        }
    }

    It 'stops by name, wildcards too' {
        $null = Start-MqttBroker -Name a1
        $null = Start-MqttBroker -Name a2
        $null = Start-MqttBroker -Name b
        Stop-MqttBroker -Name 'a*'
        (Get-MqttBroker).Name | Should -Be 'b'
    }

    It 'leaves alone one that has been stopped' {
        $broker = Start-MqttBroker
        $broker.Dispose()
        { Stop-MqttBroker $broker -ErrorAction Stop } | Should -Not -Throw
    }

    It 'does nothing with -WhatIf' {
        $broker = Start-MqttBroker
        Stop-MqttBroker $broker -WhatIf
        $broker.State | Should -Be 'Running'
    }

    It 'says so when there is none of that name' {
        { Stop-MqttBroker -Name nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'MqttBrokerNotFound,PSMqtt.Commands.StopMqttBrokerCommand'
    }
}

Describe 'a runspace that started a broker' {
    It 'takes it along when it is closed' {
        $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
        $runspace.Open()
        $powershell = [powershell]::Create($runspace)
        try {
            $null = $powershell.AddCommand('Import-Module').AddArgument($modulePath).AddStatement().AddCommand('Start-MqttBroker')
            $broker = $powershell.Invoke()[0]
            $broker.State | Should -Be 'Running'
            $mine = Start-MqttBroker

            $runspace.Close()

            $broker.State | Should -Be 'Stopped'
            $mine.State | Should -Be 'Running'
        }
        finally {
            $powershell.Dispose()
            $runspace.Dispose()
            Get-MqttBroker | Stop-MqttBroker
        }
    }
}
