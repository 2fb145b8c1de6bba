<#
.SYNOPSIS
    Alarms as events: a script block runs for each, while the script does something else.
.DESCRIPTION
    Register-MqttSubscription -Action raises a PowerShell event for each message, in order, and Register-ObjectEvent tells when the connection is lost
    and when it is back. In the middle the connection is cut, if the broker is the script's own: no alarm is lost.
.EXAMPLE
    ./AlarmEvents.ps1
.EXAMPLE
    ./AlarmEvents.ps1 -Server mqtt://broker.example.com
#>
[CmdletBinding()]
param(
    # Your broker. Default: one of the script's own.
    [string] $Server
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
Import-Module $(if (Test-Path $built) { $built } else { 'PSMqtt' })

$topic = "psmqtt-example/alarms-$PID"
$broker = $null
$jobs = @()
try {
    if (-not $Server) { $broker = Start-MqttBroker -Name "alarms-$PID"; $Server = $broker.Uri }
    $plant = Connect-Mqtt $Server -Name "plant-$PID"
    $connection = Connect-Mqtt $Server -Name "desk-$PID" -ClientId "desk-$PID"

    # What the actions share with the script.
    $log = [Collections.Generic.List[object]]::new()
    $jobs += Register-MqttSubscription "$topic/#" -QoS 1 -Connection $connection -MessageData $log -Action {
        $message = $Event.SourceEventArgs.Message
        $severity = $message.Topic.Split('/')[-1]
        $Event.MessageData.Add([pscustomobject]@{ Time = $message.Timestamp; Event = $severity; Text = $message.Text })
        if ($message.Text -eq 'all clear') { $null = New-Event -SourceIdentifier "clear-$($message.Topic)" }
    }
    $jobs += foreach ($name in 'Disconnected', 'Connected') {
        Register-ObjectEvent $connection $name -MessageData $log -Action {
            $Event.MessageData.Add([pscustomobject]@{ Time = $EventArgs.Timestamp; Event = 'connection'; Text = "$EventArgs" })
        }
    }

    Send-MqttMessage "$topic/warning" 'tank 3: level high' -QoS 1 -Connection $plant
    Send-MqttMessage "$topic/critical" 'tank 3: overflow' -QoS 1 -Connection $plant
    if ($broker) { $null = $broker.CutOff("desk-$PID") }
    Send-MqttMessage "$topic/warning" 'tank 3: valve closed' -QoS 1 -Connection $plant
    Send-MqttMessage "$topic/info" 'all clear' -QoS 1 -Connection $plant

    # The actions run while this waits.
    $clear = Wait-Event -SourceIdentifier "clear-$topic/info" -Timeout 120
    if (-not $clear) { throw 'The alarms have not arrived.' }
    $clear | Remove-Event

    'What happened:'
    $log | Sort-Object Time | Select-Object @{ Name = 'Time'; Expression = { $_.Time.ToLocalTime().ToString('HH:mm:ss.fff') } }, Event, Text | Format-Table
    "The alarms came through $(@($log | Where-Object Event -ne 'connection').Count) events; the connection was made again $($connection.Reconnects) times."
}
finally {
    $jobs | Remove-Job -Force
    Get-MqttConnection "desk-$PID", "plant-$PID" -ErrorAction Ignore | Disconnect-Mqtt
    if ($broker) { $broker | Stop-MqttBroker }
}
