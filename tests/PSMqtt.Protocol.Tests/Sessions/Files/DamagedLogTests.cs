using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Protocol.Tests.Sessions.Files;

public sealed class DamagedLogTests
{
    private const int Messages = 60;

    [Fact(DisplayName = "a log cut at any byte of its last 4 KiB opens with every whole record before the cut, and goes on")]
    public async Task Torn_anywhere()
    {
        (byte[] log, List<long> ends) = await MakeAsync();
        Assert.True(log.Length > 4096 + LogFormat.RecordsStart);
        for (int length = log.Length - 4096; length < log.Length; length++)
        {
            int whole = ends.Count(end => end <= length);
            UnreliableDisk disk = new() { [LogFormat.LogName] = log[..length] };
            FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
            SessionContents contents = await store.OpenAsync("tester", default);
            Assert.Equal(Enumerable.Range(1, whole).Select(i => (long)i), contents.Messages.Select(m => m.Sequence));
            Assert.All(store.Damage, damage => Assert.True(damage.IsTorn));
            Assert.Null(store.DamagedLogPath);
            store.Append(Accepted(1000));
            await store.DisposeAsync();
            Assert.Equal(whole + 1, Read(disk[LogFormat.LogName]).State.Copy().Messages.Count);
            Assert.Empty(Read(disk[LogFormat.LogName]).Damage);
        }
    }

    [Fact(DisplayName = "a log with any byte of a record flipped opens with every other message; the damage is reported, and the file set aside")]
    public async Task Flipped_anywhere()
    {
        (byte[] log, List<long> ends) = await MakeAsync();
        var random = new Random(7);
        foreach (int record in (int[])[1, Messages / 2, Messages])
        {
            for (long position = ends[record - 2 < 0 ? 0 : record - 2]; record > 1 && position < ends[record - 1]; position++)
            {
                await FlipAsync(log, (int)position, (byte)(1 << random.Next(8)), record);
                await FlipAsync(log, (int)position, 0xFF, record);
            }
        }
    }

    [Fact(DisplayName = "a log with any byte of its headers flipped loses nothing; without both it is refused and left as it is")]
    public async Task Flipped_header()
    {
        (byte[] log, _) = await MakeAsync();
        for (int position = 0; position < LogFormat.RecordsStart; position++)
        {
            await FlipAsync(log, position, 0x10, lost: 0);
        }

        byte[] destroyed = [.. log];
        destroyed[0] ^= 1;
        destroyed[LogFormat.HeaderLength] ^= 1;
        UnreliableDisk disk = new() { [LogFormat.LogName] = destroyed };
        await using FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
        SessionStoreException e = await Assert.ThrowsAsync<SessionStoreException>(() => store.OpenAsync("tester", default).AsTask());
        Assert.Equal(SessionStoreFailure.NotASessionLog, e.Failure);
        Assert.Equal(destroyed, disk[LogFormat.LogName]);
    }

    [Fact(DisplayName = "a damaged record that says who the log belongs to is replaced by what the client says")]
    public async Task Client_identifier_lost()
    {
        (byte[] log, _) = await MakeAsync();
        await FlipAsync(log, LogFormat.RecordsStart + LogFormat.FrameLength + 2, 1, lost: 0);
    }

    [Fact(DisplayName = "a message that holds the bytes of another log is one message, also when it is damaged")]
    public async Task Log_inside_a_log()
    {
        (byte[] inner, _) = await MakeAsync();
        var disk = new UnreliableDisk();
        await using (FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk }))
        {
            await store.OpenAsync("tester", default);
            store.Append(new SessionChange(SessionChangeKind.MessageAccepted, 1, Message: new MqttMessage("t", inner, MqttQualityOfService.AtLeastOnce)));
            store.Append(Accepted(2));
        }

        Assert.Equal([1, 2], Read(disk[LogFormat.LogName]).State.Copy().Messages.Select(m => m.Sequence));
        byte[] damaged = disk[LogFormat.LogName];
        damaged[LogFormat.RecordsStart + 100] ^= 1;
        Assert.Equal([2], Read(damaged).State.Copy().Messages.Select(m => m.Sequence));
    }

    [Fact(DisplayName = "random bytes, and logs with random damage, never raise anything that is not documented")]
    public async Task Random_damage()
    {
        (byte[] log, _) = await MakeAsync();
        var random = new Random(20_240_601);
        for (int round = 0; round < 2000; round++)
        {
            byte[] bytes = [.. log[..random.Next(log.Length + 1)]];
            for (int i = random.Next(40); i > 0 && bytes.Length > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            if (round % 3 == 0 && bytes.Length > 0)
            {
                random.NextBytes(bytes.AsSpan(random.Next(bytes.Length)));
            }

            UnreliableDisk disk = new() { [LogFormat.LogName] = bytes };
            await using FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
            try
            {
                await store.OpenAsync(string.Empty, default);
            }
            catch (SessionStoreException e)
            {
                Assert.Contains(e.Failure, (SessionStoreFailure[])[SessionStoreFailure.NotASessionLog, SessionStoreFailure.UnsupportedVersion]);
            }
        }
    }

    private static async Task FlipAsync(byte[] log, int position, byte mask, int lost)
    {
        byte[] damaged = [.. log];
        damaged[position] ^= mask;
        UnreliableDisk disk = new() { [LogFormat.LogName] = damaged };
        FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
        SessionContents contents = await store.OpenAsync("tester", default);
        Assert.Equal(
            Enumerable.Range(1, Messages).Where(i => i != lost).Select(i => (long)i), contents.Messages.Select(m => m.Sequence));

        // At the end of the file a record with another length may have been under way.
        SessionLogDamage damage = Assert.Single(store.Damage);
        Assert.InRange(position, damage.Offset, damage.Offset + damage.Length - 1);
        Assert.True(!damage.IsTorn || lost == Messages);
        Assert.Equal(!damage.IsTorn, store.DamagedLogPath is not null);
        if (store.DamagedLogPath is not null)
        {
            Assert.Equal(damaged, disk[Path.GetFileName(store.DamagedLogPath)]);
        }

        await store.DisposeAsync();
        LogScan again = Read(disk[LogFormat.LogName]);
        Assert.Empty(again.Damage);
        Assert.Equal(contents.Messages.Count, again.State.Copy().Messages.Count);
        Assert.Equal("tester", again.ClientId);
    }

    /// <summary>A log of messages, and where the record of each ends.</summary>
    private static async Task<(byte[] Log, List<long> Ends)> MakeAsync()
    {
        var disk = new UnreliableDisk();
        List<long> ends = [];
        await using (FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk }))
        {
            await store.OpenAsync("tester", default);
            for (int i = 1; i <= Messages; i++)
            {
                store.Append(Accepted(i));
                await store.FlushAsync(default);
                ends.Add(store.LogLength);
            }
        }

        return (disk[LogFormat.LogName], ends);
    }

    private static SessionChange Accepted(long sequence) => new(
        SessionChangeKind.MessageAccepted,
        sequence,
        Message: new MqttMessage($"plant/{sequence}", new byte[sequence % 100], MqttQualityOfService.ExactlyOnce) { ContentType = "a/b" })
    {
        Time = DateTimeOffset.UnixEpoch,
    };

    private static LogScan Read(byte[] log)
    {
        UnreliableDisk disk = new() { [LogFormat.LogName] = log };
        using LogFile file = disk.Open(LogFormat.LogName, false);
        return LogScan.Read(file, "memory");
    }
}
