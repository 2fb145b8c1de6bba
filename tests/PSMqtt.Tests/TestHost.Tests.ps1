# The test host reports what it runs, failures above all. It runs here as a process of its own, on files that the normal run does not pick up.

BeforeAll {
    $repository = [IO.Path]::GetFullPath("$PSScriptRoot/../..")
    $testHost = "$repository/tests/PSMqtt.TestHost/bin/Release/net10.0/PSMqtt.TestHost.dll"
    $selftest = "$repository/tests/PSMqtt.TestHost/selftest"

    function Invoke-TestHost {
        $start = [Diagnostics.ProcessStartInfo]::new('dotnet')
        foreach ($argument in @($testHost) + $args) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardOutput = $true
        $start.RedirectStandardError = $true
        $process = [Diagnostics.Process]::Start($start)
        $errors = $process.StandardError.ReadToEndAsync()
        $text = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        @{
            Lines    = @($text.TrimEnd().Split("`n").ForEach({ $_.TrimEnd() }))
            Errors   = $errors.Result
            ExitCode = $process.ExitCode
        }
    }
}

Describe 'PSMqtt.TestHost test' {
    It 'reports every failure of a file that fails' {
        $source = [IO.File]::ReadAllText("$selftest/Failing.Selftest.ps1")
        $expected = [regex]::Matches($source, "(?m)^\s*It '").Count
        $expected | Should -BeGreaterThan 40

        $run = Invoke-TestHost test "$selftest/Failing.Selftest.ps1"

        $run.ExitCode | Should -Be 1
        $run.Lines[-1] | Should -Be "1 passed, $expected failed, 0 skipped"
        @($run.Lines -match '^\s*\[-\]') | Should -HaveCount $expected
        @($run.Lines -match '^\s*\[\+\]') | Should -HaveCount 1
    }

    It 'names file, line and message of a failure' {
        $run = Invoke-TestHost test "$selftest/Failing.Selftest.ps1"
        @($run.Lines -match 'Failing\.Selftest\.ps1:4: Expected 1 to be 2\.') | Should -HaveCount 1
    }

    It 'runs a file as Pester does' {
        $run = Invoke-TestHost test "$selftest/Passing.Selftest.ps1"
        $run.Lines[-1] | Should -Be '27 passed, 0 failed, 3 skipped'
        $run.ExitCode | Should -Be 0
    }

    It 'runs the tests that have a tag' {
        $run = Invoke-TestHost test "$selftest/Passing.Selftest.ps1" --tag Chosen
        $run.Lines[-1] | Should -Be '2 passed, 0 failed, 0 skipped'
    }

    It 'leaves out the tests that have an excluded tag' {
        $run = Invoke-TestHost test "$selftest/Passing.Selftest.ps1" --tag Chosen --exclude-tag Left
        $run.Lines[-1] | Should -Be '1 passed, 0 failed, 0 skipped'
    }

    It 'checks the commands of a test that needs PowerShell' {
        $run = Invoke-TestHost test "$selftest/NeedsPwsh.Selftest.ps1"
        $run.Lines[-1] | Should -Be '0 passed, 2 failed, 1 skipped'
        @($run.Lines -match "NeedsPwsh\.Selftest\.ps1:\d+: there is no command 'Get-MqttNoSuchThing'") | Should -HaveCount 1
        @($run.Lines -match 'Start-MqttBroker -NoSuchParameter:') | Should -HaveCount 1
    }

    It 'fails for a file that <what>' -ForEach @(
        @{ what = 'does not parse'; content = 'Describe "x" {' }
        @{ what = 'throws in discovery'; content = 'throw "in discovery"' }
        @{ what = 'calls what is not there'; content = 'Describe "x" { It "y" { 1 | Should -Be 1 } }; Describ "z" { }' }
        @{ what = 'has no test'; content = '# nothing' }
        @{ what = 'never ends'; content = 'Describe "x" { It "y" { while ($true) { [Threading.Thread]::Sleep(1) } } }'; limit = '1' }
    ) {
        $file = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid()).Tests.ps1")
        try {
            [IO.File]::WriteAllText($file, $content)
            $run = if ($limit) { Invoke-TestHost test $file --limit $limit } else { Invoke-TestHost test $file }
            $run.ExitCode | Should -Be 1
            $run.Lines[-1] | Should -Be '0 passed, 1 failed, 0 skipped'
        }
        finally {
            [IO.File]::Delete($file)
        }
    }

    It 'complains about a path that is not there' {
        $run = Invoke-TestHost test "$selftest/no-such-file.Tests.ps1"
        $run.ExitCode | Should -Be 2
        $run.Errors | Should -Match 'no-such-file'
    }
}

Describe 'PSMqtt.TestHost run' {
    BeforeAll {
        $script = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid()).ps1")
    }

    AfterAll {
        [IO.File]::Delete($script)
    }

    It 'gives the arguments, prints objects as tables, and exits as the script does' {
        [IO.File]::WriteAllText($script, 'param([string]$Name, [switch]$Loud, [int]$Code) [pscustomobject]@{ Name = $Name; Loud = [bool]$Loud }; exit $Code')
        $run = Invoke-TestHost run $script -Name 'a b' -Loud -Code 3
        $run.ExitCode | Should -Be 3
        @($run.Lines -match '^Name\s+Loud') | Should -HaveCount 1
        @($run.Lines -match '^a b\s+True') | Should -HaveCount 1
    }

    It 'exits with 1 when the arguments do not fit' {
        [IO.File]::WriteAllText($script, 'param([int]$Code) exit 0')
        $run = Invoke-TestHost run $script -Code x
        $run.ExitCode | Should -Be 1
        $run.Errors | Should -Match 'Code'
    }

    It 'does not take the exit code of a program for its own' {
        [IO.File]::WriteAllText($script, '& dotnet no-such-command 2>&1 | Out-Null; "code $LASTEXITCODE"')
        $run = Invoke-TestHost run $script
        $run.Lines[-1] | Should -Match '^code [1-9]'
        $run.ExitCode | Should -Be 0
    }

    It 'prints an error and exits with 1' {
        [IO.File]::WriteAllText($script, 'throw "something went wrong"')
        $run = Invoke-TestHost run $script
        $run.ExitCode | Should -Be 1
        $run.Errors | Should -Match 'something went wrong'
    }
}
