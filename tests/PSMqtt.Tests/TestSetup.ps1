# Dot-sourced in the BeforeAll of every test file: imports the module that was built, whichever host runs the tests.
# PSMQTT_MODULE names another manifest, such as that of an installed module.

$modulePath = if ($env:PSMQTT_MODULE) { $env:PSMQTT_MODULE } else { [IO.Path]::GetFullPath("$PSScriptRoot/../../out/PSMqtt/PSMqtt.psd1") }
if (-not [IO.File]::Exists($modulePath)) {
    throw "There is no module at '$modulePath'. Build it first: ./build.sh build (./build.ps1 build)."
}

Import-Module $modulePath -ErrorAction Stop
