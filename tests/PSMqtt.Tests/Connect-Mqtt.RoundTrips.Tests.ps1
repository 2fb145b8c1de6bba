# A message there and back by every way to a broker: by WebSocket, TLS, Unix domain socket, proxies. The embedded broker speaks plain TCP, so what the
# way needs stands in front of it, and tells what it has seen.

Describe 'Connect-Mqtt there and back' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        $word = 'Xq7vB2pL9w'
        $secure = [securestring]::new()
        $word.ToCharArray().ForEach({ $secure.AppendChar($_) })
        $credential = [pscredential]::new('somebody', $secure)

        # A certificate with its key; without an issuer it is a root.
        function New-Certificate([string] $Name, $Issuer, [string[]] $DnsNames, [switch] $Expired) {
            $key = [Security.Cryptography.RSA]::Create(2048)
            $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new(
                "CN=$Name", $key, [Security.Cryptography.HashAlgorithmName]::SHA256, [Security.Cryptography.RSASignaturePadding]::Pkcs1)
            $isAuthority = $null -eq $DnsNames
            $request.CertificateExtensions.Add([Security.Cryptography.X509Certificates.X509BasicConstraintsExtension]::new($isAuthority, $false, 0, $true))
            if ($DnsNames) {
                $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
                $DnsNames.ForEach({ $names.AddDnsName($_) })
                $request.CertificateExtensions.Add($names.Build())
            }
            $now = [DateTimeOffset]::UtcNow
            if (-not $Issuer) { return $request.CreateSelfSigned($now.AddDays(-9), $now.AddDays(1)) }
            # An intermediate must not end before what it issues.
            $to = if ($Expired) { $now.AddDays(-2) } elseif ($isAuthority) { $now.AddHours(20) } else { $now.AddHours(12) }
            $made = $request.Create($Issuer, $now.AddDays(-8 + ($Issuer.Subject -ne 'CN=root')), $to, [Guid]::NewGuid().ToByteArray())
            $withKey = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::CopyWithPrivateKey($made, $key)
            [IO.File]::WriteAllText("$folder/$Name.pem", $made.ExportCertificatePem())
            [IO.File]::WriteAllText("$folder/$Name.key", $key.ExportPkcs8PrivateKeyPem())
            [IO.File]::WriteAllText("$folder/$Name-both.pem", $made.ExportCertificatePem() + "`n" + $key.ExportPkcs8PrivateKeyPem())
            $cipher = [Security.Cryptography.PbeParameters]::new('Aes256Cbc', [Security.Cryptography.HashAlgorithmName]::SHA256, 1000)
            [IO.File]::WriteAllText("$folder/$Name.locked", $key.ExportEncryptedPkcs8PrivateKeyPem($word, $cipher))
            [IO.File]::WriteAllBytes("$folder/$Name.pfx", $withKey.Export('Pfx', $word))
            # Windows uses a key for TLS only if it comes from a file.
            [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/$Name.pfx", $word)
        }

        $root = New-Certificate 'root'
        $server = New-Certificate 'server' $root 'localhost', 'broker.invalid'
        $client = New-Certificate 'client' $root 'client'
        $intermediate = New-Certificate 'intermediate' $root
        $below = New-Certificate 'below' $intermediate 'localhost'
        $old = New-Certificate 'old' $root 'localhost' -Expired
        $elsewhere = New-Certificate 'elsewhere' $root 'elsewhere.invalid'
        [IO.File]::WriteAllText("$folder/root.pem", $root.ExportCertificatePem())
        $trust = @{ CACertificate = "$folder/root.pem" }

        # Takes one client, does what each step says, and joins it to the broker.
        $frontScript = '
            param($peers, $listener, $broker, $steps, $settings, $seen)
            . $peers
            $socket = if ($listener -is [Net.Sockets.TcpListener]) { $listener.AcceptSocket() } else { $listener.Accept() }
            $seen.From = "$($socket.RemoteEndPoint)"
            $stream = [Net.Sockets.NetworkStream]::new($socket, $true)
            foreach ($step in $steps) {
                switch ($step) {
                    tls {
                        $secured = [Net.Security.SslStream]::new($stream)
                        $options = [Net.Security.SslServerAuthenticationOptions]::new()
                        $options.ServerCertificate = $settings.Certificate
                        if ($settings.ClientRoot) {
                            $options.ClientCertificateRequired = $true
                            $options.CertificateChainPolicy = [Security.Cryptography.X509Certificates.X509ChainPolicy]::new()
                            $options.CertificateChainPolicy.TrustMode = "CustomRootTrust"
                            $options.CertificateChainPolicy.RevocationMode = "NoCheck"
                            $null = $options.CertificateChainPolicy.CustomTrustStore.Add($settings.ClientRoot)
                        }
                        if ($settings.ApplicationProtocol) {
                            $options.ApplicationProtocols = [Collections.Generic.List[Net.Security.SslApplicationProtocol]]::new()
                            $options.ApplicationProtocols.Add([Net.Security.SslApplicationProtocol]::new($settings.ApplicationProtocol))
                        }
                        $secured.AuthenticateAsServer($options)
                        $seen.Subject = $secured.RemoteCertificate.Subject
                        $seen.ApplicationProtocol = "$($secured.NegotiatedApplicationProtocol)"
                        $seen.TargetHost = $secured.TargetHostName
                        $stream = $secured
                    }
                    web {
                        $seen.Upgrade = Read-PeerRequest $stream
                        $key = [regex]::Match($seen.Upgrade, "Sec-WebSocket-Key: (.*)\r").Groups[1].Value
                        $hash = [Convert]::ToBase64String([Security.Cryptography.SHA1]::HashData([Text.Encoding]::ASCII.GetBytes("${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
                        $answer = "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: $hash", "Sec-WebSocket-Protocol: mqtt", "", ""
                        Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes($answer -join "`r`n"))
                        $socketOfWeb = [Net.WebSockets.WebSocket]::CreateFromStream($stream, $true, "mqtt", [timespan]::Zero)
                        $stream = [Net.WebSockets.WebSocketStream]::Create($socketOfWeb, "Binary", $true)
                    }
                    http {
                        $seen.Tunnel = Read-PeerRequest $stream
                        Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes("HTTP/1.1 200 OK`r`n`r`n"))
                    }
                    socks5 {
                        $seen.Methods = [Convert]::ToHexString((Read-PeerBytes $stream (Read-PeerBytes $stream 2)[1]))
                        if ($settings.WantsPassword) {
                            Write-PeerBytes $stream 5, 2
                            $seen.User = [Text.Encoding]::UTF8.GetString((Read-PeerBytes $stream (Read-PeerBytes $stream 2)[1]))
                            $seen.Password = [Text.Encoding]::UTF8.GetString((Read-PeerBytes $stream (Read-PeerBytes $stream 1)[0]))
                            Write-PeerBytes $stream 1, 0
                        }
                        else { Write-PeerBytes $stream 5, 0 }
                        # By name: the address is for the proxy to find.
                        $type = (Read-PeerBytes $stream 4)[3]
                        $name = [Text.Encoding]::ASCII.GetString((Read-PeerBytes $stream (Read-PeerBytes $stream 1)[0]))
                        $port = Read-PeerBytes $stream 2
                        $seen.Tunnel = "type $type $name $($port[0] * 256 + $port[1])"
                        Write-PeerBytes $stream 5, 0, 0, 1, 0, 0, 0, 0, 0, 0
                    }
                }
            }
            $inside = [Net.Sockets.TcpClient]::new("127.0.0.1", $broker).GetStream()
            try { $null = [Threading.Tasks.Task]::WaitAny([Threading.Tasks.Task[]] @($stream.CopyToAsync($inside), $inside.CopyToAsync($stream))) }
            finally { $inside.Dispose(); $stream.Dispose() }'

        # Connects through what the steps say, sends a message to itself, and gives back what was seen on the way. {0} in the parameters is the port.
        function Invoke-RoundTrip([string[]] $Steps, [hashtable] $Parameters, [hashtable] $Settings = @{}, $Listener) {
            $seen = [hashtable]::Synchronized(@{ })
            $peer = if ($Listener) { $Listener } else { New-Peer }
            $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
            $runspace.Open()
            if (-not $Settings.Certificate) { $Settings.Certificate = $server }
            $Settings.WantsPassword = $Settings.ContainsKey('WantsPassword')
            try {
                $front = Start-Other $runspace $frontScript "$PSScriptRoot/Peers.ps1", $peer, $broker.Port, $Steps, $Settings, $seen
                $given = @{ } + $Parameters
                if (-not $Listener) {
                    $port = $peer.LocalEndpoint.Port
                    $given.Server = $given.Server.Replace('{0}', $port)
                    if ($given.Proxy) { $given.Option = New-MqttConnectionOption -Proxy $given.Proxy.Replace('{0}', $port) @proxyCredential }
                    $given.Remove('Proxy')
                }
                $connection = Connect-Mqtt @given -NoReconnect -TimeoutSeconds 60 -WarningAction SilentlyContinue
                try {
                    $subscription = Register-MqttSubscription ways/# -Connection $connection -TimeoutSeconds 60
                    # Over several frames and records, in both directions.
                    $payload = 'there and back ' * 5000
                    $null = Send-MqttMessage ways/one $payload -QoS 2 -Connection $connection -TimeoutSeconds 60
                    $message = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 60
                    $message.Topic | Should -Be 'ways/one'
                    $message.Text.Length | Should -Be $payload.Length
                    $message.Text -ceq $payload | Should -BeTrue
                    $seen.Server = $connection.Server
                }
                finally { Disconnect-Mqtt $connection }
                $null = Wait-Other $front
                $seen
            }
            finally {
                if ($peer -is [Net.Sockets.TcpListener]) { $peer.Stop() } else { $peer.Dispose() }
                $runspace.Dispose()
            }
        }

        $proxyCredential = @{ }

        # What Connect-Mqtt says of a server with this certificate.
        function Get-Refusal($Certificate, [hashtable] $Parameters = @{ }, $ClientRoot) {
            $peer = New-Peer
            $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
            $runspace.Open()
            try {
                $null = Start-Other $runspace $frontScript "$PSScriptRoot/Peers.ps1", $peer, $broker.Port, 'tls', @{ Certificate = $Certificate; ClientRoot = $ClientRoot }, @{ }
                { Connect-Mqtt "mqtts://localhost:$($peer.LocalEndpoint.Port)" -NoReconnect -TimeoutSeconds 60 -ErrorAction Stop @Parameters } | Should -Throw -PassThru
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
        [IO.Directory]::Delete($folder, $true)
    }

    It 'by ws://, with path, query and headers' {
        $option = New-MqttConnectionOption -WebSocketHeader @{ Authorization = "Bearer $word"; 'X-Site' = 'plant 1' }
        $seen = Invoke-RoundTrip web @{ Server = 'ws://localhost:{0}/a/b?token=abc'; Option = $option }
        $seen.Upgrade | Should -BeLike "GET /a/b?token=abc HTTP/1.1*"
        $seen.Upgrade | Should -BeLike '*Sec-WebSocket-Protocol: mqtt*'
        $seen.Upgrade | Should -BeLike "*Authorization: Bearer $word*"
        $seen.Upgrade | Should -BeLike '*X-Site: plant 1*'
        $seen.Server | Should -BeLike 'ws://localhost:*/a/b?`*`*`*'
    }

    It 'by wss://, with an authority of our own' {
        $seen = Invoke-RoundTrip tls, web (@{ Server = 'wss://localhost:{0}/mqtt' } + $trust)
        $seen.Upgrade | Should -BeLike 'GET /mqtt HTTP/1.1*'
        $seen.TargetHost | Should -Be 'localhost'
    }

    It 'by mqtts://, with an authority of our own, and SNI' {
        (Invoke-RoundTrip tls (@{ Server = 'mqtts://localhost:{0}' } + $trust)).TargetHost | Should -Be 'localhost'
    }

    It 'by mqtts:// with a certificate of our own: <how>' -ForEach @(
        @{ how = 'PEM and key'; own = { @{ Certificate = "$folder/client.pem"; CertificateKey = "$folder/client.key" } } }
        @{ how = 'PEM with its key in one file'; own = { @{ Certificate = "$folder/client-both.pem" } } }
        @{ how = 'PEM and encrypted key'; own = { @{ Certificate = "$folder/client.pem"; CertificateKey = "$folder/client.locked"; CertificatePassword = $secure } } }
        @{ how = 'PFX with password'; own = { @{ Certificate = "$folder/client.pfx"; CertificatePassword = $secure } } }
        @{ how = 'certificate object'; own = { @{ Certificate = $client } } }
    ) {
        $seen = Invoke-RoundTrip tls (@{ Server = 'mqtts://localhost:{0}' } + $trust + (& $own)) @{ ClientRoot = $root }
        $seen.Subject | Should -Be 'CN=client'
    }

    It 'by mqtts:// to a certificate below an intermediate one, which -CACertificate has too: <how>' -ForEach @(
        @{ how = 'a PEM bundle'; authorities = { "$folder/bundle.pem" } }
        @{ how = 'DER files'; authorities = { "$folder/root.der", "$folder/intermediate.der" } }
        @{ how = 'certificate objects'; authorities = { $root, $intermediate } }
    ) {
        [IO.File]::WriteAllText("$folder/bundle.pem", [IO.File]::ReadAllText("$folder/root.pem") + "`n" + [IO.File]::ReadAllText("$folder/intermediate.pem"))
        [IO.File]::WriteAllBytes("$folder/root.der", $root.RawData)
        [IO.File]::WriteAllBytes("$folder/intermediate.der", $intermediate.RawData)
        $seen = Invoke-RoundTrip tls @{ Server = 'mqtts://localhost:{0}'; CACertificate = (& $authorities) } @{ Certificate = $below }
        $seen.TargetHost | Should -Be 'localhost'
    }

    It 'not to a certificate that has expired: says which one, and when' {
        $refusal = Get-Refusal $old $trust
        $refusal.FullyQualifiedErrorId | Should -Be 'MqttCertificateExpired,PSMqtt.Commands.ConnectMqttCommand'
        "$refusal" | Should -BeLike "*CN=old*$($old.NotAfter.ToUniversalTime().ToString('yyyy-MM-dd'))*"
    }

    It 'not to a certificate for another name: says both' {
        $refusal = Get-Refusal $elsewhere $trust
        $refusal.FullyQualifiedErrorId | Should -Be 'MqttCertificateNameMismatch,PSMqtt.Commands.ConnectMqttCommand'
        "$refusal" | Should -BeLike '*elsewhere.invalid*'
        "$refusal" | Should -BeLike '*localhost*'
        (Invoke-RoundTrip tls (@{ Server = 'mqtts://localhost:{0}'; SkipHostNameCheck = $true } + $trust) @{ Certificate = $elsewhere }).TargetHost | Should -Be 'localhost'
    }

    It 'not to a certificate of an unknown issuer: says which' {
        $refusal = Get-Refusal $server
        $refusal.FullyQualifiedErrorId | Should -Be 'MqttCertificateUntrusted,PSMqtt.Commands.ConnectMqttCommand'
        "$refusal" | Should -BeLike '*CN=root*'
        # The chain ends at the intermediate, which the server does not send.
        $refusal = Get-Refusal $below $trust
        $refusal.FullyQualifiedErrorId | Should -Be 'MqttCertificateUntrusted,PSMqtt.Commands.ConnectMqttCommand'
        "$refusal" | Should -BeLike '*CN=intermediate*'
    }

    It 'not without TLS to a port that speaks it' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace 'param($uri) try { Connect-Mqtt $uri -NoReconnect -TimeoutSeconds 60 -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }' (Get-PeerUri $peer)
            $stream = Get-PeerClient $peer
            $null = Read-PeerPacket $stream
            # A fatal alert of TLS: what it was sent is no handshake.
            Write-PeerBytes $stream 0x15, 3, 1, 0, 2, 2, 70
            $stream.Close()
            Wait-Other $other | Should -Be 'MqttPeerSpeaksTls,PSMqtt.Commands.ConnectMqttCommand'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'on Windows: <how>' -ForEach @(
        @{ how = 'by a Cert: path'; named = { "Cert:\CurrentUser\My\$($client.Thumbprint)" } }
        @{ how = 'by a thumbprint'; named = { $client.Thumbprint } }
        @{ how = 'by a certificate object whose key is in memory only'; named = { [Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile("$folder/client-both.pem") } }
    ) {
        if (-not [OperatingSystem]::IsWindows()) { Set-ItResult -Skipped -Because 'only Windows has certificate stores with names, and keys that TLS cannot use' }
        $store = [Security.Cryptography.X509Certificates.X509Store]::new('My', 'CurrentUser')
        $store.Open('ReadWrite')
        $kept = [Security.Cryptography.X509Certificates.X509Certificate2]::new("$folder/client.pfx", $word, 'PersistKeySet')
        try {
            $store.Add($kept)
            $seen = Invoke-RoundTrip tls (@{ Server = 'mqtts://localhost:{0}'; Certificate = (& $named) } + $trust) @{ ClientRoot = $root }
            $seen.Subject | Should -Be 'CN=client'
        }
        finally {
            $store.Remove($kept)
            $store.Dispose()
        }
    }

    It 'elsewhere than on Windows a certificate cannot be named by <how>' -ForEach @(
        @{ how = 'a Cert: path'; named = 'Cert:\CurrentUser\My\0123456789abcdef0123456789abcdef01234567' }
        @{ how = 'a thumbprint'; named = '0123456789ABCDEF0123456789ABCDEF01234567' }
    ) {
        if ([OperatingSystem]::IsWindows()) { Set-ItResult -Skipped -Because 'Windows has certificate stores' }
        foreach ($parameters in @{ Certificate = $named }, @{ CACertificate = $named }) {
            $refusal = { Connect-Mqtt mqtts://localhost:1 -ErrorAction Stop @parameters } |
                Should -Throw -ErrorId 'MqttCertificateStoreUnsupported,PSMqtt.Commands.ConnectMqttCommand' -PassThru
            $refusal.ErrorDetails.RecommendedAction | Should -BeLike '*PEM*'
        }
        { Start-MqttBroker -Certificate $named } | Should -Throw -ErrorId 'MqttCertificateStoreUnsupported,PSMqtt.Commands.StartMqttBrokerCommand'
    }

    It 'on Windows a certificate that no store has is an error of its own' {
        if (-not [OperatingSystem]::IsWindows()) { Set-ItResult -Skipped -Because 'only Windows has certificate stores with names' }
        foreach ($named in 'Cert:\CurrentUser\My\0123456789abcdef0123456789abcdef01234567', '0123456789ABCDEF0123456789ABCDEF01234567') {
            { Connect-Mqtt mqtts://localhost:1 -Certificate $named -ErrorAction Stop } | Should -Throw -ErrorId 'MqttCertificateNotFound,PSMqtt.Commands.ConnectMqttCommand'
        }
    }

    It 'ends within -TimeoutSeconds, however many servers are silent, and says so' {
        $peers = @(New-Peer; New-Peer; New-Peer)
        try {
            $refusal = { Connect-Mqtt $peers.ForEach({ Get-PeerUri $_ }) -NoReconnect -TimeoutSeconds 9 -ErrorAction Stop } | Should -Throw -PassThru
            $refusal.FullyQualifiedErrorId | Should -Be 'MqttNoResponse,PSMqtt.Commands.ConnectMqttCommand'
            # Its share of the nine seconds.
            "$refusal" | Should -BeLike '*within 3 s*'
            # Each was asked.
            foreach ($peer in $peers) { $peer.Pending() | Should -BeTrue }
        }
        finally { $peers.ForEach({ $_.Stop() }) }
    }

    It 'with an application protocol, which the server sees' {
        $seen = Invoke-RoundTrip tls (@{ Server = 'mqtts://localhost:{0}'; ApplicationProtocol = 'x-amzn-mqtt-ca', 'mqtt' } + $trust) @{ ApplicationProtocol = 'mqtt' }
        $seen.ApplicationProtocol | Should -Be 'mqtt'
    }

    It 'by unix://' {
        $listener = [Net.Sockets.Socket]::new('Unix', 'Stream', 'Unspecified')
        $listener.Bind([Net.Sockets.UnixDomainSocketEndPoint]::new("$folder/broker.sock"))
        $listener.Listen()
        $path = "$folder/broker.sock".Replace('\', '/').TrimStart('/')
        (Invoke-RoundTrip plain @{ Server = "unix:///$path" } -Listener $listener).Server | Should -BeLike 'unix:///*broker.sock'
    }

    It 'from the address of -LocalAddress' -Skip:([OperatingSystem]::IsMacOS()) {
        $seen = Invoke-RoundTrip plain @{ Server = 'mqtt://127.0.0.1:{0}'; Option = New-MqttConnectionOption -LocalAddress 127.0.0.2 }
        $seen.From | Should -BeLike '127.0.0.2:*'
    }

    It 'through an HTTP proxy with a credential: <scheme>' -ForEach @(
        @{ scheme = 'mqtt'; port = 1883; steps = @('http') }
        @{ scheme = 'mqtts'; port = 8883; steps = @('http', 'tls') }
        @{ scheme = 'ws'; port = 80; steps = @('http', 'web') }
        @{ scheme = 'wss'; port = 443; steps = @('http', 'tls', 'web') }
    ) {
        $proxyCredential = @{ ProxyCredential = $credential }
        $parameters = @{ Server = "${scheme}://broker.invalid"; Proxy = 'http://127.0.0.1:{0}' }
        if ('tls' -in $steps) { $parameters += $trust }
        $seen = Invoke-RoundTrip $steps $parameters
        $seen.Tunnel | Should -BeLike "CONNECT broker.invalid:$port HTTP/1.1*"
        $seen.Tunnel | Should -BeLike "*Proxy-Authorization: Basic $([Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("somebody:$word")))*"
    }

    It 'through a SOCKS5 proxy with a credential: <scheme>' -ForEach @(
        @{ scheme = 'mqtt'; port = 1883; steps = @('socks5') }
        @{ scheme = 'mqtts'; port = 8883; steps = @('socks5', 'tls') }
        @{ scheme = 'ws'; port = 80; steps = @('socks5', 'web') }
        @{ scheme = 'wss'; port = 443; steps = @('socks5', 'tls', 'web') }
    ) {
        $parameters = @{ Server = "${scheme}://broker.invalid"; Proxy = "socks5://somebody:$word@127.0.0.1:{0}" }
        if ('tls' -in $steps) { $parameters += $trust }
        $seen = Invoke-RoundTrip $steps $parameters @{ WantsPassword = $true }
        $seen.Tunnel | Should -Be "type 3 broker.invalid $port"
        "$($seen.User) $($seen.Password)" | Should -Be "somebody $word"
    }

    It 'through the proxy of the environment: <variable> for <scheme>' -ForEach @(
        @{ variable = 'http_proxy'; scheme = 'ws'; port = 80; steps = @('http', 'web'); proxy = 'http' }
        @{ variable = 'HTTPS_PROXY'; scheme = 'wss'; port = 443; steps = @('http', 'tls', 'web'); proxy = 'http' }
        @{ variable = 'all_proxy'; scheme = 'ws'; port = 80; steps = @('socks5', 'web'); proxy = 'socks5' }
    ) {
        $names = 'http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'
        $before = $names.ForEach({ [Environment]::GetEnvironmentVariable($_) })
        $listener = New-Peer
        try {
            $names.ForEach({ [Environment]::SetEnvironmentVariable($_, $null) })
            [Environment]::SetEnvironmentVariable($variable, "${proxy}://127.0.0.1:$($listener.LocalEndpoint.Port)")
            $parameters = @{ Server = "${scheme}://broker.invalid" }
            if ('tls' -in $steps) { $parameters += $trust }
            $seen = Invoke-RoundTrip $steps $parameters -Listener $listener
            $seen.Tunnel | Should -BeLike "*broker.invalid*$port*"
        }
        finally { for ($i = 0; $i -lt $names.Count; $i++) { [Environment]::SetEnvironmentVariable($names[$i], $before[$i]) } }
    }

    It 'to the second server, when the first is dead' {
        $peer = New-Peer
        $dead = Get-PeerUri $peer
        $peer.Stop()
        $connection = Connect-Mqtt $dead, $broker.Uri -TimeoutSeconds 60
        try {
            $subscription = Register-MqttSubscription ways/#
            Send-MqttMessage ways/one there -QoS 1
            (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 60).Text | Should -Be 'there'
            $connection.Server | Should -Be "$($broker.Uri)"
        }
        finally { Disconnect-Mqtt $connection }
    }

    It 'in one command: Send-MqttMessage -Server and Receive-MqttMessage -Server over <scheme>' -ForEach @(
        @{ scheme = 'wss'; steps = @('tls', 'web'); port = 443 }
        @{ scheme = 'mqtts'; steps = @('tls'); port = 8883 }
    ) {
        foreach ($command in 'Send', 'Receive') {
            $peer = New-Peer
            $seen = [hashtable]::Synchronized(@{ })
            $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
            $runspace.Open()
            try {
                $settings = @{ Certificate = $server; ClientRoot = $root }
                $front = Start-Other $runspace $frontScript "$PSScriptRoot/Peers.ps1", $peer, $broker.Port, (@('http') + $steps), $settings, $seen
                $parameters = @{
                    Server = "${scheme}://broker.invalid"
                    Option = New-MqttConnectionOption -Proxy "http://127.0.0.1:$($peer.LocalEndpoint.Port)"
                    Certificate = "$folder/client-both.pem"
                    TimeoutSeconds = 60
                } + $trust
                if ($command -eq 'Send') { Send-MqttMessage once/retained "by $scheme" -QoS 1 -Retain @parameters }
                else { (Receive-MqttMessage once/retained -Count 1 @parameters).Text | Should -Be "by $scheme" }
                $null = Wait-Other $front
                $seen.Subject | Should -Be 'CN=client'
                $seen.Tunnel | Should -BeLike "CONNECT broker.invalid:$port *"
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }
    }
}
