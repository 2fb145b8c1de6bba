# No password is in anything that a user, a log or a support ticket may get to see.

Describe 'secrets' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"

        $word = 'Xq7vB2pL9w'
        $secure = [securestring]::new()
        $word.ToCharArray().ForEach({ $secure.AppendChar($_) })
        $credential = [pscredential]::new('somebody', $secure)
        $wrong = [pscredential]::new('nobody', $secure)
        $broker = Start-MqttBroker -Credential $credential
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        $trace = "$folder/trace.log"

        # Refuses every tunnel, after it was shown the proxy's password.
        $proxy = New-Peer
        $inUri = @{ Server = "mqtt://somebody:$word@127.0.0.1:$($broker.Port)" }
        $runs = [Collections.Generic.List[object]]::new()
        $errors = [Collections.Generic.List[object]]::new()

        # Everything that a run writes, on every stream, and the error that ends it.
        function Add-Run([scriptblock] $Run) {
            # Every word that PowerShell can be made to say.
            $VerbosePreference = $DebugPreference = $WarningPreference = $InformationPreference = 'Continue'
            $ErrorActionPreference = 'Stop'
            try { . $Run *>&1 | ForEach-Object { $runs.Add($_) } }
            catch { $errors.Add($_) }
        }

        $option = New-MqttConnectionOption -TracePath $trace
        Add-Run {
            $connection = Connect-Mqtt @inUri -Option $option -ClientId in-uri
            $connection
            $subscription = Register-MqttSubscription secret/#
            $subscription
            Send-MqttMessage secret/topic text -QoS 1 -PassThru
            Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 60
            $connection.Client.Options
            $connection.Client.Options.Servers
            $connection.Client.ConnectResult
            Disconnect-Mqtt $connection
        }
        Add-Run {
            Connect-Mqtt "127.0.0.1:$($broker.Port)" -Credential $credential -Option $option -ClientId by-credential
            (Get-MqttConnection).Client.Options.Credential
            Get-MqttConnection | Disconnect-Mqtt
        }
        $accepted = $errors.Count -eq 0
        # Refused: by the broker, for what the URI is, for where it leads, by the way.
        Add-Run { Connect-Mqtt "127.0.0.1:$($broker.Port)" -Credential $wrong -Option $option -NoReconnect }
        Add-Run { $server = "mqtt://nobody:$word@127.0.0.1:$($broker.Port)"; Connect-Mqtt $server -Option $option -NoReconnect }
        Add-Run { $server = "mqtt://somebody:$word@127.0.0.1:99999"; Connect-Mqtt $server -Option $option }
        Add-Run { $server = "mqtt://somebody:$word@bad host"; Connect-Mqtt $server -Option $option }
        Add-Run { $server = "mqtts://somebody:$word@127.0.0.1:$($broker.Port)"; Connect-Mqtt $server -Option $option -TimeoutSeconds 10 }
        Add-Run { $server = "ws://somebody:$word@127.0.0.1:$($broker.Port)/?token=$word"; Connect-Mqtt $server -Option $option -TimeoutSeconds 10 }
        Add-Run { $server = "mqtt://somebody:$word@0.0.0.0:1"; Connect-Mqtt $server -Option $option -TimeoutSeconds 10 }
        Add-Run {
            $closed = New-Peer
            $port = $closed.LocalEndpoint.Port
            $closed.Stop()
            Connect-Mqtt @inUri -TimeoutSeconds 10 -Option (New-MqttConnectionOption -TracePath $trace -Proxy "http://somebody:$word@127.0.0.1:$port")
        }
        # Through a proxy that is there, and is shown the password before it refuses.
        $runspace = New-OtherRunspace
        $other = Start-Other $runspace '
            param($server, $proxy, $credential, $trace)
            $VerbosePreference = $DebugPreference = "Continue"
            try { Connect-Mqtt $server -TimeoutSeconds 60 -Option (New-MqttConnectionOption -TracePath $trace -Proxy $proxy -ProxyCredential $credential) *>&1 }
            catch { $_ }' $inUri.Server, "http://127.0.0.1:$($proxy.LocalEndpoint.Port)", $credential, $trace
        $stream = Get-PeerClient $proxy
        $request = [Text.StringBuilder]::new()
        while (-not $request.ToString().EndsWith("`r`n`r`n")) { $null = $request.Append([char] (Read-PeerBytes $stream 1)[0]) }
        Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes("HTTP/1.1 407 Proxy Authentication Required`r`nContent-Length: 0`r`n`r`n"))
        foreach ($item in Wait-Other $other) { if ($item -is [Management.Automation.ErrorRecord]) { $errors.Add($item) } else { $runs.Add($item) } }
        $runspace.Dispose()
        $shown = @(foreach ($item in $runs) { "$item"; $item | Format-List * -Force | Out-String -Width 4000 }) -join "`n"
        $failed = @(foreach ($item in $errors) {
                "$item $($item.Exception) $($item.TargetObject) $($item.ErrorDetails) $($item.Exception.Data.Values)"
                $item, $item.Exception | Format-List * -Force | Out-String -Width 4000
            }) -join "`n"
        $traced = [IO.File]::ReadAllText($trace)
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
        $proxy.Stop()
        [IO.Directory]::Delete($folder, $true)
    }

    It 'were used: two runs were accepted, the others failed each in its own way' {
        $accepted | Should -BeTrue
        $errors.Count | Should -Be 9
        foreach ($id in 'MqttBadCredentials', 'MqttInvalidServer', 'MqttPeerSpeaksNoTls', 'MqttProxyRefused', 'MqttProxyAuthenticationRequired') {
            $errors.FullyQualifiedErrorId | Should -Contain "$id,PSMqtt.Commands.ConnectMqttCommand"
        }
        # The proxy was shown it.
        $request.ToString() | Should -BeLike "*Proxy-Authorization: Basic $([Convert]::ToBase64String([Text.Encoding]::ASCII.GetBytes("somebody:$word")))*"
    }

    It 'are not in what was written, on any stream, with -Verbose and -Debug' {
        $shown | Should -BeLike '*Connected to*secret/topic*unencrypted*'
        $shown | Should -Not -BeLike "*$word*"
    }

    It 'are not in any error, nor in its exceptions' {
        $failed | Should -BeLike '*MqttConnectException*'
        $failed | Should -Not -BeLike "*$word*"
    }

    It 'are not in the trace' {
        $traced | Should -BeLike '*-> CONNECT*-> PUBLISH*-> DISCONNECT*'
        $traced | Should -Not -BeLike "*$word*"
    }

    It 'are in none of these in another form: <_>' -ForEach 'Base64', 'hexadecimal' {
        $bytes = [Text.Encoding]::UTF8.GetBytes($word)
        $forms = if ($_ -eq 'Base64') { [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("somebody:$word")), [Convert]::ToBase64String($bytes) }
        else { [Convert]::ToHexString($bytes), [BitConverter]::ToString($bytes), ($bytes -join ' ') }
        foreach ($form in $forms) { "$shown$failed$traced" | Should -Not -BeLike "*$form*" }
    }
}

# What holds a secret is an object that a user may look at, store and paste. The secret is in none of the ways of doing that.
Describe 'objects with secrets' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"

        $word = 'Xq7vB2pL9w'
        $secure = [securestring]::new()
        $word.ToCharArray().ForEach({ $secure.AppendChar($_) })
        $credential = [pscredential]::new('somebody', $secure)
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName

        $key = [Security.Cryptography.RSA]::Create(2048)
        $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new(
            'CN=client', $key, [Security.Cryptography.HashAlgorithmName]::SHA256, [Security.Cryptography.RSASignaturePadding]::Pkcs1)
        $certificate = $request.CreateSelfSigned([DateTimeOffset]::UtcNow.AddDays(-1), [DateTimeOffset]::UtcNow.AddDays(1))
        [IO.File]::WriteAllText("$folder/client.pem", $certificate.ExportCertificatePem())
        $keyText = $key.ExportPkcs8PrivateKeyPem()
        [IO.File]::WriteAllText("$folder/client.key", $keyText)
        $cipher = [Security.Cryptography.PbeParameters]::new('Aes256Cbc', [Security.Cryptography.HashAlgorithmName]::SHA256, 1000)
        [IO.File]::WriteAllText("$folder/client.locked", $key.ExportEncryptedPkcs8PrivateKeyPem($word, $cipher))

        $answers = [scriptblock]::Create("'$word'")
        $asked = [scriptblock]::Create("`$secret = [securestring]::new(); '$word'.ToCharArray().ForEach({ `$secret.AppendChar(`$_) }); [pscredential]::new('somebody', `$secret)")
        $headers = @{ Authorization = "Bearer $word"; Cookie = "id=$word"; 'X-Api-Key' = $word }
        $nowhere = "ws://somebody:$word@127.0.0.1:1/mqtt?token=$word"
        # Each is tried over and over in the background, and none gets anywhere.
        $holders = @{
            'a header' = New-MqttConnectionOption -WebSocketHeader $headers
            'a proxy URI' = New-MqttConnectionOption -Proxy "http://somebody:$word@127.0.0.1:1"
            'a proxy credential' = New-MqttConnectionOption -Proxy socks5://127.0.0.1:1 -ProxyCredential $credential
            'an authentication script' = New-MqttConnectionOption -AuthenticationMethod PLAIN -AuthenticationScript $answers
        }
        $connections = @{
            'a header' = { Connect-Mqtt 'ws://127.0.0.1:1' -Option $holders['a header'] -NoWait }
            'a proxy URI' = { Connect-Mqtt 'mqtt://127.0.0.1:1' -Option $holders['a proxy URI'] -NoWait }
            'a proxy credential' = { Connect-Mqtt 'mqtt://127.0.0.1:1' -Option $holders['a proxy credential'] -NoWait }
            'an authentication script' = { Connect-Mqtt 'mqtt://127.0.0.1:1' -Option $holders['an authentication script'] -NoWait }
            'the server URI' = { Connect-Mqtt $nowhere -NoWait }
            'a credential' = { Connect-Mqtt 'mqtt://127.0.0.1:1' -Credential $credential -NoWait }
            'a password' = { Connect-Mqtt 'mqtt://127.0.0.1:1' -Password $secure -NoWait }
            'a credential script' = { Connect-Mqtt 'mqtt://127.0.0.1:1' -CredentialScript $asked -NoWait }
            'a private key' = { Connect-Mqtt 'mqtts://127.0.0.1:1' -Certificate "$folder/client.pem" -CertificateKey "$folder/client.key" -NoWait }
            'an encrypted private key' = {
                Connect-Mqtt 'mqtts://127.0.0.1:1' -Certificate "$folder/client.pem" -CertificateKey "$folder/client.locked" -CertificatePassword $secure -NoWait
            }
        }

        # The word, and the lines of the key.
        $secrets = @($word) + @($keyText.Split("`n").Where({ $_.Length -gt 20 -and $_ -notlike '-*' }))

        # Every object that can be reached by a name, and how it looks.
        function Get-Look($Holder) {
            $reached = @($Holder, $Holder.Client, $Holder.Client.Options, $Holder.Client.Proxy, $Holder.Client.WebSocketHeaders, $Holder.Client.Tls) +
            @(foreach ($options in $Holder.Client.Options) { $options.Proxy, $options.Servers, $options.WebSocketHeaders, $options.Credential, $options.Tls })
            foreach ($item in $reached.Where({ $null -ne $_ })) {
                "$item"
                $item | Format-List * -Force | Out-String -Width 4000
                $item | Format-Table * | Out-String -Width 4000
                $item | Out-String -Width 4000
                $item | ConvertTo-Json -Depth 3 -WarningAction SilentlyContinue
            }
        }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        [IO.Directory]::Delete($folder, $true)
    }

    It 'New-MqttConnectionOption does not show <_>' -ForEach 'a header', 'a proxy URI', 'a proxy credential', 'an authentication script' {
        $look = (Get-Look $holders[$_]) -join "`n"
        $look | Should -BeLike '*ReceiveMaximum*'
        foreach ($secret in $secrets) { $look.Contains($secret) | Should -BeFalse }
    }

    It 'Connect-Mqtt does not show <_>' -ForEach @(
        'a header', 'a proxy URI', 'a proxy credential', 'an authentication script', 'the server URI', 'a credential', 'a password'
        'a credential script', 'a private key', 'an encrypted private key'
    ) {
        $connection = & $connections[$_] *>&1
        try {
            $look = (Get-Look $connection) -join "`n"
            $look | Should -BeLike '*127.0.0.1:1*KeepAlive*'
            foreach ($secret in $secrets) { $look.Contains($secret) | Should -BeFalse }
        }
        finally { $connection | Disconnect-Mqtt }
    }

    It 'shows which headers there are' {
        "$($holders['a header'].Client.WebSocketHeaders)" | Should -BeLike '*Authorization: ***'
        $holders['a header'].Client.WebSocketHeaders.Name | Sort-Object | Should -Be 'Authorization', 'Cookie', 'X-Api-Key'
    }

    It 'Get-Error does not show <_>' -Tag RequiresPwsh -ForEach 'a header', 'a proxy URI', 'a proxy credential', 'the server URI', 'a credential', 'a password', 'a credential script', 'a private key' {
        $connect = [scriptblock]::Create("$($connections[$_])".Replace('-NoWait', '-NoReconnect -TimeoutSeconds 60 -ErrorAction Stop'))
        try { & $connect 3>$null; throw 'It is not refused.' }
        catch { $failure = $_ }
        $failure.FullyQualifiedErrorId | Should -BeLike 'Mqtt*'
        $look = ($failure | Get-Error | Out-String -Width 4000) + ($failure | Format-List * -Force | Out-String -Width 4000) + ($failure | ConvertTo-Json -Depth 3 -WarningAction SilentlyContinue)
        $look | Should -BeLike '*127.0.0.1:1*'
        foreach ($secret in $secrets) { $look.Contains($secret) | Should -BeFalse }
    }
}
