Describe 'Connect-Mqtt by WebSocket and through proxies' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"

        # What Connect-Mqtt says to a peer that answers the first thing it reads with these words, and hangs up.
        function Invoke-Http([string] $Answer, [string] $Command) {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $script = "param(`$port) try { $Command -NoReconnect -TimeoutSeconds 60 -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId; `$_.ErrorDetails.RecommendedAction }"
                $other = Start-Other $runspace $script $peer.LocalEndpoint.Port
                $stream = Get-PeerClient $peer
                $request = Read-PeerRequest $stream
                if ($Answer.Contains('<accept>')) {
                    $key = [regex]::Match($request, 'Sec-WebSocket-Key: (.*)\r').Groups[1].Value
                    $hash = [Security.Cryptography.SHA1]::HashData([Text.Encoding]::ASCII.GetBytes("${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
                    $Answer = $Answer.Replace('<accept>', [Convert]::ToBase64String($hash))
                }
                Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes("$($Answer.Replace('|', "`r`n"))`r`n`r`n"))
                $stream.Close()
                $said = @(Wait-Other $other)
                $said[1] | Should -Not -BeNullOrEmpty
                $said[0]
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }
    }

    It 'reports a WebSocket endpoint: <how>' -ForEach @(
        @{ how = 'that answers 200'; answer = 'HTTP/1.1 200 OK'; id = 'MqttWebSocketRefused' }
        @{ how = 'that answers 401'; answer = 'HTTP/1.1 401 Unauthorized'; id = 'MqttWebSocketUnauthorized' }
        @{ how = 'that answers 404'; answer = 'HTTP/1.1 404 Not Found'; id = 'MqttWebSocketNotFound' }
        @{
            how = 'that speaks another subprotocol'; id = 'MqttWebSocketSubprotocol'
            answer = 'HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Accept: <accept>|Sec-WebSocket-Protocol: wamp'
        }
    ) {
        Invoke-Http $answer 'Connect-Mqtt ws://127.0.0.1:$port/mqtt' | Should -Be "$id,PSMqtt.Commands.ConnectMqttCommand"
    }

    It 'reports a proxy: <how>' -ForEach @(
        @{ how = 'that refuses'; answer = 'HTTP/1.1 403 Forbidden'; id = 'MqttProxyRefused' }
        @{ how = 'that wants a credential'; answer = 'HTTP/1.1 407 Proxy Authentication Required|Proxy-Authenticate: Basic'; id = 'MqttProxyAuthenticationRequired' }
    ) {
        Invoke-Http $answer 'Connect-Mqtt mqtt://broker.invalid -Option (New-MqttConnectionOption -Proxy http://127.0.0.1:$port)' |
            Should -Be "$id,PSMqtt.Commands.ConnectMqttCommand"
    }

    It 'reports a proxy that is not there' {
        $peer = New-Peer
        $port = $peer.LocalEndpoint.Port
        $peer.Stop()
        { Connect-Mqtt mqtt://broker.invalid -Option (New-MqttConnectionOption -Proxy "socks5://127.0.0.1:$port") -NoReconnect -ErrorAction Stop } |
            Should -Throw -ErrorId 'MqttProxyRefused,PSMqtt.Commands.ConnectMqttCommand'
    }
}
