Describe 'Connect-Mqtt over TLS' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName

        function New-Secret([string] $Text) {
            $secret = [securestring]::new()
            $Text.ToCharArray().ForEach({ $secret.AppendChar($_) })
            $secret
        }

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
            $cipher = [Security.Cryptography.PbeParameters]::new('Aes256Cbc', [Security.Cryptography.HashAlgorithmName]::SHA256, 1000)
            [IO.File]::WriteAllText("$folder/$Name.locked", $key.ExportEncryptedPkcs8PrivateKeyPem('secret', $cipher))
            [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/$Name.pfx", 'secret')
        }

        $server = New-Certificate 'localhost'
        $null = New-Certificate 'elsewhere'
        $null = New-Certificate 'client'
        [IO.File]::WriteAllText("$folder/text", 'not a certificate')
        [IO.File]::WriteAllText("$folder/both.pem", [IO.File]::ReadAllText("$folder/client.pem") + "`n" + [IO.File]::ReadAllText("$folder/client.key"))
        [IO.File]::WriteAllBytes("$folder/public.pfx", [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/client.pem").Export('Pfx'))

        $seen = @{}

        # What Connect-Mqtt says to a TLS server with the certificate for localhost: the connection's state, or the error's identifier.
        function Invoke-Tls([string] $Parameters, [switch] $AskForCertificate, $Scheme = 'mqtts', $Version = '3.1.1', [byte[]] $Answer = @(0x20, 2, 0, 0)) {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            $seen.Certificate = $null
            try {
                $script = "param(`$folder, `$certificate, `$seen)
                    try { (Connect-Mqtt ${Scheme}://localhost:$($peer.LocalEndpoint.Port) -ProtocolVersion $Version -TimeoutSeconds 60 -ErrorAction Stop $Parameters).State }
                    catch { `$_.FullyQualifiedErrorId; `$seen.Message = `"`$_`" }"
                $other = Start-Other $runspace $script $folder, $server, $seen
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
                    if ($tls.RemoteCertificate) { $seen.Certificate = $tls.RemoteCertificate.Subject }
                    Write-PeerBytes $tls $Answer
                }
                catch { $tls.Dispose() }
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
        @{ how = 'PEM with its key'; parameters = '-Certificate "$folder/both.pem"' }
        @{ how = 'a file object'; parameters = '-Certificate ([IO.FileInfo]::new("$folder/both.pem"))' }
        @{ how = 'a certificate object'; parameters = '-Certificate ([Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile("$folder/both.pem"))' }
        @{ how = 'PEM and encrypted key'; parameters = '-Certificate "$folder/client.pem" -CertificateKey "$folder/client.locked" -CertificatePassword (& { $p = [securestring]::new(); "secret".ToCharArray().ForEach({ $p.AppendChar($_) }); $p })' }
        @{ how = 'PFX and password'; parameters = '-Certificate "$folder/client.pfx" -CertificatePassword (& { $p = [securestring]::new(); "secret".ToCharArray().ForEach({ $p.AppendChar($_) }); $p })' }
    ) {
        Invoke-Tls "-CACertificate `$certificate $parameters" -AskForCertificate | Should -Be 'Connected'
        $seen.Certificate | Should -Be 'CN=client'
    }

    It 'takes several authorities, and files with a password' {
        $password = '-CertificatePassword (& { $p = [securestring]::new(); "secret".ToCharArray().ForEach({ $p.AppendChar($_) }); $p })'
        Invoke-Tls '-CACertificate "$folder/elsewhere.pem", $certificate' | Should -Be 'Connected'
        Invoke-Tls '-CACertificate ([Security.Cryptography.X509Certificates.X509Certificate2Collection]::new($certificate))' | Should -Be 'Connected'
        Invoke-Tls "-CACertificate `"`$folder/elsewhere.pem`", `"`$folder/localhost.pfx`" $password" | Should -Be 'Connected'
        Invoke-Tls "-CACertificate `"`$folder/localhost.pem`" -Certificate `"`$folder/client.pfx`" $password" -AskForCertificate | Should -Be 'Connected'
    }

    It 'skips the check when it is told to' { Invoke-Tls '-SkipCertificateCheck' | Should -Be 'Connected' }

    It 'reports a server that wants a client certificate, or another one: <how>' -ForEach @(
        @{ how = 'none is given'; own = '' }
        @{ how = 'it does not trust the one that is given'; own = '-Certificate "$folder/elsewhere.pem" -CertificateKey "$folder/elsewhere.key"' }
    ) {
        Invoke-Tls "-CACertificate `$certificate $own" -AskForCertificate | Should -Be 'MqttClientCertificateRequired,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'says why a server reference is not followed, when it would lead out of TLS' {
        $reference = [Text.Encoding]::UTF8.GetBytes('mqtt://other.invalid')
        # CONNACK: server moved (0x9D), Server Reference.
        $answer = [byte[]] (@(0x20, ($reference.Count + 6), 0, 0x9D, ($reference.Count + 3), 0x1C, 0, $reference.Count) + $reference)
        Invoke-Tls '-CACertificate $certificate -Option (New-MqttConnectionOption -FollowServerReference) -NoReconnect' -Version 5.0 -Answer $answer |
            Should -Be 'MqttConnectRefused,PSMqtt.Commands.ConnectMqttCommand'
        $seen.Message | Should -BeLike "*It is not followed: 'mqtt://other.invalid:1883' is without TLS*"
    }

    It 'reports a certificate that nobody trusts' { Invoke-Tls '' | Should -Be 'MqttCertificateUntrusted,PSMqtt.Commands.ConnectMqttCommand' }

    It 'reports before it connects: <how>' -ForEach @(
        @{ how = 'a file that is not there'; use = @{ CACertificate = 'none.pem' }; id = 'MqttCertificateFileNotFound' }
        @{ how = 'a drive that is not there'; use = @{ Certificate = 'NoSuchDrive:none.pem' }; id = 'MqttCertificateFileNotFound' }
        @{ how = 'a key file that is not there'; use = @{ Certificate = 'client.pem'; CertificateKey = 'none.key' }; id = 'MqttCertificateFileNotFound' }
        @{ how = 'a folder instead of a file'; use = @{ CACertificate = '.' }; id = 'MqttCertificateUnreadable' }
        @{ how = 'a file that is no certificate'; use = @{ CACertificate = 'client.key' }; id = 'MqttNotACertificate' }
        @{ how = 'one bad file among good ones'; use = @{ CACertificate = 'localhost.pem', 'text' }; id = 'MqttNotACertificate' }
        @{ how = 'a certificate without its key'; use = @{ Certificate = 'client.pem' }; id = 'MqttCertificateKeyMissing' }
        @{ how = 'a PFX file without a key'; use = @{ Certificate = 'public.pfx' }; id = 'MqttCertificateKeyMissing' }
        @{ how = 'a key file without a key'; use = @{ Certificate = 'client.pem'; CertificateKey = 'elsewhere.pem' }; id = 'MqttCertificateKeyUnusable' }
        @{ how = 'a key file beside a PFX file'; use = @{ Certificate = 'client.pfx'; CertificateKey = 'client.key' }; id = 'MqttCertificateKeyUnusable' }
        @{ how = 'the key of another certificate'; use = @{ Certificate = 'client.pem'; CertificateKey = 'elsewhere.key' }; id = 'MqttCertificateKeyMismatch' }
        @{ how = 'a PFX file whose password is missing'; use = @{ Certificate = 'client.pfx' }; id = 'MqttCertificatePasswordRequired' }
        @{ how = 'a key whose password is missing'; use = @{ Certificate = 'client.pem'; CertificateKey = 'client.locked' }; id = 'MqttCertificatePasswordRequired' }
        @{ how = 'a wrong password of a PFX file'; use = @{ Certificate = 'client.pfx' }; password = 'other'; id = 'MqttCertificateWrongPassword' }
        @{ how = 'a wrong password of a key'; use = @{ Certificate = 'client.pem'; CertificateKey = 'client.locked' }; password = 'other'; id = 'MqttCertificateWrongPassword' }
    ) {
        $parameters = @{}
        foreach ($name in $use.Keys) { $parameters[$name] = @($use[$name]).ForEach({ if ($_ -like '*:*') { $_ } else { "$folder/$_" } }) }
        if ($parameters.CertificateKey) { $parameters.CertificateKey = $parameters.CertificateKey[0] }
        if ($parameters.Certificate) { $parameters.Certificate = $parameters.Certificate[0] }
        if ($password) { $parameters.CertificatePassword = New-Secret $password }
        $peer = New-Peer
        try {
            $thrown = { Connect-Mqtt "mqtts://localhost:$($peer.LocalEndpoint.Port)" -TimeoutSeconds 60 @parameters -ErrorAction Stop } |
                Should -Throw -ErrorId "$id,PSMqtt.Commands.ConnectMqttCommand" -PassThru
            $thrown.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            "$($thrown | Format-List * -Force | Out-String)" | Should -Not -BeLike '*other*secret*'
            $peer.Pending() | Should -BeFalse
        }
        finally { $peer.Stop() }
    }

    It 'reports a certificate object that cannot be used: <how>' -ForEach @(
        @{ how = 'without its key'; keyFile = $null; id = 'MqttCertificateKeyMissing' }
        @{ how = 'with a key file'; keyFile = 'client.key'; id = 'MqttCertificateKeyUnusable' }
    ) {
        $parameters = @{ Certificate = [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/client.pem") }
        if ($keyFile) { $parameters.CertificateKey = "$folder/$keyFile" }
        { Connect-Mqtt mqtts://localhost:1 @parameters } | Should -Throw -ErrorId "$id,PSMqtt.Commands.ConnectMqttCommand"
    }

    It 'reports a part without the other: <how>' -ForEach @(
        @{ how = 'a key without its certificate'; parameters = @{ CertificateKey = 'client.key' } }
        @{ how = 'a password without a file'; parameters = @{ CertificatePassword = [securestring]::new() } }
    ) {
        { Connect-Mqtt mqtts://localhost:1 @parameters } | Should -Throw -ErrorId 'MqttInvalidOption,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'reports -<_> where nothing is encrypted' -ForEach 'CACertificate', 'Certificate', 'ApplicationProtocol', 'SkipCertificateCheck', 'SkipHostNameCheck' {
        $parameters = @{ $_ = if ($_ -like 'Skip*') { $true } else { 'x' } }
        foreach ($server in 'localhost:1', 'mqtt://localhost:1', 'ws://localhost:1', 'unix:///nowhere') {
            $thrown = { Connect-Mqtt $server @parameters } | Should -Throw -ErrorId 'MqttRequiresTls,PSMqtt.Commands.ConnectMqttCommand' -PassThru
            $thrown.Exception.Message | Should -BeLike "-$_ needs TLS*"
        }
    }

    It 'reports -Tls for a Unix domain socket' {
        { Connect-Mqtt unix:///nowhere -Tls } | Should -Throw -ErrorId 'MqttRequiresTls,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'has an error of its own for every problem of a certificate' {
        $assembly = [PSMqtt.MqttConnection].Assembly
        $kindOf = $assembly.GetType('PSMqtt.Errors.EngineErrors').GetMethods([Reflection.BindingFlags] 'Static, NonPublic, Public').Where({
                $_.Name -eq 'KindOf' -and $_.GetParameters()[0].ParameterType -eq [PSMqtt.Protocol.Transports.MqttCertificateProblem]
            })[0]
        $ids = foreach ($problem in [enum]::GetValues([PSMqtt.Protocol.Transports.MqttCertificateProblem])) {
            $kindOf.Invoke($null, @($problem)).ForEach({ $_.GetType().GetProperty('Id').GetValue($_) })
        }
        [Collections.Generic.HashSet[string]]::new([string[]] $ids).Count | Should -Be 8
        $ids | Should -Not -Contain 'MqttUnexpectedError'
    }

    Context 'warnings' {
        BeforeAll {
            # Names are looked up by a proxy, and this one is not there: no test asks the network for them.
            $noProxy = New-MqttConnectionOption -Proxy http://127.0.0.1:1

            function Get-Warning([hashtable] $Parameters) {
                if (-not $Parameters.Option) { $Parameters.Option = $noProxy }
                # What it leads to does not matter.
                try { $null = Connect-Mqtt @Parameters -NoReconnect -ErrorAction Stop -TimeoutSeconds 5 -WarningVariable warnings -WarningAction SilentlyContinue } catch { $null = $_ }
                $warnings.ForEach({ "$_" })
            }

            $credential = [pscredential]::new('somebody', (New-Secret 'secret'))
        }

        It 'warns of -SkipCertificateCheck and of -SkipHostNameCheck, each' {
            $seen = @(Get-Warning @{ Server = 'mqtts://localhost:1'; SkipCertificateCheck = $true; SkipHostNameCheck = $true })
            $seen.Count | Should -Be 2
            $seen[0] | Should -BeLike '-SkipCertificateCheck*-CACertificate*'
            $seen[1] | Should -BeLike '-SkipHostNameCheck*'
            Get-Warning @{ Server = 'mqtts://localhost:1' } | Should -BeNullOrEmpty
        }

        It 'warns of a password that leaves the machine unencrypted: <how>' -ForEach @(
            @{ how = 'a credential'; server = 'mqtt://broker.invalid:1'; use = 'Credential' }
            @{ how = 'over WebSocket'; server = 'ws://broker.invalid:1'; use = 'Credential' }
            @{ how = 'a password alone'; server = 'broker.invalid:1'; use = 'Password' }
            @{ how = 'a script that answers'; server = 'broker.invalid:1'; use = 'CredentialScript' }
            @{ how = 'in the URI'; server = 'mqtt://somebody:secret@broker.invalid:1'; use = '' }
            @{ how = 'the second server'; server = 'mqtts://localhost:1', 'mqtt://broker.invalid:1'; use = 'Credential' }
        ) {
            $parameters = @{ Server = $server }
            if ($use) { $parameters[$use] = @{ Credential = $credential; Password = New-Secret 'secret'; CredentialScript = { } }[$use] }
            $seen = @(Get-Warning $parameters)
            $seen.Count | Should -Be 1
            $seen[0] | Should -BeLike '*unencrypted*broker.invalid:1*TLS*'
            $seen[0] | Should -Not -BeLike '*secret*'
        }

        It 'warns of a password that leaves the machine by a proxy' {
            $proxy = New-MqttConnectionOption -Proxy http://0.0.0.0:1 -ProxyCredential $credential
            $seen = @(Get-Warning @{ Server = 'mqtt://localhost:1'; Credential = $credential; Option = $proxy })
            $seen.Count | Should -Be 2
            $seen[0] | Should -BeLike "*unencrypted*localhost:1*"
            $seen[1] | Should -BeLike "*proxy's password*unencrypted*0.0.0.0*"
        }

        It 'says nothing where nobody can listen: <_>' -ForEach 'localhost:1', 'mqtt://127.0.0.1:1', 'mqtt://[::1]:1', 'unix:///nowhere', 'mqtts://broker.invalid:1', 'wss://broker.invalid:1' {
            Get-Warning @{ Server = $_; Credential = $credential } | Should -BeNullOrEmpty
        }

        It 'warns of <what> that leaves the machine unencrypted' -ForEach @(
            @{ what = 'an Authorization header'; server = 'ws://broker.invalid:1'; headers = @{ Authorization = 'Bearer secret' }; said = "*header 'Authorization' is sent unencrypted*broker.invalid:1*TLS*" }
            @{ what = 'a Cookie header'; server = 'ws://broker.invalid:1'; headers = @{ cookie = 'id=secret' }; said = "*header 'cookie'*" }
            @{ what = 'a header with a key'; server = 'ws://broker.invalid:1'; headers = @{ 'X-Api-Key' = 'secret' }; said = "*header 'X-Api-Key'*" }
            @{ what = 'a token in the query'; server = 'ws://broker.invalid:1/mqtt?a=b&access_token=secret'; headers = @{ }; said = "*'access_token' in the query is sent unencrypted*broker.invalid:1*" }
        ) {
            $option = New-MqttConnectionOption -Proxy http://127.0.0.1:1 -WebSocketHeader $headers
            $seen = @(Get-Warning @{ Server = $server; Option = $option })
            $seen.Count | Should -Be 1
            $seen[0] | Should -BeLike $said
            $seen[0] | Should -Not -BeLike '*secret*'
            Get-Warning @{ Server = $server.Replace('ws:', 'wss:'); Option = $option } | Should -BeNullOrEmpty
            Get-Warning @{ Server = $server.Replace('broker.invalid', 'localhost'); Option = $option } | Should -BeNullOrEmpty
        }

        It 'says nothing of other headers and parameters, nor of headers where there is no WebSocket' {
            $option = New-MqttConnectionOption -Proxy http://127.0.0.1:1 -WebSocketHeader @{ 'User-Agent' = 'x'; Origin = 'y' }
            Get-Warning @{ Server = 'ws://broker.invalid:1/mqtt?client=7'; Option = $option } | Should -BeNullOrEmpty
            $option = New-MqttConnectionOption -Proxy http://127.0.0.1:1 -WebSocketHeader @{ Authorization = 'secret' }
            Get-Warning @{ Server = 'mqtt://broker.invalid:1'; Option = $option } | Should -BeNullOrEmpty
        }

        It 'warns of a password in -Proxy, and of one in <_>' -ForEach 'http_proxy', 'ALL_PROXY' {
            @(Get-Warning @{ Server = 'localhost:1'; Option = New-MqttConnectionOption -Proxy http://somebody:secret@0.0.0.0:1 })[0] |
                Should -BeLike "*proxy's password*unencrypted*0.0.0.0*"
            $names = 'http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'
            $before = $names.ForEach({ [Environment]::GetEnvironmentVariable($_) })
            try {
                # The environment is that of the process: the proxy is not on this machine by its address, but nobody listens there.
                $names.ForEach({ [Environment]::SetEnvironmentVariable($_, $null) })
                [Environment]::SetEnvironmentVariable($_, 'http://somebody:secret@0.0.0.0:1')
                $seen = @(Get-Warning @{ Server = 'ws://broker.invalid:1'; Option = New-MqttConnectionOption })
                $seen.Count | Should -Be 1
                $seen[0] | Should -BeLike "*proxy's password*unencrypted*0.0.0.0*environment*"
                $seen[0] | Should -Not -BeLike '*secret*'
                Get-Warning @{ Server = 'ws://localhost:1'; Option = New-MqttConnectionOption } | Should -BeNullOrEmpty
            }
            finally { for ($i = 0; $i -lt $names.Count; $i++) { [Environment]::SetEnvironmentVariable($names[$i], $before[$i]) } }
        }

        It 'warns of a password that follows a server reference to where it is not encrypted' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                # Both names are looked up by the proxy, which is the peer: no test asks the network for them.
                $other = Start-Other $runspace '
                    param($proxy, $credential)
                    $option = New-MqttConnectionOption -Proxy $proxy -FollowServerReference
                    $connection = Connect-Mqtt mqtt://localhost:1 -Credential $credential -Option $option -ProtocolVersion 5.0 -TimeoutSeconds 60 -WarningVariable warnings -WarningAction SilentlyContinue
                    $connection.Server
                    $warnings.ForEach({ "$_" })' "http://127.0.0.1:$($peer.LocalEndpoint.Port)", $credential
                $reference = [Text.Encoding]::UTF8.GetBytes('broker.invalid:1')
                $answers = @(
                    # CONNACK: use another server (0x9C), Server Reference.
                    , [byte[]] (@(0x20, ($reference.Count + 6), 0, 0x9C, ($reference.Count + 3), 0x1C, 0, $reference.Count) + $reference)
                    , [byte[]] (0x20, 3, 0, 0, 0)
                )
                $tunnels = foreach ($answer in $answers) {
                    $stream = Get-PeerClient $peer
                    Read-PeerRequest $stream
                    Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes("HTTP/1.1 200 OK`r`n`r`n"))
                    $null = Read-PeerPacket $stream
                    Write-PeerBytes $stream $answer
                }
                $server, $seen = @(Wait-Other $other)
                $tunnels[1] | Should -BeLike 'CONNECT broker.invalid:1 *'
                $server | Should -Be 'mqtt://broker.invalid:1'
                @($seen).Count | Should -Be 1
                $seen | Should -BeLike '*named another server*password is sent unencrypted*broker.invalid:1*'
                $seen | Should -Not -BeLike '*secret*'
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }

        It 'says nothing where there is no password' { Get-Warning @{ Server = 'mqtt://broker.invalid:1' } | Should -BeNullOrEmpty }
    }

    It 'reports a server that speaks no TLS' {
        $broker = Start-MqttBroker
        try {
            { Connect-Mqtt "mqtts://127.0.0.1:$($broker.Port)" -TimeoutSeconds 60 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttPeerSpeaksNoTls,PSMqtt.Commands.ConnectMqttCommand'
        }
        finally { $broker | Stop-MqttBroker }
    }
}
