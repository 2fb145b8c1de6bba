# Pipelines of cmdlets, as users write them.

Describe 'a pipeline' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $far = Start-MqttBroker
        $source = Connect-Mqtt $broker.Uri -Name source
        $null = Connect-Mqtt $broker.Uri -Name sender
        $target = Connect-Mqtt $far.Uri -Name target
        $arrived = Register-MqttSubscription '#' -QoS 2 -RetainAsPublished -Connection target
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker, $far | Stop-MqttBroker
    }

    It 'bridges: topic, payload, QoS, properties and the Retain flag arrive' {
        $bridged = Register-MqttSubscription 'bridge/#' -QoS 2 -RetainAsPublished -Connection source
        [byte[]] $bytes = 0, 255, 128, 10
        Send-MqttMessage bridge/one $bytes -QoS 1 -Retain -ContentType application/x-raw -ResponseTopic re/one -CorrelationData c1 `
            -UserProperty @{ a = '1' } -MessageExpiry 3600 -Connection sender
        Send-MqttMessage bridge/two text -QoS 2 -PayloadFormat Utf8 -Connection sender
        Send-MqttMessage bridge/three plain -Connection sender
        Receive-MqttMessage -Subscription $bridged -Count 3 -TimeoutSeconds 30 | Send-MqttMessage -Connection $target
        $one, $two, $three = Receive-MqttMessage -Subscription $arrived -Count 3 -TimeoutSeconds 30
        $one.Topic, $two.Topic, $three.Topic | Should -Be 'bridge/one', 'bridge/two', 'bridge/three'
        ($one.Payload -join ' ') | Should -Be '0 255 128 10'
        [int[]] ($one.QoS, $two.QoS, $three.QoS) | Should -Be 1, 2, 0
        $one.Retain, $two.Retain | Should -Be $true, $false
        $one.ContentType | Should -Be 'application/x-raw'
        $one.ResponseTopic | Should -Be 're/one'
        [Text.Encoding]::UTF8.GetString($one.CorrelationData) | Should -Be 'c1'
        $one.UserProperties[0].Value | Should -Be '1'
        $one.MessageExpiry.TotalSeconds | Should -BeGreaterThan 3000
        [string] $two.PayloadFormat | Should -Be 'Utf8'
        $bridged | Unregister-MqttSubscription
        Send-MqttMessage bridge/one -Retain -QoS 1 -Connection sender
    }

    It 'loses nothing with -ManualAcknowledge and Confirm-MqttMessage after the send' {
        $bridged = Register-MqttSubscription 'careful/#' -QoS 1 -ManualAcknowledge -Connection source
        1..20 | Send-MqttMessage careful/x -QoS 1 -Connection sender
        Receive-MqttMessage -Subscription $bridged -Count 20 -TimeoutSeconds 30 | ForEach-Object {
            $source.Counters.Unacknowledged | Should -BeGreaterThan 0
            $_ | Send-MqttMessage -Connection target
            $_ | Confirm-MqttMessage -Connection source
        }
        $source.Counters.Unacknowledged | Should -Be 0
        (Receive-MqttMessage -Subscription $arrived -Count 20 -TimeoutSeconds 30).Text | Should -Be (1..20)
        $bridged | Unregister-MqttSubscription
    }

    It 'ends at once with Select-Object -First, and leaves no subscription behind' {
        1..5 | ForEach-Object { Send-MqttMessage "first/$_" $_ -Retain -QoS 1 -Connection sender }
        $trace = [IO.Path]::GetTempFileName()
        $traced = Connect-Mqtt $broker.Uri -Name traced -Option (New-MqttConnectionOption -TracePath $trace)
        try {
            # There is no sixth message: were one needed to end it, the time limit would be an error.
            $messages = Receive-MqttMessage 'first/#' -Count 6 -TimeoutSeconds 60 -Connection traced -ErrorAction Stop | Select-Object -First 5
            # Retained messages come in no order of their own.
            $messages.Text | Sort-Object | Should -Be (1..5)
            $traced.Client.Subscriptions.Count | Should -Be 0
            $traced.Counters.Unacknowledged | Should -Be 0
            Send-MqttMessage first/6 6 -QoS 1 -Connection sender
            Disconnect-Mqtt traced
            $packets = [regex]::Matches([IO.File]::ReadAllText($trace), '(?:->|<-) (?:SUBSCRIBE|UNSUBSCRIBE|UNSUBACK|PUBLISH|DISCONNECT)').Value
            $packets -join ' ' | Should -Be "-> SUBSCRIBE $('<- PUBLISH ' * 5)-> UNSUBSCRIBE <- UNSUBACK -> DISCONNECT"
        }
        finally {
            Get-MqttConnection traced -ErrorAction Ignore | Disconnect-Mqtt
            [IO.File]::Delete($trace)
            1..5 | ForEach-Object { Send-MqttMessage "first/$_" -Retain -QoS 1 -Connection sender }
        }
    }

    It 'pipes on what -As Json makes, by property' {
        Send-MqttMessage json/kept @{ Topic = 'json/next'; Payload = 'from json'; QoS = 1 } -Retain -QoS 1 -Connection sender
        Receive-MqttMessage json/kept -Count 1 -TimeoutSeconds 30 -As Json -Connection source | Send-MqttMessage -Connection target
        $message = Receive-MqttMessage -Subscription $arrived -Count 1 -TimeoutSeconds 30
        $message.Topic, $message.Text | Should -Be 'json/next', 'from json'
        Send-MqttMessage json/kept -Retain -QoS 1 -Connection sender
    }

    It 'sends a file as it grows: Get-Content -Wait' -Tag RequiresPwsh {
        $file = [IO.Path]::GetTempFileName()
        $log = Register-MqttSubscription log -Connection source
        $sending = [powershell]::Create()
        try {
            [IO.File]::WriteAllText($file, "one`n")
            $null = $sending.AddScript('param($module, $uri, $file) Import-Module $module; $null = Connect-Mqtt $uri; Get-Content -Wait -LiteralPath $file | Send-MqttMessage -Topic log -QoS 1').
                AddArgument($modulePath).AddArgument($broker.Uri).AddArgument($file)
            $running = $sending.BeginInvoke()

            # What has arrived; what is wrong on the other side, when nothing has.
            function Read-Log($TimeoutSeconds) {
                (Receive-MqttMessage -Subscription $log -TimeoutSeconds $TimeoutSeconds -Connection source).Text
                if ($running.IsCompleted) { throw "The other runspace has ended: $($sending.InvocationStateInfo.Reason) $($sending.Streams.Error.ReadAll())" }
            }

            # Get-Content does not see what is written between its look at the end of the file and its watch for changes, before more is written:
            # so more is, until the first of it has come.
            $written = @('one')
            $arrived = @()
            $until = [datetime]::UtcNow.AddSeconds(120)
            while ($arrived.Count -lt 3 -and [datetime]::UtcNow -lt $until) {
                $arrived += @(Read-Log 2)
                if ($arrived.Count -gt 0) {
                    $written += "line $($written.Count + 1)"
                    [IO.File]::AppendAllText($file, "$($written[-1])`n")
                }
            }
            $arrived.Count | Should -BeGreaterOrEqual 3 -Because "$($sending.InvocationStateInfo.State): $($sending.Streams.Error.ReadAll())"
            $arrived | Should -Be $written[0..($arrived.Count - 1)]
            $sending.Stop()
            $running.IsCompleted | Should -BeTrue
        }
        finally {
            $sending.Dispose()
            $log | Unregister-MqttSubscription
            [IO.File]::Delete($file)
        }
    }

    It 'has a connection of its own in each runspace of ForEach-Object -Parallel, or one that it is given' -Tag RequiresPwsh {
        $given = Get-MqttConnection source
        $uri = $broker.Uri
        $path = $modulePath
        $heard = Register-MqttSubscription 'parallel/#' -Connection sender
        $found = 1..3 | ForEach-Object -ThrottleLimit 3 -Parallel {
            Import-Module $using:path
            if (Get-MqttConnection) { throw 'A runspace sees the connections of another.' }
            $own = Connect-Mqtt $using:uri
            Send-MqttMessage "parallel/own/$_" $own.ClientId -QoS 1
            Send-MqttMessage "parallel/given/$_" x -QoS 1 -Connection $using:given
            (Get-MqttConnection).Name
            Disconnect-Mqtt
        }
        @($found).Count | Should -Be 3
        $messages = Receive-MqttMessage -Subscription $heard -Count 6 -TimeoutSeconds 60
        @($messages.Where({ $_.Topic -like 'parallel/own/*' }).Text | Sort-Object -Unique).Count | Should -Be 3
        @($messages.Where({ $_.Topic -like 'parallel/given/*' })).Count | Should -Be 3
        $given.State | Should -Be 'Connected'
        $heard | Unregister-MqttSubscription
    }

    It 'works in a thread job, with a connection of its own and with one that it is given' -Tag RequiresPwsh {
        $given = Get-MqttConnection source
        $uri = $broker.Uri
        $path = $modulePath
        $heard = Register-MqttSubscription 'job/#' -Connection sender
        $job = Start-ThreadJob {
            Import-Module $using:path
            $null = Connect-Mqtt $using:uri
            Send-MqttMessage job/own x -QoS 1
            Send-MqttMessage job/given x -QoS 1 -Connection $using:given
            Disconnect-Mqtt
        }
        $null = $job | Receive-Job -Wait -AutoRemoveJob -ErrorAction Stop
        (Receive-MqttMessage -Subscription $heard -Count 2 -TimeoutSeconds 60).Topic | Sort-Object | Should -Be 'job/given', 'job/own'
        $heard | Unregister-MqttSubscription
    }
}
