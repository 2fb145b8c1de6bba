BeforeAll {
    . $PSScriptRoot/TestSetup.ps1
}

Describe 'Get-MqttBroker' {
    BeforeAll { Get-MqttBroker | Stop-MqttBroker }
    AfterEach { Get-MqttBroker | Stop-MqttBroker }

    It 'writes nothing where none runs' { Get-MqttBroker | Should -BeNullOrEmpty }

    It 'writes those that run, whichever runspace started them, and none that was stopped' {
        $null = Start-MqttBroker -Name one
        $two = Start-MqttBroker -Name two
        Stop-MqttBroker -Name one
        Get-MqttBroker | Should -Be $two
        $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
        $runspace.Open()
        $shell = [powershell]::Create($runspace)
        try {
            $said = $shell.AddScript('param($path) Import-Module $path; (Get-MqttBroker).Name; $null = Start-MqttBroker -Name three').AddArgument($modulePath).Invoke()
            $said | Should -Be 'two'
            (Get-MqttBroker).Name | Should -Be 'three', 'two'
        }
        finally { $shell.Dispose(); $runspace.Dispose() }
    }

    It 'takes names from the pipeline, in any case, and wildcards' {
        $null = Start-MqttBroker -Name plant1
        $null = Start-MqttBroker -Name plant2
        ([pscustomobject]@{ Name = 'PLANT2' } | Get-MqttBroker).Name | Should -Be 'plant2'
        (Get-MqttBroker plant*).Name | Should -Be 'plant1', 'plant2'
        (Get-MqttBroker plant2, plant1).Name | Should -Be 'plant2', 'plant1'
    }

    It 'reports a name that no broker has, and writes the others' {
        $null = Start-MqttBroker -Name plant1
        (Get-MqttBroker none, plant1 -ErrorAction SilentlyContinue -ErrorVariable problem).Name | Should -Be 'plant1'
        $problem.Count | Should -Be 1
        $problem[0].FullyQualifiedErrorId | Should -BeLike '*,PSMqtt.Commands.GetMqttBrokerCommand'
        $problem[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        Get-MqttBroker none* | Should -BeNullOrEmpty
    }

    It 'shows who is connected, and what has passed' {
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -ClientId looked-at
        try {
            Send-MqttMessage a/b text -QoS 1
            $seen = Get-MqttBroker $broker.Name
            $seen | Should -Be $broker
            $seen.State | Should -Be 'Running'
            $seen.Clients.ClientId | Should -Be 'looked-at'
            $seen.Uri | Should -Be "mqtt://127.0.0.1:$($broker.Port)"
        }
        finally { Disconnect-Mqtt $connection }
    }
}

Describe 'Get-MqttBroker, with two that run' {
    BeforeAll {
        $plant = Start-MqttBroker -Name plant1
        $other = Start-MqttBroker -Name other
    }

    AfterAll {
        Get-MqttBroker | Stop-MqttBroker
    }

    It 'lists all' { (Get-MqttBroker).Name | Should -Be 'other', 'plant1' }
    It 'finds one by name' { Get-MqttBroker PLANT1 | Should -Be $plant }
    It 'understands wildcards' { (Get-MqttBroker 'p*').Name | Should -Be 'plant1' }
    It 'finds nothing by a wildcard without a word' { Get-MqttBroker 'x*' -ErrorAction Stop | Should -BeNullOrEmpty }

    It 'says so when there is none of that name' {
        { Get-MqttBroker nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'MqttBrokerNotFound,PSMqtt.Commands.GetMqttBrokerCommand'
    }

    It 'is shown as a table' {
        $lines = ($plant, $other | Out-String) -split '\r?\n'
        @($lines -match '^Name\s+State\s+Uri\s+Clients') | Should -HaveCount 1
        @($lines -match "^plant1\s+Running\s+mqtt://127\.0\.0\.1:$($plant.Port)\s+0") | Should -HaveCount 1
    }
}
