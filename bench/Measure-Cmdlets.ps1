<#
.SYNOPSIS
    The cmdlets against cmdlets with the same parameters that do nothing, and against the mosquitto tools where they are installed.
.DESCRIPTION
    Each piece of work and its baseline run in turns, several times; the table has the medians and their ratio. Rates of different runs cannot be
    compared, for the machine is never the same; the ratios of one run can. Needs PowerShell 7.4 or later and a Release build.
.EXAMPLE
    pwsh -NoProfile -File bench/Measure-Cmdlets.ps1
#>
param(
    # Part of the names of the work to measure.
    [string] $Filter = '',

    [int] $Count = 100000,

    [int] $Repetitions = 5
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$root = [IO.Path]::GetDirectoryName($PSScriptRoot)
$module = "$root/out/PSMqtt/PSMqtt.psd1"
$empty = "$PSScriptRoot/PSMqtt.Benchmarks.Cmdlets/bin/Release/net8.0/PSMqtt.Benchmarks.Cmdlets.dll"
Import-Module $module
Import-Module $empty

function Measure-Seconds([scriptblock] $Action) {
    [GC]::Collect()
    $watch = [Diagnostics.Stopwatch]::StartNew()
    . $Action
    $watch.Elapsed.TotalSeconds
}

function Get-Median([double[]] $Values) { ($Values | Sort-Object)[[int][Math]::Floor($Values.Count / 2)] }

function Compare-Work([string] $Name, [int] $Number, [string] $Target, [scriptblock] $Work, [scriptblock] $Baseline, [scriptblock] $Tool) {
    if ($Name -notlike "*$Filter*") { return }
    $seconds = @{ Work = @(); Baseline = @(); Tool = @() }
    # The first rounds are for the compiler, which takes three or four of them until the most used methods are as fast as they will be.
    for ($i = -4; $i -lt $Repetitions; $i++) {
        foreach ($kind in 'Work', 'Baseline', 'Tool') {
            $action = Get-Variable $kind -ValueOnly
            if ($action) {
                $taken = & $action
                if ($i -ge 0) { $seconds[$kind] += $taken }
            }
        }
    }

    $rate = $Number / (Get-Median $seconds.Work)
    $baselineRate = if ($seconds.Baseline) { $Number / (Get-Median $seconds.Baseline) }
    $toolRate = if ($seconds.Tool) { $Number / (Get-Median $seconds.Tool) }
    '| {0} | {1:N0} | {2:N0} | {3:P0} | {4} | {5:N0} |' -f $Name, $rate, $baselineRate, $(if ($baselineRate) { $rate / $baselineRate }), $Target, $toolRate
}

function Connect-Bench([int] $Port) { Connect-Mqtt "mqtt://127.0.0.1:$Port" -ProtocolVersion 5.0 }

$hasMosquitto = [bool](Get-Command mosquitto_pub -CommandType Application -ErrorAction Ignore)
$sink = Start-BenchServer
$connection = Connect-Bench $sink.Port
$messages = foreach ($i in 1..$Count) { [PSMqtt.Protocol.MqttMessage]::new('t', [byte[]]::new(16)) }
$messages1 = foreach ($i in 1..$Count) { [PSMqtt.Protocol.MqttMessage]::new('t', [byte[]]::new(16), 1) }
$lines = [IO.Path]::GetTempFileName()
[IO.File]::WriteAllLines($lines, [string[]](1..$Count))

function Invoke-Tool([string] $Tool, [string] $Arguments) {
    $start = [Diagnostics.ProcessStartInfo]::new('/bin/sh', "-c `"$Tool $Arguments`"")
    $process = [Diagnostics.Process]::Start($start)
    $process.WaitForExit()
}

"PowerShell $($PSVersionTable.PSVersion), $([Runtime.InteropServices.RuntimeInformation]::FrameworkDescription), $([Environment]::ProcessorCount) processors"
'| work | a second | empty cmdlet | of it | target | mosquitto tool |'
'|---|---:|---:|---:|---:|---:|'

foreach ($qos in 0, 1) {
    Compare-Work "1..$Count \| Send-MqttMessage -Topic t -QoS $qos" $Count ('85 %', '75 %')[$qos] {
        Measure-Seconds { 1..$Count | Send-MqttMessage -Topic t -QoS $qos }
    } {
        Measure-Seconds { 1..$Count | Send-Nothing -Topic t -QoS $qos }
    } $(if ($hasMosquitto) { { Measure-Seconds { Invoke-Tool mosquitto_pub "-p $($sink.Port) -t t -q $qos -l < $lines" } } })
}

foreach ($qos in 0, 1) {
    $whole = ($messages, $messages1)[$qos]
    Compare-Work "Send-MqttMessage -Message (QoS $qos)" $Count ('1,000,000', '')[$qos] {
        Measure-Seconds { Send-MqttMessage -Message $whole }
    } {
        Measure-Seconds { Send-Nothing -Message $whole }
    }
}

foreach ($qos in 0, 1) {
    Compare-Work "Receive-MqttMessage t -Count $Count (QoS $qos)" $Count '60 %' {
        $blast = Start-BenchServer -Count $Count -QoS $qos
        $in = Connect-Bench $blast.Port
        Measure-Seconds { $received = Receive-MqttMessage t -Count $Count -QoS $qos -Connection $in }
        Disconnect-Mqtt $in
        $blast.Dispose()
    } {
        Measure-Seconds { $received = Write-Message t -Count $Count }
    } $(if ($hasMosquitto) {
            {
                $blast = Start-BenchServer -Count $Count -QoS $qos
                Measure-Seconds { Invoke-Tool mosquitto_sub "-V 5 -p $($blast.Port) -t t -q $qos -C $Count > /dev/null" }
                $blast.Dispose()
            }
        })
}

$calls = [int]($Count / 10)
Compare-Work "$calls calls of Send-MqttMessage t x" $calls '85 %' {
    Measure-Seconds { foreach ($i in 1..$calls) { Send-MqttMessage t x -Connection $connection } }
} {
    Measure-Seconds { foreach ($i in 1..$calls) { Send-Nothing t x -Connection $connection } }
}

foreach ($qos in 0, 1) {
    Compare-Work "Receive-MqttMessage \| Send-MqttMessage (QoS $qos)" $Count '60 %' {
        $blast = Start-BenchServer -Count $Count -QoS $qos
        $in = Connect-Bench $blast.Port
        Measure-Seconds { Receive-MqttMessage t -Count $Count -QoS $qos -Connection $in | Send-MqttMessage -Connection $connection }
        Disconnect-Mqtt $in
        $blast.Dispose()
    } {
        Measure-Seconds { $messages | Send-Nothing -Connection $connection }
    }
}

Disconnect-Mqtt $connection
[IO.File]::Delete($lines)

if ('Import-Module, Connect-Mqtt cold' -like "*$Filter*") {
    # A process each: what is measured is what has never run before.
    $shell = [Environment]::ProcessPath
    $command = 'param([string] $module, [int] $port)
        [Console]::Out.Write("") # the console is not the module''s to set up
        $watch = [Diagnostics.Stopwatch]::StartNew(); Import-Module $module; $import = $watch.Elapsed.TotalMilliseconds
        $watch.Restart(); if ($port) { $null = Connect-Mqtt "mqtt://127.0.0.1:$port" }; $connect = $watch.Elapsed.TotalMilliseconds
        [string]::Format([cultureinfo]::InvariantCulture, "{0} {1}", $import, $connect)'
    $script = [IO.Path]::GetTempFileName() + '.ps1'
    [IO.File]::WriteAllText($script, $command)
    $nothing = [IO.Path]::GetTempFileName() + '.dll'
    Add-Type -OutputAssembly $nothing -TypeDefinition 'using System.Management.Automation; [Cmdlet("Get", "Nothing")] public class GetNothing : Cmdlet { }'
    $times = @{ Module = @(); Connect = @(); Empty = @() }
    for ($i = 0; $i -lt 2 * $Repetitions + 1; $i++) {
        $parts = (& $shell -NoProfile -NonInteractive -File $script $module $sink.Port) -split ' '
        $times.Module += [double]$parts[0]
        $times.Connect += [double]$parts[1]
        $parts = (& $shell -NoProfile -NonInteractive -File $script $nothing 0) -split ' '
        $times.Empty += [double]$parts[0]
    }

    [IO.File]::Delete($script)
    [IO.File]::Delete($nothing)
    ''
    '| cold, in a process of its own | milliseconds | target |'
    '|---|---:|---:|'
    '| Import-Module of an empty binary module | {0:N0} | |' -f (Get-Median $times.Empty)
    '| Import-Module PSMqtt | {0:N0} | {1:N0} |' -f (Get-Median $times.Module), ((Get-Median $times.Empty) + 100)
    '| Connect-Mqtt, the first | {0:N0} | 150 |' -f (Get-Median $times.Connect)
}

$sink.Dispose()
