<#
.SYNOPSIS
    Shared subscriptions: several workers in parallel, and every job is done once.
.DESCRIPTION
    Each worker runs in a runspace of its own (ForEach-Object -Parallel) with a connection of its own, and takes its share of the jobs from
    $share/workers/... The broker gives each job to one of them.

    Without -Server the broker is one of the script's own. It ends when all jobs are done.
.EXAMPLE
    ./SharedWorkers.ps1 -Workers 8 -Jobs 500
.EXAMPLE
    ./SharedWorkers.ps1 -Server mqtt://broker.example.com
#>
[CmdletBinding()]
param(
    # Your broker. Default: one of the script's own.
    [string] $Server,

    # How many workers there are.
    [ValidateRange(1, 64)]
    [int] $Workers = 4,

    # How many jobs there are.
    [ValidateRange(1, 100000)]
    [int] $Jobs = 60
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
$module = if (Test-Path $built) { $built } else { 'PSMqtt' }
Import-Module $module

$topic = "psmqtt-example/jobs-$PID"
$broker = $null
$crew = $null
try {
    if (-not $Server) { $broker = Start-MqttBroker -Name "jobs-$PID"; $Server = $broker.Uri }
    $connection = Connect-Mqtt $Server -Name "foreman-$PID"
    $ready = Register-MqttSubscription "$topic/ready" -QoS 1 -Connection $connection
    $done = Register-MqttSubscription "$topic/done" -QoS 1 -Connection $connection

    $crew = 1..$Workers | ForEach-Object -ThrottleLimit $Workers -AsJob -Parallel {
        Import-Module $using:module
        $topic = $using:topic
        $worker = "worker$_"
        $null = Connect-Mqtt $using:Server
        $null = Register-MqttSubscription "`$share/workers/$topic/todo", "$topic/over" -QoS 1
        Send-MqttMessage "$topic/ready" $worker -QoS 1
        # Whatever is registered, as it comes, until the foreman says that it is over.
        Receive-MqttMessage -Wait -Until { $_.Topic -like '*/over' } -TimeoutSeconds 300 | Where-Object Topic -like '*/todo' | ForEach-Object {
            $number = [long] $_.Text
            $factors = for ($rest = $number; $rest -gt 1; $rest /= $factor) {
                for ($factor = 2; $factor * $factor -le $rest -and $rest % $factor; $factor++) { }
                if ($factor * $factor -gt $rest) { $factor = $rest }
                $factor
            }
            Send-MqttMessage "$topic/done" @{ worker = $worker; number = $number; factors = "$($factors -join ' x ')" } -QoS 1
        }
        Disconnect-Mqtt
    }
    $null = Receive-MqttMessage -Subscription $ready -Count $Workers -TimeoutSeconds 120 -Connection $connection

    1..$Jobs | ForEach-Object { Get-Random -Minimum 100000 -Maximum 1000000 } | Send-MqttMessage -Topic "$topic/todo" -QoS 1 -Connection $connection
    $results = (Receive-MqttMessage -Subscription $done -Count $Jobs -TimeoutSeconds 300 -Connection $connection).Json
    Send-MqttMessage "$topic/over" now -QoS 1 -Connection $connection
    $crew | Receive-Job -Wait

    "$Jobs jobs, each done once, by $Workers workers:"
    $results | Group-Object worker | Sort-Object Name | ForEach-Object {
        [pscustomobject]@{ Worker = $_.Name; Jobs = $_.Count; Last = "$($_.Group[-1].number) = $($_.Group[-1].factors)" }
    } | Format-Table
}
finally {
    if ($crew) { $crew | Remove-Job -Force }
    Get-MqttConnection "foreman-$PID" -ErrorAction Ignore | Disconnect-Mqtt
    if ($broker) { $broker | Stop-MqttBroker }
}
