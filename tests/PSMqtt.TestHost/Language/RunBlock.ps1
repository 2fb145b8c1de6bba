# The run phase of one block: its setup, its tests and inner blocks, its teardown.
#
# Everything of a test file is dot-sourced here, so the scopes are those of Pester: what BeforeAll sets is seen by the tests and the blocks
# inside, what BeforeEach sets by the test, and what a test sets by nothing else. It must be PowerShell for that reason.
# Names start with underscores because the tests see them. Each `do ... while ($false)` keeps a stray `break` of a test inside.
param($______block)

$______session = $______block.Session
foreach ($______pair in $______block.Variables) {
    $ExecutionContext.SessionState.PSVariable.Set($______pair.Key, $______pair.Value)
}

$______block.ExpandName($ExecutionContext.SessionState)
try {
    foreach ($______part in $______block.BeforeAll) {
        do { $null = . $______part } while ($false)
    }
}
catch {
    $______session.FailBlock($______block, $_)
}

if (-not $______block.HasFailed) {
    foreach ($______item in $______block.Items) {
        if (-not $______item.IsToRun) {
            $______session.PassOver($______item)
        }
        elseif ($______item.IsBlock) {
            ______RunBlock $______item
        }
        else {
            & {
                try {
                    foreach ($______pair in $______item.Variables) {
                        $ExecutionContext.SessionState.PSVariable.Set($______pair.Key, $______pair.Value)
                    }

                    $______session.EnterTest($______item, $ExecutionContext.SessionState)
                    foreach ($______part in $______item.BeforeEach) {
                        do { $null = . $______part } while ($false)
                    }

                    do { $null = . $______item.Body } while ($false)
                }
                catch {
                    $______item.Fail($_)
                }
                finally {
                    foreach ($______part in $______item.AfterEach) {
                        try {
                            do { $null = . $______part } while ($false)
                        }
                        catch {
                            $______item.Fail($_)
                        }
                    }
                }
            }

            $______session.LeaveTest($______item)
        }
    }
}

foreach ($______part in $______block.AfterAll) {
    try {
        do { $null = . $______part } while ($false)
    }
    catch {
        $______session.FailBlock($______block, $_)
    }
}
