<#
.SYNOPSIS
    A runbook: stops a pump when its leak sensor says so, and makes sure that it has stopped.
.DESCRIPTION
    Looks at the state that the leak sensor has left with the broker (a retained message). If it is wet, sends the pump the command to stop, waits
    until the pump says that it stands, and raises an alarm if it does not say so in time. Writes one object that says what was done.

    Invoke-LeakRunbook.Tests.ps1 tests it with Pester, against a broker inside the test and without a pump.

    Without -Server it shows itself at work, with a broker, a leak and a pump of its own.
.EXAMPLE
    ./Invoke-LeakRunbook.ps1
.EXAMPLE
    ./Invoke-LeakRunbook.ps1 -Server mqtts://broker.example.com -Site hall2
#>
[CmdletBinding()]
param(
    # Your broker. Default: one of the script's own, with a leak and a pump.
    [string] $Server,

    # The site: the first part of its topics, <site>/leak and <site>/pump.
    [string] $Site = 'psmqtt-example/hall1',

    # How long the pump may take to stop.
    [ValidateRange(0.1, 3600)]
    [double] $TimeoutSeconds = 10
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
$module = if (Test-Path $built) { $built } else { 'PSMqtt' }
Import-Module $module

$broker = $null
$pump = $null
$connection = $null
try {
    if (-not $Server) {
        $broker = Start-MqttBroker -Name "hall-$PID"
        $Server = $broker.Uri
        $pump = Start-ThreadJob {
            Import-Module $using:module
            $null = Connect-Mqtt $using:Server
            $commands = Register-MqttSubscription "$using:Site/pump/command" -QoS 1
            Send-MqttMessage "$using:Site/leak" wet -Retain -QoS 1
            $null = Receive-MqttMessage -Subscription $commands -Until { $_.Text -eq 'stop' } -TimeoutSeconds 60
            Start-Sleep -Milliseconds 500
            Send-MqttMessage "$using:Site/pump/state" stopped -QoS 1
            Disconnect-Mqtt
        }
        $leak = 30
    }
    else { $leak = 2 }

    $connection = Connect-Mqtt $Server -Name "runbook-$PID"
    $sensor = Receive-MqttMessage "$Site/leak" -TimeoutSeconds $leak -Connection $connection | Select-Object -First 1
    $result = [ordered]@{
        Site   = $Site
        Leak   = if ($sensor) { $sensor.Text } else { 'unknown' }
        Action = 'none'
        Took   = $null
    }

    if ($result.Leak -eq 'wet') {
        $watch = [Diagnostics.Stopwatch]::StartNew()
        # Subscribed before the command is sent: the pump may be quick.
        $states = Register-MqttSubscription "$Site/pump/state" -QoS 1 -Connection $connection
        Send-MqttMessage "$Site/pump/command" stop -QoS 1 -Connection $connection
        $stopped = Receive-MqttMessage -Subscription $states -Wait -TimeoutSeconds $TimeoutSeconds -Connection $connection |
            Where-Object Text -eq 'stopped' | Select-Object -First 1
        if ($stopped) { $result.Action = 'stopped the pump' }
        else {
            Send-MqttMessage "$Site/alarm" "The pump of $Site does not stop." -QoS 1 -Retain -Connection $connection
            $result.Action = 'raised the alarm'
        }
        $result.Took = $watch.Elapsed
    }

    [pscustomobject] $result
}
finally {
    if ($connection) { $connection | Disconnect-Mqtt }
    if ($pump) { $pump | Receive-Job -Wait -AutoRemoveJob }
    if ($broker) { $broker | Stop-MqttBroker }
}
