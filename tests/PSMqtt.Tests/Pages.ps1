# Dot-sourced by the tests of the documentation, also in discovery: reads the pages that people and Get-Help read.

$repository = [IO.Path]::GetFullPath("$PSScriptRoot/../..")
$pageDirectory = "$repository/docs/en-US"

# The text between a heading and the next one of the same level.
function Get-PageSection([string] $Text, [string] $Heading) {
    $level = $Heading.Substring(0, $Heading.IndexOf(' '))
    $found = [regex]::Match($Text, "(?ms)^$([regex]::Escape($Heading))[ ]*\n(.*?)(?=^$level |\z)")
    if ($found.Success) { $found.Groups[1].Value.Trim() }
}

# What a page says about each parameter: its text, and the facts of each block of facts.
function Get-PageParameter([string] $Text) {
    $parameters = [ordered]@{}
    foreach ($part in [regex]::Matches((Get-PageSection $Text '## PARAMETERS'), '(?ms)^### -(\w+)\n(.*?)(?=^### |\z)')) {
        $body = $part.Groups[2].Value
        $facts = foreach ($block in [regex]::Matches($body, '(?s)```yaml\n(.*?)\n```')) {
            $fact = @{}
            foreach ($line in $block.Groups[1].Value.Split("`n")) {
                $colon = $line.IndexOf(':')
                if ($colon -gt 0) { $fact[$line.Substring(0, $colon)] = $line.Substring($colon + 1).Trim() }
            }
            $fact
        }
        $plain = [regex]::Replace($body, '(?s)```yaml.*?```', '')
        $parameters[$part.Groups[1].Value] = @{ Text = ($plain -replace '\s+', ' ').Trim(); Facts = @($facts) }
    }
    $parameters
}

# The blocks marked powershell of any page: each with its line, and in the page of a cmdlet with the heading it stands under.
function Get-PageCode([string] $Path) {
    $lines = [IO.File]::ReadAllLines($Path)
    $heading = ''
    $first = -1
    for ($i = 0; $i -lt $lines.Count; $i++) {
        if ($first -lt 0 -and $lines[$i] -match '^#+ (.*)$') { $heading = $Matches[1] }
        elseif ($first -lt 0 -and $lines[$i] -eq '```powershell') { $first = $i + 1 }
        elseif ($first -ge 0 -and $lines[$i] -eq '```') {
            @{ Page = [IO.Path]::GetFileName($Path); Line = $first + 1; Heading = $heading; Code = $lines[$first..($i - 1)] -join "`n" }
            $first = -1
        }
    }
}
