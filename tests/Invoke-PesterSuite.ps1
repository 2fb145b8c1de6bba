# Runs Pester files, all of them unless told otherwise, with Pester 5 or later, and closes with "N passed, N failed, N skipped". For build.ps1.
param(
    [Parameter(ValueFromRemainingArguments)]
    [string[]] $Path = "$PSScriptRoot/PSMqtt.Tests"
)

Import-Module Pester -MinimumVersion 5.0 -ErrorAction Stop

$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$result = Invoke-Pester -Configuration $configuration

$failed = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount
"$($result.PassedCount) passed, $failed failed, $($result.SkippedCount) skipped"
if ($failed -gt 0 -or $result.TotalCount -eq 0) { exit 1 }
