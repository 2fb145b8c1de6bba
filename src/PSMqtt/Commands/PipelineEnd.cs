using System.Management.Automation;
using System.Reflection;
using System.Runtime.ExceptionServices;

namespace PSMqtt.Commands;

/// <summary>
/// Tells why a pipeline ended while a cmdlet was writing to it. A cmdlet that is upstream sees the same exception for all of it: Ctrl+C, an error of a
/// command after it, and Select-Object -First, which has had what it wanted. Only the last one has used the object that was being written.
/// </summary>
internal static class PipelineEnd
{
    private const BindingFlags Internal = BindingFlags.Instance | BindingFlags.NonPublic;

    /// <summary>Whether a command after this one has had enough, as Select-Object -First and break have.</summary>
    /// <param name="runtime">The cmdlet's runtime.</param>
    /// <param name="exception">What the cmdlet's write has thrown.</param>
    /// <returns>Whether it is certain: where PowerShell does not let it be known, it is not.</returns>
    public static bool IsSatisfied(ICommandRuntime runtime, Exception exception) =>
        exception is FlowControlException || ReasonOf(runtime) is FlowControlException;

    // PowerShell keeps the reason to itself. Where a later version keeps it elsewhere, a message is delivered once more, and none is lost.
    private static Exception? ReasonOf(ICommandRuntime runtime)
    {
        object? pipeline = runtime.GetType().GetProperty("PipelineProcessor", Internal)?.GetValue(runtime);
        object? reason = pipeline?.GetType().GetField("_firstTerminatingError", Internal)?.GetValue(pipeline);
        return (reason as ExceptionDispatchInfo)?.SourceException;
    }
}
