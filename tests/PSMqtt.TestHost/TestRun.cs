using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using PSMqtt.TestHost.Language;

namespace PSMqtt.TestHost;

/// <summary>Runs test files, one after the other, each in a runspace of its own.</summary>
internal sealed class TestRun(TestOptions options, TextWriter output)
{
    /// <summary>So many times, a second apart, a file that takes too long is told to stop.</summary>
    private const int StopAttempts = 20;

    private int _passed;
    private int _failed;
    private int _skipped;

    public int Run()
    {
        foreach (string file in options.Files)
        {
            output.WriteLine(Path.GetRelativePath(Environment.CurrentDirectory, file));
            var session = new TestSession(file, options, output);
            bool ended = RunFile(session);
            _passed += session.Passed;
            _failed += session.Failed;
            _skipped += session.Skipped;
            if (!ended)
            {
                // A pipeline that cannot be stopped holds its thread for ever. What follows would not be a test of anything, and what ends runspaces may never come back.
                output.WriteLine("  The file could not be stopped. The files after it were not run.");
                break;
            }
        }

        output.WriteLine($"{_passed} passed, {_failed} failed, {_skipped} skipped");
        output.Flush();
        return _failed == 0 ? 0 : 1;
    }

    /// <summary>Runs a file on a thread of its own, for as long as it may take.</summary>
    /// <returns>False if it could not even be stopped.</returns>
    private bool RunFile(TestSession session)
    {
        ScriptBlockAst script = Parser.ParseFile(session.File, out _, out ParseError[] errors);
        if (errors.Length > 0)
        {
            session.FailFile(string.Join('\n', errors.Select(e => $"{session.File}:{e.Extent.StartLineNumber}: {e.Message}")));
            return true;
        }

        // Not disposed of here: that would wait for a pipeline that does not stop.
        var powershell = PowerShell.Create();
        var limit = new CancellationTokenSource();
        var thread = new Thread(() => Guarded(session, powershell, limit.Token)) { IsBackground = true, Name = Path.GetFileName(session.File) };
        thread.Start();
        if (thread.Join(options.Limit))
        {
            powershell.Dispose();
            limit.Dispose();
            return true;
        }

        string what = session.Running is { } test ? $"'{test.FullName}' (line {test.Line})" : "its setup or teardown";
        session.FailFile($"The file took longer than {options.Limit.TotalSeconds} seconds. It was in {what} and was stopped.");
        limit.Cancel();
        for (int attempt = 0; attempt < StopAttempts; attempt++)
        {
            // On another thread, because it calls StopProcessing of the cmdlet at work, which may hang as well. More than once, because a phase that
            // is just about to begin does not notice.
            _ = Task.Run(() => powershell.BeginStop(null, null));
            if (thread.Join(TimeSpan.FromSeconds(1)))
            {
                return true;
            }
        }

        return false;
    }

    private void Guarded(TestSession session, PowerShell powershell, CancellationToken limit)
    {
        try
        {
            RunPhases(session, powershell, limit);
        }
        catch (Exception) when (limit.IsCancellationRequested)
        {
            // It took too long, which has been reported.
        }
        catch (RuntimeException e)
        {
            session.FailFile($"{e.ErrorRecord.Exception.Message}\n{e.ErrorRecord.ScriptStackTrace}");
        }
    }

    private void RunPhases(TestSession session, PowerShell powershell, CancellationToken limit)
    {
        var host = new ConsolePSHost(output, output, colours: false);
        using Runspace runspace = HostRunspace.Open(host, forTests: true);
        runspace.SessionStateProxy.SetVariable(TestSession.VariableName, session);
        powershell.Runspace = runspace;

        // Inside a try an unknown command ends discovery, as any other error does, instead of leaving out a block without a word.
        powershell.AddScript("param($file) try { & $file } catch { throw }").AddArgument(session.File);
        Invoke(powershell, limit);
        if (session.Root.Items.Count == 0)
        {
            session.FailFile("There is no test in it.");
            return;
        }

        if (session.Root.AllTests.Any(test => test.Tags.Contains(TestSession.RequiresPwsh)))
        {
            if (ModulePath.Find(session.File) is not { } module)
            {
                session.FailFile($"The tests tagged {TestSession.RequiresPwsh} cannot be checked: no module was built. Run the task Build first.");
                return;
            }

            // A runspace of its own: that the module is there must not help the tests that do run.
            using Runspace withModule = HostRunspace.Open(host, forTests: false);
            using var import = PowerShell.Create(withModule);
            import.AddCommand("Import-Module").AddParameter("Name", module).AddParameter("ErrorAction", ActionPreference.Stop);
            Invoke(import, limit);
            session.CheckTestsThatNeedPwsh(withModule);
        }

        if (!session.Root.IsToRun)
        {
            session.PassOver(session.Root);
            return;
        }

        powershell.Commands.Clear();
        powershell.AddCommand(TestLanguage.RunBlockFunction).AddArgument(session.Root);
        Invoke(powershell, limit);
        session.FailWhatDidNotRun();
    }

    private static void Invoke(PowerShell powershell, CancellationToken limit)
    {
        powershell.AddCommand("Out-Default");
        powershell.Commands.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        limit.ThrowIfCancellationRequested();
        powershell.Invoke();
        limit.ThrowIfCancellationRequested();
    }
}
