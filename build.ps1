<#
.SYNOPSIS
    Every task of this repository.
.DESCRIPTION
    Build   builds the solution and lays out the module in out/PSMqtt.
    Test    builds, runs the xunit and the Pester suites, and closes with "N passed, N failed, N skipped".
            Pester 5 or later runs the Pester files where it is installed, the test host where it is not.
    Demo    starts the embedded broker and shows a round trip with live readings of this machine; with -Server, against your broker.
    Fuzz    runs the fuzzers of the decoder and of the session for -Minutes, from -Seed, and says how many cases were tried.
    Chaos   sends -Messages (a direction and QoS) over a network that is cut at least -Cuts times a client, to mosquitto, from -Seed.
    Interop runs the client against brokers that others have written: all of them, one (-Broker), or one that runs already (-Server).
            docs/interop.md says which, and how they are started.
    Conformance
            makes docs/conformance.md anew of the names of the tests.
    Docs    makes the help that Get-Help shows of docs/en-US, as every build does, checks it against the cmdlets, and runs every example.
    Bench   prints the tables of docs/performance.md as this machine has them; some ten minutes on an idle one.
    Crash, Soak, Reconnect, Store
            measures what holds under faults and load, as docs/reliability.md says: -Kills, -Seconds, -Connections, -Seed.
    Clean   removes what was built.

    It needs the .NET SDK. Where there is no PowerShell, build.sh does the same.
.EXAMPLE
    ./build.ps1 test
.EXAMPLE
    ./build.ps1 demo -Server mqtt://localhost:1883
.EXAMPLE
    ./build.ps1 interop -Broker RabbitMQ
#>
param(
    [ValidateSet('Build', 'Test', 'Demo', 'Fuzz', 'Chaos', 'Interop', 'Conformance', 'Docs', 'Bench', 'Crash', 'Soak', 'Reconnect', 'Store', 'Clean')]
    [string] $Task = 'Build',

    # The broker that the demo and the interoperation tests use. Default: their own.
    [string] $Server,

    # The kind of broker that the interoperation tests start: Mosquitto, RabbitMQ, Aedes, or all.
    [string] $Broker = 'all',

    # How long to fuzz.
    [ValidateRange(1, 10080)]
    [int] $Minutes = 10,

    # How many messages to send over the bad network, and how often to cut it.
    [ValidateRange(1, 10000000)]
    [int] $Messages = 10000,

    [ValidateRange(0, 100000)]
    [int] $Cuts = 110,

    # How often to kill a sending process.
    [ValidateRange(1, 100000)]
    [int] $Kills = 200,

    # How long to soak.
    [ValidateRange(1, 604800)]
    [int] $Seconds = 1800,

    # How many connections to hold through a restart.
    [ValidateRange(1, 50000)]
    [int] $Connections = 2000,

    # Where to begin: the seed that a failure has named. Default: another one each time.
    [string] $Seed
)

# Only the language and .NET are used here, so that the test host can run this file too.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$root = $PSScriptRoot
$solution = "$root/PSMqtt.slnx"
$testHost = "$root/tests/PSMqtt.TestHost/bin/Release/net10.0/PSMqtt.TestHost.dll"
$closingLine = '^(\d+) passed, (\d+) failed, (\d+) skipped$'
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'

function Invoke-Build {
    'Building...' | Out-Host
    $log = & dotnet build $solution -c Release -nologo -v quiet
    $succeeded = $LASTEXITCODE -eq 0
    if (-not $succeeded) { $log | Out-Host }
    $succeeded
}

# Passed, failed and skipped from the closing line of xunit or of a Pester run; nothing where there is none.
function Get-Count([string[]] $Lines) {
    $counts = $null
    foreach ($line in $Lines) {
        if ($line -match $closingLine) {
            $counts = @{ Passed = [int]$Matches[1]; Failed = [int]$Matches[2]; Skipped = [int]$Matches[3] }
        }
        elseif ($line -match 'Total: (\d+), Errors: (\d+), Failed: (\d+), Skipped: (\d+), Not Run: (\d+)') {
            $counts = @{
                Passed  = [int]$Matches[1] - [int]$Matches[3] - [int]$Matches[4] - [int]$Matches[5]
                Failed  = [int]$Matches[2] + [int]$Matches[3]
                Skipped = [int]$Matches[4]
            }
        }
    }

    $counts
}

# The tests that failed, each with the lines that say why.
function Get-Failure([string[]] $Lines) {
    $rest = 0
    foreach ($line in $Lines) {
        if ($line -match '\[FAIL\]$|^ *\[-\] ') { $rest = 13 }
        if ($rest -gt 0) { $line; $rest-- }
    }
}

# Runs a suite, shows what it prints, and adds its counts. One that ends without its closing line has crashed, and counts as failed.
function Invoke-Suite([string] $Name, [string] $Program, [string[]] $Arguments, [hashtable] $Total) {
    "== $Name" | Out-Host
    $lines = [Collections.Generic.List[string]]::new()
    & $Program @Arguments | ForEach-Object {
        $lines.Add("$_")
        if ("$_" -notmatch $closingLine) { "$_" }
    } | Out-Host
    $code = $LASTEXITCODE

    if ($code -ne 0) { $Total.Failures += @(Get-Failure $lines) }
    $counts = Get-Count $lines
    if (-not $counts) {
        "$Name ended with exit code $code and without a result: counted as failed." | Out-Host
        $Total.Failed++
        return
    }

    if ($code -ne 0 -and $counts.Failed -eq 0) {
        "$Name reported no failure, but ended with exit code ${code}: counted as failed." | Out-Host
        $counts.Failed = 1
    }

    $Total.Passed += $counts.Passed
    $Total.Failed += $counts.Failed
    $Total.Skipped += $counts.Skipped
    "== ${Name}: $($counts.Passed + $counts.Failed + $counts.Skipped) tests, $($counts.Failed) failed, $($counts.Skipped) skipped" | Out-Host
    '' | Out-Host
}

# By Pester where it is installed, else by the test host.
function Invoke-PesterFile([string[]] $Path, [hashtable] $Total) {
    $pester = Get-Module -ListAvailable -Name Pester | Where-Object { $_.Version -ge [version]'5.0' }
    if ($pester) {
        # In a process of its own: the module stays loaded, and its files in use, for as long as a process lives.
        Invoke-Suite 'Pester files' ([Environment]::ProcessPath) (@('-NoProfile', '-NonInteractive', '-File', "$root/tests/Invoke-PesterSuite.ps1") + $Path) $Total
    }
    else {
        Invoke-Suite 'Pester files (test host)' 'dotnet' (@($testHost, 'test') + $Path) $Total
    }
}

function Invoke-Test {
    $total = @{ Passed = 0; Failed = 0; Skipped = 0; Failures = @() }
    if (-not (Invoke-Build)) {
        'The build failed: no test was run.' | Out-Host
        $total.Failed = 1
    }
    else {
        foreach ($project in [IO.Directory]::GetFiles("$root/tests", '*.Tests.csproj', 'AllDirectories')) {
            $name = [IO.Path]::GetFileNameWithoutExtension($project)
            Invoke-Suite $name 'dotnet' "$root/tests/$name/bin/Release/net10.0/$name.dll", '-noLogo', '-noColor' $total
        }

        Invoke-PesterFile "$root/tests/PSMqtt.Tests" $total
    }

    # Once more at the end, where a reader of the last page finds it.
    if ($total.Failures) {
        '== What failed' | Out-Host
        $total.Failures | Out-Host
        '' | Out-Host
    }

    "$($total.Passed) passed, $($total.Failed) failed, $($total.Skipped) skipped" | Out-Host
    $total.Failed -eq 0
}

# Runs one group of the engine's tests, with what it has to say.
function Invoke-EngineTest([string[]] $Arguments) {
    if (-not (Invoke-Build)) { return $false }
    & dotnet "$root/tests/PSMqtt.Protocol.Tests/bin/Release/net10.0/PSMqtt.Protocol.Tests.dll" -noLogo -noColor -showLiveOutput @Arguments | Out-Host
    $LASTEXITCODE -eq 0
}

# Installs aedes, a broker for node, into out/aedes for the tests. Nothing, and the reason as a warning, where that does not work.
function Install-Aedes {
    $folder = "$root/out/aedes"
    if ([IO.Directory]::Exists("$folder/node_modules/aedes") -and [IO.Directory]::Exists("$folder/node_modules/ws")) { return $folder }
    try {
        $null = [IO.Directory]::CreateDirectory($folder)
        $said = & npm install --prefix $folder --no-save --no-audit --no-fund --ignore-scripts --loglevel error --fetch-retries 1 aedes@1 ws@8 2>&1
        if ($LASTEXITCODE -eq 0) { return $folder }
        Write-Warning "npm could not install aedes: $said"
    }
    catch {
        Write-Warning "aedes needs node 20 or later, with npm: $_"
    }
}

switch ($Task) {
    'Build' {
        if (-not (Invoke-Build)) { exit 1 }
        "Built: $root/out/PSMqtt/PSMqtt.psd1"
    }
    'Test' {
        if (-not (Invoke-Test)) { exit 1 }
    }
    'Demo' {
        if (-not (Invoke-Build)) { exit 1 }
        $parameters = @{}
        if ($Server) { $parameters.Server = $Server }
        & "$root/examples/Demo.ps1" @parameters
    }
    'Fuzz' {
        # Four tests, one after the other, share the time.
        $env:PSMQTT_FUZZ_SECONDS = $Minutes * 15
        $env:PSMQTT_FUZZ_SEED = $Seed
        if (-not (Invoke-EngineTest '-maxThreads', '1', '-class', '*FuzzTests')) { exit 1 }
    }
    'Chaos' {
        $env:PSMQTT_CHAOS_MESSAGES = $Messages
        $env:PSMQTT_CHAOS_CUTS = $Cuts
        $env:PSMQTT_CHAOS_SEED = $Seed
        if (-not (Invoke-EngineTest '-class', '*ChaosTests')) { exit 1 }
    }
    'Interop' {
        $env:PSMQTT_INTEROP = if ($Server) { $Server } else { $Broker }
        $env:PSMQTT_AEDES = Install-Aedes
        if (-not (Invoke-EngineTest '-class', '*InteropTests')) { exit 1 }
    }
    'Conformance' {
        $env:PSMQTT_CONFORMANCE = 'write'
        if (-not (Invoke-EngineTest '-class', '*ConformanceTests')) { exit 1 }
    }
    'Docs' {
        $total = @{ Passed = 0; Failed = 0; Skipped = 0; Failures = @() }
        if (-not (Invoke-Build)) { exit 1 }
        Invoke-PesterFile @("$root/tests/PSMqtt.Tests/Help.Tests.ps1", "$root/tests/PSMqtt.Tests/Examples.Tests.ps1") $total
        if ($total.Failed) { exit 1 }
    }
    'Bench' {
        if (-not (Invoke-Build)) { exit 1 }
        & dotnet "$root/bench/PSMqtt.Benchmarks/bin/Release/net10.0/PSMqtt.Benchmarks.dll" end-to-end
        # In a process of its own, where nothing else is loaded.
        & ([Environment]::ProcessPath) -NoProfile -NonInteractive -File "$root/bench/Measure-Cmdlets.ps1"
    }
    { $_ -in 'Crash', 'Soak', 'Reconnect', 'Store' } {
        if (-not (Invoke-Build)) { exit 1 }
        $arguments = @($Task.ToLowerInvariant(), '-kills', $Kills, '-seconds', $Seconds, '-connections', $Connections)
        if ($Seed) { $arguments += '-seed', $Seed }
        & dotnet "$root/tests/PSMqtt.Reliability/bin/Release/net10.0/PSMqtt.Reliability.dll" @arguments
        exit $LASTEXITCODE
    }
    'Clean' {
        & dotnet clean $solution -c Release -nologo -v quiet -clp:NoSummary
        if ([IO.Directory]::Exists("$root/out")) { [IO.Directory]::Delete("$root/out", $true) }
    }
}
