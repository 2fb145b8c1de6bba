namespace PSMqtt.TestHost.StandIns;

/// <summary>
/// The cmdlets that the bare engine lacks and that tests and scripts may use here all the same. Each does what the tests need of the real one,
/// under the same name and parameters, and no more. They are for this host only: the module must not lean on them.
/// </summary>
internal static class StandInList
{
    public static IReadOnlyList<(string Name, Type Type)> Cmdlets { get; } =
    [
        ("ConvertFrom-Json", typeof(ConvertFromJsonCommand)),
        ("ConvertTo-Json", typeof(ConvertToJsonCommand)),
        ("Format-List", typeof(FormatListCommand)),
        ("Format-Table", typeof(FormatTableCommand)),
        ("Get-Content", typeof(GetContentCommand)),
        ("Join-Path", typeof(JoinPathCommand)),
        ("Measure-Object", typeof(MeasureObjectCommand)),
        ("New-Object", typeof(NewObjectCommand)),
        ("Out-String", typeof(OutStringCommand)),
        ("Remove-Item", typeof(RemoveItemCommand)),
        ("Select-Object", typeof(SelectObjectCommand)),
        ("Set-Content", typeof(SetContentCommand)),
        ("Sort-Object", typeof(SortObjectCommand)),
        ("Split-Path", typeof(SplitPathCommand)),
        ("Start-Sleep", typeof(StartSleepCommand)),
        ("Test-Path", typeof(TestPathCommand)),
        ("Write-Debug", typeof(WriteDebugCommand)),
        ("Write-Error", typeof(WriteErrorCommand)),
        ("Write-Host", typeof(WriteHostCommand)),
        ("Write-Output", typeof(WriteOutputCommand)),
        ("Write-Verbose", typeof(WriteVerboseCommand)),
        ("Write-Warning", typeof(WriteWarningCommand)),
    ];
}
