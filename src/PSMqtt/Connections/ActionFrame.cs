using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace PSMqtt.Connections;

/// <summary>
/// What is put around an action of the user's. An exception that an action lets out would end its job, silently, for all later events: so it becomes an
/// error that the action has written. And the frame tells when the action begins and when it has run: PowerShell runs one again that Ctrl+C has
/// interrupted. It is made of syntax trees, not of text, so that positions in errors, the debugger and the Command of the job are the user's own.
/// </summary>
internal static class ActionFrame
{
    // $args[2] is a Func<bool, bool>: told that the action begins, it says whether to run it.
    private const string Frame =
        "if (-not $args[2].Invoke($true)) { return }\n" +
        "try { . {} $args[0] $args[1] } catch { & { [CmdletBinding()] param($e) $PSCmdlet.WriteError($e) } $_ }\n" +
        "$null = $args[2].Invoke($false)";

    /// <summary>Puts the frame around an action.</summary>
    /// <param name="action">The action.</param>
    /// <returns>The frame, with the text and the place of the action.</returns>
    public static ScriptBlock Around(ScriptBlock action)
    {
        // That of a function has its parameters elsewhere; its text has them where those of a script block are.
        ScriptBlockAst body = action.Ast as ScriptBlockAst ?? (ScriptBlockAst)ScriptBlock.Create(action.ToString()).Ast;
        IScriptExtent place = body.Extent;
        ScriptBlockAst frame = Parser.ParseInput(Frame, out _, out _);
        ReadOnlyCollection<StatementAst> statements = frame.EndBlock.Statements;
        TryStatementAst attempt = (TryStatementAst)statements[1];
        CommandAst call = (CommandAst)((PipelineAst)attempt.Body.Statements[0]).PipelineElements[0];

        StatementAst run = new PipelineAst(
            place,
            new CommandAst(
                place,
                [new ScriptBlockExpressionAst(place, (ScriptBlockAst)body.Copy()), .. call.CommandElements.Skip(1).Select(Copy)],
                TokenKind.Dot,
                []));
        StatementAst guarded = new TryStatementAst(place, new StatementBlockAst(place, [run], []), attempt.CatchClauses.Select(Copy), null);
        ScriptBlockAst whole = new(
            place,
            Root(body).UsingStatements.Select(Copy),
            null,
            new StatementBlockAst(place, [Copy(statements[0]), guarded, Copy(statements[2])], []),
            isFilter: false,
            isConfiguration: false);

        // The text of a block inside of a script has braces around it, and PowerShell takes them off where the block has a parent.
        if (body.Parent is not null)
        {
            _ = new ScriptBlockExpressionAst(place, whole);
        }

        return whole.GetScriptBlock();
    }

    private static T Copy<T>(T ast)
        where T : Ast => (T)ast.Copy();

    private static ScriptBlockAst Root(Ast ast)
    {
        while (ast.Parent is not null)
        {
            ast = ast.Parent;
        }

        return (ScriptBlockAst)ast;
    }
}
