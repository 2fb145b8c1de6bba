BeforeDiscovery {
    . "$PSScriptRoot/TestSetup.ps1"
    . "$PSScriptRoot/Pages.ps1"
    $commands = Get-Command -Module PSMqtt -CommandType Cmdlet | ForEach-Object { @{ Name = $_.Name; Command = $_ } }
}

Describe 'the page of <Name>' -ForEach $commands {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Pages.ps1"
        $path = "$pageDirectory/$Name.md"
        $page = if ([IO.File]::Exists($path)) { [IO.File]::ReadAllText($path).Replace("`r", '') } else { '' }
        $documented = Get-PageParameter $page
        $common = [Management.Automation.Cmdlet]::CommonParameters
        $parameters = @($Command.Parameters.Values.Where({ $_.Name -notin $common }))
        $invariant = [Globalization.CultureInfo]::InvariantCulture

        function Format-Limit($Value) {
            if ([double] $Value -eq [Math]::Floor([double] $Value)) { ([decimal] $Value).ToString('N0', $invariant) } else { ([double] $Value).ToString($invariant) }
        }

        # The default of a parameter as a page shows it; nothing where an unset one says nothing.
        function Get-Default($Parameter, $Type) {
            $value = $Type.GetProperty($Parameter.Name).GetValue([Activator]::CreateInstance($Type))
            $range = $Parameter.Attributes.Where({ $_ -is [Management.Automation.ValidateRangeAttribute] })
            switch ($value) {
                { $null -eq $_ } { return }
                { $_ -is [switch] } { return 'False' }
                { $_ -is [timespan] } { return $_.TotalSeconds.ToString($invariant) }
                { $_ -is [PSMqtt.Protocol.MqttQualityOfService] } { return "$([int] $_)" }
                { $_ -is [enum] } { return "$_" }
                { $_ -is [ValueType] } {
                    if ($range -and [double] $_ -lt [double] $range[0].MinRange) { return }
                    return $_.ToString($invariant)
                }
                { $_ -is [string[]] -and $value.Count -gt 0 } { return $value -join ', ' }
            }
        }
    }

    It 'has every section, and something in it' {
        foreach ($section in 'SYNOPSIS', 'SYNTAX', 'DESCRIPTION', 'EXAMPLES', 'PARAMETERS', 'INPUTS', 'OUTPUTS', 'NOTES', 'RELATED LINKS') {
            Get-PageSection $page "## $section" | Should -Not -BeNullOrEmpty -Because $section
        }
        $page | Should -Not -Match '\{\{'
    }

    It 'names the parameters that there are, and no others' {
        ($documented.Keys | Sort-Object) -join ' ' | Should -Be (($parameters.Name | Sort-Object) -join ' ')
    }

    It 'has the syntax right' {
        $shown = [regex]::Matches((Get-PageSection $page '## SYNTAX'), '(?s)```\n(.*?)```').ForEach({
                ($_.Groups[1].Value -replace '\s+', ' ').Trim().ToLowerInvariant().Replace('<int32', '<int').Replace('<int64', '<long').Replace('<boolean', '<bool')
            })
        $expected = $Command.ParameterSets.ForEach({ "$Name $_".Trim().ToLowerInvariant() })
        foreach ($syntax in $expected) { $shown | Should -Contain $syntax }
        $shown.Count | Should -Be $expected.Count
        if ($expected.Count -gt 1) {
            $headings = [regex]::Matches((Get-PageSection $page '## SYNTAX'), '(?m)^### (.*)$').ForEach({ $_.Groups[1].Value })
            $names = $Command.ParameterSets.ForEach({ if ($_.IsDefault) { "$($_.Name) (Default)" } else { $_.Name } })
            ($headings | Sort-Object) -join ' ' | Should -Be (($names | Sort-Object) -join ' ')
        }
    }

    It 'has the facts of every parameter right' {
        foreach ($parameter in $parameters) {
            foreach ($facts in $documented[$parameter.Name].Facts) {
                $type = [Nullable]::GetUnderlyingType($parameter.ParameterType)
                if (-not $type) { $type = $parameter.ParameterType }
                $facts['Type'] | Should -Be $type.Name -Because "-$($parameter.Name)"
                $aliases = $facts['Aliases'].Split(',').ForEach({ $_.Trim() }).Where({ $_ })
                ($aliases | Sort-Object) -join ' ' | Should -Be (($parameter.Aliases | Sort-Object) -join ' ') -Because "-$($parameter.Name)"
                if ($type.IsEnum) { $facts['Accepted values'] | Should -Be ([enum]::GetNames($type) -join ', ') -Because "-$($parameter.Name)" }
                $wildcards = $parameter.Attributes.Where({ $_ -is [Management.Automation.SupportsWildcardsAttribute] }).Count -gt 0
                $facts['Accept wildcard characters'] | Should -Be "$wildcards" -Because "-$($parameter.Name)"
            }

            # In each set it stands in, its place, whether it is required, and its pipeline input.
            $inSets = foreach ($set in $Command.ParameterSets) {
                $here = $set.Parameters.Where({ $_.Name -eq $parameter.Name })
                if ($here) {
                    $facts = $documented[$parameter.Name].Facts.Where({ $_['Parameter Sets'] -eq '(All)' -or $_['Parameter Sets'].Split(',').Trim() -contains $set.Name })
                    $facts.Count | Should -Be 1 -Because "-$($parameter.Name) in the set $($set.Name)"
                    $facts[0]['Required'] | Should -Be "$($here[0].IsMandatory)" -Because "-$($parameter.Name)"
                    $facts[0]['Position'] | Should -Be $(if ($here[0].Position -lt 0) { 'Named' } else { "$($here[0].Position)" }) -Because "-$($parameter.Name)"
                    $ways = @(if ($here[0].ValueFromPipelineByPropertyName) { 'ByPropertyName' }; if ($here[0].ValueFromPipeline) { 'ByValue' }) -join ', '
                    $facts[0]['Accept pipeline input'] | Should -Be $(if ($ways) { "True ($ways)" } else { 'False' }) -Because "-$($parameter.Name)"
                    $set.Name
                }
            }
            $documentedSets = $documented[$parameter.Name].Facts.ForEach({ $_['Parameter Sets'].Split(',').Trim() })
            if ($documentedSets -notcontains '(All)') { ($documentedSets | Sort-Object) -join ' ' | Should -Be (($inSets | Sort-Object) -join ' ') -Because "-$($parameter.Name)" }
        }
    }

    It 'tells the default, the range and the unit of every parameter' {
        foreach ($parameter in $parameters.Where({ $_.Name -notin 'WhatIf', 'Confirm' })) {
            $text = $documented[$parameter.Name].Text
            $text.Length | Should -BeGreaterThan 15 -Because "-$($parameter.Name)"
            foreach ($facts in $documented[$parameter.Name].Facts) {
                $facts['Default value'] | Should -Not -BeNullOrEmpty -Because "-$($parameter.Name)"
                $isThatOfOption = $facts['Default value'] -match '^(.+), or that of New-MqttConnectionOption$'
                if ($isThatOfOption) { $facts['Default value'] = $Matches[1] }
                $default = Get-Default $parameter $(if ($isThatOfOption) { [PSMqtt.Commands.NewMqttConnectionOptionCommand] } else { $Command.ImplementingType })
                if ($null -ne $default -and -not ($default -eq '0' -and $facts['Default value'] -eq 'None')) {
                    $facts['Default value'] | Should -Be $default -Because "-$($parameter.Name)"
                }
            }

            foreach ($attribute in $parameter.Attributes) {
                if ($attribute -is [Management.Automation.ValidateRangeAttribute]) {
                    $limits = Format-Limit $attribute.MinRange
                    $limits += if ($attribute.MaxRange -in [int]::MaxValue, [long]::MaxValue) { ' or more' } else { " to $(Format-Limit $attribute.MaxRange)" }
                    $text | Should -Match ([regex]::Escape($limits)) -Because "-$($parameter.Name)"
                }
                elseif ($attribute -is [PSMqtt.Parameters.SecondsAttribute]) {
                    $text | Should -Match ([regex]::Escape("$(Format-Limit $attribute.Minimum) to $(Format-Limit $attribute.Maximum) seconds")) -Because "-$($parameter.Name)"
                    $text | Should -Match 'in seconds or as a TimeSpan' -Because "-$($parameter.Name)"
                    if ($attribute.AllowInfinite) { $text | Should -Match 'Infinite' -Because "-$($parameter.Name)" }
                }
            }
            if ($parameter.Name -like '*Seconds') { $text | Should -Match 'in seconds' -Because "-$($parameter.Name)" }
        }
    }

    It 'names the parameters that come with -Server' {
        if ($documented.Contains('Server') -and $Name -ne 'Connect-Mqtt') {
            foreach ($property in [PSMqtt.MqttConnection].Assembly.GetType('PSMqtt.Commands.OneShotParameters').GetProperties()) {
                $documented['Server'].Text | Should -Match "``-$($property.Name)``"
            }
        }
    }

    It 'has three examples or more, numbered, and three that call the cmdlet' {
        $code = @(Get-PageCode $path)
        $code.Count | Should -BeGreaterThan 2
        $code.Heading | Should -Not -Contain ''
        $numbers = $code.Heading.ForEach({ if ($_ -match '^Example (\d+): ') { $Matches[1] } })
        $numbers -join ' ' | Should -Be ((1..$code.Count) -join ' ')
        @($code.Where({ $_.Code -like "*$Name*" })).Count | Should -BeGreaterThan 2
    }

    It 'leads on to pages that there are' {
        foreach ($link in [regex]::Matches($page, '\]\(([^)]+)\)').ForEach({ $_.Groups[1].Value })) {
            if ($link -notlike 'http*') { [IO.File]::Exists("$pageDirectory/$link") | Should -BeTrue -Because $link }
        }
    }

    It 'is what Get-Help shows' {
        $help = Get-Help $Name -Full
        $help.Synopsis | Should -Be ((Get-PageSection $page '## SYNOPSIS') -replace '\s+', ' ').Replace('`', '')
        @($help.examples.example).Count | Should -Be @(Get-PageCode $path).Count
        $help.examples.example[0].code | Should -Match ([regex]::Escape((Get-PageCode $path)[0].Code.Split("`n")[0]))
        ($help.parameters.parameter.name | Sort-Object) -join ' ' | Should -Be (($parameters.Name | Sort-Object) -join ' ')
        foreach ($parameter in $help.parameters.parameter) { "$($parameter.description.Text)" | Should -Not -BeNullOrEmpty -Because $parameter.name }
        @($help.syntax.syntaxItem).Count | Should -Be $Command.ParameterSets.Count
    }
}

Describe 'the help' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Pages.ps1"
        $shipped = "$([IO.Path]::GetDirectoryName($modulePath))/en-US"
        $generators = [IO.Directory]::GetFiles("$repository/tools/PSMqtt.Help/bin", 'PSMqtt.Help.dll', 'AllDirectories') | Sort-Object { [IO.File]::GetLastWriteTimeUtc($_) }
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName

        # Runs the generator, and gives its exit code and what it has said.
        function Invoke-Generator([string] $Pages, [string] $Help) {
            $start = [Diagnostics.ProcessStartInfo]::new('dotnet')
            foreach ($argument in @($generators)[-1], $Pages, $Help) { $start.ArgumentList.Add($argument) }
            $start.RedirectStandardError = $true
            $process = [Diagnostics.Process]::Start($start)
            try {
                $said = $process.StandardError.ReadToEnd()
                $process.WaitForExit()
                @{ ExitCode = $process.ExitCode; Error = $said }
            }
            finally { $process.Dispose() }
        }
    }

    AfterAll { [IO.Directory]::Delete($folder, $true) }

    It 'has no page of a cmdlet that there is not' {
        $names = (Get-Command -Module PSMqtt -CommandType Cmdlet).Name
        foreach ($file in [IO.Directory]::GetFiles($pageDirectory)) {
            $name = [IO.Path]::GetFileNameWithoutExtension($file)
            if ($name -notlike 'about_*') { $names | Should -Contain $name }
        }
    }

    It 'ships as it was generated from the pages that there are now' {
        (Invoke-Generator $pageDirectory "$folder/now").ExitCode | Should -Be 0
        $now = [IO.Directory]::GetFiles("$folder/now")
        ([IO.Directory]::GetFiles($shipped).ForEach({ [IO.Path]::GetFileName($_) }) | Sort-Object) -join ' ' |
            Should -Be (($now.ForEach({ [IO.Path]::GetFileName($_) }) | Sort-Object) -join ' ')
        foreach ($file in $now) {
            [IO.File]::ReadAllText("$shipped/$([IO.Path]::GetFileName($file))") -ceq [IO.File]::ReadAllText($file) | Should -BeTrue -Because "$file must be built again"
        }
    }

    It 'names every error, with its category and its advice' {
        $page = [IO.File]::ReadAllText("$pageDirectory/about_PSMqtt_Errors.md").Replace("`r", '')
        $documented = @{}
        foreach ($part in [regex]::Matches($page, '(?ms)^### (\w+) \((\w+)\)\n\n(.*?)\n\n(.*?)\n(?=\n#)')) {
            $documented[$part.Groups[1].Value] = @{ Category = $part.Groups[2].Value; Meaning = $part.Groups[3].Value; Advice = $part.Groups[4].Value -replace '\s+', ' ' }
        }

        # From the list that the cmdlets use, and from the sources for those that are made on the spot.
        $flags = [Reflection.BindingFlags] 'Static, Public, NonPublic'
        $kinds = [PSMqtt.MqttConnection].Assembly.GetType('PSMqtt.Errors.MqttErrors').GetFields($flags).ForEach({ $_.GetValue($null) })
        $made = foreach ($file in [IO.Directory]::GetFiles("$repository/src/PSMqtt", '*.cs', 'AllDirectories')) {
            [regex]::Matches([IO.File]::ReadAllText($file), '"(Mqtt\w+)",\s*ErrorCategory\.(\w+)').ForEach({ @{ Id = $_.Groups[1].Value; Category = $_.Groups[2].Value } })
        }
        $made.Count | Should -BeGreaterThan 50
        foreach ($one in $made) {
            $documented[$one.Id].Category | Should -Be $one.Category -Because $one.Id
        }
        foreach ($kind in $kinds) {
            $id = $kind.GetType().GetProperty('Id').GetValue($kind)
            $documented[$id].Advice | Should -Be $kind.GetType().GetProperty('Advice').GetValue($kind) -Because $id
        }
        ($documented.Keys | Sort-Object) -join ' ' | Should -Be (($made.Id | Sort-Object -Unique) -join ' ')
        $page | Should -Not -Match '(?m)^,$'
    }

    It 'has the topic <_>, and Get-Help shows it' -ForEach 'about_PSMqtt', 'about_PSMqtt_Connections', 'about_PSMqtt_Events', 'about_PSMqtt_Testing', 'about_PSMqtt_Errors', 'about_PSMqtt_Coming_from_paho' {
        $text = [IO.File]::ReadAllText("$pageDirectory/$_.md").Replace("`r", '')
        foreach ($link in [regex]::Matches($text, '\]\(([^)]+)\)').ForEach({ $_.Groups[1].Value })) {
            if ($link -notlike 'http*') { [IO.File]::Exists("$pageDirectory/$link") | Should -BeTrue -Because $link }
        }
        $help = "$(Get-Help $_)"
        $help | Should -Match "(?m)^TOPIC\n    $_\n"
        $help | Should -Match 'SHORT DESCRIPTION'
        foreach ($line in $help.Split("`n")) { if ($line -notmatch '^        ') { $line.Length | Should -BeLessThan 101 -Because $line } }
    }

    It 'is not made of a page that <what>, and the file and the line are named' -ForEach @(
        @{ what = 'has no header'; change = { $args[0].Replace('schema: 2.0.0', '') }; message = "Stop-MqttBroker\.md\(1\): error PSMHELP: .*schema" }
        @{ what = 'lacks a section'; change = { $args[0].Replace('## OUTPUTS', '## RESULTS') }; message = "\(\d+\): error PSMHELP: Here the section 'OUTPUTS' must begin" }
        @{ what = 'has a parameter without facts'; change = { $args[0].Replace('```yaml', '```text') }; message = '\(\d+\): error PSMHELP: The block of facts' }
        @{ what = 'has an example without code'; change = { $args[0].Replace('```powershell', '```sh') }; message = '\(\d+\): error PSMHELP: An example must begin' }
        @{ what = 'has a block that does not end'; change = { $args[0] + "`n" + '```' }; message = '\(\d+\): error PSMHELP: The block does not end' }
    ) {
        $pages = [IO.Directory]::CreateDirectory("$folder/broken").FullName
        $text = [IO.File]::ReadAllText("$pageDirectory/Stop-MqttBroker.md").Replace("`r", '')
        [IO.File]::WriteAllText("$pages/Stop-MqttBroker.md", (& $change $text))
        $result = Invoke-Generator $pages "$folder/none"
        $result.ExitCode | Should -Be 1
        $result.Error | Should -Match $message
        [IO.File]::Exists("$folder/none/PSMqtt.dll-Help.xml") | Should -BeFalse
    }
}
