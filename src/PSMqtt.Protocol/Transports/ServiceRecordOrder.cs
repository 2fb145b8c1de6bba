namespace PSMqtt.Protocol.Transports;

/// <summary>The order in which the servers of a domain are tried (RFC 2782): by priority, and among equal ones at random, by weight.</summary>
internal static class ServiceRecordOrder
{
    /// <summary>Puts records in order.</summary>
    /// <param name="records">The records.</param>
    /// <param name="random">Gives a number from 0 to the one it is given, both included.</param>
    public static IReadOnlyList<ServiceRecord> Arrange(IEnumerable<ServiceRecord> records, Func<int, int> random)
    {
        var arranged = new List<ServiceRecord>();
        foreach (IGrouping<int, ServiceRecord> group in records.GroupBy(record => record.Priority).OrderBy(group => group.Key))
        {
            // Those without weight come first in the running sum, so that they have a small chance.
            var left = group.OrderBy(record => record.Weight).ToList();
            while (left.Count > 0)
            {
                int choice = random(left.Sum(record => record.Weight));
                int index = 0;
                for (int sum = left[0].Weight; sum < choice; sum += left[index].Weight)
                {
                    index++;
                }

                arranged.Add(left[index]);
                left.RemoveAt(index);
            }
        }

        return arranged;
    }
}
