BeforeDiscovery {
    # Part of no bare engine, and not needed to build: so only where somebody has installed it.
    $hasAnalyzer = [bool] (Get-Module -ListAvailable PSScriptAnalyzer)
}

Describe 'the module, for those who install it' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Pages.ps1"
    }

    It 'has a manifest that Test-ModuleManifest accepts' {
        $manifest = Test-ModuleManifest $modulePath -ErrorAction Stop -WarningAction Stop
        $manifest.Name | Should -Be 'PSMqtt'
        $manifest.Version | Should -Be ([PSMqtt.MqttConnection].Assembly.GetName().Version.ToString(3))
        $manifest.Description | Should -Not -BeNullOrEmpty
        $manifest.ExportedCmdlets.Count | Should -Be (Get-Command -Module PSMqtt -CommandType Cmdlet).Count
    }

    It 'has verbs that PowerShell approves of, and singular nouns' {
        $verbs = [psobject].Assembly.GetExportedTypes().Where({ $_.Name -clike 'Verbs*' }).ForEach({ $_.GetFields().Name })
        foreach ($command in Get-Command -Module PSMqtt -CommandType Cmdlet) {
            $verbs | Should -Contain $command.Verb
            $command.Noun | Should -Not -Match 's$'
        }
    }

    It 'writes to the console only by way of PowerShell' {
        $files = [IO.Directory]::GetFiles("$repository/src", '*.cs', 'AllDirectories').Where({ $_ -notmatch '[\\/](obj|bin)[\\/]' })
        $files.Count | Should -BeGreaterThan 100
        foreach ($file in $files) { [IO.File]::ReadAllText($file) | Should -Not -Match '\bConsole\s*\.' -Because $file }
    }

    It 'has views that work in strict mode' {
        Set-StrictMode -Version Latest
        $broker = Start-MqttBroker
        try {
            $connection = $broker | Connect-Mqtt
            $subscription = Register-MqttSubscription strict/#
            $result = Send-MqttMessage strict/1 @{ a = 1 } -QoS 1 -PassThru
            $message = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30
            foreach ($one in $broker, $broker.Clients[0], $connection, $subscription, $result, $message, (New-MqttMessage empty), (New-MqttConnectionOption)) {
                foreach ($text in ($one | Format-Table | Out-String), ($one | Format-List | Out-String)) {
                    $text | Should -Not -BeNullOrEmpty
                    # What the formatter writes where a view's script has failed.
                    $text | Should -Not -Match '#ERR'
                }
            }
        }
        finally {
            Get-MqttConnection | Disconnect-Mqtt
            $broker | Stop-MqttBroker
        }
    }

    It 'ends everything when it is removed, and can be imported again' {
        $broker = Start-MqttBroker -Name outside
        $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
        $runspace.Open()
        $shell = [powershell]::Create($runspace)
        try {
            $script = {
                param($path, $uri)
                $ErrorActionPreference = 'Stop'
                foreach ($round in 1, 2) {
                    Import-Module $path
                    $null = Connect-Mqtt $uri -ClientId removed
                    $null = Register-MqttSubscription removed/# -Action { 'unused' } -SourceIdentifier removed
                    $null = Start-MqttBroker -Name "inside$round"
                    Remove-Module PSMqtt
                    "$(@(Get-Command -Name '*-Mqtt*' -CommandType Cmdlet).Count) cmdlets, $(@(Get-Job).Count) jobs"
                }
            }
            $said = $shell.AddScript($script).AddArgument($modulePath).AddArgument($broker.Uri).Invoke()
            $shell.Streams.Error.Count | Should -Be 0 -Because "$($shell.Streams.Error)"
            $said.Count | Should -Be 2
            $said | Should -BeLike '0 cmdlets, *'
            Wait-Until { 'removed' -notin $broker.Clients.ClientId }
            (Get-MqttBroker).Name | Should -Not -Contain 'inside1'
            (Get-MqttBroker).Name | Should -Not -Contain 'inside2'
        }
        finally {
            $shell.Dispose()
            $runspace.Dispose()
            $broker | Stop-MqttBroker
        }
    }

    It 'has a test file for every cmdlet' {
        $files = [IO.Directory]::GetFiles($PSScriptRoot, '*.Tests.ps1').ForEach({ [IO.Path]::GetFileName($_) })
        foreach ($command in Get-Command -Module PSMqtt -CommandType Cmdlet) {
            $files | Should -Contain "$($command.Name).Tests.ps1"
        }
    }

    It 'has a test for every parameter of every cmdlet' {
        $inherited = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
        $texts = [IO.Directory]::GetFiles($PSScriptRoot, '*.Tests.ps1').ForEach({ [IO.File]::ReadAllText($_) })
        foreach ($command in Get-Command -Module PSMqtt -CommandType Cmdlet) {
            # On the line of the command, or, splatted or made into a line by the test, as a key or a name in a file that uses the command.
            $using = $texts.Where({ $_ -match "\b$($command.Name)\b" })
            $using.Count | Should -BeGreaterThan 0 -Because $command.Name
            foreach ($parameter in $command.Parameters.Values) {
                $isPositional = @($parameter.Attributes).Where({ $_ -is [Parameter] -and ($_.Position -ge 0 -or $_.ValueFromPipeline) })
                if ($parameter.Name -in $inherited -or $isPositional) { continue }
                $pattern = "\b$($command.Name)\b[^\r\n]* -$($parameter.Name)\b|\b$($parameter.Name)'? = |name = '$($parameter.Name)'"
                $using.Where({ $_ -match $pattern }, 'First') | Should -Not -BeNullOrEmpty -Because "a test shows what $($command.Name) -$($parameter.Name) does"
            }
        }
    }

    It 'has scripts in which PSScriptAnalyzer finds nothing' -Tag RequiresPwsh -Skip:(-not $hasAnalyzer) {
        $scripts = foreach ($kind in '*.ps1', '*.psm1') { [IO.Directory]::GetFiles($repository, $kind, 'AllDirectories') }
        $scripts = @($scripts -notmatch '[\\/](bin|obj|out|\.git)[\\/]') + $modulePath + "$repository/PSScriptAnalyzerSettings.psd1"
        $scripts.Count | Should -BeGreaterThan 20
        $found = $scripts | ForEach-Object { Invoke-ScriptAnalyzer -Path $_ -Settings "$repository/PSScriptAnalyzerSettings.psd1" -ErrorAction Stop }
        ($found | ForEach-Object { "$($_.ScriptName):$($_.Line) $($_.RuleName): $($_.Message)" }) -join "`n" | Should -BeNullOrEmpty
    }
}
