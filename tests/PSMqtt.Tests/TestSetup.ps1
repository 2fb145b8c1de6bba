# Dot-sourced in the BeforeAll of every test file: imports the module that was built, whichever host runs the tests.
# PSMQTT_MODULE names another manifest, such as that of an installed module.

$modulePath = if ($env:PSMQTT_MODULE) { $env:PSMQTT_MODULE } else { [IO.Path]::GetFullPath("$PSScriptRoot/../../out/PSMqtt/PSMqtt.psd1") }
if (-not [IO.File]::Exists($modulePath)) {
    throw "There is no module at '$modulePath'. Build it first: ./build.sh build (./build.ps1 build)."
}

Import-Module $modulePath -ErrorAction Stop

# Waits until a condition holds that no event tells of; event actions run meanwhile. The limit only ends a failed test.
function Wait-Until([scriptblock] $Condition) {
    $until = [datetime]::UtcNow.AddSeconds(60)
    while (-not (& $Condition)) {
        if ([datetime]::UtcNow -gt $until) { throw "It has not come to be: $Condition" }
        [Threading.Thread]::Sleep(2)
    }
}
