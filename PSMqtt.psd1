@{
    RootModule           = 'PSMqtt.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = 'c3a8f7d2-5b1e-4d0a-9f64-7e2c18b5a903'
    Author               = 'The PSMqtt maintainers'
    CompanyName          = 'The PSMqtt maintainers'
    Copyright            = 'Copyright (c) The PSMqtt maintainers. MIT licence.'
    Description          = 'MQTT for PowerShell: connect to a broker, send and receive messages as objects, subscribe with events, and test against an embedded broker. MQTT 5.0, 3.1.1 and 3.1.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')

    TypesToProcess       = @('PSMqtt.Types.ps1xml')
    FormatsToProcess     = @('PSMqtt.Format.ps1xml', 'PSMqtt.Errors.Format.ps1xml', 'PSMqtt.Broker.Format.ps1xml', 'PSMqtt.Details.Format.ps1xml')

    CmdletsToExport      = @(
        'Clear-MqttOutbox'
        'Confirm-MqttMessage'
        'Connect-Mqtt'
        'Disconnect-Mqtt'
        'Get-MqttBroker'
        'Get-MqttConnection'
        'Get-MqttOutbox'
        'Get-MqttSubscription'
        'Invoke-MqttRequest'
        'New-MqttConnectionOption'
        'New-MqttMessage'
        'Receive-MqttMessage'
        'Register-MqttSubscription'
        'Send-MqttMessage'
        'Start-MqttBroker'
        'Stop-MqttBroker'
        'Test-MqttTopic'
        'Unregister-MqttSubscription'
    )
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @('Publish-MqttMessage')

    PrivateData          = @{
        PSData = @{
            Tags       = @('MQTT', 'IoT', 'Messaging', 'PubSub', 'Mosquitto', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
            LicenseUri = 'https://opensource.org/license/mit'
        }
    }
}
