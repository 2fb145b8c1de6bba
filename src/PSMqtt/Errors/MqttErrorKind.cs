using System.Management.Automation;

namespace PSMqtt.Errors;

/// <summary>
/// A kind of error: everything about it that does not change from one occurrence to the next. The <see cref="Id"/> is what scripts test for, so it
/// never changes once it has been released.
/// </summary>
/// <param name="Id">The first part of the error record's FullyQualifiedErrorId.</param>
/// <param name="Category">The error record's category.</param>
/// <param name="Advice">What the user can do about it: the error record's RecommendedAction.</param>
internal sealed record MqttErrorKind(string Id, ErrorCategory Category, string Advice)
{
    /// <summary>Makes an error record of this kind.</summary>
    /// <param name="exception">What happened; its message is what the user reads.</param>
    /// <param name="target">The object that the error is about; a parameter's name where it is about how a command was called.</param>
    /// <returns>The error record.</returns>
    public ErrorRecord ToRecord(Exception exception, object target) =>
        new(exception, Id, Category, target) { ErrorDetails = new ErrorDetails(Sentence(exception)) { RecommendedAction = Advice } };

    /// <summary>Makes an error record of this kind for a misuse that the module itself found.</summary>
    /// <param name="message">What is wrong, in a sentence or two.</param>
    /// <param name="target">The object that the error is about; a parameter's name where it is about how a command was called.</param>
    /// <returns>The error record.</returns>
    public ErrorRecord ToRecord(string message, object target) =>
        ToRecord(
            Category is ErrorCategory.InvalidArgument or ErrorCategory.InvalidData ? new PSArgumentException(message) : new PSInvalidOperationException(message),
            target);

    // .NET appends the name of a method's parameter, which is nothing to a user.
    private static string Sentence(Exception exception) => exception is ArgumentException { ParamName: { } name }
        ? exception.Message.Replace($" (Parameter '{name}')", string.Empty, StringComparison.Ordinal)
        : exception.Message;
}
