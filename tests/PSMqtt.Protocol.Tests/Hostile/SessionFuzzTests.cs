using System.Diagnostics.CodeAnalysis;
using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Tests.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>
/// Random lives of a session: publishes, subscriptions, consumers, lost connections, lost sessions, and a server that sends what it should, what it
/// should not, and noise. The session refuses with one kind of exception only, never breaks the specification itself, and loses count of nothing.
/// </summary>
public sealed class SessionFuzzTests(ITestOutputHelper output)
{
    private static readonly MqttClient s_owner = new(new MqttClientOptions());
    private static readonly MqttPacketType[] s_acknowledgements =
        [MqttPacketType.PubAck, MqttPacketType.PubRec, MqttPacketType.PubComp, MqttPacketType.PubRel];

    private int _steps;
    private int _refused;
    private int _published;

    [Fact(DisplayName = "[MQTT-2.2.1-3] [MQTT-3.3.4-7] [MQTT-4.4.0-1] [MQTT-4.6.0-1] whatever the server sends, the session keeps the rules and its accounts")]
    public void Whatever_the_server_sends_the_session_keeps_the_rules_and_its_accounts()
    {
        FuzzRun.Run(output, (random, cases) =>
        {
            var life = new Life(random, cases % 2 == 0 ? MqttProtocolVersion.V500 : cases % 3 == 0 ? MqttProtocolVersion.V310 : MqttProtocolVersion.V311);
            int steps = random.Next(5, 300);
            for (int step = 0; step < steps; step++)
            {
                life.Step();
            }

            life.End();
            _steps += steps;
            _refused += life.Refused;
            _published += life.Published;
        });
        output.WriteLine($"{_steps} steps, {_published} messages of ours, {_refused} refusals.");
        Assert.NotEqual(0, _refused);
        Assert.NotEqual(0, _published);
    }

    private sealed class Life
    {
        private readonly Random _random;
        private readonly MqttProtocolVersion _version;
        private readonly MqttClientOptions _options;
        private readonly Session _session;
        private readonly ServerModel _server;
        private readonly PacketGenerator _generator;
        private readonly List<ValueTask<MqttPublishResult>> _publishing = [];
        private readonly List<(MqttSubscription Subscription, Task Answer)> _subscriptions = [];
        private readonly List<string> _log = [];
        private readonly List<byte> _sent = [];
        private ConnectionWriter? _writer;
        private bool _isInherited;

        public Life(Random random, MqttProtocolVersion version)
        {
            _random = random;
            _version = version;
            _generator = new PacketGenerator(random);
            _options = new MqttClientOptions
            {
                ReceiveMaximum = random.Next(1, 20),
                TopicAliasMaximum = random.Next(4),
                OutboundTopicAliasMaximum = random.Next(4),
                OperationTimeout = Timeout.InfiniteTimeSpan,
                PublishQueueLimit = random.Next(10, 100),
                QueueQoS0WhileDisconnected = random.Next(2) == 0,
                RepublishUncertainQoS2 = random.Next(2) == 0,
                SessionStore = random.Next(2) == 0 ? new MemorySessionStore() : null,
            };
            _session = new Session(_options);
            _session.Unclaimed = new MqttSubscription(s_owner, _session, [], new MqttSubscriptionOptions { QueueLimit = int.MaxValue }, "(unclaimed)");
            _session.Outbound.Open();
            _isInherited = random.Next(4) == 0;
            _server = new ServerModel { Version = version, Limits = MakeLimits() };
        }

        public int Refused { get; private set; }

        public int Published { get; private set; }

        public void Step()
        {
            try
            {
                if (_writer is null)
                {
                    Connect();
                }

                switch (_random.Next(24))
                {
                    case 0:
                        Disconnect();
                        break;
                    case < 6:
                        Publish();
                        break;
                    case 6:
                        Subscribe();
                        break;
                    case 7:
                        Unsubscribe();
                        break;
                    case < 11:
                        Take();
                        break;
                    case < 19:
                        Send(PacketBytes.Encode(Answer(), _version));
                        break;
                    case < 21:
                        Send(PacketBytes.Encode(Message(), _version));
                        break;
                    case 21:
                        Send(PacketBytes.Encode(_generator.Next(_version), _version));
                        break;
                    default:
                        byte[] sound = PacketBytes.Encode(_random.Next(3) == 0 ? _generator.Next(_version) : _random.Next(2) == 0 ? Answer() : Message(), _version);
                        Send(PacketBytes.Frame(sound[0], FuzzTests.Damage(_random, PacketBytes.Body(sound), PacketBytes.Body(sound))));
                        break;
                }

                Settle();
                Check();
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"{_version}, {_options.ReceiveMaximum}:\n{string.Join("\n", _log.TakeLast(60))}", exception);
            }
        }

        /// <summary>The owner has enough: everybody who waits is told.</summary>
        public void End()
        {
            lock (_session.Gate)
            {
                _session.Outbound.Close(static (_, _) => new OperationCanceledException(), keepExchanges: false);
                _session.Subscriptions.Clear(new OperationCanceledException(), isKept: false);
            }

            Settle();
            Collect();
            Assert.Empty(_publishing);
            Assert.All(_subscriptions, s => Assert.True(s.Answer.IsCompleted));
            Assert.Equal((0, 0), (_session.Outbound.InFlight, _session.Outbound.Queued));
        }

        private MqttConnectResult MakeLimits() => new()
        {
            ProtocolVersion = _version,
            Server = "model",
            ClientId = "fuzz",
            ReceiveMaximum = _version == MqttProtocolVersion.V500 ? _random.Next(1, 20) : 65_535,
            TopicAliasMaximum = _version == MqttProtocolVersion.V500 ? _random.Next(4) : 0,
            SubscriptionIdentifiersAvailable = _version == MqttProtocolVersion.V500 && _random.Next(2) == 0,
        };

        private void Connect()
        {
            bool isSessionPresent = _random.Next(3) > 0;
            _server.Limits = MakeLimits();
            _server.Begin(isSessionPresent);
            _writer = new ConnectionWriter(_session.Gate, new SinkTransport(_sent), TimeProvider.System, _session.Drained, static _ => { });
            Log($"connect, session {isSessionPresent}, receive maximum {_server.Limits.ReceiveMaximum}");
            _session.Attach(_writer, _server.Limits, isSessionPresent, _isInherited && isSessionPresent, isSessionPresent && _version != MqttProtocolVersion.V310);
            _isInherited &= isSessionPresent;
            Settle();
        }

        private void Disconnect()
        {
            Log("disconnect");
            _session.Detach();
            _writer = null;
        }

        [SuppressMessage("Reliability", "CA2012", Justification = "Looked at until it is complete, and then consumed once.")]
        private void Publish()
        {
            var qos = (MqttQualityOfService)_random.Next(3);
            var message = new OutgoingMessage($"t/{_random.Next(6)}", new byte[_random.Next(20)], qos, _random.Next(2) == 0);
            Log($"publish QoS {(int)qos}");
            try
            {
                _publishing.Add(_session.Outbound.Publish(message, Timeout.InfiniteTimeSpan, CancellationToken.None));
                Published++;
            }
            catch (MqttOperationException e)
            {
                Assert.Equal(MqttOperationFailure.QueueFull, e.Failure);
            }
        }

        private void Subscribe()
        {
            var wanted = new MqttTopicSubscription($"{(_random.Next(3) == 0 ? "#" : $"t/{_random.Next(6)}")}", (MqttQualityOfService)_random.Next(3));
            var options = new MqttSubscriptionOptions { QueueLimit = _random.Next(1, 30), Overflow = (MqttQueueOverflow)_random.Next(3) };
            var subscription = new MqttSubscription(s_owner, _session, [wanted], options, wanted.Filter);
            Log($"subscribe {wanted.Filter}");
            Task answer;
            lock (_session.Gate)
            {
                answer = _session.Subscriptions.Add(subscription).Task;
                _session.Claim(subscription);
            }

            _session.Flush();
            _subscriptions.Add((subscription, answer));
        }

        private void Unsubscribe()
        {
            if (_subscriptions.Count == 0)
            {
                return;
            }

            int place = _random.Next(_subscriptions.Count);
            MqttSubscription subscription = _subscriptions[place].Subscription;
            Log($"unsubscribe {subscription.Name}");
            _subscriptions.RemoveAt(place);
            List<MqttMessage> left;
            lock (_session.Gate)
            {
                _session.Subscriptions.Remove(subscription);
                left = subscription.End(null, discard: true);
            }

            left.ForEach(message => _session.Acknowledge(message, MqttReasonCode.Success));
            _session.Flush();
            _session.RoomMade();
        }

        private void Take()
        {
            MqttSubscription from = _subscriptions.Count == 0 || _random.Next(8) == 0
                ? _session.Unclaimed!
                : _subscriptions[_random.Next(_subscriptions.Count)].Subscription;
            for (int times = _random.Next(1, 10); times > 0 && from.TryRead(out _); times--)
            {
                Log($"take from {from.Name}");
            }
        }

        /// <summary>Something that answers the client: mostly what it waits for, sometimes what it does not.</summary>
        private IMqttPacket Answer()
        {
            bool isFailure = _version == MqttProtocolVersion.V500 && _random.Next(6) == 0;
            if (_random.Next(12) == 0)
            {
                return new AcknowledgementPacket(s_acknowledgements[_random.Next(4)], (ushort)_random.Next(1, 30));
            }

            if (_server.Received.Count > 0 && _random.Next(3) == 0)
            {
                return new AcknowledgementPacket(MqttPacketType.PubRel, _server.Received.ElementAt(_random.Next(_server.Received.Count)));
            }

            if (_server.Requests.Count > 0 && _random.Next(2) == 0)
            {
                (ushort identifier, bool isSubscribe) = _server.Requests.ElementAt(_random.Next(_server.Requests.Count));
                return isSubscribe
                    ? new SubAckPacket { PacketIdentifier = identifier, ReasonCodes = [isFailure ? MqttReasonCode.NotAuthorized : MqttReasonCode.GrantedQoS2] }
                    : new UnsubAckPacket
                    {
                        PacketIdentifier = identifier,
                        ReasonCodes = _version == MqttProtocolVersion.V500 ? [isFailure ? MqttReasonCode.NotAuthorized : MqttReasonCode.Success] : [],
                    };
            }

            if (_server.Outstanding.Count == 0)
            {
                return new AcknowledgementPacket(s_acknowledgements[_random.Next(4)], (ushort)_random.Next(1, 30));
            }

            (ushort owed, ServerModel.Exchange exchange) = _server.Outstanding.ElementAt(_random.Next(_server.Outstanding.Count));
            MqttPacketType type = exchange.QoS == MqttQualityOfService.AtLeastOnce ? MqttPacketType.PubAck
                : exchange.IsReceived ? MqttPacketType.PubComp : MqttPacketType.PubRec;
            return new AcknowledgementPacket(
                type, owed, isFailure && type != MqttPacketType.PubComp ? MqttReasonCode.QuotaExceeded : MqttReasonCode.Success);
        }

        private ServerPublish Message()
        {
            var qos = (MqttQualityOfService)_random.Next(3);
            return new ServerPublish($"t/{_random.Next(6)}", new byte[_random.Next(20)], qos, (ushort)(qos == 0 ? 0 : _random.Next(1, 40)))
            {
                Duplicate = qos != 0 && _random.Next(4) == 0,
                Retain = _random.Next(4) == 0,
                TopicAlias = _version == MqttProtocolVersion.V500 && _random.Next(4) == 0 ? (ushort)_random.Next(1, 5) : null,
            };
        }

        private void Send(byte[] packet)
        {
            if (_writer is null)
            {
                return;
            }

            Log($"server sends {Convert.ToHexString(packet)}");
            try
            {
                if (!MqttPacketReader.TryReadFrame(packet, _options.MaximumPacketSize, out MqttFrame frame, out _))
                {
                    return;
                }

                bool isOfSession;
                lock (_session.Gate)
                {
                    isOfSession = _session.Receive(frame);
                    _session.HandOver();
                }

                if (isOfSession)
                {
                    object taken = PacketBytes.Decode(frame, _version);
                    _session.Flush();
                    _server.Apply(taken);
                }
            }
            catch (MqttProtocolException e)
            {
                Log($"refused: {e.Message}");
                Refused++;
                Settle();
                Disconnect();
            }
        }

        /// <summary>Everything that was written is at the server.</summary>
        private void Settle()
        {
            if (_writer is not null)
            {
                _session.Flush();
                _writer.WaitUntilIdleAsync().GetAwaiter().GetResult();
            }

            byte[] bytes;
            lock (_sent)
            {
                bytes = [.. _sent];
                _sent.Clear();
            }

            if (bytes.Length > 0)
            {
                Log($"client sends {Convert.ToHexString(bytes)}");
                _server.Read(bytes);
            }
        }

        private void Check()
        {
            Collect();
            lock (_session.Gate)
            {
                // What a lost session makes new messages of again is never discarded, limit or not.
                Assert.InRange(_session.Outbound.Queued, 0, _options.PublishQueueLimit + 20);
                Assert.InRange(_session.Outbound.InFlight, 0, 65_535);
                Assert.Equal(_publishing.Count, _session.Outbound.InFlight + _session.Outbound.Queued);
                Assert.Equal(_server.Outstanding.Count, _session.Outbound.InFlight);
                if (_version == MqttProtocolVersion.V500)
                {
                    Assert.InRange(_session.Inbound.Count, 0, 2 * _options.ReceiveMaximum + 40);
                }

                Assert.True(_session.MessagesReceived >= 0 && _session.MessagesDropped >= 0 && _session.StrayAcknowledgements >= 0);
            }
        }

        private void Collect()
        {
            for (int place = _publishing.Count - 1; place >= 0; place--)
            {
                ValueTask<MqttPublishResult> publish = _publishing[place];
                if (publish.IsCompleted)
                {
                    _publishing.RemoveAt(place);
                    try
                    {
                        publish.GetAwaiter().GetResult();
                    }
                    catch (Exception e) when (e is MqttOperationException or OperationCanceledException)
                    {
                        // Rejected, of unknown outcome, or given up: told, in any case.
                    }
                }
            }
        }

        private void Log(string line) => _log.Add(line);
    }
}
