Describe 'the module' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $module = Get-Module PSMqtt
        $assembly = [PSMqtt.MqttConnection].Assembly
    }

    It 'exports exactly what the manifest names' {
        $cmdlets = $assembly.GetTypes().ForEach({ $_.GetCustomAttributes([Management.Automation.CmdletAttribute], $false) }).ForEach({ "$($_.VerbName)-$($_.NounName)" })
        ($module.ExportedCmdlets.Keys | Sort-Object) -join ' ' | Should -Be (($cmdlets | Sort-Object) -join ' ')
        $module.ExportedAliases.Keys | Should -Be 'Publish-MqttMessage'
        $module.ExportedFunctions.Count | Should -Be 0
        $module.ExportedVariables.Count | Should -Be 0
    }

    It 'gives every error an identifier of its own, a category and an advice' {
        $flags = [Reflection.BindingFlags] 'Static, Public, NonPublic'
        $kinds = $assembly.GetType('PSMqtt.Errors.MqttErrors').GetFields($flags).ForEach({ $_.GetValue($null) })
        $kinds.Count | Should -BeGreaterThan 40
        $ids = $kinds.ForEach({ $_.GetType().GetProperty('Id').GetValue($_) })
        [Collections.Generic.HashSet[string]]::new([string[]] $ids).Count | Should -Be $ids.Count
        foreach ($kind in $kinds) {
            $kind.GetType().GetProperty('Advice').GetValue($kind) | Should -Match '^[A-Z].*\.$'
        }
    }

    It 'has an error for everything that the engine can fail with' {
        $flags = [Reflection.BindingFlags] 'Static, Public, NonPublic'
        $kindOf = $assembly.GetType('PSMqtt.Errors.EngineErrors').GetMethods($flags).Where({ $_.Name -eq 'KindOf' })
        $ofConnect = $kindOf.Where({ $_.GetParameters()[0].ParameterType.Name -eq 'MqttConnectFailure' })[0]
        $seen = foreach ($failure in [enum]::GetValues([PSMqtt.Protocol.MqttConnectFailure])) { $ofConnect.Invoke($null, @($failure)) | ForEach-Object { $_.GetType().GetProperty('Id').GetValue($_) } }
        [Collections.Generic.HashSet[string]]::new([string[]] $seen).Count | Should -Be $seen.Count
        $ofOperation = $kindOf.Where({ $_.GetParameters().Count -eq 2 })[0]
        $seen = foreach ($failure in [enum]::GetValues([PSMqtt.Protocol.MqttOperationFailure])) {
            $ofOperation.Invoke($null, @([PSMqtt.Protocol.MqttOperation]::Publish, $failure)) | ForEach-Object { $_.GetType().GetProperty('Id').GetValue($_) }
        }
        [Collections.Generic.HashSet[string]]::new([string[]] $seen).Count | Should -Be $seen.Count
        $seen | Should -Not -Contain 'MqttUnexpectedError'
    }

    It 'declares what every cmdlet writes' {
        foreach ($cmdlet in $module.ExportedCmdlets.Values) { $cmdlet.OutputType.Count | Should -BeGreaterThan 0 -Because $cmdlet.Name }
    }

    It 'ends its connections when it is removed, and can be imported again' {
        $broker = Start-MqttBroker
        $runspace = New-OtherRunspace
        try {
            $null = Wait-Other (Start-Other $runspace 'param($uri) $null = Connect-Mqtt $uri -ClientId removed; Remove-Module PSMqtt' $broker.Uri)
            Wait-Until { 'removed' -notin $broker.Clients.ClientId }
            $script = 'param($path, $uri) Import-Module $path; (Connect-Mqtt $uri).State; @(Get-MqttConnection).Count'
            Wait-Other (Start-Other $runspace $script $modulePath, $broker.Uri) | Should -Be 'Connected', 1
        }
        finally {
            $runspace.Dispose()
            $broker | Stop-MqttBroker
        }
    }
}

Describe 'the end of a process' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri
        $news = Register-MqttSubscription child/#
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
        [IO.Directory]::Delete($folder, $true)
    }

    It 'delivers what was sent last, and no will: <how>' -ForEach @(
        @{ how = 'a script that simply ends'; last = '' }
        @{ how = 'exit'; last = 'exit 3' }
        @{ how = 'an error'; last = 'throw "over"' }
    ) {
        $script = "
            Import-Module '$modulePath'
            `$null = Connect-Mqtt $($broker.Uri) -ClientId child -Will (New-MqttMessage child/will gone -QoS 1)
            1..100 | Send-MqttMessage child/says -QoS 1 -NoWait
            $last"
        [IO.File]::WriteAllText("$folder/child.ps1", $script)
        # The host that runs this test runs the script too: pwsh, or the test host.
        $arguments = if ([Environment]::GetCommandLineArgs()[0] -like '*PSMqtt.TestHost.dll') {
            @([Environment]::GetCommandLineArgs()[0], 'run', "$folder/child.ps1")
        }
        else { @('-NoProfile', '-NonInteractive', '-File', "$folder/child.ps1") }
        $start = [Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
        foreach ($argument in $arguments) { $start.ArgumentList.Add($argument) }
        $start.RedirectStandardError = $true
        $start.RedirectStandardOutput = $true
        $process = [Diagnostics.Process]::Start($start)
        try {
            if (-not $process.WaitForExit(60000)) { $process.Kill($true); throw 'The script has not ended.' }
        }
        finally { $process.Dispose() }

        # What comes from here comes after whatever the broker had for the other client.
        Send-MqttMessage child/end now -QoS 1
        $messages = Receive-MqttMessage -Subscription $news -Until { $_.Topic -eq 'child/end' } -TimeoutSeconds 30
        @($messages.Where({ $_.Topic -eq 'child/says' })).Count | Should -Be 100
        $messages.Topic | Should -Not -Contain 'child/will'
    }
}
