using System.Globalization;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Protocol.Tests.Sessions.Files;

public sealed class FileSessionStoreTests : IDisposable
{
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"psmqtt-store-{Guid.NewGuid():N}");

    public static TheoryData<WriteStep, bool> ReadOnlySteps
    {
        get
        {
            var steps = new TheoryData<WriteStep, bool>();
            foreach (WriteStep step in Enum.GetValues<WriteStep>())
            {
                steps.Add(step, false);
                steps.Add(step, true);
            }

            return steps;
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            if (OperatingSystem.IsWindows())
            {
                foreach (string file in Directory.GetFiles(_directory))
                {
                    File.SetAttributes(file, FileAttributes.Normal);
                }
            }
            else
            {
                File.SetUnixFileMode(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            Directory.Delete(_directory, recursive: true);
        }
    }

    [Fact(DisplayName = "everything about a message, an exchange, a received identifier and a subscription is there again")]
    public async Task Round_trip()
    {
        var time = new DateTimeOffset(2024, 5, 6, 7, 8, 9, TimeSpan.Zero);
        var full = new MqttMessage("plant/ü/1", [0, 1, 255, 10], QoS2, retain: true)
        {
            PayloadFormat = MqttPayloadFormat.Utf8,
            MessageExpiry = TimeSpan.FromSeconds(4_000_000_000),
            ContentType = "text/plain",
            ResponseTopic = "reply/to",
            CorrelationData = [9, 8, 0],
            UserProperties = [new MqttUserProperty("a", "1"), new MqttUserProperty("a", "zwei €")],
        };
        var subscription = new MqttTopicSubscription("in/#", QoS2)
        {
            NoLocal = true,
            RetainAsPublished = true,
            RetainHandling = MqttRetainHandling.DoNotSend,
        };
        await using (FileSessionStore store = await OpenAsync())
        {
            store.Append(new SessionChange(SessionChangeKind.MessageAccepted, 1, Message: full) { Time = time });
            store.Append(new SessionChange(SessionChangeKind.MessageSent, 1, 65_535));
            store.Append(new SessionChange(SessionChangeKind.MessageReceivedByServer, 1));
            store.Append(Accepted(2, "empty", QoS1, payload: []));
            store.Append(Accepted(3, "ended"));
            store.Append(new SessionChange(SessionChangeKind.MessageEnded, 3));
            store.Append(new SessionChange(SessionChangeKind.InboundReceived, PacketIdentifier: 7));
            store.Append(new SessionChange(SessionChangeKind.InboundReceived, PacketIdentifier: 8));
            store.Append(new SessionChange(SessionChangeKind.InboundReleased, PacketIdentifier: 8));
            store.Append(new SessionChange(SessionChangeKind.Subscribed, Subscription: subscription));
            store.Append(new SessionChange(SessionChangeKind.Subscribed, Subscription: new MqttTopicSubscription("gone")));
            store.Append(new SessionChange(SessionChangeKind.Unsubscribed, Subscription: new MqttTopicSubscription("gone")));
        }

        await using FileSessionStore again = await OpenAsync();
        SessionContents contents = await again.OpenAsync("tester", default);
        Assert.Equal([1, 2], contents.Messages.Select(m => m.Sequence));
        StoredMessage first = contents.Messages[0];
        Assert.Equal((65_535, true, time), (first.PacketIdentifier, first.IsReceivedByServer, first.Accepted));
        MqttMessage read = first.Message;
        Assert.Equal(
            (full.Topic, full.QoS, full.Retain, full.PayloadFormat, full.MessageExpiry, full.ContentType, full.ResponseTopic),
            (read.Topic, read.QoS, read.Retain, read.PayloadFormat, read.MessageExpiry, read.ContentType, read.ResponseTopic));
        Assert.Equal(full.Payload, read.Payload);
        Assert.Equal(full.CorrelationData, read.CorrelationData);
        Assert.Equal(full.UserProperties, read.UserProperties);
        Assert.Equal((0, false), (contents.Messages[1].PacketIdentifier, contents.Messages[1].IsReceivedByServer));
        Assert.Empty(contents.Messages[1].Message.Payload);
        Assert.Equal([7], contents.InboundIdentifiers);
        Assert.Equal(subscription, Assert.Single(contents.Subscriptions));
        Assert.Equal(3, contents.LastSequence);
        Assert.Empty(again.Damage);
    }

    [Fact(DisplayName = "the client identifier is kept: made where there is none, found again, and another one is refused")]
    public async Task Client_identifier()
    {
        string made;
        await using (var store = new FileSessionStore(Options()))
        {
            await store.OpenAsync(string.Empty, default);
            made = store.ClientId;
            Assert.Matches("^psmqtt[0-9a-f]{16}$", made);
        }

        await using (var store = new FileSessionStore(Options()))
        {
            SessionStoreException e = await Assert.ThrowsAsync<SessionStoreException>(() => store.OpenAsync("other", default).AsTask());
            Assert.Equal(SessionStoreFailure.ClientIdMismatch, e.Failure);
            Assert.Contains(made, e.Message, StringComparison.Ordinal);
            Assert.Contains("'other'", e.Message, StringComparison.Ordinal);

            // A refusal holds nothing up.
            await store.OpenAsync(made, default);
            Assert.Equal(made, store.ClientId);
            await Assert.ThrowsAsync<SessionStoreException>(() => store.OpenAsync("other", default).AsTask());
            await store.OpenAsync(string.Empty, default);
        }

        Assert.Equal(made, FileSessionStore.Read(_directory).ClientId);
    }

    [Fact(DisplayName = "two stores cannot have one directory, and the error names the process; it can still be looked into; a dead owner's lock holds nobody up")]
    public async Task In_use()
    {
        await using (FileSessionStore store = await OpenAsync())
        {
            store.Append(Accepted(1, "x"));
            await store.FlushAsync(default);
            await using var second = new FileSessionStore(Options());
            SessionStoreException e = await Assert.ThrowsAsync<SessionStoreException>(() => second.OpenAsync("tester", default).AsTask());
            Assert.Equal((SessionStoreFailure.InUse, (int?)Environment.ProcessId), (e.Failure, e.ProcessId));
            Assert.Contains(Environment.ProcessId.ToString(CultureInfo.InvariantCulture), e.Message, StringComparison.Ordinal);
            SessionLog log = FileSessionStore.Read(_directory);
            Assert.Equal((Environment.ProcessId, 1, "tester"), (log.ProcessId, log.Contents.Messages.Count, log.ClientId));
        }

        Assert.Null(FileSessionStore.Read(_directory).ProcessId);
        await File.WriteAllTextAsync(Path.Combine(_directory, DirectoryLock.OwnerName), int.MaxValue.ToString(CultureInfo.InvariantCulture));
        await using FileSessionStore later = await OpenAsync();
        Assert.Equal(Environment.ProcessId, FileSessionStore.Read(_directory).ProcessId);
    }

    [Fact(DisplayName = "a directory without a session, and one that is none, are said to be so; a later format is refused; nothing is changed")]
    public async Task Not_a_session()
    {
        Assert.Equal(SessionStoreFailure.NotFound, Assert.Throws<SessionStoreException>(() => FileSessionStore.Read(_directory)).Failure);
        Directory.CreateDirectory(_directory);
        Assert.Equal(SessionStoreFailure.NotFound, Assert.Throws<SessionStoreException>(() => FileSessionStore.Read(_directory)).Failure);
        string path = Path.Combine(_directory, LogFormat.LogName);
        byte[] later = LogFormat.MakeHeaders(1);
        later[8] = 2;
        later = Checked(later);
        foreach ((byte[] bytes, SessionStoreFailure failure) in ((byte[], SessionStoreFailure)[])[
            ([], SessionStoreFailure.NotASessionLog), ([1, 2, 3], SessionStoreFailure.NotASessionLog), (new byte[500], SessionStoreFailure.NotASessionLog),
            (later, SessionStoreFailure.UnsupportedVersion)])
        {
            await File.WriteAllBytesAsync(path, bytes);
            Assert.Equal(failure, Assert.Throws<SessionStoreException>(() => FileSessionStore.Read(_directory)).Failure);
            await using var store = new FileSessionStore(Options());
            Assert.Equal(failure, (await Assert.ThrowsAsync<SessionStoreException>(() => store.OpenAsync("tester", default).AsTask())).Failure);
            Assert.Equal(bytes, await File.ReadAllBytesAsync(path));
        }
    }

    [Fact(DisplayName = "a directory that may not be written is an error that says so, when opening")]
    public async Task Read_only()
    {
        await using (FileSessionStore store = await OpenAsync())
        {
            store.Append(Accepted(1, "x"));
        }

        if (!TryMakeReadOnly())
        {
            return;
        }

        await using (var store = new FileSessionStore(Options()))
        {
            SessionStoreException e = await Assert.ThrowsAsync<SessionStoreException>(() => store.OpenAsync("tester", default).AsTask());
            Assert.Equal(SessionStoreFailure.AccessDenied, e.Failure);
            Assert.Contains(_directory, e.Message, StringComparison.Ordinal);
        }

        Assert.Single(FileSessionStore.Read(_directory).Contents.Messages);
    }

    [Theory(DisplayName = "wherever a directory turns out to be read-only, opening says so, leaves the directory free and loses nothing")]
    [MemberData(nameof(ReadOnlySteps))]
    public async Task Read_only_at_any_step(WriteStep step, bool isFileSystem)
    {
        await using (FileSessionStore store = await OpenAsync())
        {
            store.Append(Accepted(1, "x"));
        }

        string log = Path.Combine(_directory, "session.log");
        if (step is WriteStep.MakeLog)
        {
            // What is corrupt is written anew, which needs a new file.
            byte[] bytes = await File.ReadAllBytesAsync(log);
            bytes[^20] ^= 1;
            await File.WriteAllBytesAsync(log, bytes);
        }

        byte[] before = await File.ReadAllBytesAsync(log);
        var storage = new ReadOnlyStorage(_directory, step, isFileSystem);
        await using (var store = new FileSessionStore(Options() with { Storage = storage }))
        {
            SessionStoreException e = await Assert.ThrowsAsync<SessionStoreException>(() => store.OpenAsync("tester", default).AsTask());
            Assert.Equal(SessionStoreFailure.AccessDenied, e.Failure);
            Assert.Contains(_directory, e.Message, StringComparison.Ordinal);
            Assert.Contains("use another directory", e.Message, StringComparison.OrdinalIgnoreCase);
            Assert.True(storage.HasRefused);
            Assert.Equal(before, await File.ReadAllBytesAsync(log));

            // The attempt holds nothing: where writing is possible again, everything is there.
            await using FileSessionStore again = await OpenAsync();
            Assert.Equal(step is WriteStep.MakeLog ? 0 : 1, (await again.OpenAsync("tester", default)).Messages.Count);
        }
    }

    [Fact(DisplayName = "options that make no sense are refused")]
    public void Options_are_checked()
    {
        Assert.Throws<ArgumentNullException>(() => new FileSessionStore(null!));
        Assert.Throws<ArgumentException>(() => new FileSessionStore(Options() with { Directory = string.Empty }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FileSessionStore(Options() with { SizeLimit = 4095 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FileSessionStore(Options() with { Durability = (SessionDurability)7 }));
    }

    [Fact(DisplayName = "many messages share a flush")]
    public async Task Group_commit()
    {
        await using FileSessionStore store = await OpenAsync();
        var waits = new List<Task>();
        for (int i = 1; i <= 5000; i++)
        {
            store.Append(Accepted(i, "x"));
            waits.Add(store.FlushAsync(default).AsTask());
        }

        await Task.WhenAll(waits).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.InRange(store.Flushes, 1, 4999);
        Assert.Equal(5000, FileSessionStore.Read(_directory).Contents.Messages.Count);
    }

    [Theory(DisplayName = "what a flush has ended for can be read; with Write nothing is asked of the disk, with Flush everything")]
    [InlineData(SessionDurability.Flush)]
    [InlineData(SessionDurability.Write)]
    public async Task Durability(SessionDurability durability)
    {
        var disk = new UnreliableDisk();
        await using FileSessionStore store = await OpenAsync(disk, durability);
        int atFirst = disk.Flushes;
        for (int i = 1; i <= 20; i++)
        {
            store.Append(Accepted(i, "x"));
            await store.FlushAsync(default);
            using LogFile file = disk.Open(LogFormat.LogName, false);
            Assert.Equal(i, LogScan.Read(file, "memory").State.Copy().Messages.Count);
        }

        Assert.Equal(durability == SessionDurability.Flush ? 20 : 0, disk.Flushes - atFirst);
    }

    [Fact(DisplayName = "a log that is mostly history is written anew, while messages come and go; nothing is lost, and it stays small")]
    public async Task Compaction()
    {
        long most = 0;
        await using (FileSessionStore store = await OpenAsync(durability: SessionDurability.Write))
        {
            byte[] payload = new byte[10_000];
            store.Append(Accepted(1, "kept", QoS2, payload));
            store.Append(new SessionChange(SessionChangeKind.MessageSent, 1, 5));
            store.Append(new SessionChange(SessionChangeKind.MessageReceivedByServer, 1));
            store.Append(new SessionChange(SessionChangeKind.InboundReceived, PacketIdentifier: 77));
            store.Append(new SessionChange(SessionChangeKind.Subscribed, Subscription: new MqttTopicSubscription("s")));
            for (int i = 2; i <= 1000; i++)
            {
                store.Append(Accepted(i, "t", QoS1, payload));
                store.Append(new SessionChange(SessionChangeKind.MessageEnded, i));
                await store.FlushAsync(default);
                most = Math.Max(most, store.LogLength);
            }

            store.Append(Accepted(1001, "last", QoS1, payload));
            Assert.True(store.Compactions > 3);
        }

        Assert.InRange(most, 1, 2 * 1024 * 1024);
        SessionLog log = FileSessionStore.Read(_directory);
        Assert.Equal([(1L, 5, true), (1001L, 0, false)], log.Contents.Messages.Select(m => (m.Sequence, m.PacketIdentifier, m.IsReceivedByServer)));
        Assert.Equal([77], log.Contents.InboundIdentifiers);
        Assert.Single(log.Contents.Subscriptions);
        Assert.Equal((1001, "tester"), (log.Contents.LastSequence, log.ClientId));
        Assert.DoesNotContain(Directory.GetFiles(_directory), f => f.EndsWith(".new", StringComparison.Ordinal));
    }

    [Fact(DisplayName = "numbers never repeat, even when every message is gone and the log was written anew")]
    public async Task Sequence_survives()
    {
        await using (FileSessionStore store = await OpenAsync(durability: SessionDurability.Write))
        {
            for (int i = 1; i <= 200; i++)
            {
                store.Append(Accepted(i, "t", QoS1, new byte[20_000]));
                store.Append(new SessionChange(SessionChangeKind.MessageEnded, i));
            }

            await store.FlushAsync(default);
            store.Append(new SessionChange(SessionChangeKind.SessionLost));
            await store.FlushAsync(default);
            Assert.True(store.Compactions > 1);
        }

        await using FileSessionStore again = await OpenAsync();
        Assert.Equal(200, (await again.OpenAsync("tester", default)).LastSequence);
    }

    [Fact(DisplayName = "a full store refuses a message more by name, keeps what it has, and takes messages again when some have gone")]
    public async Task Size_limit()
    {
        await using FileSessionStore store = await OpenAsync(sizeLimit: 4096);
        long sequence = 0;
        SessionStoreException? full = null;
        while (full is null)
        {
            try
            {
                store.EnsureRoom(1000);
                store.Append(Accepted(++sequence, "t", QoS1, new byte[1000]));
            }
            catch (SessionStoreException e)
            {
                full = e;
            }
        }

        Assert.Equal(SessionStoreFailure.Full, full.Failure);
        Assert.Contains("clear the outbox", full.Message, StringComparison.Ordinal);
        Assert.Equal(3, sequence);
        store.Append(new SessionChange(SessionChangeKind.MessageEnded, 1));
        store.EnsureRoom(1000);
        await store.FlushAsync(default);
        Assert.Equal([2, 3], FileSessionStore.Read(_directory).Contents.Messages.Select(m => m.Sequence));
    }

    [Fact(DisplayName = "a full disk: the flush fails by name, what was accepted before is there, and with room again everything goes on")]
    public async Task Full_disk()
    {
        var disk = new UnreliableDisk();
        await using FileSessionStore store = await OpenAsync(disk);
        store.Append(Accepted(1, "before"));
        await store.FlushAsync(default);
        disk.Capacity = disk[LogFormat.LogName].Length + 50;
        store.EnsureRoom(100);
        store.Append(Accepted(2, "during", QoS1, new byte[100]));
        SessionStoreException e = await Assert.ThrowsAsync<SessionStoreException>(() => store.FlushAsync(default).AsTask());
        Assert.Equal(SessionStoreFailure.DiskFull, e.Failure);
        Assert.Equal(SessionStoreFailure.DiskFull, Assert.Throws<SessionStoreException>(() => store.EnsureRoom(1)).Failure);
        await Assert.ThrowsAsync<SessionStoreException>(() => store.FlushAsync(default).AsTask());
        Assert.Equal([1], (await ReopenAsync(disk.AfterPowerFailure(new Random(1)))).Messages.Select(m => m.Sequence));

        disk.Capacity = long.MaxValue;
        store.Append(new SessionChange(SessionChangeKind.MessageEnded, 2));
        store.Append(Accepted(3, "after"));
        await store.FlushAsync(default);
        store.EnsureRoom(1);
        Assert.Equal([1, 3], (await ReopenAsync(disk.AfterPowerFailure(new Random(1)))).Messages.Select(m => m.Sequence));
    }

    [Fact(DisplayName = "after a flush that failed the log is written anew: what the system says about the old one is not believed")]
    public async Task Failed_flush()
    {
        var disk = new UnreliableDisk();
        await using FileSessionStore store = await OpenAsync(disk);
        store.Append(Accepted(1, "x"));
        disk.FailsToFlush = true;
        Assert.Equal(
            SessionStoreFailure.InputOutput, (await Assert.ThrowsAsync<SessionStoreException>(() => store.FlushAsync(default).AsTask())).Failure);
        int before = store.Compactions;
        await store.FlushAsync(default);
        Assert.Equal(before + 1, store.Compactions);
        Assert.Single((await ReopenAsync(disk.AfterPowerFailure(new Random(1)))).Messages);
    }

    [Fact(DisplayName = "after disposing nothing is taken, and a flush says so")]
    public async Task Disposed()
    {
        FileSessionStore store = await OpenAsync();
        store.Append(Accepted(1, "x"));
        await store.DisposeAsync();
        await store.DisposeAsync();
        store.Append(Accepted(2, "y"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => store.FlushAsync(default).AsTask());
        Assert.Single(FileSessionStore.Read(_directory).Contents.Messages);
    }

    private static SessionChange Accepted(long sequence, string topic, MqttQualityOfService qos = QoS1, byte[]? payload = null) =>
        new(SessionChangeKind.MessageAccepted, sequence, Message: new MqttMessage(topic, payload ?? [1, 2, 3], qos)) { Time = DateTimeOffset.UnixEpoch };

    private static byte[] Checked(byte[] headers)
    {
        uint checksum = Platform.Crc32C.Append(uint.MaxValue, headers.AsSpan(0, 20));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(headers.AsSpan(20), checksum);
        headers.AsSpan(0, LogFormat.HeaderLength).CopyTo(headers.AsSpan(LogFormat.HeaderLength));
        return headers;
    }

    private static async Task<SessionContents> ReopenAsync(UnreliableDisk disk)
    {
        await using FileSessionStore store = new(new FileSessionStoreOptions { Directory = "memory", Storage = disk });
        return await store.OpenAsync("tester", default);
    }

    private FileSessionStoreOptions Options() => new() { Directory = _directory };

    private async Task<FileSessionStore> OpenAsync(
        UnreliableDisk? disk = null, SessionDurability durability = SessionDurability.Flush, long sizeLimit = 512 * 1024 * 1024)
    {
        var store = new FileSessionStore(Options() with { Storage = disk, Durability = durability, SizeLimit = sizeLimit });
        await store.OpenAsync("tester", default);
        return store;
    }

    /// <summary>Whether this user is one whom permissions stop at all.</summary>
    private bool TryMakeReadOnly()
    {
        if (OperatingSystem.IsWindows())
        {
            foreach (string file in Directory.GetFiles(_directory))
            {
                File.SetAttributes(file, FileAttributes.ReadOnly);
            }

            return true;
        }

        File.SetUnixFileMode(_directory, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        foreach (string file in Directory.GetFiles(_directory))
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead);
        }

        try
        {
            File.WriteAllText(Path.Combine(_directory, "probe"), string.Empty);
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return true;
        }
    }
}
