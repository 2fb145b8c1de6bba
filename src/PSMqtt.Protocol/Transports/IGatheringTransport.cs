namespace PSMqtt.Protocol.Transports;

/// <summary>A transport that sends bytes from several places with one system call, so that they need not be copied together first.</summary>
internal interface IGatheringTransport : ITransport
{
    /// <summary>Sends all of the bytes of all segments, as <see cref="ITransport.SendAsync"/> does.</summary>
    /// <param name="segments">The segments, none of them empty; they must stay as they are until the task has ended.</param>
    /// <returns>A task that ends when the system has taken all of them.</returns>
    /// <exception cref="IOException">The connection is lost.</exception>
    ValueTask SendAsync(IList<ArraySegment<byte>> segments);
}
