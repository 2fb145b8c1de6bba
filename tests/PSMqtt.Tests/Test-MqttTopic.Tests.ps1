Describe 'Test-MqttTopic' {
    BeforeAll { . "$PSScriptRoot/TestSetup.ps1" }

    It '<topic> matches <filter>: <expected>' -ForEach @(
        @{ topic = 'a/b'; filter = 'a/+'; expected = $true }
        @{ topic = 'a/b/c'; filter = 'a/+'; expected = $false }
        @{ topic = 'a'; filter = 'a/#'; expected = $true }
        @{ topic = '$SYS/x'; filter = '#'; expected = $false }
        @{ topic = 'A'; filter = 'a'; expected = $false }
        @{ topic = 'a/b'; filter = '$share/group/a/#'; expected = $true }
    ) {
        Test-MqttTopic $topic $filter | Should -Be $expected
    }

    It 'says whether a topic name is valid' { 'a/b', 'a/+', '' | Test-MqttTopic | Should -Be $true, $false, $false }

    It 'says whether a topic filter is valid' { Test-MqttTopic -Filter 'a/#', 'a/#/b', '+' | Should -Be $true, $false, $true }

    It 'takes several filters' { Test-MqttTopic 'b' -Filter 'a', 'b' | Should -BeTrue }

    It 'takes messages from the pipeline' { New-MqttMessage plant/1 x | Test-MqttTopic -Filter 'plant/#' | Should -BeTrue }

    It 'reports an invalid filter to match with' {
        { Test-MqttTopic a 'a/#/b' } | Should -Throw -ErrorId 'MqttInvalidTopicFilter,PSMqtt.Commands.TestMqttTopicCommand'
    }

    It 'reports an invalid topic to match, and goes on' {
        'a+', 'a' | Test-MqttTopic -Filter a -ErrorAction SilentlyContinue -ErrorVariable problem | Should -Be $true
        $problem.FullyQualifiedErrorId | Should -Be 'MqttInvalidTopic,PSMqtt.Commands.TestMqttTopicCommand'
    }

    It 'wants something to test' {
        { Test-MqttTopic } | Should -Throw -ErrorId 'MqttTopicRequired,PSMqtt.Commands.TestMqttTopicCommand'
    }
}
