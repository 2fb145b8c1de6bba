# The views of what the cmdlets write: every type has a table and a list, and they fit the console.

BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    $rendering = $PSStyle.OutputRendering
    $PSStyle.OutputRendering = 'PlainText'

    function Get-Line($InputObject, [int] $Width = 120, [switch] $List) {
        $text = if ($List) { $InputObject | Format-List | Out-String -Width $Width } else { $InputObject | Format-Table | Out-String -Width $Width }
        @($text -split '\r?\n').Where({ $_.Trim() })
    }

    # The arguments of events, as the handlers get them.
    $occasions = [hashtable]::Synchronized(@{})
    $second = Start-MqttBroker
    $busy = $second | Connect-Mqtt -Name busy
    $handlers = foreach ($name in 'Published', 'Subscribed', 'Disconnected') {
        $ExecutionContext.Events.SubscribeEvent($busy, $name, "formats.$name", $occasions, [scriptblock]::Create("`$Event.MessageData['$name'] = `$EventArgs"), $true, $false)
    }
    $null = Register-MqttSubscription events/# -MessageData $occasions -Action { $Event.MessageData['Source'] = $Sender; $Event.MessageData['Message'] = $EventArgs }
    $null = Send-MqttMessage events/1 x -QoS 1
    $null = $second.CutOff()
    $until = [datetime]::UtcNow.AddSeconds(60)
    while ($occasions.Count -lt 5 -and [datetime]::UtcNow -lt $until) { $null = [Threading.Thread]::Yield() }
    foreach ($handler in $handlers) { $ExecutionContext.Events.UnsubscribeEvent($handler) }
    $occasions['Connected'] = $occasions.Disconnected
    Disconnect-Mqtt busy
    $second | Stop-MqttBroker

    $broker = Start-MqttBroker -Name plant
    $connection = $broker | Connect-Mqtt -Name line1 -ClientId gateway
    $subscription = Register-MqttSubscription 'plant/#', office/+ -QoS 2
    $binary = [byte[]] (0xFF, 0xD8 + (1..200))
    $results = @(
        Send-MqttMessage plant/temperature 21.5 -QoS 1 -Retain -PassThru
        Send-MqttMessage plant/image $binary -QoS 2 -PassThru
        Send-MqttMessage "plant/long/$('a' * 200)" ("two`nlines " + 'x' * 10000) -PassThru
        Send-MqttMessage plant/escape "red: $([char] 27)[31m!" -PassThru)
    $messages = @(Receive-MqttMessage -Subscription $subscription -Count 4 -TimeoutSeconds 60)
    $fault = $broker.RefuseFilter('secret/#', 'NotAuthorized', 2, 'pump*')

    $samples = @{
        'PSMqtt.MqttConnection'              = $connection
        'PSMqtt.Protocol.MqttSubscription'   = $subscription
        'PSMqtt.Protocol.MqttMessage'        = $messages[0]
        'PSMqtt.Protocol.MqttPublishResult'  = $results[0]
        'PSMqtt.MqttConnectionOption'        = New-MqttConnectionOption
        'PSMqtt.MqttBroker'                  = $broker
        'PSMqtt.MqttBrokerClient'            = $broker.Clients[0]
        'PSMqtt.MqttBrokerFault'             = $fault
        'PSMqtt.Protocol.MqttClient'         = $connection.Client
        'PSMqtt.Protocol.MqttClientCounters' = $connection.Counters
        'PSMqtt.Protocol.MqttClientOptions'  = $connection.Client.Options
        'PSMqtt.Protocol.MqttConnectResult'  = $connection.Client.ConnectResult
        'PSMqtt.Protocol.ReconnectPolicy'    = $connection.Client.Options.Reconnect
        'PSMqtt.Protocol.MqttSubscriptionOptions' = $subscription.Options
        'PSMqtt.Protocol.MqttTopicSubscription'   = $subscription.Filters[0]
        'PSMqtt.Protocol.MqttUserProperty'   = [PSMqtt.Protocol.MqttUserProperty]::new('unit', 'celsius')
        'PSMqtt.Protocol.MqttCredential'     = [PSMqtt.Protocol.MqttCredential]::new('operator', [string] 'secret')
        'PSMqtt.Protocol.MqttDisconnectOptions'   = [PSMqtt.Protocol.MqttDisconnectOptions]::new()
        'PSMqtt.Protocol.Transports.MqttEndpoint' = $connection.Client.Options.Servers[0]
        'PSMqtt.Protocol.Transports.MqttTlsOptions' = $connection.Client.Options.Tls
        'PSMqtt.Protocol.MqttTraceEntry'     = [PSMqtt.Protocol.MqttTraceEntry]::new([DateTimeOffset]::UnixEpoch, 'Sent', 'PINGREQ')
        'PSMqtt.MqttMessageReceivedEventArgs'            = $occasions.Message
        'PSMqtt.MqttMessageSource'                       = $occasions.Source
        'PSMqtt.Protocol.MqttConnectionEventArgs'        = $occasions.Connected
        'PSMqtt.Protocol.MqttPublishedEventArgs'         = $occasions.Published
        'PSMqtt.Protocol.MqttSubscriptionAnsweredEventArgs' = $occasions.Subscribed
    }
}

AfterAll {
    $PSStyle.OutputRendering = $rendering
    Get-MqttConnection | Disconnect-Mqtt
    $broker | Stop-MqttBroker
}

Describe 'the views' {
    It 'are there, a table and a list, for every type that a cmdlet writes' {
        $folder = [IO.Path]::GetDirectoryName($modulePath)
        $views = [Collections.Generic.HashSet[string]]::new()
        foreach ($file in [IO.Directory]::GetFiles($folder, '*.Format.ps1xml')) {
            $xml = [xml] [IO.File]::ReadAllText($file)
            foreach ($view in $xml.Configuration.ViewDefinitions.View) {
                $kind = if ($view.SelectSingleNode('TableControl')) { 'table' } else { 'list' }
                $null = $views.Add("$kind of $($view.ViewSelectedBy.TypeName)")
            }
        }
        foreach ($cmdlet in (Get-Module PSMqtt).ExportedCmdlets.Values) {
            foreach ($type in @($cmdlet.OutputType.Name) -like 'PSMqtt.*') {
                $views | Should -Contain "table of $type" -Because $cmdlet.Name
                $views | Should -Contain "list of $type" -Because $cmdlet.Name
            }
        }
        foreach ($type in $samples.Keys) {
            $views | Should -Contain "table of $type"
            $views | Should -Contain "list of $type"
        }
    }

    It 'are there for every public type that has something to show' {
        $views = [Collections.Generic.HashSet[string]]::new()
        foreach ($file in [IO.Directory]::GetFiles([IO.Path]::GetDirectoryName($modulePath), '*.Format.ps1xml')) {
            foreach ($view in ([xml] [IO.File]::ReadAllText($file)).Configuration.ViewDefinitions.View) {
                $kind = if ($view.SelectSingleNode('TableControl')) { 'table' } else { 'list' }
                $views.Add("$kind of $($view.ViewSelectedBy.TypeName)") | Should -BeTrue -Because "there is one $kind of $($view.ViewSelectedBy.TypeName)"
            }
        }
        # PowerShell shows exceptions in its own way, and an interface is never what an object is.
        $apart = [Exception], [Attribute], [Delegate], [Management.Automation.Cmdlet]
        $seen = 0
        foreach ($assembly in [PSMqtt.MqttConnection].Assembly, [PSMqtt.Protocol.MqttMessage].Assembly) {
            foreach ($type in $assembly.GetExportedTypes()) {
                if ($type.IsEnum -or $type.IsAbstract -or $apart.Where({ $type.IsSubclassOf($_) })) { continue }
                if ($type.GetProperties('Public, Instance').Count -eq 0) { continue }
                $seen++
                $views | Should -Contain "table of $type"
                $views | Should -Contain "list of $type"
            }
        }
        $seen | Should -BeGreaterThan 30
    }

    It 'show no property that the type does not have' {
        foreach ($file in [IO.Directory]::GetFiles([IO.Path]::GetDirectoryName($modulePath), '*.Format.ps1xml')) {
            foreach ($view in ([xml] [IO.File]::ReadAllText($file)).Configuration.ViewDefinitions.View) {
                $name = $view.ViewSelectedBy.TypeName
                $type = [PSMqtt.MqttConnection].Assembly.GetType($name) ?? [PSMqtt.Protocol.MqttMessage].Assembly.GetType($name)
                $type | Should -Not -BeNullOrEmpty -Because $name
                $known = @($type.GetProperties().Name) + 'Size', 'Json', 'Topic', 'Connection', 'Filter', 'QoS'
                foreach ($property in $view.SelectNodes('.//PropertyName')) { $known | Should -Contain $property.InnerText -Because "the view of $name shows it" }
                foreach ($script in $view.SelectNodes('.//ScriptBlock')) {
                    # The first name after $_, such as Message in $_.Message.Topic.
                    foreach ($used in [regex]::Matches($script.InnerText, '\$_\.(\w+)')) { $known | Should -Contain $used.Groups[1].Value -Because "the view of $name uses it" }
                }
            }
        }
    }

    It 'fit a console of <_> columns' -ForEach 80, 120, 160 {
        foreach ($type in $samples.Keys) {
            foreach ($list in $true, $false) {
                $lines = Get-Line $samples[$type] $_ -List:$list
                $lines.Count | Should -BeGreaterThan 1 -Because $type
                foreach ($line in $lines) { $line.TrimEnd().Length | Should -BeLessOrEqual $_ -Because "$type`n$line" }
            }
        }
        (Get-Line $messages $_).Count | Should -Be 6
    }
}

Describe 'the view of a connection' {
    It 'shows the whole server at 80 columns, and the client identifier where there is room' {
        $lines = Get-Line $connection 80
        $lines[0] | Should -Match '^  Name +State +Server +MQTT +Sent Received$'
        $lines[2] | Should -Match "^\* line1 +Connected +mqtt://127\.0\.0\.1:$($broker.Port) +5\.0 +4 +4$"
        (Get-Line $connection 120)[2] | Should -Match ' gateway$'
    }

    It 'says that a session never expires, where it does not' {
        $kept = $broker | Connect-Mqtt -Name kept -ClientId kept -PersistentSession
        try { (Get-Line $kept -List) -join "`n" | Should -Match '(?m)^SessionExpiry +: never$' }
        finally { Disconnect-Mqtt kept -Discard }
    }

    It 'is a list with the limits of the server' {
        $text = (Get-Line $connection -List) -join "`n"
        $text | Should -Match '(?m)^State +: Connected$'
        $text | Should -Match '(?m)^ReceiveMaximum +: 65535$'
        $text | Should -Not -Match 'LastError|BlockedBy'
    }
}

Describe 'the view of a subscription' {
    It 'shows its filters and what came' {
        (Get-Line $subscription)[2] | Should -Match '^plant/#, office/\+ 2   True +0 +4 +0 line1$'
        (Get-Line $subscription -List) -join "`n" | Should -Match 'Filters +: \{plant/# \(QoS 2\), office/\+ \(QoS 2\)\}'
    }
}

Describe 'the view of a message' {
    It 'shows text, bytes as hexadecimal digits, and no more than the console is wide' {
        $lines = Get-Line $messages 100
        $lines[2] | Should -Match '^\d\d:\d\d:\d\d plant/temperature +1 +4 21\.5$'
        $lines[3] | Should -Match 'plant/image +2 +202 FFD80102030405[0-9A-F]+…$'
        $lines[4] | Should -Match 'plant/long/a+… 0 +10010 two lines x+…$'
    }

    It 'lets no control character of a payload through' {
        $text = "$(Get-Line $messages[3])$(Get-Line $messages[3] -List)"
        $text | Should -Match 'red:  \[31m!'
        $text.Contains([char] 27) | Should -BeFalse
    }

    It 'shows the whole of a long payload in a list, up to a hundred thousand characters, and says how long it is' {
        $text = (Get-Line $messages[2] -List) -join '' -replace '\s'
        $text | Should -Match 'Text:twolinesx{10000}Size:10010'
        $huge = (Get-Line (New-MqttMessage huge ('y' * 1000000)) -List) -join '' -replace '\s'
        $huge.Length | Should -BeLessThan 110000
        $huge | Should -Match 'Text:y{100000}\.\.\.\(1,000,000bytes\)'
        (Get-Line $messages[1] -List) -join '' -replace '\s' | Should -Match 'Payload:FFD80102.*C7C8'
    }
}

Describe 'the view of a result' {
    It 'shows what became of the message' {
        (Get-Line $results[0])[2] | Should -Match '^1 +\d+ (Success|NoMatchingSubscribers) +\d+[.,]\d\d plant/temperature$'
        (Get-Line $results[2] 80)[2] | Should -Match '^0 +Success +\d+[.,]\d\d plant/long/a+…$'
    }
}

Describe 'the views of a broker' {
    It 'show the broker with its faults, a client, a fault' {
        (Get-Line $broker)[2] | Should -Match "^plant +Running +mqtt://127\.0\.0\.1:$($broker.Port) +1 +4 +0 refuses the filter"
        (Get-Line $broker.Clients[0] 80)[2] | Should -Match '^gateway +127\.0\.0\.1:\d+ +5\.0 +4 +4 +0$'
        (Get-Line $fault)[2] | Should -Match '^RefuseFilter +secret/# NotAuthorized +pump\* +0 +2 +True$'
    }
}

Describe 'colours' {
    It 'come from $PSStyle, and only where the host shows them' {
        $view = [scriptblock]::Create(([xml] [IO.File]::ReadAllText([IO.Path]::Combine([IO.Path]::GetDirectoryName($modulePath), 'PSMqtt.Format.ps1xml'))).
            SelectSingleNode("//View[Name='PSMqtt.MqttConnection']//TableColumnItem[3]/ScriptBlock").InnerText)
        $connection | ForEach-Object $view | Should -Be "$($PSStyle.Foreground.Green)Connected$($PSStyle.Reset)"
        "$(Get-Line $connection)".Contains([char] 27) | Should -BeFalse
    }
}

Describe 'the properties for a file' {
    It 'make a line of CSV that can be read back' -Tag RequiresPwsh {
        $csv = $messages[0..1] | Select-Object Timestamp, Topic, QoS, Retain, Text | ConvertTo-Csv
        $csv[0] | Should -Be '"Timestamp","Topic","QoS","Retain","Text"'
        $row = ($csv | ConvertFrom-Csv)[0]
        $row.Topic | Should -Be 'plant/temperature'
        $row.Text | Should -Be '21.5'
        ($csv -join "`n") | Should -Not -Match 'System\.|PSMqtt\.'
    }

    It 'are the property set Csv' -Tag RequiresPwsh {
        $csv = $messages[0..1] | Select-Object Csv | ConvertTo-Csv
        $csv[0] | Should -Be '"Timestamp","Topic","QoS","Retain","Size","Text"'
        $csv | Should -HaveCount 3
    }
}
