# What can be sent, and what it is at the other end.

Describe 'a payload' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri
        $subscription = Register-MqttSubscription 'payload/#' -QoS 1

        # There and back again.
        function Send-Back($Payload, [hashtable] $With = @{}) {
            Send-MqttMessage payload/x $Payload -QoS 1 @With
            Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30
        }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'that is <what> comes back from JSON' -ForEach @(
        @{ what = 'a custom object'; value = { [pscustomobject]@{ a = 1; b = 'two'; c = $true; d = $null } }; check = { param($x) $x.a | Should -Be 1; $x.b | Should -Be 'two'; $x.c | Should -BeTrue; $x.d | Should -Be $null } }
        @{ what = 'a hashtable'; value = { @{ name = 'pump'; speed = 12.5 } }; check = { param($x) $x.name | Should -Be 'pump'; $x.speed | Should -Be 12.5 } }
        @{ what = 'an ordered dictionary'; value = { [ordered]@{ z = 1; a = 2 } }; check = { param($x) @($x.PSObject.Properties)[0].Name | Should -Be 'z'; $x.a | Should -Be 2 } }
        @{ what = 'a nested collection'; value = { @{ list = @(@(1, 2), @(3)); inner = @{ deep = @{ deeper = 'yes' } } } }; check = { param($x) $x.list[0][1] | Should -Be 2; $x.list[1][0] | Should -Be 3; $x.inner.deep.deeper | Should -Be 'yes' } }
        @{ what = 'an array'; value = { , @('a', 'b', 3) }; check = { param($x) $x.Count | Should -Be 3; $x[2] | Should -Be 3 } }
        @{ what = 'an object with a date'; value = { @{ when = [datetime]::new(2024, 2, 29, 12, 30, 15, [DateTimeKind]::Utc) } }; check = { param($x) ([datetime] $x.when).ToUniversalTime() | Should -Be ([datetime]::new(2024, 2, 29, 12, 30, 15, [DateTimeKind]::Utc)) } }
        @{ what = 'an object with an enumeration'; value = { @{ day = [DayOfWeek]::Friday } }; check = { param($x) [DayOfWeek] $x.day | Should -Be 'Friday' } }
    ) {
        $message = Send-Back (& $value)
        & $check ($message.Text | ConvertFrom-Json)
        & $check $message.Json
    }

    It 'that is JSON has a date where ConvertFrom-Json has one: <text>' -ForEach @(
        @{ text = '2026-01-02T03:04:05Z'; kind = 'Utc' }
        @{ text = '2026-01-02T03:04:05.1234567Z'; kind = 'Utc' }
        @{ text = '2026-01-02T03:04:05+02:00'; kind = 'Local' }
        @{ text = '2026-06-02T03:04:05.5-0530'; kind = 'Local' }
        @{ text = '2026-01-02T03:04:05'; kind = 'Unspecified' }
        @{ text = '/Date(1700000000000)/'; kind = 'Utc' }
        @{ text = '2026-01-02' }
        @{ text = '2026-01-02T03:04Z' }
        @{ text = '2026-01-02 03:04:05Z' }
        @{ text = '2026-02-30T03:04:05Z' }
        @{ text = '2026-01-02T03:04:05.123456789Z' }
        @{ text = '/Date(x)/' }
    ) {
        $json = "{`"t`":`"$text`"}"
        $value = (Send-Back $json).Json.t
        if ($kind) {
            $value | Should -BeOfType ([datetime])
            "$($value.Kind)" | Should -Be $kind
        }
        else {
            $value | Should -BeOfType ([string])
        }
    }

    It 'that is JSON has the dates of ConvertFrom-Json to the tick' -Tag RequiresPwsh {
        $texts = '2026-01-02T03:04:05.1234567Z', '2026-06-02T03:04:05.5-0530', '2026-01-02T24:00:00', '2026-01-02T03:04:05.123456789', '0001-01-01T00:00:00+14:00',
            '2026-01-02T03:04:05+99:99', '2026-01-02', '2026-01-02T03:04:05.', '/Date(1700000000000+0200)/', '/Date(+1)/'
        $json = $texts | ConvertTo-Json -Compress
        $expected = $json | ConvertFrom-Json
        $value = (Send-Back $json).Json
        for ($i = 0; $i -lt $texts.Count; $i++) {
            $value[$i].GetType() | Should -Be $expected[$i].GetType() -Because $texts[$i]
            $value[$i] | Should -Be $expected[$i] -Because $texts[$i]
            $value[$i].Kind | Should -Be $expected[$i].Kind -Because $texts[$i]
        }
    }

    It 'that is a text comes back in any encoding: <_>' -ForEach 'utf8', 'unicode', 'bigendianunicode', 'utf32', 'latin1' {
        $message = Send-Back 'Grüße' @{ Encoding = $_ }
        $encoding = switch ($_) {
            'utf8' { [Text.UTF8Encoding]::new($false) }
            'unicode' { [Text.Encoding]::Unicode }
            'bigendianunicode' { [Text.Encoding]::BigEndianUnicode }
            'utf32' { [Text.Encoding]::UTF32 }
            'latin1' { [Text.Encoding]::Latin1 }
        }
        $encoding.GetString($message.Payload) | Should -Be 'Grüße'
    }

    It 'that is a number, a Boolean or a date is its invariant text' {
        (Send-Back 21.5).Text | Should -Be '21.5'
        (Send-Back $true).Text | Should -Be 'true'
        (Send-Back ([datetime]::new(2024, 2, 29, 12, 0, 0, [DateTimeKind]::Utc))).Text | Should -Be '2024-02-29T12:00:00.0000000Z'
        (Send-Back ([DayOfWeek]::Friday)).Text | Should -Be 'Friday'
    }

    It 'that is $null is empty' { (Send-Back $null).Payload.Length | Should -Be 0 }

    It 'that is bytes comes back as bytes, and shows as hexadecimal digits where it is no text' {
        $message = Send-Back ([byte[]] (0xFF, 0xFE, 0x00, 0xC3))
        $message.Payload -join ' ' | Should -Be '255 254 0 195'
        $message.Text | Should -Be 'FFFE00C3'
        "$message" | Should -Be 'FFFE00C3'
        ($message | Format-Table | Out-String) | Should -BeLike '*FFFE00C3*'
        ($message | Format-List | Out-String) | Should -BeLike '*FFFE00C3*'
    }

    It 'that is bytes and no text is no exception for Receive-MqttMessage -As Text' {
        Send-MqttMessage payload/x ([byte[]] (0xFF, 0xFE)) -QoS 1
        Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30 -As Text | Should -Be 'FFFE'
    }

    It 'that is a file comes back: <how>' -ForEach @(
        @{ how = '-Path with a wildcard'; with = { @{ Path = "$folder/*.bin" } }; expected = 'one', 'two' }
        @{ how = '-LiteralPath'; with = { @{ LiteralPath = "$folder/[x].txt" } }; expected = @('literal') }
    ) {
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        try {
            [IO.File]::WriteAllText("$folder/1.bin", 'one')
            [IO.File]::WriteAllText("$folder/2.bin", 'two')
            [IO.File]::WriteAllText("$folder/[x].txt", 'literal')
            $given = & $with
            Send-MqttMessage payload/file -QoS 1 @given
            (Receive-MqttMessage -Subscription $subscription -Count $expected.Count -TimeoutSeconds 30).Text | Should -Be $expected
        }
        finally { [IO.Directory]::Delete($folder, $true) }
    }

    Context 'of a message that was exported' {
        BeforeAll {
            New-MqttMessage payload/one '1' -QoS 1 -UserProperty @{ k = 'v' } -MessageExpiry 600 | Send-MqttMessage
            New-MqttMessage payload/two ([byte[]] (255, 0, 1)) -QoS 1 -Retain | Send-MqttMessage
            $exported = Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30
        }

        AfterAll { Send-MqttMessage payload/two $null -Retain -QoS 1 }

        It 'comes back from <how>' -Tag RequiresPwsh -ForEach @(
            @{ how = 'Export-Csv'; row = { $exported | ConvertTo-Csv | ConvertFrom-Csv } }
            @{ how = 'Select-Object Csv | Export-Csv'; row = { $exported | Select-Object Csv | ConvertTo-Csv | ConvertFrom-Csv } }
            @{ how = 'ConvertTo-Json'; row = { $exported | ConvertTo-Json -WarningAction SilentlyContinue | ConvertFrom-Json }; property = 'k=v' }
        ) {
            $rows = & $row
            $rows | Send-MqttMessage -ErrorAction Stop
            $back = Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30
            $back.Topic | Should -Be 'payload/one', 'payload/two'
            $back[0].Text | Should -Be '1'
            $back[1].Payload -join ' ' | Should -Be '255 0 1'
            [int[]] $back.QoS | Should -Be 1, 1
            "$($back[0].UserProperties)" | Should -Be "$property"
        }

        It 'keeps QoS and Retain, and leaves out what is empty' {
            $row = [pscustomobject]@{ Topic = 'payload/row'; Text = 'x'; Payload = 'System.Byte[]'; QoS = 'AtLeastOnce'; Retain = 'True'; UserProperties = 'PSMqtt.Protocol.MqttUserProperty[]'; ContentType = '' }
            $asked = $row | Send-MqttMessage -PassThru
            [int] $asked.QoS | Should -Be 1
            (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be 'x'
            $kept = Receive-MqttMessage payload/row -Count 1 -TimeoutSeconds 30
            $kept.Retain | Should -BeTrue
            $kept.ContentType | Should -BeNullOrEmpty
            Send-MqttMessage payload/row $null -Retain -QoS 1
            $null = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30
        }

        It 'is never the name of a type' {
            [pscustomobject]@{ Topic = 'payload/lost'; Payload = 'System.Byte[]' } | Send-MqttMessage -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem.FullyQualifiedErrorId | Should -Be 'MqttInvalidMessage,PSMqtt.Commands.SendMqttMessageCommand'
        }
    }
}
