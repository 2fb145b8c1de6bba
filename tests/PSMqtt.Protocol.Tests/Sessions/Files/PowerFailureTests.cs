using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Protocol.Tests.Sessions.Files;

public sealed class PowerFailureTests
{
    [Fact(DisplayName = "after a power failure at any moment the log is what some prefix of the changes made, at least up to the last flush that had ended")]
    public async Task Keeps_what_was_flushed()
    {
        for (int seed = 1; seed <= 60; seed++)
        {
            Assert.True(await RunAsync(seed, pretends: false) >= 0, $"seed {seed}");
        }
    }

    [Fact(DisplayName = "the same on a disk that only pretends to flush finds the loss: the test above can fail")]
    public async Task Finds_a_disk_that_lies()
    {
        int losses = 0;
        for (int seed = 1; seed <= 20 && losses == 0; seed++)
        {
            losses += await RunAsync(seed, pretends: true) < 0 ? 1 : 0;
        }

        Assert.NotEqual(0, losses);
    }

    /// <returns>Which prefix of the changes the log holds after the last power failure; -1: none that is long enough.</returns>
    private static async Task<int> RunAsync(int seed, bool pretends)
    {
        var random = new Random(seed);
        var disk = new UnreliableDisk { OnlyPretendsToFlush = pretends };
        await using FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
        await store.OpenAsync("tester", default);
        List<SessionChange> changes = [];
        int flushed = 0;
        int found = 0;
        long sequence = 0;
        for (int step = 0; step < 120; step++)
        {
            for (int i = random.Next(6); i > 0; i--)
            {
                SessionChange change = NextChange(random, ref sequence);
                changes.Add(change);
                store.Append(change);
            }

            if (random.Next(3) == 0)
            {
                await store.FlushAsync(default);
                flushed = changes.Count;
            }

            if (random.Next(8) == 0 || step == 119)
            {
                found = await FindAsync(disk.AfterPowerFailure(random), changes, flushed);
                if (found < 0)
                {
                    return -1;
                }
            }
        }

        return found;
    }

    private static async Task<int> FindAsync(UnreliableDisk disk, List<SessionChange> changes, int flushed)
    {
        SessionContents contents;
        try
        {
            await using FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
            contents = await store.OpenAsync("tester", default);
        }
        catch (SessionStoreException)
        {
            return -1;
        }

        var state = new SessionState();
        for (int count = 0; count <= changes.Count; count++)
        {
            if (count >= flushed && Describe(state.Copy()) == Describe(contents))
            {
                return count;
            }

            if (count < changes.Count)
            {
                state.Apply(changes[count]);
            }
        }

        // Records that were not flushed may have been found in part: a later one without an earlier. Then all that was flushed must still be there.
        var known = new SessionState();
        changes[..flushed].ForEach(change => known.Apply(change));
        HashSet<long> ended = [.. changes[flushed..].Where(static c => c.Kind == SessionChangeKind.MessageEnded).Select(static c => c.Sequence)];
        HashSet<long> present = [.. contents.Messages.Select(static m => m.Sequence)];
        return known.Copy().Messages.All(m => present.Contains(m.Sequence) || ended.Contains(m.Sequence)) ? changes.Count : -1;
    }

    private static SessionChange NextChange(Random random, ref long sequence)
    {
        long known = sequence == 0 ? 0 : random.NextInt64(Math.Max(1, sequence - 10), sequence + 1);
        return random.Next(sequence == 0 ? 1 : 6) switch
        {
            0 or 1 => new SessionChange(
                SessionChangeKind.MessageAccepted,
                ++sequence,
                Message: new MqttMessage("t", new byte[random.Next(20_000)], MqttQualityOfService.ExactlyOnce))
            {
                Time = DateTimeOffset.UnixEpoch,
            },
            2 => new SessionChange(SessionChangeKind.MessageSent, known, random.Next(1, 100)),
            3 => new SessionChange(SessionChangeKind.MessageReceivedByServer, known),
            _ => new SessionChange(SessionChangeKind.MessageEnded, known),
        };
    }

    private static string Describe(SessionContents contents) => string.Join(
        ' ', contents.Messages.Select(static m => $"{m.Sequence}:{m.Message.Payload.Length}:{m.PacketIdentifier}:{m.IsReceivedByServer}"));
}
