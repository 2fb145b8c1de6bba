<#
.SYNOPSIS
    A bridge: what is published on one broker is published on another, and nothing is lost on the way.
.DESCRIPTION
    Messages are taken from the source one by one, sent to the destination, and acknowledged to the source only when the destination has them.
    The source keeps a message until then. A bridge that shall survive its own end as well gives its source connection -ClientId and -PersistentSession.

    Without parameters it bridges two brokers that it starts itself. It sends its own readings, and ends when they have all arrived.
.EXAMPLE
    ./Bridge.ps1
.EXAMPLE
    ./Bridge.ps1 -Server mqtt://plant.example.com -DestinationServer mqtts://office.example.com
#>
[CmdletBinding()]
param(
    # The broker to take messages from. Default: one of the script's own.
    [string] $Server,

    # The broker to give them to. Default: one of the script's own.
    [string] $DestinationServer,

    # How many readings go across.
    [ValidateRange(1, 100000)]
    [int] $Count = 50
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
Import-Module $(if (Test-Path $built) { $built } else { 'PSMqtt' })

$topic = "psmqtt-example/bridge-$PID"
$brokers = @()
try {
    if (-not $Server) { $brokers += $plant = Start-MqttBroker -Name "plant-$PID"; $Server = $plant.Uri }
    if (-not $DestinationServer) { $brokers += $office = Start-MqttBroker -Name "office-$PID"; $DestinationServer = $office.Uri }
    $source = Connect-Mqtt $Server -Name source
    $destination = Connect-Mqtt $DestinationServer -Name destination

    # -ManualAcknowledge: the source keeps a message until Confirm-MqttMessage. -RetainAsPublished: the bridge sees what was to be retained.
    $outward = Register-MqttSubscription "$topic/#" -QoS 1 -ManualAcknowledge -RetainAsPublished -Connection $source
    $arrivals = Register-MqttSubscription "$topic/#" -QoS 1 -RetainAsPublished -Connection $destination

    1..$Count | ForEach-Object {
        $reading = @{ Topic = "$topic/pump$($_ % 3 + 1)/pressure"; Payload = @{ bar = [Math]::Round(4 + [Math]::Sin($_ / 5), 2); number = $_ } }
        [pscustomobject] $reading
    } | Send-MqttMessage -QoS 1 -Retain -ContentType application/json -Connection $source

    # The bridge itself.
    Receive-MqttMessage -Subscription $outward -Count $Count -TimeoutSeconds 60 -Connection $source | ForEach-Object {
        $_ | Send-MqttMessage -Connection $destination
        $_ | Confirm-MqttMessage -Connection $source
    }

    $messages = Receive-MqttMessage -Subscription $arrivals -Count $Count -TimeoutSeconds 60 -Connection $destination
    "$Count readings went from $($source.Server) to $($destination.Server):"
    $messages | Group-Object Topic | ForEach-Object {
        $bar = $_.Group.Json.bar | Measure-Object -Minimum -Maximum -Average
        [pscustomobject]@{
            Topic    = $_.Name.Substring($topic.Length + 1)
            Messages = $_.Count
            Retained = @($_.Group | Where-Object Retain).Count
            Lowest   = $bar.Minimum
            Highest  = $bar.Maximum
            Content  = $_.Group[0].ContentType
        }
    } | Sort-Object Topic | Format-Table
    Get-MqttConnection source, destination | Format-Table
}
finally {
    # The brokers keep the last value of each topic: a broker of yours is left as it was.
    1..3 | ForEach-Object {
        foreach ($connection in Get-MqttConnection source, destination -ErrorAction Ignore) {
            Send-MqttMessage "$topic/pump$_/pressure" '' -Retain -QoS 1 -Connection $connection -ErrorAction Ignore
        }
    }
    Get-MqttConnection source, destination -ErrorAction Ignore | Disconnect-Mqtt
    $brokers | Stop-MqttBroker
}
