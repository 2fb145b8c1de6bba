using System.Text;
using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using PSMqtt.Protocol.Tests.Transports;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>What comes instead of a welcome: refusals, other protocols, silence; and several servers.</summary>
public sealed class HandshakeTests : ConnectionTest
{
    public static TheoryData<MqttReasonCode, MqttConnectFailure> Refusals
    {
        get
        {
            var data = new TheoryData<MqttReasonCode, MqttConnectFailure>();
            foreach (byte code in MqttReasonCodeTable.CodesOf(MqttPacketType.ConnAck))
            {
                if (code != 0)
                {
                    data.Add((MqttReasonCode)code, (MqttReasonCode)code switch
                    {
                        MqttReasonCode.UnsupportedProtocolVersion => MqttConnectFailure.UnsupportedVersion,
                        MqttReasonCode.ClientIdentifierNotValid => MqttConnectFailure.ClientIdentifierRefused,
                        MqttReasonCode.BadUserNameOrPassword or MqttReasonCode.NotAuthorized => MqttConnectFailure.BadCredentials,
                        MqttReasonCode.BadAuthenticationMethod => MqttConnectFailure.AuthenticationFailed,
                        _ => MqttConnectFailure.Refused,
                    });
                }
            }

            return data;
        }
    }

    [Theory(DisplayName = "[MQTT-3.2.2-7] [MQTT-3.2.2-8] each reason code of a 5.0 CONNACK that refuses ends the attempt with its failure and its words"), MemberData(nameof(Refusals))]
    public async Task Refused(MqttReasonCode code, MqttConnectFailure failure)
    {
        MqttClient client = Client(Options());
        Task connect = client.ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = code, ReasonString = "because" });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(
            (MqttConnectPhase.Handshake, failure, code, "because", Server.Endpoint.ToString()),
            (error.Phase, error.Failure, error.ReasonCode!.Value, error.ReasonString, error.Server));
        Assert.Contains(code.Describe(), error.Message, StringComparison.Ordinal);
        Assert.Contains("because", error.Message, StringComparison.Ordinal);
        await peer.ExpectClosedAsync();
        Assert.Equal((MqttConnectionState.Disconnected, error), (client.State, client.LastError));
    }

    [Theory(DisplayName = "[MQTT-3.1.1: MQTT-3.2.2-4] [MQTT-3.1.1: MQTT-3.2.2-5] each return code that refuses before 5.0 ends the attempt with its failure and its words")]
    [InlineData(1, MqttConnectFailure.UnsupportedVersion)]
    [InlineData(2, MqttConnectFailure.ClientIdentifierRefused)]
    [InlineData(3, MqttConnectFailure.Refused)]
    [InlineData(4, MqttConnectFailure.BadCredentials)]
    [InlineData(5, MqttConnectFailure.BadCredentials)]
    public async Task Refused_before_5(byte code, MqttConnectFailure failure)
    {
        foreach (MqttProtocolVersion version in new[] { MqttProtocolVersion.V310, MqttProtocolVersion.V311 })
        {
            MqttClient client = Client(Options(version));
            Task connect = client.ConnectAsync();
            using ScriptedPeer peer = await Server.AcceptAsync();
            await peer.ExpectAsync<ConnectPacket>();
            await peer.SendRawAsync($"20 02 00 {code:X2}");
            var error = await FailsAsync<MqttConnectException>(connect);
            Assert.Equal((failure, MqttReasonCodeTable.FromReturnCode(code)), (error.Failure, error.ReasonCode!.Value));
            await peer.ExpectClosedAsync();
        }
    }

    [Theory(DisplayName = "[MQTT-3.2.2-2] [MQTT-3.2.2-4] [MQTT-3.1.1: MQTT-3.2.2-1] Session Present after a clean start is a protocol error; 5.0 says so in DISCONNECT"), InlineData(MqttProtocolVersion.V311), InlineData(MqttProtocolVersion.V500)]
    public async Task Session_present_after_a_clean_start(MqttProtocolVersion version)
    {
        MqttClient client = Client(Options(version));
        Task connect = client.ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        if (version == MqttProtocolVersion.V500)
        {
            await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        }
        else
        {
            await peer.ExpectClosedAsync();
        }

        peer.Dispose();
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.ProtocolError, error.Failure);
        Assert.IsType<MqttProtocolException>(error.InnerException);
    }

    [Fact(DisplayName = "[MQTT-3.2.0-1] a first packet that is no CONNACK is a protocol error")]
    public async Task No_connack()
    {
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendPingRespAsync();
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal("MQTT-3.2.0-1", Assert.IsType<MqttProtocolException>(error.InnerException).Statement);
    }

    [Theory(DisplayName = "[MQTT-4.13.1-1] a first packet that a server may not send is answered with the reason why")]
    [InlineData("3003000161", MqttReasonCode.ProtocolError)]
    [InlineData("D000", MqttReasonCode.ProtocolError)]
    [InlineData("2103000000", MqttReasonCode.MalformedPacket)]
    [InlineData("20FFFFFFFF", MqttReasonCode.MalformedPacket)]
    public async Task First_packet_wrong(string bytes, MqttReasonCode code)
    {
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendRawAsync(bytes);
        await peer.ExpectDisconnectAsync(code);
        peer.Dispose();
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.ProtocolError, error.Failure);
    }

    [Fact(DisplayName = "[MQTT-3.14.2-1] a server's DISCONNECT with reason code 0x04, a client's, is a protocol error")]
    public async Task Disconnect_with_will_from_a_server()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options());
        await peer.SendRawAsync("E0 01 04");
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
    }

    [Fact(DisplayName = "[MQTT-2.2.1-4] a PUBLISH of QoS 1 with the identifier of a QoS 2 message that is not released is a protocol error")]
    public async Task Identifier_of_an_unreleased_message()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t", MqttQualityOfService.ExactlyOnce);
        await peer.SendRawAsync("34 07 0001 74 0005 00 78");
        await ReadAsync(subscription);
        if ((await peer.NextOrClosedAsync()) is not AcknowledgementPacket { Type: MqttPacketType.PubRec })
        {
            Assert.Fail("PUBREC was expected.");
        }

        await peer.SendRawAsync("32 07 0001 74 0005 00 79");
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
    }

    [Theory(DisplayName = "[MQTT-4.7.3-1] an empty response topic is refused both ways"), InlineData(MqttProtocolVersion.V500)]
    public async Task Empty_response_topic(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync(new MqttMessage("t", "x") { ResponseTopic = "" }).AsTask());
        await peer.SendRawAsync("30 07 0001 74 03 080000");
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
    }

    [Theory(DisplayName = "a message expiry of 0 is sent as it is, whatever the QoS"), InlineData(MqttQualityOfService.AtMostOnce), InlineData(MqttQualityOfService.AtLeastOnce)]
    public async Task Message_expiry_0(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { TimeProvider = Time });
        Task publish = client.PublishAsync(new MqttMessage("t", "x", qos) { MessageExpiry = TimeSpan.Zero }).AsTask();
        ReceivedPublish received = await peer.ExpectPublishAsync();
        Assert.Equal(0u, received.Properties!.MessageExpirySeconds);
        if (qos == MqttQualityOfService.AtLeastOnce)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, received.PacketIdentifier);
        }

        await publish.WaitAsync(Limit);
    }

    [Fact(DisplayName = "[MQTT-3.14.0-1] a DISCONNECT instead of CONNACK refuses the connection with its reason")]
    public async Task Disconnect_instead()
    {
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.ServerBusy, ReasonString = "later" });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal((MqttConnectFailure.Refused, MqttReasonCode.ServerBusy, "later"), (error.Failure, error.ReasonCode!.Value, error.ReasonString));
    }

    [Fact(DisplayName = "[MQTT-3.14.0-1] a DISCONNECT without a reason instead of CONNACK is a protocol error")]
    public async Task Disconnect_instead_without_reason()
    {
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendRawAsync("E0 00");
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.ProtocolError, error.Failure);
        Assert.Equal("MQTT-3.14.0-1", Assert.IsType<MqttProtocolException>(error.InnerException).Statement);
    }

    [Theory(DisplayName = "version negotiation: 5.0, then 3.1.1, then 3.1, however a server says no; the version is kept from then on")]
    [InlineData("20 03 00 84 00", "20 02 00 01")]
    [InlineData("20 02 00 01", "20 02 00 01")]
    [InlineData("20 02 00 84", "20 02 00 01")]
    [InlineData("20 03 00 82 00", "20 02 00 01")]
    [InlineData("", "")]
    [InlineData("20 03 00 84 00", "")]
    [InlineData("", "20 02 00 01")]
    public async Task Negotiation(string to5, string to311)
    {
        MqttClient client = Client(Options(null));
        Task<MqttConnectResult> connect = client.ConnectAsync();
        await AnswerAsync(MqttProtocolVersion.V500, to5);
        await AnswerAsync(MqttProtocolVersion.V311, to311);
        ScriptedPeer peer = await Server.AcceptConnectedAsync();
        Assert.Equal(MqttProtocolVersion.V310, peer.Version);
        Assert.Equal(MqttProtocolVersion.V310, (await connect.WaitAsync(Limit)).ProtocolVersion);

        peer.Abort();
        await AnswerAsync(MqttProtocolVersion.V310, "");
        peer = await Server.AcceptConnectedAsync();
        Assert.Equal(MqttProtocolVersion.V310, peer.Version);
    }

    [Fact(DisplayName = "a server that knows 3.1.1 is spoken to in 3.1.1, with a client identifier of its own where none was given")]
    public async Task Negotiated_311()
    {
        MqttClient client = Client(Options(null) with { ClientId = "" });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        await AnswerAsync(MqttProtocolVersion.V500, "20 02 00 01");
        using ScriptedPeer peer = await Server.AcceptConnectedAsync();
        Assert.Equal(MqttProtocolVersion.V311, peer.Version);
        Assert.NotEmpty(peer.Connect!.ClientId);
        Assert.Equal(MqttProtocolVersion.V311, (await connect.WaitAsync(Limit)).ProtocolVersion);
    }

    [Fact(DisplayName = "a server that closes in every version without a word ends in one error that says what to check")]
    public async Task Closes_always()
    {
        Task connect = Client(Options(null)).ConnectAsync();
        await AnswerAsync(MqttProtocolVersion.V500, "");
        await AnswerAsync(MqttProtocolVersion.V311, "");
        await AnswerAsync(MqttProtocolVersion.V310, "");
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.ClosedByPeer, error.Failure);
        Assert.Contains("in MQTT 5.0, 3.1.1 and 3.1 alike", error.Message, StringComparison.Ordinal);
        Assert.False(Server.HasPendingConnection);
    }

    [Fact(DisplayName = "a version that the options name is the only one that is tried")]
    public async Task Only_the_wanted_version()
    {
        Task connect = Client(Options()).ConnectAsync();
        await AnswerAsync(MqttProtocolVersion.V500, "20 02 00 01");
        Assert.Equal(MqttConnectFailure.UnsupportedVersion, (await FailsAsync<MqttConnectException>(connect)).Failure);
        Assert.False(Server.HasPendingConnection);
    }

    [Fact(DisplayName = "a close without a word is not taken for an old version where the options need 5.0")]
    public async Task Close_where_5_is_needed()
    {
        Task connect = Client(Options(null) with { UserProperties = [new("a", "b")] }).ConnectAsync();
        await AnswerAsync(MqttProtocolVersion.V500, "");
        Assert.Equal(MqttConnectFailure.ClosedByPeer, (await FailsAsync<MqttConnectException>(connect)).Failure);
    }

    [Theory(DisplayName = "a peer that is not MQTT ends in one clear error, after one attempt")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400 Bad Request")]
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6")]
    [InlineData("220 mail.example.com ESMTP\r\n", "220 mail.example.com ESMTP")]
    [InlineData("+OK POP3 ready\r\n", "+OK POP3 ready")]
    [InlineData("-ERR unknown command\r\n", "-ERR unknown command")]
    [InlineData("\u0000\u0001\u0002\u0003", "CONNACK")]
    [InlineData("\u00FF\u00FF\u00FF", "Check that this is the port")]
    public async Task Not_mqtt(string says, string shown)
    {
        Task connect = Client(Options(null)).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.SendRawAsync(Encoding.Latin1.GetBytes(says));
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal((MqttConnectPhase.Handshake, MqttConnectFailure.NotMqtt), (error.Phase, error.Failure));
        Assert.Contains(shown, error.Message, StringComparison.Ordinal);
        Assert.False(Server.HasPendingConnection);
    }

    [Fact(DisplayName = "a TLS alert says that the port wants TLS")]
    public async Task Tls_alert()
    {
        Task connect = Client(Options(null)).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.SendRawAsync("15 03 03 00 02 02 46");
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.PeerSpeaksTls, error.Failure);
        Assert.Contains("mqtts://", error.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a CONNACK that is cut off is an error that says so")]
    public async Task Cut_connack()
    {
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendRawAsync("20 03 00");
        peer.ShutdownSend();
        Assert.Contains("middle of its first packet", (await FailsAsync<MqttConnectException>(connect)).Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "a peer that accepts and says nothing, or only part of a CONNACK, is given up after the connect timeout"), InlineData(false), InlineData(true)]
    public async Task Silent_peer(bool saysPart)
    {
        MqttClient client = Client(Options(null) with { TimeProvider = Time, ConnectTimeout = TimeSpan.FromSeconds(7) });
        Task connect = client.ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        if (saysPart)
        {
            await peer.SendRawAsync("20");
        }

        await Time.TimerAsync(TimeSpan.FromSeconds(7));
        Time.Advance(TimeSpan.FromSeconds(6.9));
        Assert.False(connect.IsCompleted);
        Time.Advance(TimeSpan.FromSeconds(0.1));
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.NoResponse, error.Failure);
        Assert.Contains("within 7 s", error.Message, StringComparison.Ordinal);
        await peer.ExpectClosedAsync();
        Assert.False(Server.HasPendingConnection);
    }

    [Fact(DisplayName = "a connect that is cancelled ends at once, as cancelled, and can be tried again")]
    public async Task Cancelled()
    {
        MqttClient client = Client(Options());
        using var cancellation = new CancellationTokenSource();
        Task connect = client.ConnectAsync(cancellation.Token);
        using (ScriptedPeer peer = await Server.AcceptAsync())
        {
            await peer.ExpectAsync<ConnectPacket>();
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connect.WaitAsync(Limit));
            await peer.ExpectClosedAsync();
        }

        Assert.Equal(MqttConnectionState.Disconnected, client.State);
        Task<MqttConnectResult> again = client.ConnectAsync();
        using ScriptedPeer second = await Server.AcceptConnectedAsync();
        await again.WaitAsync(Limit);
        Assert.Equal(MqttConnectionState.Connected, client.State);
    }

    [Fact(DisplayName = "several servers are tried in their order, at the first connect and at every reconnect")]
    public async Task Several_servers()
    {
        await using var refusing = new ScriptedServer();
        MqttClient client = Client(Options() with { Servers = [DeadEndpoint(), refusing.Endpoint, Server.Endpoint] });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer no = await refusing.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ServerUnavailable });
        using ScriptedPeer peer = await Server.AcceptConnectedAsync();
        Assert.Equal(Server.Endpoint.ToString(), (await connect.WaitAsync(Limit)).Server);

        peer.Abort();
        using ScriptedPeer back = await refusing.AcceptConnectedAsync();
        await StepAsync(MqttConnectionState.Connecting);
        await StepAsync(MqttConnectionState.Connected);
        await StepAsync(MqttConnectionState.Reconnecting);
        await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Equal(refusing.Endpoint.ToString(), (await StepAsync(MqttConnectionState.Connected)).Result!.Server);
    }

    [Fact(DisplayName = "when no server lets us in, the error is of the one that came furthest")]
    public async Task No_server()
    {
        await using var refusing = new ScriptedServer();
        Task connect = Client(Options() with { Servers = [refusing.Endpoint, DeadEndpoint()] }).ConnectAsync();
        using ScriptedPeer no = await refusing.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.BadUserNameOrPassword });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal((MqttConnectFailure.BadCredentials, refusing.Endpoint.ToString()), (error.Failure, error.Server));
    }

    [Fact(DisplayName = "several servers share the time to connect: a silent one has its part, the next the rest")]
    public async Task Servers_share_the_time()
    {
        await using var first = new ScriptedServer();
        await using var second = new ScriptedServer();
        MqttClientOptions options = Options() with { Servers = [first.Endpoint, second.Endpoint], TimeProvider = Time };
        Task connect = Client(options with { ConnectTimeout = TimeSpan.FromSeconds(30) }).ConnectAsync();
        using ScriptedPeer one = await first.AcceptAsync();
        await one.ExpectAsync<ConnectPacket>();
        await Time.TimerAsync(TimeSpan.FromSeconds(15));
        Time.Advance(TimeSpan.FromSeconds(14.9));
        Assert.False(second.HasPendingConnection);
        Time.Advance(TimeSpan.FromSeconds(0.1));
        using ScriptedPeer two = await second.AcceptAsync();
        await two.ExpectAsync<ConnectPacket>();
        await Time.TimerAsync(TimeSpan.FromSeconds(15));
        Time.Advance(TimeSpan.FromSeconds(15));
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal((MqttConnectFailure.NoResponse, first.Endpoint.ToString()), (error.Failure, error.Server));
        Assert.Contains("within 15 s", error.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "a server reference (section 4.11) in CONNACK is followed when asked to, for one attempt or for good"), InlineData(MqttReasonCode.UseAnotherServer), InlineData(MqttReasonCode.ServerMoved)]
    public async Task Server_reference_in_connack(MqttReasonCode code)
    {
        await using var other = new ScriptedServer();
        MqttClient client = Client(Options() with { FollowServerReference = true });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer no = await Server.AcceptConnectedAsync(
            new ConnAckPacket { ReasonCode = code, ServerReference = $"127.0.0.1:{other.Port} another.example" });
        ScriptedPeer peer = await other.AcceptConnectedAsync();
        Assert.Equal(other.Endpoint.ToString(), (await connect.WaitAsync(Limit)).Server);
        peer.Abort();
        using ScriptedPeer next = await (code == MqttReasonCode.ServerMoved ? other : Server).AcceptConnectedAsync();
    }

    [Fact(DisplayName = "a server reference is not followed by default; the error names it")]
    public async Task Server_reference_not_followed()
    {
        await using var other = new ScriptedServer();
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer no = await Server.AcceptConnectedAsync(
            new ConnAckPacket { ReasonCode = MqttReasonCode.ServerMoved, ServerReference = other.Endpoint.ToString() });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(other.Endpoint.ToString(), error.ServerReference);
        Assert.Contains(other.Endpoint.ToString(), error.Message, StringComparison.Ordinal);
        Assert.False(other.HasPendingConnection);
    }

    [Theory(DisplayName = "a server reference is not followed from TLS to a connection without it")]
    [InlineData("mqtts://a.example", "mqtt://b.example", false)]
    [InlineData("wss://a.example/mqtt", "ws://b.example/mqtt", false)]
    [InlineData("mqtts://a.example", "mqtts://b.example", true)]
    [InlineData("mqtts://a.example", "b.example", true)]
    [InlineData("mqtt://a.example", "mqtts://b.example", true)]
    public void Server_reference_keeps_tls(string server, string reference, bool isFollowed)
    {
        MqttClientOptions options = Options() with { Servers = [MqttEndpoint.Parse(server)], FollowServerReference = true };
        var connector = new Connector(options, new ClientTrace(TimeProvider.System, new EventPump(TimeProvider.System)));
        Assert.Equal(isFollowed, connector.Follow(reference, isPermanent: false, out string? objection));
        Assert.Equal(isFollowed, objection is null);
        if (!isFollowed)
        {
            Assert.Contains("TLS", objection, StringComparison.Ordinal);
        }
    }

    [Fact(DisplayName = "a server reference that cannot be followed says so in the error")]
    public async Task Server_reference_unreadable()
    {
        Task connect = Client(Options() with { FollowServerReference = true }).ConnectAsync();
        using ScriptedPeer no = await Server.AcceptConnectedAsync(
            new ConnAckPacket { ReasonCode = MqttReasonCode.ServerMoved, ServerReference = "http://other.example" });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal((MqttReasonCode.ServerMoved, "http://other.example"), (error.ReasonCode!.Value, error.ServerReference));
        Assert.Contains("It is not followed: 'http://other.example' is not a server's address", error.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a server that refers to itself is followed three times, then it is an error")]
    public async Task Server_reference_hops()
    {
        Task connect = Client(Options() with { FollowServerReference = true }).ConnectAsync();
        for (int i = 0; i < 4; i++)
        {
            using ScriptedPeer peer = await Server.AcceptConnectedAsync(
                new ConnAckPacket { ReasonCode = MqttReasonCode.UseAnotherServer, ServerReference = $"127.0.0.1:{Server.Port}" });
        }

        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttReasonCode.UseAnotherServer, error.ReasonCode);
        Assert.Contains("three references were followed already", error.Message, StringComparison.Ordinal);
        Assert.False(Server.HasPendingConnection);
    }

    [Theory(DisplayName = "a server reference in DISCONNECT is followed at once when asked to, for one attempt or for good"), InlineData(MqttReasonCode.UseAnotherServer), InlineData(MqttReasonCode.ServerMoved)]
    public async Task Server_reference_in_disconnect(MqttReasonCode code)
    {
        await using var other = new ScriptedServer();
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with
        {
            FollowServerReference = true,
            TimeProvider = Time,
            Reconnect = new ReconnectPolicy { Jitter = static bound => bound },
        });
        await peer.SendAsync(new DisconnectPacket { ReasonCode = code, ServerReference = $"127.0.0.1:{other.Port}" });
        using ScriptedPeer there = await other.AcceptConnectedAsync();
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Equal((code, true, TimeSpan.Zero), (step.ReasonCode!.Value, step.ByServer, step.RetryIn!.Value));
        await StepAsync(MqttConnectionState.Reconnecting);
        await StepAsync(MqttConnectionState.Connected);

        there.Abort();
        TimeSpan delay = (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn!.Value;
        await Time.TimerAsync(delay);
        Time.Advance(delay);
        using ScriptedPeer next = await (code == MqttReasonCode.ServerMoved ? other : Server).AcceptConnectedAsync();
    }

    [Fact(DisplayName = "servers that refer to each other in DISCONNECT are followed three times, then the delays begin")]
    public async Task Server_reference_hops_in_disconnect()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with
        {
            FollowServerReference = true,
            TimeProvider = Time,
            Reconnect = new ReconnectPolicy { Jitter = static bound => bound },
        });
        for (int i = 0; i < 3; i++)
        {
            await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.UseAnotherServer, ServerReference = $"127.0.0.1:{Server.Port}" });
            peer = await Server.AcceptConnectedAsync();
            Assert.Equal(TimeSpan.Zero, (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn!.Value);
            await StepAsync(MqttConnectionState.Reconnecting);
            await StepAsync(MqttConnectionState.Connected);
        }

        await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.UseAnotherServer, ServerReference = $"127.0.0.1:{Server.Port}" });
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.True(step.RetryIn!.Value > TimeSpan.Zero);
        Assert.Contains("three references were followed already", step.Explanation, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a message that comes in one piece with CONNACK is not lost")]
    public async Task Message_with_connack()
    {
        MqttClient client = Client(Options() with { PersistentSession = true, CleanStart = false });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendAsync(new ConnAckPacket { SessionPresent = true }, new ServerPublish("t", "early", MqttQualityOfService.AtLeastOnce, 1));
        await connect.WaitAsync(Limit);
        Assert.Equal("early", (await ReadAsync(client.Unclaimed)).Text);
    }

    /// <summary>Answers one attempt with bytes, or by closing.</summary>
    private async Task AnswerAsync(MqttProtocolVersion version, string answer)
    {
        using ScriptedPeer peer = await Server.AcceptAsync();
        ConnectPacket connect = await peer.ExpectAsync<ConnectPacket>();
        Assert.Equal(version, connect.ProtocolVersion);
        if (answer.Length > 0)
        {
            await peer.SendRawAsync(answer);
            await peer.ExpectClosedAsync();
        }
    }

    /// <summary>A port of loopback on which nobody listens.</summary>
    private static MqttEndpoint DeadEndpoint()
    {
        using var listener = new Listener();
        return listener.Endpoint;
    }
}
