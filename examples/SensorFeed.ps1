<#
.SYNOPSIS
    A feed of sensor readings into a CSV file, which any spreadsheet opens.
.DESCRIPTION
    Receives readings as objects, writes one row each, and then shows what the file says about every sensor.

    Without parameters the readings come from three sensors that the script plays itself, over a broker that it starts itself.
.EXAMPLE
    ./SensorFeed.ps1 -Path readings.csv -Count 200
.EXAMPLE
    ./SensorFeed.ps1 -Server mqtt://broker.example.com
#>
[CmdletBinding()]
param(
    # Your broker. Default: one of the script's own.
    [string] $Server,

    # The file to write. Default: one among the temporary files.
    [string] $Path = (Join-Path ([IO.Path]::GetTempPath()) "readings-$PID.csv"),

    # How many readings to take.
    [ValidateRange(1, 100000)]
    [int] $Count = 60
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
$module = if (Test-Path $built) { $built } else { 'PSMqtt' }
Import-Module $module

$topic = "psmqtt-example/sensors-$PID"
$broker = $null
$sensors = $null
try {
    if (-not $Server) { $broker = Start-MqttBroker -Name "sensors-$PID"; $Server = $broker.Uri }
    $null = Connect-Mqtt $Server -Name feed
    # Subscribed before the first reading is sent, so that none is missed.
    $readings = Register-MqttSubscription "$topic/+/climate" -QoS 1 -Connection feed

    # The sensors, in a thread of their own with a connection of their own.
    $sensors = Start-ThreadJob {
        Import-Module $using:module
        $null = Connect-Mqtt $using:Server
        1..$using:Count | ForEach-Object {
            $room = 'kitchen', 'cellar', 'attic' | Get-Random
            $base = @{ kitchen = 21; cellar = 12; attic = 27 }[$room]
            $reading = [ordered]@{
                celsius  = [Math]::Round($base + (Get-Random -Minimum -2.0 -Maximum 2.0), 1)
                humidity = Get-Random -Minimum 35 -Maximum 75
                time     = Get-Date -Format o
            }
            Send-MqttMessage "$using:topic/$room/climate" $reading -QoS 1
            Start-Sleep -Milliseconds 10
        }
        Disconnect-Mqtt
    }

    Receive-MqttMessage -Subscription $readings -Count $Count -TimeoutSeconds 120 -Connection feed | ForEach-Object {
        [pscustomobject]@{
            Received = $_.Timestamp.ToString('o')
            Sensor   = $_.Topic.Split('/')[-2]
            Celsius  = $_.Json.celsius
            Humidity = $_.Json.humidity
        }
    } | Export-Csv $Path

    $sensors | Receive-Job -Wait

    "$((Get-Item $Path).Length) bytes in $Path. Its last rows:"
    Import-Csv $Path | Select-Object -Last 5 | Format-Table
    'What it says about each sensor:'
    Import-Csv $Path | Group-Object Sensor | Sort-Object Name | ForEach-Object {
        $celsius = $_.Group.Celsius | Measure-Object -Minimum -Maximum -Average
        [pscustomobject]@{
            Sensor   = $_.Name
            Readings = $_.Count
            Lowest   = $celsius.Minimum
            Mean     = [Math]::Round($celsius.Average, 1)
            Highest  = $celsius.Maximum
            Humidity = [Math]::Round(($_.Group.Humidity | Measure-Object -Average).Average)
        }
    } | Format-Table
}
finally {
    if ($sensors) { $sensors | Remove-Job -Force }
    Get-MqttConnection feed -ErrorAction Ignore | Disconnect-Mqtt
    if ($broker) { $broker | Stop-MqttBroker }
}
