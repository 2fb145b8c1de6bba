# The scripts in examples/: each is right as far as can be seen without running it, runs as it stands, ends by itself and prints what it should.

BeforeDiscovery {
    $exampleDirectory = [IO.Path]::GetFullPath("$PSScriptRoot/../../examples")
    $scripts = [IO.Directory]::GetFiles($exampleDirectory, '*.ps1') | ForEach-Object { @{ Name = [IO.Path]::GetFileName($_); Path = $_ } }
    $runs = @(
        @{ Script = 'Bridge.ps1'; Prints = '50 readings went from mqtt://.+ to mqtt://', 'pump1/pressure +16 +16 ', 'pump3/pressure +17 +17 ' }
        @{ Script = 'SensorFeed.ps1'; Prints = '\d+ bytes in .+\.csv', '(?m)^(attic|cellar|kitchen) +\d+ ' }
        @{ Script = 'Invoke-LeakRunbook.ps1'; Prints = 'wet +stopped the pump' }
        @{ Script = 'DeviceRequest.ps1'; Prints = '"speed":1200', 'unknown command: dance', 'the device has gone: ' }
        @{ Script = 'SharedWorkers.ps1'; Prints = '60 jobs, each done once, by 4 workers', '(?m)^worker4 +15 +\d+ = \d+' }
        @{ Script = 'AlarmEvents.ps1'; Prints = 'tank 3: overflow', 'all clear', 'through 4 events; the connection was made again 1 times' }
    )
}

Describe 'the script <Name>' -ForEach $scripts {
    BeforeAll { . "$PSScriptRoot/TestSetup.ps1" }

    It 'calls the cmdlets by parameters that they have' {
        $problems = $null
        $script = [Management.Automation.Language.Parser]::ParseFile($Path, [ref] $null, [ref] $problems)
        $problems.Count | Should -Be 0
        $calls = $script.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] -and $args[0].GetCommandName() -like '*-Mqtt*' }, $true)
        $calls.Count | Should -BeGreaterThan 0
        foreach ($call in $calls) {
            $command = Get-Command $call.GetCommandName()
            foreach ($element in $call.CommandElements.Where({ $_ -is [Management.Automation.Language.CommandParameterAst] })) {
                # By its whole name: examples are read by people who do not know the short ones.
                $command.Parameters.Keys | Should -Contain $element.ParameterName -Because $call.Extent.Text
            }
        }
    }

    It 'says what it does' {
        if ($Name -notlike '*.Tests.ps1') {
            $help = [Management.Automation.Language.Parser]::ParseFile($Path, [ref] $null, [ref] $null).GetHelpContent()
            $help.Synopsis.Length | Should -BeGreaterThan 20
            $help.Description.Length | Should -BeGreaterThan 40
            $help.Examples.Count | Should -BeGreaterThan 0
        }
        else { [IO.File]::ReadAllLines($Path)[0] | Should -BeLike '#*' }
    }
}

Describe 'running' -Tag RequiresPwsh {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $exampleDirectory = [IO.Path]::GetFullPath("$PSScriptRoot/../../examples")

        # In a process of its own, as a user does: what it leaves behind is not ours, and it must end by itself.
        function Invoke-Script([string[]] $Arguments) {
            $start = [Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
            foreach ($argument in @('-NoProfile', '-NonInteractive') + $Arguments) { $start.ArgumentList.Add($argument) }
            $start.Environment['NO_COLOR'] = '1'
            $start.RedirectStandardOutput = $true
            $start.RedirectStandardError = $true
            $process = [Diagnostics.Process]::Start($start)
            try {
                $errors = $process.StandardError.ReadToEndAsync()
                $output = $process.StandardOutput.ReadToEndAsync()
                if (-not $process.WaitForExit(300000)) {
                    $process.Kill($true)
                    throw "It has not ended. Output: $($output.Result)"
                }
                [pscustomobject]@{ ExitCode = $process.ExitCode; Output = $output.Result.Replace("`r", ''); Errors = $errors.Result }
            }
            finally { $process.Dispose() }
        }
    }

    It '<Script> as it stands prints what it should' -ForEach $runs {
        $run = Invoke-Script '-File', "$exampleDirectory/$Script"
        $run.Errors | Should -BeNullOrEmpty
        $run.ExitCode | Should -Be 0
        foreach ($text in $Prints) { $run.Output | Should -Match $text }
    }

    It '<Script> uses the broker that it is given, and leaves nothing behind' -ForEach $runs.Where({ $_.Script -ne 'Invoke-LeakRunbook.ps1' }) {
        $broker = Start-MqttBroker
        try {
            $run = Invoke-Script '-File', "$exampleDirectory/$Script", '-Server', $broker.Uri
            $run.Errors | Should -BeNullOrEmpty
            $run.ExitCode | Should -Be 0
            $broker.PublishedCount | Should -BeGreaterThan 0
            Wait-Until { $broker.ClientCount -eq 0 }
            $watch = Connect-Mqtt $broker.Uri -Name watch
            $left = Receive-MqttMessage '#' -TimeoutSeconds 1 -Connection $watch
            $left | Should -BeNullOrEmpty
            $watch | Disconnect-Mqtt
        }
        finally { $broker | Stop-MqttBroker }
    }

    It 'the tests of the runbook passes: it has seven' {
        $command = "Import-Module '$((Get-Module Pester).Path)'; `$result = Invoke-Pester '$exampleDirectory/Invoke-LeakRunbook.Tests.ps1' -PassThru; exit (`$result.TotalCount -eq 0) + `$result.FailedCount"
        $run = Invoke-Script '-Command', $command
        $run.Output | Should -Match 'Tests Passed: 7, Failed: 0'
        $run.ExitCode | Should -Be 0
    }
}
