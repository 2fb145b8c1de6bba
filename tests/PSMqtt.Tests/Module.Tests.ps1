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
            $broker.Clients.ClientId | Should -Not -Contain 'removed'
            $script = 'param($path, $uri) Import-Module $path; (Connect-Mqtt $uri).State; @(Get-MqttConnection).Count'
            Wait-Other (Start-Other $runspace $script $modulePath, $broker.Uri) | Should -Be 'Connected', 1
        }
        finally {
            $runspace.Dispose()
            $broker | Stop-MqttBroker
        }
    }
}
