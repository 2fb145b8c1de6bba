namespace PSMqtt.Protocol.Sessions;

/// <summary>Outgoing messages in their order. Intrusive: joining and leaving cost nothing, and an operation is in one list at most.</summary>
internal sealed class OperationList
{
    public PublishOperation? First { get; private set; }

    public PublishOperation? Last { get; private set; }

    public int Count { get; private set; }

    public long Bytes { get; private set; }

    public void Add(PublishOperation operation)
    {
        operation.List = this;
        operation.Previous = Last;
        operation.Next = null;
        if (Last is null)
        {
            First = operation;
        }
        else
        {
            Last.Next = operation;
        }

        Last = operation;
        Count++;
        Bytes += operation.Payload.Length;
    }

    public void Remove(PublishOperation operation)
    {
        if (operation.Previous is null)
        {
            First = operation.Next;
        }
        else
        {
            operation.Previous.Next = operation.Next;
        }

        if (operation.Next is null)
        {
            Last = operation.Previous;
        }
        else
        {
            operation.Next.Previous = operation.Previous;
        }

        operation.List = null;
        operation.Next = null;
        operation.Previous = null;
        Count--;
        Bytes -= operation.Payload.Length;
    }

    /// <summary>Moves all of this list, in its order, to the end of another.</summary>
    public void MoveTo(OperationList other)
    {
        while (First is { } operation)
        {
            Remove(operation);
            other.Add(operation);
        }
    }
}
