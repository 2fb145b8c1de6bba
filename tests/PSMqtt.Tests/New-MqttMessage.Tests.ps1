Describe 'New-MqttMessage' {
    BeforeAll { . "$PSScriptRoot/TestSetup.ps1" }

    It 'makes a message' {
        $message = New-MqttMessage plant/1 'text' -QoS 2 -Retain
        $message.Topic | Should -Be 'plant/1'
        $message.Text | Should -Be 'text'
        $message.QoS | Should -Be 'ExactlyOnce'
        $message.Retain | Should -BeTrue
        "$message" | Should -Be 'text'
    }

    It 'takes the properties of MQTT 5.0' {
        $message = New-MqttMessage a b -ContentType text/plain -ResponseTopic reply/to -CorrelationData 'ab' -MessageExpiry 60 -UserProperty @{ k = 'v' } -PayloadFormat Utf8
        $message.ContentType | Should -Be 'text/plain'
        $message.ResponseTopic | Should -Be 'reply/to'
        $message.CorrelationData | Should -Be ([byte[]] (97, 98))
        $message.MessageExpiry | Should -Be ([timespan]::FromMinutes(1))
        $message.UserProperties[0].Name | Should -Be 'k'
        $message.UserProperties[0].Value | Should -Be 'v'
        $message.PayloadFormat | Should -Be 'Utf8'
    }

    It 'takes a user property more than once' {
        $message = New-MqttMessage a b -UserProperty @{ k = 'one', 'two' }
        $message.UserProperties.Value | Should -Be 'one', 'two'
    }

    It 'makes a message of each object from the pipeline' {
        (1..3 | New-MqttMessage count).Text | Should -Be '1', '2', '3'
    }

    It 'refuses a topic with wildcards' {
        $thrown = { New-MqttMessage 'a/#' x } | Should -Throw -ErrorId 'MqttInvalidTopic,PSMqtt.Commands.NewMqttMessageCommand' -PassThru
        $thrown.TargetObject | Should -Be 'a/#'
    }

    Context 'payloads as text: <kind>' -ForEach @(
        @{ kind = 'null'; payload = $null; expected = '' }
        @{ kind = 'a string'; payload = 'Ä €'; expected = 'Ä €' }
        @{ kind = 'an empty string'; payload = ''; expected = '' }
        @{ kind = 'an integer'; payload = 42; expected = '42' }
        @{ kind = 'a fraction'; payload = 21.5; expected = '21.5' }
        @{ kind = 'a big number'; payload = [decimal]'79228162514264337593543950335'; expected = '79228162514264337593543950335' }
        @{ kind = 'true'; payload = $true; expected = 'true' }
        @{ kind = 'false'; payload = $false; expected = 'false' }
        @{ kind = 'a character'; payload = [char]'x'; expected = 'x' }
        @{ kind = 'a date'; payload = [datetime]::SpecifyKind('2020-01-02T03:04:05', 'Utc'); expected = '2020-01-02T03:04:05.0000000Z' }
        @{ kind = 'an enumeration'; payload = [DayOfWeek]::Monday; expected = 'Monday' }
        @{ kind = 'an identifier'; payload = [guid]'6f9619ff-8b86-d011-b42d-00cf4fc964ff'; expected = '6f9619ff-8b86-d011-b42d-00cf4fc964ff' }
        @{ kind = 'a dictionary'; payload = [ordered]@{ a = 1; b = 'x' }; expected = '{"a":1,"b":"x"}' }
        @{ kind = 'an array'; payload = @(1, 'two', $true, $null); expected = '[1,"two",true,null]' }
        @{ kind = 'an empty array'; payload = @(); expected = '[]' }
        @{ kind = 'a custom object'; payload = [pscustomobject]@{ a = @{ b = @(1.5) } }; expected = '{"a":{"b":[1.5]}}' }
        @{ kind = 'values inside of an object'; payload = [ordered]@{ d = [datetime]::SpecifyKind('2020-01-02', 'Utc'); e = [DayOfWeek]::Monday; f = [double]::NaN; n = $null; b = [byte[]] (1, 2) }
            expected = '{"d":"2020-01-02T00:00:00.0000000Z","e":1,"f":"NaN","n":null,"b":[1,2]}' }
    ) {
        It 'is <expected>' {
            (New-MqttMessage t $payload).Text | Should -BeExactly $expected
        }
    }

    Context 'payloads as bytes' {
        It 'takes bytes as they are' { (New-MqttMessage t ([byte[]] (0, 255, 1))).Payload | Should -Be ([byte[]] (0, 255, 1)) }
        It 'takes one byte for a payload of one byte' { (New-MqttMessage t ([byte] 7)).Payload | Should -Be ([byte[]] 7) }
        It 'takes bytes that PowerShell has taken apart' { (New-MqttMessage t @([byte] 1, [byte] 2)).Payload | Should -Be ([byte[]] (1, 2)) }
        It 'writes UTF-8 without a byte order mark' { (New-MqttMessage t 'é').Payload | Should -Be ([byte[]] (0xC3, 0xA9)) }
        It 'takes another encoding' { (New-MqttMessage t 'é' -Encoding latin1).Payload | Should -Be ([byte[]] 0xE9) }
        It 'refuses an encoding that there is not' { { New-MqttMessage t 'é' -Encoding klingon } | Should -Throw '*klingon*' }
        It 'shows what is not UTF-8 as hexadecimal digits' { (New-MqttMessage t ([byte[]] (0xC3, 0x28))).Text | Should -Be 'C328' }
    }

    Context 'JSON back' {
        It 'is read when it is asked for' {
            $json = (New-MqttMessage t '{"celsius":81,"tags":["a","b"],"inner":{"on":true,"none":null}}').Json
            $json.celsius | Should -Be 81
            $json.tags | Should -Be 'a', 'b'
            $json.inner.on | Should -BeTrue
            $json.inner.none | Should -BeNullOrEmpty
        }

        It 'is null for an empty payload' { (New-MqttMessage t).Json | Should -Be $null }

        It 'is an error only then' {
            $message = New-MqttMessage t 'not JSON'
            { $message.Json } | Should -Throw '*is not JSON*'
        }

        It 'gives objects back as they were' {
            $text = (New-MqttMessage t ([ordered]@{ name = 'ü'; deep = @{ deeper = @{ list = @(1, @{ x = 2.5 }) } } })).Text
            $object = $text | ConvertFrom-Json
            $object.name | Should -Be 'ü'
            $object.deep.deeper.list[1].x | Should -Be 2.5
        }
    }

    It 'cuts what never ends, and says so' {
        $loop = @{ name = 'loop' }
        $loop.self = $loop
        $message = New-MqttMessage t $loop -Depth 3 -WarningVariable warning -WarningAction SilentlyContinue
        $message.Text | Should -BeLike '{*"self":{*"self":{*"self":{*'
        "$warning" | Should -BeLike '*deeper than 3 levels*'
        $null = $message.Json
    }

    It 'sends of a .NET object its own properties' {
        $json = (New-MqttMessage t ([IO.FileInfo]::new("$PSScriptRoot/New-MqttMessage.Tests.ps1"))).Json
        $json.Name | Should -Be 'New-MqttMessage.Tests.ps1'
        $json.Directory | Should -BeOfType [string]
    }

    It 'has a table view' {
        New-MqttMessage plant/1 "two`nlines" -Retain | Format-Table | Out-String | Should -Match 'plant/1\s+0\s+yes\s+9\s+two lines'
    }
}
