Describe 'Connect-Mqtt over TLS' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName

        function New-Certificate($Name) {
            $key = [Security.Cryptography.RSA]::Create(2048)
            $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new(
                "CN=$Name", $key, [Security.Cryptography.HashAlgorithmName]::SHA256, [Security.Cryptography.RSASignaturePadding]::Pkcs1)
            $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
            $names.AddDnsName($Name)
            $request.CertificateExtensions.Add($names.Build())
            $now = [DateTimeOffset]::UtcNow
            $certificate = $request.CreateSelfSigned($now.AddDays(-1), $now.AddDays(1))
            [IO.File]::WriteAllText("$folder/$Name.pem", $certificate.ExportCertificatePem())
            [IO.File]::WriteAllText("$folder/$Name.key", $key.ExportPkcs8PrivateKeyPem())
            [IO.File]::WriteAllBytes("$folder/$Name.pfx", $certificate.Export('Pfx', 'secret'))
            [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/$Name.pfx", 'secret')
        }

        $server = New-Certificate 'localhost'
        $null = New-Certificate 'elsewhere'
        $null = New-Certificate 'client'

        # What Connect-Mqtt says to a TLS server with the certificate for localhost: the connection's state, or the error's identifier.
        function Invoke-Tls([string] $Parameters, [switch] $AskForCertificate, $Scheme = 'mqtts') {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            $global:seenCertificate = $null
            try {
                $script = "param(`$folder, `$certificate)
                    try { (Connect-Mqtt ${Scheme}://localhost:$($peer.LocalEndpoint.Port) -ProtocolVersion 3.1.1 -TimeoutSeconds 20 $Parameters).State }
                    catch { `$_.FullyQualifiedErrorId }"
                $other = Start-Other $runspace $script $folder, $server
                $accepted = $peer.AcceptTcpClientAsync()
                while (-not $accepted.Wait(20)) { if ($other.Running.IsCompleted) { return Wait-Other $other } }
                $tls = [Net.Security.SslStream]::new($accepted.Result.GetStream())
                try {
                    $options = [Net.Security.SslServerAuthenticationOptions]::new()
                    $options.ServerCertificate = $server
                    $options.ClientCertificateRequired = [bool] $AskForCertificate
                    $options.CertificateChainPolicy = [Security.Cryptography.X509Certificates.X509ChainPolicy]::new()
                    $options.CertificateChainPolicy.TrustMode = 'CustomRootTrust'
                    $options.CertificateChainPolicy.RevocationMode = 'NoCheck'
                    $trusted = [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/client.pem")
                    $null = $options.CertificateChainPolicy.CustomTrustStore.Add($trusted)
                    $tls.AuthenticateAsServer($options)
                    $null = Read-PeerPacket $tls
                    if ($tls.RemoteCertificate) { $global:seenCertificate = $tls.RemoteCertificate.Subject }
                    Write-PeerBytes $tls 0x20, 2, 0, 0
                }
                catch { $null = $_ }
                Wait-Other $other
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }
    }

    AfterAll { [IO.Directory]::Delete($folder, $true) }

    It 'trusts a certificate by -CACertificate, as a file' { Invoke-Tls '-CACertificate "$folder/localhost.pem"' | Should -Be 'Connected' }

    It 'trusts a certificate by -CACertificate, as an object' { Invoke-Tls '-CACertificate $certificate' | Should -Be 'Connected' }

    It 'takes -Tls for a URI without it' { Invoke-Tls '-CACertificate $certificate -Tls' -Scheme mqtt | Should -Be 'Connected' }

    It 'shows its own certificate: <how>' -ForEach @(
        @{ how = 'PEM and key'; parameters = '-Certificate "$folder/client.pem" -CertificateKey "$folder/client.key"' }
        @{ how = 'PFX and password'; parameters = '-Certificate "$folder/client.pfx" -CertificatePassword (& { $p = [securestring]::new(); "secret".ToCharArray().ForEach({ $p.AppendChar($_) }); $p })' }
    ) {
        Invoke-Tls "-CACertificate `$certificate $parameters" -AskForCertificate | Should -Be 'Connected'
        $global:seenCertificate | Should -Be 'CN=client'
    }

    It 'skips the check when it is told to' { Invoke-Tls '-SkipCertificateCheck' | Should -Be 'Connected' }

    It 'reports: <how>' -ForEach @(
        @{ how = 'a certificate that nobody trusts'; parameters = ''; id = 'MqttCertificateUntrusted' }
        @{ how = 'a file that is not there'; parameters = '-CACertificate "$folder/none.pem"'; id = 'MqttFileNotFound' }
        @{ how = 'a file that is no certificate'; parameters = '-CACertificate "$folder/client.key"'; id = 'MqttCertificateUnreadable' }
        @{ how = 'a certificate without its key'; parameters = '-Certificate "$folder/client.pem"'; id = 'MqttCertificateKeyUnusable' }
        @{ how = 'the key of another certificate'; parameters = '-Certificate "$folder/client.pem" -CertificateKey "$folder/elsewhere.key"'; id = 'MqttCertificateKeyUnusable' }
        @{ how = 'a file whose password is missing'; parameters = '-Certificate "$folder/client.pfx"'; id = 'MqttCertificatePasswordWrong' }
        @{ how = 'a key without its certificate'; parameters = '-CertificateKey "$folder/client.key"'; id = 'MqttInvalidOption' }
    ) {
        Invoke-Tls $parameters | Should -Be "$id,PSMqtt.Commands.ConnectMqttCommand"
    }

    It 'reports a server that speaks no TLS' {
        $broker = Start-MqttBroker
        try {
            { Connect-Mqtt "mqtts://127.0.0.1:$($broker.Port)" -TimeoutSeconds 5 } | Should -Throw -ErrorId 'MqttPeerSpeaksNoTls,PSMqtt.Commands.ConnectMqttCommand'
        }
        finally { $broker | Stop-MqttBroker }
    }
}
