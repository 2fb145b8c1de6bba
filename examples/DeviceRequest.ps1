<#
.SYNOPSIS
    Request and response: asks a device, and waits for its answer.
.DESCRIPTION
    Invoke-MqttRequest sends a command with a response topic and correlation data, and writes the reply that belongs to it, whatever else arrives.

    The device is played by the script itself, in a thread of its own: it answers each command on the response topic that it names.
.EXAMPLE
    ./DeviceRequest.ps1
.EXAMPLE
    ./DeviceRequest.ps1 -Server mqtt://broker.example.com
#>
[CmdletBinding()]
param(
    # Your broker, for MQTT 5.0. Default: one of the script's own.
    [string] $Server
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
$module = if (Test-Path $built) { $built } else { 'PSMqtt' }
Import-Module $module

$device = "psmqtt-example/device-$PID"
$broker = $null
$job = $null
try {
    if (-not $Server) { $broker = Start-MqttBroker -Name "devices-$PID"; $Server = $broker.Uri }
    $connection = Connect-Mqtt $Server -Name "control-$PID"
    $online = Register-MqttSubscription "$device/online" -QoS 1 -Connection $connection

    $job = Start-ThreadJob {
        Import-Module $using:module
        $device = $using:device
        $null = Connect-Mqtt $using:Server
        $commands = Register-MqttSubscription "$device/command" -QoS 1
        Send-MqttMessage "$device/online" yes -QoS 1
        $speed = 900
        Receive-MqttMessage -Subscription $commands -Until { $_.Json.do -eq 'stop' } -TimeoutSeconds 120 | ForEach-Object {
            $command = $_.Json
            $answer = switch ($command.do) {
                status { [ordered]@{ ok = $true; speed = $speed; celsius = 61.5 } }
                speed { $speed = $command.to; [ordered]@{ ok = $true; speed = $speed } }
                stop { $speed = 0; [ordered]@{ ok = $true; speed = 0 } }
                default { [ordered]@{ ok = $false; error = "unknown command: $($command.do)" } }
            }
            Send-MqttMessage $_.ResponseTopic $answer -CorrelationData $_.CorrelationData -QoS 1
        }
        Disconnect-Mqtt
    }
    $null = Receive-MqttMessage -Subscription $online -Count 1 -TimeoutSeconds 60 -Connection $connection

    $commands = @{ do = 'status' }, [ordered]@{ do = 'speed'; to = 1200 }, @{ do = 'status' }, @{ do = 'dance' }, @{ do = 'stop' }
    "Asking $device over $($connection.Server):"
    foreach ($command in $commands) {
        $watch = [Diagnostics.Stopwatch]::StartNew()
        $reply = Invoke-MqttRequest "$device/command" $command -QoS 1 -TimeoutSeconds 60 -Connection $connection
        [pscustomobject]@{
            Command = ($command | ConvertTo-Json -Compress)
            Ms      = [Math]::Round($watch.Elapsed.TotalMilliseconds, 1)
            Reply   = $reply.Text
        }
    }
    $job | Receive-Job -Wait

    try { $null = Invoke-MqttRequest "$device/command" @{ do = 'status' } -TimeoutSeconds 1 -Connection $connection -ErrorAction Stop }
    catch { "And now that the device has gone: $($_.Exception.Message)" }
}
finally {
    if ($job) { $job | Remove-Job -Force }
    Get-MqttConnection "control-$PID" -ErrorAction Ignore | Disconnect-Mqtt
    if ($broker) { $broker | Stop-MqttBroker }
}
