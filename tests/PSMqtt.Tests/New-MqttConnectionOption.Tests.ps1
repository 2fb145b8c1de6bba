Describe 'New-MqttConnectionOption' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'has the documented defaults' {
        $option = New-MqttConnectionOption
        $option.Client.ReceiveMaximum | Should -Be 1000
        $option.Client.EnforceReceiveMaximum | Should -BeFalse
        $option.Client.InFlightMaximum | Should -BeNullOrEmpty
        $option.Client.PublishQueueLimit | Should -Be 100000
        $option.Client.Reconnect.Delay.TotalSeconds | Should -Be 0.25
        $option.Client.Reconnect.DelayMaximum.TotalSeconds | Should -Be 30
        $option.Subscription.QueueLimit | Should -Be 10000
        $option.Subscription.Overflow | Should -Be 'Wait'
    }

    It 'is used by Connect-Mqtt' {
        $connection = Connect-Mqtt $broker.Uri -Option (New-MqttConnectionOption -ReceiveMaximum 5 -QueueLimit 7 -ReconnectDelay 1)
        $connection.Client.Options.ReceiveMaximum | Should -Be 5
        $connection.Client.Options.EnforceReceiveMaximum | Should -BeTrue
        $connection.Client.Options.Reconnect.Delay.TotalSeconds | Should -Be 1
        (Register-MqttSubscription a).Options.QueueLimit | Should -Be 7
    }

    It 'writes every packet to a file with -TracePath, and no secret' {
        $path = [IO.Path]::GetTempFileName()
        try {
            $password = [securestring]::new()
            's3cret'.ToCharArray() | ForEach-Object { $password.AppendChar($_) }
            $credential = [pscredential]::new('somebody', $password)
            $connection = Connect-Mqtt $broker.Uri -Credential $credential -Option (New-MqttConnectionOption -TracePath $path)
            Send-MqttMessage traced x -QoS 1
            Disconnect-Mqtt $connection
            $trace = [IO.File]::ReadAllText($path)
            $trace | Should -Match '-> CONNECT'
            $trace | Should -Match '<- CONNACK'
            $trace | Should -Match '-> PUBLISH.*traced'
            $trace | Should -Match '-> DISCONNECT'
            $trace | Should -Not -Match 's3cret'
        }
        finally { [IO.File]::Delete($path) }
    }

    It 'has certificates looked up for revocation when it is told to: <_>' -ForEach 'Online', 'Offline' {
        (New-MqttConnectionOption).Client.Tls.RevocationMode | Should -Be 'NoCheck'
        $option = New-MqttConnectionOption -CertificateRevocationCheck $_
        $option.Client.Tls.RevocationMode | Should -Be $_
        (Connect-Mqtt $broker.Uri -Option $option).Client.Options.Tls.RevocationMode | Should -Be $_
    }

    It 'refuses what contradicts itself: <how>' -ForEach @(
        @{ how = 'delays'; parameters = @{ ReconnectDelay = 60; ReconnectDelayMaximum = 1 } }
        @{ how = 'half an authentication'; parameters = @{ AuthenticationMethod = 'X' } }
        @{ how = 'a proxy of an unknown kind'; parameters = @{ Proxy = 'ftp://localhost:1' } }
    ) {
        { New-MqttConnectionOption @parameters } | Should -Throw -ErrorId 'MqttInvalidOption,PSMqtt.Commands.NewMqttConnectionOptionCommand'
    }
}
