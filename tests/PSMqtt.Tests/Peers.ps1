# Dot-sourced by the test files that need a peer which does just what the test says, or a second runspace.

# Listens on a free port of the loopback interface. A connection is accepted by the system, so nobody need answer.
function New-Peer {
    $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
    $listener.Start()
    $listener
}

function Get-PeerUri($Listener) { "mqtt://127.0.0.1:$($Listener.LocalEndpoint.Port)" }

# The stream of the next client that has connected.
function Get-PeerClient($Listener) {
    $accepted = $Listener.AcceptTcpClientAsync()
    if (-not $accepted.Wait(60000)) { throw 'Nobody has connected.' }
    $accepted.Result.ReceiveTimeout = 60000
    $accepted.Result.GetStream()
}

function Read-PeerBytes($Stream, [int] $Count) {
    $bytes = [byte[]]::new($Count)
    $read = 0
    while ($read -lt $Count) {
        $more = $Stream.Read($bytes, $read, $Count - $read)
        if ($more -eq 0) { throw 'The client has closed the connection.' }
        $read += $more
    }
    , $bytes
}

# One packet, as its type and the bytes after its length.
function Read-PeerPacket($Stream) {
    $first = (Read-PeerBytes $Stream 1)[0]
    $length = 0
    $shift = 0
    do {
        $next = (Read-PeerBytes $Stream 1)[0]
        $length = $length -bor (($next -band 0x7F) -shl $shift)
        $shift += 7
    } while ($next -band 0x80)
    $body = if ($length -gt 0) { Read-PeerBytes $Stream $length } else { [byte[]]::new(0) }
    $names = @{
        1 = 'CONNECT'; 3 = 'PUBLISH'; 4 = 'PUBACK'; 5 = 'PUBREC'; 6 = 'PUBREL'; 7 = 'PUBCOMP'
        8 = 'SUBSCRIBE'; 10 = 'UNSUBSCRIBE'; 12 = 'PINGREQ'; 14 = 'DISCONNECT'
    }
    [pscustomobject]@{ Type = $names[[int] ($first -shr 4)]; Flags = $first -band 0x0F; Body = [byte[]] $body }
}

# A request of HTTP, to the end of its head.
function Read-PeerRequest($Stream) {
    $text = [Text.StringBuilder]::new()
    while (-not $text.ToString().EndsWith("`r`n`r`n")) { $null = $text.Append([char] (Read-PeerBytes $Stream 1)[0]) }
    $text.ToString()
}

function Write-PeerBytes($Stream, [byte[]] $Bytes) { $Stream.Write($Bytes, 0, $Bytes.Length) }

# Accepts a connection over MQTT 3.1.1.
function Get-PeerSession($Listener) {
    $stream = Get-PeerClient $Listener
    $packet = Read-PeerPacket $stream
    if ($packet.Type -ne 'CONNECT') { throw "$($packet.Type) came first." }
    Write-PeerBytes $stream 0x20, 2, 0, 0
    $stream
}

# The next packet that is not a PINGREQ.
function Wait-PeerPacket($Stream, $Type) {
    do { $packet = Read-PeerPacket $Stream } while ($packet.Type -eq 'PINGREQ')
    if ($packet.Type -ne $Type) { throw "$($packet.Type) came instead of $Type." }
    $packet
}

# A runspace of its own with the module in it.
function New-OtherRunspace {
    $state = [initialsessionstate]::CreateDefault2()
    $state.ImportPSModule([string[]] $modulePath)
    $runspace = [runspacefactory]::CreateRunspace($state)
    $runspace.Open()
    $runspace
}

# Starts a script there, and does not wait for it.
function Start-Other($Runspace, [string] $Script, [object[]] $Arguments = @()) {
    $shell = [powershell]::Create($Runspace)
    $null = $shell.AddScript($Script)
    foreach ($argument in $Arguments) { $null = $shell.AddArgument($argument) }
    $output = [Management.Automation.PSDataCollection[psobject]]::new()
    $inputs = [Management.Automation.PSDataCollection[psobject]]::new()
    $inputs.Complete()
    $begin = [powershell].GetMethods().Where({ $_.Name -eq 'BeginInvoke' -and $_.IsGenericMethod -and $_.GetParameters().Count -eq 2 })[0]
    $running = $begin.MakeGenericMethod([psobject], [psobject]).Invoke($shell, @($inputs, $output))
    [pscustomobject]@{ Shell = $shell; Output = $output; Running = $running }
}

# Waits for it, and gives back what it wrote. An error that ended it is thrown here.
function Wait-Other($Other) {
    if (-not $Other.Running.AsyncWaitHandle.WaitOne(60000)) { throw 'The other runspace has not finished.' }
    $null = $Other.Shell.EndInvoke($Other.Running)
    if ($Other.Shell.Streams.Error.Count) { throw $Other.Shell.Streams.Error[0] }
    $Other.Output
}

# What it has written so far, when that is something.
function Wait-OtherOutput($Other, [int] $Count = 1) {
    $until = [datetime]::UtcNow.AddSeconds(60)
    while ($Other.Output.Count -lt $Count) {
        if ([datetime]::UtcNow -gt $until) { throw 'The other runspace has written nothing.' }
        if ($Other.Running.IsCompleted -and $Other.Output.Count -lt $Count) { $null = Wait-Other $Other; throw 'The other runspace has ended.' }
        $null = $Other.Running.AsyncWaitHandle.WaitOne(5)
    }
    # Reading a collection that may still grow would wait for its end.
    $written = [psobject[]]::new($Count)
    for ($i = 0; $i -lt $Count; $i++) { $written[$i] = $Other.Output[$i] }
    $written
}

# Ctrl+C.
function Stop-Other($Other) {
    $stopping = $Other.Shell.BeginStop($null, $null)
    if (-not $stopping.AsyncWaitHandle.WaitOne(30000)) { throw 'Ctrl+C does not end it.' }
    $Other.Shell.EndStop($stopping)
    $Other.Shell.InvocationStateInfo.State
}

# Runs a script file in a process of its own, of the shell or the test host that runs the test.
function Start-Shell([string] $Script, [string[]] $Arguments, [switch] $Redirect) {
    $shell = [Environment]::ProcessPath
    $run = if ([IO.Path]::GetFileNameWithoutExtension($shell) -eq 'dotnet') { [Environment]::GetCommandLineArgs()[0], 'run' } else { '-NoProfile', '-File' }
    $start = [Diagnostics.ProcessStartInfo]::new($shell)
    foreach ($argument in @($run) + $Script + $Arguments) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardOutput = $start.RedirectStandardError = $Redirect
    [Diagnostics.Process]::Start($start)
}
