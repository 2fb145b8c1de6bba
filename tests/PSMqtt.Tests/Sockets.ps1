# A client of the embedded broker that is nothing but bytes on a socket, so that these tests say nothing about the client.

function Connect-Socket($Broker) {
    $client = [Net.Sockets.TcpClient]::new()
    $client.ReceiveTimeout = 60000
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
function New-ConnectPacket([string]$ClientId, [string]$User, [string]$Word) {
    function ConvertTo-Field([string]$Text) {
        $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
        [byte[]](@(0, $bytes.Length) + $bytes)
    }

    $flags = if ($User) { 0xC2 } else { 0x02 }
    $body = @(0, 4, 77, 81, 84, 84, 4, $flags, 0, 60) + (ConvertTo-Field $ClientId)
    if ($User) { $body += (ConvertTo-Field $User) + (ConvertTo-Field $Word) }
    [byte[]](@(0x10, $body.Length) + $body)
}

$accepted = [byte[]](0x20, 2, 0, 0)
