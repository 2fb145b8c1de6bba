# Tests of the test language itself: what Pester 5 does with this file, the test host must do too. They pass under both.

BeforeDiscovery {
    $rows = @{ name = 'one'; number = 1 }, @{ name = 'two'; number = 2 }
}

BeforeAll {
    $fromRoot = 'root'
    function Get-FromRoot { "function $fromRoot" }
}

Describe 'scopes' {
    BeforeAll {
        $fromBlock = 'block'
        $counter = [Collections.Generic.List[string]]::new()
    }

    BeforeEach { $fromEach = 'each'; $counter.Add('before') }
    AfterEach { $counter.Add('after') }

    It 'shows a test what was set before it' {
        $fromRoot | Should -Be 'root'
        $fromBlock | Should -Be 'block'
        $fromEach | Should -Be 'each'
        Get-FromRoot | Should -Be 'function root'
        $fromBlock = 'changed by a test'
    }

    It 'shows a test nothing of another one' {
        $fromBlock | Should -Be 'block'
        $counter | Should -Be 'before', 'after', 'before'
    }

    It 'knows where the file is' {
        $PSScriptRoot | Should -Not -BeNullOrEmpty
        "$PSScriptRoot/Passing.Selftest.ps1" | Should -Exist
    }

    Context 'inside' {
        BeforeAll { $fromInside = "$fromBlock inside" }
        BeforeEach { $counter.Add('inner') }

        It 'runs the outer BeforeEach first' {
            $fromInside | Should -Be 'block inside'
            $counter[-2, -1] | Should -Be 'before', 'inner'
        }
    }

    It 'shows nothing of an inner block outside it' {
        $fromInside | Should -BeNullOrEmpty
    }
}

Describe 'rows' {
    It 'makes variables of a dictionary: <name> is <number>' -ForEach $rows {
        @{ one = 1; two = 2 }[$name] | Should -Be $number
        $_.name | Should -Be $name
    }

    It 'puts a value into $_: <_>' -ForEach 4, 5 { $_ | Should -BeIn 4, 5 }

    Context 'a block for each: <name>' -ForEach $rows {
        BeforeAll { $double = $number * 2 }
        It 'has its row' { $double | Should -Be ($number * 2) }
    }
}

Describe 'assertions that hold' {
    It 'Be' {
        1 | Should -Be 1
        'A' | Should -Be 'a'
        1, 2 | Should -Be 1, 2
        $null | Should -Be $null
        @() | Should -Be @()
        1 | Should -Not -Be 2
        [byte[]](1, 2) | Should -Be ([byte[]](1, 2))
        '1' | Should -Be 1
    }

    It 'BeExactly' { 'a' | Should -BeExactly 'a'; 'A' | Should -Not -BeExactly 'a' }
    It 'BeNullOrEmpty' { $null, '' | ForEach-Object { $_ | Should -BeNullOrEmpty }; @() | Should -BeNullOrEmpty; 0 | Should -Not -BeNullOrEmpty }
    It 'BeTrue and BeFalse' { 1 | Should -BeTrue; '' | Should -BeFalse; $null | Should -BeFalse }
    It 'order' { 2 | Should -BeGreaterThan 1; 1 | Should -BeGreaterOrEqual 1; 1 | Should -BeLessThan 2; 1 | Should -BeLessOrEqual 1 }
    It 'BeOfType' { 1 | Should -BeOfType [int]; 1, 2 | Should -BeOfType int; 'x' | Should -Not -BeOfType ([int]) }
    It 'Match and BeLike' { 'ABC' | Should -Match '^ab'; 'ABC' | Should -Not -MatchExactly 'ab'; 'ABC' | Should -BeLike 'a*'; 'ABC' | Should -Not -BeLikeExactly 'a*' }
    It 'Contain and BeIn' { 1, 2 | Should -Contain 2; 1, 2 | Should -Not -Contain 3; 2 | Should -BeIn 1, 2 }
    It 'HaveCount' { 1, 2 | Should -HaveCount 2; @() | Should -HaveCount 0; 'x' | Should -HaveCount 1 }
    It 'Exist' { $PSScriptRoot | Should -Exist; "$PSScriptRoot/no-such-file" | Should -Not -Exist }

    It 'Throw' {
        { throw 'one and two' } | Should -Throw
        { throw 'one and two' } | Should -Throw 'one*'
        { throw 'one' } | Should -Throw -ExpectedMessage 'one' -ErrorId 'one'
        { throw [ArgumentException]::new('bad') } | Should -Throw -ExceptionType ([ArgumentException])
        { Invoke-NoSuchCommand } | Should -Throw -ErrorId 'CommandNotFoundException'
        { 1 } | Should -Not -Throw
        $thrown = { throw 'passed through' } | Should -Throw -PassThru
        $thrown.Exception.Message | Should -Be 'passed through'
    }

    It 'sees the variables of the test in a script block' {
        $local = 5
        { if ($local -eq 5) { throw 'five' } } | Should -Throw 'five'
    }
}

Describe 'skipped' {
    It 'is marked' -Skip { throw 'it runs all the same' }
    It 'says so itself' { Set-ItResult -Skipped -Because 'it can'; throw 'it runs on' }
    Context 'as a block' -Skip {
        BeforeAll { throw 'the setup of a skipped block runs' }
        It 'is skipped with its block' { throw 'it runs all the same' }
    }
}

Describe 'a loop in a test' {
    It 'may end with a stray break' { 1 | Should -Be 1; break }
    It 'does not end the run' { 1 | Should -Be 1 }
}

Describe 'a tag' -Tag Chosen {
    It 'selects this test' { 1 | Should -Be 1 }
    It 'does not select this one' -Tag Left { 1 | Should -Be 1 }
}
