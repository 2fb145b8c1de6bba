# For Invoke-ScriptAnalyzer, which finds nothing in this repository: tests/PSMqtt.Tests/Hygiene.Tests.ps1 runs it where it is installed.
@{
    ExcludeRules = @(
        # What a BeforeAll sets is used in other blocks of a Pester file, which the rule does not see.
        'PSUseDeclaredVarsMoreThanAssignments'
        # Functions of tests, which nobody calls with -WhatIf.
        'PSUseShouldProcessForStateChangingFunctions'
        # dotnet, and functions of one file with two or three obvious parameters, read better without names.
        'PSAvoidUsingPositionalParameters'
        # Functions of tests that are about bytes.
        'PSUseSingularNouns'
        # Files are UTF-8 without a mark, as PowerShell 7 reads them.
        'PSUseBOMForUnicodeEncodedFile'
    )
}
