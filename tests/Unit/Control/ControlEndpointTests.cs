using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Hestia.Core;
using Hestia.Core.Control;
using Hestia.Core.Control.Operations;
using Hestia.Core.IO;
using Hestia.Core.Locking;
using Hestia.Unit.Backup;
using Hestia.Unit.Crashes;

namespace Hestia.Unit.Control;

/// <summary>What others do to an endpoint: clients that are stuck, hostile, of another version or another user, and owners that are gone.</summary>
public sealed class ControlEndpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string IndexPath => _folder["index"];

    private string SocketPath => Path.Combine(IndexPath, FileNames.ControlSocket);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Clients_that_say_nothing_keep_nobody_out()
    {
        RequireUnix();
        using var index = HestiaIndex.Create(IndexPath);
        var silent = new List<Socket>();
        for (var i = 0; i < ControlTiming.MaxConnections; i++) silent.Add(Connect());
        index.Put([1], [1]);
        // All places are taken until the silent ones have had their time.
        Assert.Equal(1UL, RemoteIndex.Find(IndexPath)!.GetStatus().Statistics.LastLsn.Value);
        foreach (var socket in silent)
        {
            socket.ReceiveTimeout = 10_000;
            Assert.Equal(0, socket.Receive(new byte[1])); // hung up on
            socket.Dispose();
        }
    }

    [Fact]
    public void A_flood_of_connections_leaves_writers_and_clients_alone()
    {
        RequireUnix();
        using var index = HestiaIndex.Create(IndexPath);
        var until = Stopwatch.StartNew();
        var connections = 0;
        var flood = new Thread(() =>
        {
            while (until.ElapsedMilliseconds < 2000)
            {
                try
                {
                    using var socket = Connect();
                    connections++;
                }
                catch (SocketException)
                {
                    Thread.Sleep(1); // no more may wait
                }
            }
        });
        flood.Start();
        for (var i = 0; i < 200; i++) index.Put(BitConverter.GetBytes(i), [1]);
        Assert.NotNull(RemoteIndex.Find(IndexPath));
        flood.Join();
        // What is accepted in two seconds is bounded, whatever is asked for.
        Assert.True(connections < (3 * ControlTiming.AcceptsPerSecond) + 64 + LocalEndpoint.Backlog + ControlTiming.MaxConnections, $"{connections} were taken");
        Assert.Equal(200UL, RemoteIndex.Find(IndexPath)!.GetStatus().Statistics.LastLsn.Value);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("half a header")]
    [InlineData("half a body")]
    [InlineData("huge")]
    [InlineData("other version")]
    [InlineData("not JSON")]
    [InlineData("deep")]
    [InlineData("unknown operation")]
    [InlineData("other index")]
    [InlineData("wrong arguments")]
    [InlineData("a result")]
    public void What_is_no_request_is_refused_and_the_endpoint_goes_on(string what)
    {
        RequireUnix();
        using var index = HestiaIndex.Create(IndexPath);
        (byte[] Bytes, string? Code) sent = what switch
        {
            "garbage" => (Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), null),
            "half a header" => (Frame(ControlFrameKind.Request, "{}")[..7], null),
            "half a body" => (Frame(ControlFrameKind.Request, """{"operation":"status"}""")[..20], null),
            "huge" => (Frame(ControlFrameKind.Request, "{}", length: uint.MaxValue), "ControlUnsupported"),
            "other version" => (Frame(ControlFrameKind.Request, "{}", version: 9), "ControlUnsupported"),
            "not JSON" => (Frame(ControlFrameKind.Request, "status"), "ControlUnsupported"),
            "deep" => (Frame(ControlFrameKind.Request, new string('[', 5000)), "ControlUnsupported"),
            "unknown operation" => (Frame(ControlFrameKind.Request, """{"operation":"format-disk","arguments":{}}"""), "ControlUnsupported"),
            "other index" => (Frame(ControlFrameKind.Request, "{\"operation\":\"status\",\"index\":\"" + Guid.NewGuid() + "\",\"arguments\":{}}"), "ForeignFile"),
            "wrong arguments" => (Frame(ControlFrameKind.Request, """{"operation":"renew","arguments":{"lease":{}}}"""), "ControlUnsupported"),
            _ => (Frame(ControlFrameKind.Result, "{}"), "ControlUnsupported"),
        };
        using (var socket = Connect())
        {
            socket.Send(sent.Bytes);
            if (sent.Code is null) socket.Shutdown(SocketShutdown.Send); // else the owner may take it for a client that has gone
            var answer = ReadAll(socket);
            if (sent.Code is null) Assert.Empty(answer);
            else Assert.Equal(sent.Code, JsonDocument.Parse(answer.AsMemory(ControlFormat.HeaderBytes)).RootElement.GetProperty("code").GetString());
        }

        Assert.NotNull(RemoteIndex.Find(IndexPath));
        Assert.Equal(0, index.GetStatistics().Pins);
    }

    [Fact]
    public void A_client_that_hangs_up_ends_its_work_and_harms_nothing()
    {
        RequireUnix();
        using var index = HestiaIndex.Create(IndexPath);
        for (var i = 0; i < 5000; i++) index.Put(BitConverter.GetBytes(i), new byte[200]);
        for (var round = 0; round < 20; round++)
        {
            using var socket = Connect();
            socket.Send(Frame(ControlFrameKind.Request, round % 2 == 0 ? """{"operation":"compact","arguments":{}}""" : """{"operation":"check","arguments":{"deep":true}}"""));
        }

        var remote = RemoteIndex.Find(IndexPath)!;
        Assert.True(SpinWait.SpinUntil(() => IsHealthy(remote), TimeSpan.FromSeconds(30)), "The places of those that hung up stay taken.");
        Assert.Equal(IndexState.Ready, index.State);
    }

    [Fact]
    public void A_cancelled_call_ends_at_once()
    {
        using var index = HestiaIndex.Create(IndexPath);
        var remote = RemoteIndex.Find(IndexPath)!;
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => remote.Compact(null, cancelled.Token));
    }

    [Fact]
    public void Pins_end_when_they_are_not_renewed()
    {
        using var index = HestiaIndex.Create(IndexPath);
        index.Put([1], [1]);
        index.Flush();
        var remote = RemoteIndex.Find(IndexPath)!;
        using var data = new MemoryStream();
        var answer = remote.Call(ControlOperations.Pin, new LeaseArguments(1), null, CancellationToken.None, data);
        Assert.Equal(1, index.GetStatistics().Pins);
        remote.Call(ControlOperations.Renew, new LeaseName(answer.Lease), null, CancellationToken.None);
        Assert.True(SpinWait.SpinUntil(() => index.GetStatistics().Pins == 0, TimeSpan.FromSeconds(10)));
        var e = Assert.Throws<HestiaException>(() => remote.Call(ControlOperations.Renew, new LeaseName(answer.Lease), null, CancellationToken.None));
        Assert.Equal(HestiaErrorCode.PinExpired, e.Code);
        foreach (var seconds in (double[])[0, -1, 1e9])
        {
            e = Assert.Throws<HestiaException>(() => remote.Call(ControlOperations.Pin, new LeaseArguments(seconds), null, CancellationToken.None, new MemoryStream()));
            Assert.Contains(e.Code, (HestiaErrorCode[])[HestiaErrorCode.InvalidOption]);
        }

        Assert.Equal(0, index.GetStatistics().Pins);
    }

    [Fact]
    public void A_pin_holds_its_files_and_is_given_back()
    {
        using var index = HestiaIndex.Create(IndexPath, options: new IndexOptions { RetiredAge = TimeSpan.Zero, RetiredBytes = 0 });
        for (var i = 0; i < 100; i++) index.Put([(byte)i], new byte[100]);
        var remote = RemoteIndex.Find(IndexPath)!;
        remote.Flush();
        using (var pin = remote.Pin())
        {
            Assert.Null(pin.FindLoss());
            Assert.Equal(index.LastLsn, pin.Checkpoint);
            for (var i = 0; i < 100; i++) index.Delete([(byte)i]);
            remote.Compact();
            index.PruneRetired();
            foreach (var segment in pin.Segments) Assert.True(File.Exists(segment.FilePath));
            Assert.Equal(1, index.GetStatistics().Pins);
        }

        Assert.Equal(0, index.GetStatistics().Pins);
    }

    [Fact]
    public void A_path_longer_than_a_socket_address_works()
    {
        var path = _folder[new string('a', 100), new string('b', 100)];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var index = HestiaIndex.Create(path);
        Assert.NotNull(index.ControlEndpoint);
        Assert.Equal(index.Id, RemoteIndex.Find(path)!.Id);
    }

    [Fact]
    public void What_a_killed_owner_left_is_replaced()
    {
        RequireUnix();
        HestiaIndex.Create(IndexPath).Close();
        using (var child = new WriterProcess(IndexPath, Durability.GroupSync, 1))
        {
            child.WaitForOpen();
            Assert.NotNull(RemoteIndex.Find(IndexPath));
            child.Kill();
        }

        Assert.True(File.Exists(SocketPath)); // nobody was left to take it away
        Assert.Null(RemoteIndex.Find(IndexPath)); // a second after its death it is a closed index
        using (var access = IndexAccess.Open(IndexPath))
        {
            Assert.Equal(IndexVia.Opened, access.Via);
            Assert.NotNull(RemoteIndex.Find(IndexPath));
            access.Close();
        }

        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public void What_is_no_socket_is_left_alone_and_told()
    {
        RequireUnix();
        HestiaIndex.Create(IndexPath).Close();
        File.WriteAllText(SocketPath, "mine");
        using var index = HestiaIndex.Open(IndexPath);
        Assert.Null(index.ControlEndpoint);
        Assert.Equal("ControlEndpointFailed", Assert.Single(index.Recovery.Notices).Code);
        Assert.Equal("mine", File.ReadAllText(SocketPath));
        Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => RemoteIndex.Find(IndexPath)).Code);
    }

    [Fact]
    public void A_link_to_a_socket_is_no_socket_of_ours()
    {
        RequireUnix();
        HestiaIndex.Create(IndexPath).Close();
        var other = _folder["other.socket"];
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(other));
        File.CreateSymbolicLink(SocketPath, other);
        using var index = HestiaIndex.Open(IndexPath);
        Assert.Null(index.ControlEndpoint);
        Assert.Equal(other, new FileInfo(SocketPath).LinkTarget);
    }

    /// <summary>A repair or a look by root that was killed, before the service that owns the folder starts again.</summary>
    [Fact]
    public void What_root_left_is_replaced_by_the_user_who_owns_the_folder()
    {
        SystemTools.Require(root: true, "setpriv", "chown");
        if (OperatingSystem.IsWindows()) return;
        HestiaIndex.Create(IndexPath).Close();
        SystemTools.MustRun("chown", "-R", "65534:65534", _folder.Path);
        using var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        left.Bind(new UnixDomainSocketEndPoint(SocketPath)); // nobody listens
        File.SetUnixFileMode(SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using var owner = new ChildProcess(
            ["latency", IndexPath], [SystemTools.Find("setpriv")!, "--reuid=65534", "--regid=65534", "--clear-groups"]);
        try
        {
            owner.WaitFor("o");
        }
        catch (InvalidOperationException e)
        {
            Assert.Skip($"Another user cannot run programs from here. {e.Message}");
            return;
        }

        var remote = RemoteIndex.Find(IndexPath)!;
        Assert.Equal(owner.Id, remote.Owner.ProcessId);
        remote.Flush();
    }

    [Fact]
    public void An_owner_that_is_closing_says_so_and_is_waited_for()
    {
        HestiaIndex.Create(IndexPath).Close();
        var lockPath = Path.Combine(IndexPath, FileNames.Lock);
        Assert.Equal(LockOwner.EndpointClosing, LockOwner.Read(FileSystem.Physical, IndexPath)!.Endpoint);
        var held = FileSystem.Physical.TryLock(lockPath, shared: false)!;
        held.WriteBody((LockOwner.Current(TimeProvider.System) with { Endpoint = LockOwner.EndpointClosing }).Serialize());
        var lastFlush = new Thread(() =>
        {
            Thread.Sleep(3000);
            held.Dispose();
        });
        lastFlush.Start();
        Assert.Null(RemoteIndex.Find(IndexPath)); // closed by then
        lastFlush.Join();
    }

    [Fact]
    public void A_lock_that_names_another_host_or_an_endpoint_where_nobody_is_says_so()
    {
        RequireUnix();
        HestiaIndex.Create(IndexPath).Close();
        using var held = FileSystem.Physical.TryLock(Path.Combine(IndexPath, FileNames.Lock), shared: false)!;
        var owner = new LockOwner(4711, "elsewhere", "app", DateTimeOffset.UnixEpoch) { Endpoint = "socket:.control" };
        held.WriteBody(owner.Serialize());
        var e = Assert.Throws<HestiaException>(() => RemoteIndex.Find(IndexPath));
        Assert.Equal(HestiaErrorCode.IndexInUse, e.Code);
        foreach (var part in (string[])["4711", "app", "elsewhere", "1970-01-01", "another host"]) Assert.Contains(part, e.Message, StringComparison.Ordinal);

        held.WriteBody((owner with { Host = Environment.MachineName }).Serialize());
        e = Assert.Throws<HestiaException>(() => IndexAccess.Open(IndexPath));
        Assert.Equal(HestiaErrorCode.IndexInUse, e.Code);
        Assert.Contains("cannot be reached", e.Message, StringComparison.Ordinal);

        held.WriteBody((owner with { Host = Environment.MachineName, Endpoint = "socket:../../other" }).Serialize());
        Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => RemoteIndex.Find(IndexPath)).Code);
    }

    [Fact]
    public async Task An_owner_of_another_version_is_told_apart()
    {
        RequireUnix();
        HestiaIndex.Create(IndexPath).Close();
        using var held = FileSystem.Physical.TryLock(Path.Combine(IndexPath, FileNames.Lock), shared: false)!;
        held.WriteBody((LockOwner.Current(TimeProvider.System) with { Endpoint = "socket:.control" }).Serialize());
        foreach (var (answer, says) in ((byte[], string)[])[
            (Frame(ControlFrameKind.Result, "{}", version: 2), "version 2"),
            (Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad Request"), "not understood"),
            (Frame(ControlFrameKind.Result, "{}", length: 1 << 30), "1,073,741,824"),
            (Frame(ControlFrameKind.Error, """{"code":"SomethingNew","message":"It is new."}""", version: 2), "It is new.")])
        {
            using var listener = LocalEndpoint.Listen(IndexPath);
            var served = Task.Run(async () =>
            {
                using var stream = (await listener.AcceptAsync(CancellationToken.None))!;
                await stream.ReadAtLeastAsync(new byte[4096], ControlFormat.HeaderBytes);
                await stream.WriteAsync(answer);
            });
            var e = Assert.Throws<HestiaException>(() => RemoteIndex.Find(IndexPath));
            Assert.Contains(e.Code, (HestiaErrorCode[])[HestiaErrorCode.ControlUnsupported, HestiaErrorCode.InternalError]);
            Assert.Contains(says, e.Message, StringComparison.Ordinal);
            await served;
        }
    }

    [Fact]
    public void Another_user_gets_nothing()
    {
        SystemTools.Require(root: true, "setpriv");
        string[] asNobody = [SystemTools.Find("setpriv")!, "--reuid=65534", "--regid=65534", "--clear-groups"];
        var (exitCode, said) = SystemTools.Run("setpriv", [.. asNobody[1..], "test", "-r", Path.Combine(AppContext.BaseDirectory, "Hestia.CrashWriter.dll")]);
        if (exitCode != 0 || OperatingSystem.IsWindows())
        {
            Assert.Skip($"Another user cannot run programs from here. {said}");
            return;
        }

        using var index = HestiaIndex.Create(IndexPath);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
        using (var nobody = new ChildProcess(["ask", IndexPath], asNobody))
            Assert.StartsWith("! AccessDenied", nobody.WaitFor("d"), StringComparison.Ordinal);

        // Whoever opens the socket up is not believed: the kernel says who it is.
        File.SetUnixFileMode(SocketPath, (UnixFileMode)0b111_111_111);
        using (var nobody = new ChildProcess(["ask", IndexPath], asNobody))
            Assert.StartsWith("! OwnerLost", nobody.WaitFor("d"), StringComparison.Ordinal);

        using (var root = new ChildProcess(["ask", IndexPath])) Assert.Equal("d 0", root.WaitFor("d"));
    }

    [Fact]
    public void Root_reaches_the_index_of_another_user()
    {
        SystemTools.Require(root: true, "setpriv", "chown");
        HestiaIndex.Create(IndexPath).Close();
        SystemTools.MustRun("chown", "-R", "65534:65534", _folder.Path);
        using var owner = new ChildProcess(
            ["latency", IndexPath], [SystemTools.Find("setpriv")!, "--reuid=65534", "--regid=65534", "--clear-groups"]);
        string first;
        try
        {
            first = owner.WaitFor("o");
        }
        catch (InvalidOperationException e)
        {
            Assert.Skip($"Another user cannot run programs from here. {e.Message}");
            return;
        }

        Assert.Equal("o", first);
        var remote = RemoteIndex.Find(IndexPath)!;
        Assert.True(SpinWait.SpinUntil(() => remote.GetStatus().Statistics.LastLsn.Value > 0, TimeSpan.FromSeconds(20)));
        Assert.True(remote.Flush().Checkpoint.Value > 0);
    }

    /// <summary>Figures of November 2026 are in docs/control.md; here it only must not be slow beyond all noise.</summary>
    [Fact]
    public void Serving_costs_next_to_nothing_at_opening()
    {
        HestiaIndex.Create(IndexPath).Close();
        double Best(bool served)
        {
            var best = double.MaxValue;
            for (var i = 0; i < 30; i++)
            {
                var began = Stopwatch.GetTimestamp();
                using var index = HestiaIndex.Open(IndexPath, new IndexOptions { ControlEndpoint = served });
                best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }

            return best;
        }

        Best(true);
        var (without, with) = (Best(false), Best(true));
        TestContext.Current.TestOutputHelper!.WriteLine($"opening takes {without:0.000} ms without and {with:0.000} ms with an endpoint");
        Assert.True(with - without < 5);
    }

    /// <summary>False where all places for long work are taken.</summary>
    private static bool IsHealthy(RemoteIndex remote)
    {
        try
        {
            return remote.Check().Healthy;
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.TimedOut)
        {
            return false;
        }
    }

    private static void RequireUnix()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("This is about the socket of a Unix system.");
    }

    private static byte[] Frame(ControlFrameKind kind, string body, int version = ControlFormat.Version, uint? length = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var frame = new byte[ControlFormat.HeaderBytes + bytes.Length];
        ControlFormat.WriteHeader(frame, kind, bytes.Length);
        BitConverter.TryWriteBytes(frame.AsSpan(4), (ushort)version);
        if (length is { } claimed) BitConverter.TryWriteBytes(frame.AsSpan(8), claimed);
        bytes.CopyTo(frame, ControlFormat.HeaderBytes);
        return frame;
    }

    private static byte[] ReadAll(Socket socket)
    {
        socket.ReceiveTimeout = 15_000;
        var all = new MemoryStream();
        var buffer = new byte[4096];
        try
        {
            int read;
            while ((read = socket.Receive(buffer)) > 0) all.Write(buffer, 0, read);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // hung up on with something unread
        }

        return all.ToArray();
    }

    private Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
