# Every test of this file fails, and shall: the normal run checks that the test host says so. See TestHost.Tests.ps1.

Describe 'assertions that do not hold' {
    It 'Be' { 1 | Should -Be 2 }
    It 'Be of two strings' { 'a' | Should -Be 'b' }
    It 'Be of arrays' { 1, 2, 3 | Should -Be 1, 2, 4 }
    It 'Be of arrays of another length' { 1, 2, 3 | Should -Be 1, 2 }
    It 'Be of null' { $null | Should -Be 0 }
    It 'Not Be' { 1 | Should -Not -Be 1 }
    It 'BeExactly' { 'A' | Should -BeExactly 'a' }
    It 'BeNullOrEmpty' { 'x' | Should -BeNullOrEmpty }
    It 'Not BeNullOrEmpty' { @() | Should -Not -BeNullOrEmpty }
    It 'BeTrue' { $false | Should -BeTrue }
    It 'BeFalse' { 1 | Should -BeFalse }
    It 'BeGreaterThan' { 1 | Should -BeGreaterThan 1 }
    It 'BeGreaterOrEqual' { 0 | Should -BeGreaterOrEqual 1 }
    It 'BeLessThan' { 1 | Should -BeLessThan 1 }
    It 'BeLessOrEqual' { 2 | Should -BeLessOrEqual 1 }
    It 'BeOfType' { 'x' | Should -BeOfType [int] }
    It 'BeOfType of null' { $null | Should -BeOfType ([string]) }
    It 'Match' { 'abc' | Should -Match '^b' }
    It 'BeLike' { 'abc' | Should -BeLike 'b*' }
    It 'BeLike for each element' { 'abc', 'bcd' | Should -BeLike 'a*' }
    It 'Contain' { 1, 2 | Should -Contain 3 }
    It 'Not Contain' { 1, 2 | Should -Not -Contain 2 }
    It 'BeIn' { 3 | Should -BeIn 1, 2 }
    It 'HaveCount' { 1, 2 | Should -HaveCount 3 }
    It 'HaveCount of nothing' { @() | Should -HaveCount 1 }
    It 'Exist' { "$PSScriptRoot/no-such-file" | Should -Exist }
    It 'Throw when nothing is thrown' { { 1 } | Should -Throw }
    It 'Throw another message' { { throw 'one' } | Should -Throw 'two' }
    It 'Throw another id' { { throw 'one' } | Should -Throw -ErrorId 'two' }
    It 'Throw another type' { { throw 'one' } | Should -Throw -ExceptionType ([ArgumentException]) }
    It 'Not Throw when something is thrown' { { throw 'one' } | Should -Not -Throw }
    It 'Throw of what is no script block' { 1 | Should -Throw }
}

Describe 'errors' {
    It 'throw fails the test' { throw 'thrown by the test' }
    It 'an unknown command fails the test' { Invoke-NoSuchCommand }
    It 'an exception of .NET fails the test' { [int]::Parse('x') }
    It 'a later failure counts although the first assertion held' { 1 | Should -Be 1; 2 | Should -Be 1 }
}

Describe 'a setup that fails' {
    BeforeAll { throw 'thrown by BeforeAll' }
    It 'fails its tests (1)' { 1 | Should -Be 1 }
    Context 'and those of the blocks inside' {
        It 'fails its tests (2)' { 1 | Should -Be 1 }
    }
}

Describe 'setup and teardown of a test' {
    Context 'before' {
        BeforeEach { throw 'thrown by BeforeEach' }
        It 'fails the test (before)' { 1 | Should -Be 1 }
    }
    Context 'after' {
        AfterEach { throw 'thrown by AfterEach' }
        It 'fails the test (after)' { 1 | Should -Be 1 }
    }
}

Describe 'a row' {
    It 'fails for the second row only: <n>' -ForEach @{ n = 1 }, @{ n = 2 } { $n | Should -Be 1 }
}
