<#
.SYNOPSIS
    A tour of PSMqtt in a minute, with live readings of this machine.
.DESCRIPTION
    Starts a broker inside this process (or uses yours), connects, registers a subscription, publishes readings of the processor, the memory, the
    disks and the processes taken just now, receives them as objects, and shows each on the way.

    Run it by ./build.sh demo or ./build.ps1 demo, or as it stands where the module is installed.
.EXAMPLE
    ./build.sh demo
.EXAMPLE
    ./build.sh demo -Server mqtt://broker.example.com
#>
param(
    # Your broker: a host, host:port or a URI. Default: one of the demo's own.
    [string[]] $Server
)

# Only the language and .NET are used besides the module, so that the demo also runs where there is no PowerShell: see tests/PSMqtt.TestHost.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$built = [IO.Path]::GetFullPath("$PSScriptRoot/../out/PSMqtt/PSMqtt.psd1")
Import-Module $(if ([IO.File]::Exists($built)) { $built } else { 'PSMqtt' })

function Show-Step([string] $Text, [string] $Command) {
    ''
    "# $Text"
    "PS> $Command"
}

# Each reading is taken from the system at the moment it is asked for.

function Get-ProcessorReading {
    function Get-BusyTime {
        if ([IO.File]::Exists('/proc/stat')) {
            $ticks = [long[]]([IO.File]::ReadLines('/proc/stat').GetEnumerator().ForEach({ $_ })[0] -split '\s+')[1..8]
            $idle = $ticks[3] + $ticks[4]
            $all = 0
            foreach ($tick in $ticks) { $all += $tick }
            return @{ Busy = $all - $idle; All = $all }
        }

        $busy = 0.0
        foreach ($process in [Diagnostics.Process]::GetProcesses()) {
            try { $busy += $process.TotalProcessorTime.TotalMilliseconds } catch { continue } finally { $process.Dispose() }
        }
        @{ Busy = $busy; All = [Environment]::TickCount64 * [Environment]::ProcessorCount }
    }

    $before = Get-BusyTime
    [Threading.Thread]::Sleep(500)
    $after = Get-BusyTime
    $load = 100 * ($after.Busy - $before.Busy) / [Math]::Max(1, $after.All - $before.All)
    [ordered]@{ loadPercent = [Math]::Round([Math]::Clamp($load, 0, 100), 1); cores = [Environment]::ProcessorCount }
}

function Get-MemoryReading {
    if ([IO.File]::Exists('/proc/meminfo')) {
        $kilobytes = @{}
        foreach ($line in [IO.File]::ReadAllLines('/proc/meminfo')) {
            if ($line -match '^(MemTotal|MemAvailable):\s+(\d+)') { $kilobytes[$Matches[1]] = [long]$Matches[2] }
        }
        $total = $kilobytes.MemTotal * 1KB
        $used = $total - $kilobytes.MemAvailable * 1KB
    }
    else {
        [GC]::Collect()
        $memory = [GC]::GetGCMemoryInfo()
        $total = $memory.TotalAvailableMemoryBytes
        $used = $memory.MemoryLoadBytes
    }
    [ordered]@{ usedGiB = [Math]::Round($used / 1GB, 2); totalGiB = [Math]::Round($total / 1GB, 2); usedPercent = [Math]::Round(100 * $used / $total, 1) }
}

function Get-DiskReading {
    $root = [IO.Path]::GetPathRoot([Environment]::CurrentDirectory)
    $drive = [IO.DriveInfo]::new($root)
    [ordered]@{
        path        = $root
        freeGiB     = [Math]::Round($drive.AvailableFreeSpace / 1GB, 1)
        totalGiB    = [Math]::Round($drive.TotalSize / 1GB, 1)
        usedPercent = [Math]::Round(100 * (1 - $drive.AvailableFreeSpace / $drive.TotalSize), 1)
    }
}

function Get-ProcessReading {
    $processes = [Diagnostics.Process]::GetProcesses()
    $largest = $processes[0]
    $threads = 0
    foreach ($process in $processes) {
        if ($process.WorkingSet64 -gt $largest.WorkingSet64) { $largest = $process }
        try { $threads += $process.Threads.Count } catch { continue }
    }
    [ordered]@{
        count          = $processes.Count
        threads        = $threads
        largest        = $largest.ProcessName
        largestMiB     = [Math]::Round($largest.WorkingSet64 / 1MB, 1)
    }
}

$topic = "psmqtt-demo/$([Environment]::MachineName)"
$broker = $null
$connection = $null
try {
    if ($Server) {
        Show-Step 'Connect to your broker.' 'Connect-Mqtt <your server>'
        $connection = Connect-Mqtt -Server $Server
    }
    else {
        Show-Step 'Start a broker inside this process: nothing to install, a free port on loopback.' '$broker = Start-MqttBroker; $broker'
        $broker = Start-MqttBroker
        $broker | Out-Host

        Show-Step 'Connect to it.' '$broker | Connect-Mqtt'
        $connection = $broker | Connect-Mqtt
    }
    $connection | Out-Host

    Show-Step 'Subscribe. What arrives is queued until it is received.' "`$readings = Register-MqttSubscription '$topic/#'; `$readings"
    $readings = Register-MqttSubscription "$topic/#" -QoS 1
    $readings | Out-Host

    Show-Step 'Publish readings of this machine, taken now. Whatever is no text or bytes travels as JSON.' "Send-MqttMessage $topic/memory @{ usedGiB = ... } -QoS 1"
    Send-MqttMessage "$topic/processor" (Get-ProcessorReading) -QoS 1
    Send-MqttMessage "$topic/memory" (Get-MemoryReading) -QoS 1
    Send-MqttMessage "$topic/disk" (Get-DiskReading) -QoS 1
    Send-MqttMessage "$topic/processes" (Get-ProcessReading) -QoS 1

    Show-Step 'Receive them.' 'Receive-MqttMessage -Subscription $readings -Count 4 -TimeoutSeconds 10'
    $messages = @(Receive-MqttMessage -Subscription $readings -Count 4 -TimeoutSeconds 10)
    $messages | Out-Host

    Show-Step 'They are objects: .Json has the payload''s properties.' '$messages | ForEach-Object { $_.Json }'
    foreach ($message in $messages) {
        [pscustomobject]@{
            Reading = $message.Topic.Substring($topic.Length + 1)
            Values  = ($message.Json.PSObject.Properties | ForEach-Object { "$($_.Name) $($_.Value)" }) -join ', '
        }
    }

    $memory = $messages.Where({ $_.Topic -eq "$topic/memory" })[0].Json
    ''
    "$([Environment]::MachineName) has $([Math]::Round($memory.totalGiB - $memory.usedGiB, 2)) GiB of memory free. It came over MQTT $($connection.ProtocolVersion)."
}
finally {
    if ($connection) { $connection | Disconnect-Mqtt }
    if ($broker) { $broker | Stop-MqttBroker }
}

@"

Try next, in PowerShell:
  Import-Module $(if ([IO.File]::Exists($built)) { $built } else { 'PSMqtt' })
  Start-MqttBroker | Connect-Mqtt                               a broker and a connection to play with
  Register-MqttSubscription '#'                                 everything that is published
  Send-MqttMessage hello 'world' -QoS 1
  Receive-MqttMessage                                           what has arrived
  Receive-MqttMessage 'plant/#' -Wait                           watch until Ctrl+C
  ./build.sh demo -Server mqtt://your-broker:1883               this demo against your broker
"@
