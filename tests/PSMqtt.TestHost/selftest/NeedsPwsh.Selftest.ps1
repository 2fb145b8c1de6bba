# Under the test host: one test is skipped, and two fail, because their commands cannot be right. See TestHost.Tests.ps1.

Describe 'what needs PowerShell' -Tag RequiresPwsh {
    It 'is skipped when its commands can be right' { Start-MqttBroker -Port 0 | Stop-MqttBroker }
    It 'fails when a parameter is not there' { Start-MqttBroker -NoSuchParameter 1 }
    It 'fails when a cmdlet is not there' { & { Get-MqttNoSuchThing } }
}
