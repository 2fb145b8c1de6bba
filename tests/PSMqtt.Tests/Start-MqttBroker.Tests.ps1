BeforeAll {
    . $PSScriptRoot/TestSetup.ps1
    . $PSScriptRoot/Sockets.ps1
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

Describe 'Start-MqttBroker with TLS' {
    AfterEach {
        Get-MqttConnection | Disconnect-Mqtt
        Get-MqttBroker | Stop-MqttBroker
    }

    It 'makes a certificate of its own, which Connect-Mqtt trusts from the pipeline' {
        $connection = Start-MqttBroker -Tls | Connect-Mqtt
        $connection.State | Should -Be 'Connected'
        "$($connection.Server)" | Should -BeLike 'mqtts://127.0.0.1:*'
        (Send-MqttMessage t 1 -QoS 2 -PassThru).Topic | Should -Be 't'
    }

    It 'shows the certificate to be trusted, without its key' {
        $broker = Start-MqttBroker -Tls
        $broker.Certificate.HasPrivateKey | Should -BeFalse
        (Connect-Mqtt $broker.Uri -CACertificate $broker.Certificate).State | Should -Be 'Connected'
        (Connect-Mqtt $broker.Uri.Replace('127.0.0.1', 'localhost') -CACertificate $broker.Certificate).State | Should -Be 'Connected'
        { Connect-Mqtt $broker.Uri -NoReconnect -ErrorAction Stop } | Should -Throw -ErrorId 'MqttCertificateUntrusted,*'
        { Connect-Mqtt $broker.Uri.Replace('mqtts', 'mqtt') -NoReconnect -ErrorAction Stop } | Should -Throw
        (Get-MqttBroker | Connect-Mqtt).State | Should -Be 'Connected'
    }

    It 'takes a certificate <how>' -ForEach @{ how = 'object' }, @{ how = 'PEM file' }, @{ how = 'PEM file and a key file with a password' } {
        $key = [Security.Cryptography.ECDsa]::Create([Security.Cryptography.ECCurve]::CreateFromFriendlyName('nistP256'))
        $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new('CN=localhost', $key, 'SHA256')
        $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
        $names.AddDnsName('localhost')
        $request.CertificateExtensions.Add($names.Build($false))
        $certificate = $request.CreateSelfSigned([datetimeoffset]::UtcNow.AddDays(-1), [datetimeoffset]::UtcNow.AddDays(1))
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        try {
            [IO.File]::WriteAllText("$folder/own.pem", $certificate.ExportCertificatePem() + "`n" + $key.ExportPkcs8PrivateKeyPem())
            [IO.File]::WriteAllText("$folder/certificate.pem", $certificate.ExportCertificatePem())
            $password = [securestring]::new()
            'secret'.ToCharArray().ForEach({ $password.AppendChar($_) })
            $parameters = [Security.Cryptography.PbeParameters]::new('Aes256Cbc', 'SHA256', 1000)
            [IO.File]::WriteAllText("$folder/key.pem", $key.ExportEncryptedPkcs8PrivateKeyPem('secret'.ToCharArray(), $parameters))
            $broker = switch ($how) {
                'object' { Start-MqttBroker -Certificate $certificate }
                'PEM file' { Start-MqttBroker -Certificate "$folder/own.pem" }
                default { Start-MqttBroker -Certificate "$folder/certificate.pem" -CertificateKey "$folder/key.pem" -CertificatePassword $password }
            }
            # By the name that the certificate is for.
            $broker.Uri | Should -Be "mqtts://localhost:$($broker.Port)"
            ($broker | Connect-Mqtt).State | Should -Be 'Connected'
        }
        finally {
            [IO.Directory]::Delete($folder, $true)
            $key.Dispose()
        }
    }

    It 'says what is wrong with <what>' -ForEach @(
        @{ what = 'a file that is not there'; parameters = @{ Certificate = 'nowhere.pem' }; id = 'MqttCertificateFileNotFound' }
        @{ what = 'a file that is no certificate'; parameters = @{ Certificate = "$PSScriptRoot/TestSetup.ps1" }; id = 'MqttNotACertificate' }
        @{ what = 'a key alone'; parameters = @{ CertificateKey = 'key.pem' }; id = 'MqttInvalidOption' }
    ) {
        { Start-MqttBroker @parameters } | Should -Throw -ErrorId "$id,PSMqtt.Commands.StartMqttBrokerCommand"
        Get-MqttBroker | Should -BeNullOrEmpty
    }
}
