using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Hestia.Unit.Backup.S3;

/// <summary>What a proxy does with one request.</summary>
internal sealed record ProxyAction
{
    public static readonly ProxyAction Forward = new();

    /// <summary>The server gets the request, the client no answer.</summary>
    public static readonly ProxyAction LoseAnswer = new() { AnswerBytes = 0 };

    /// <summary>Nobody gets anything, and the connection stays.</summary>
    public static readonly ProxyAction Stall = new() { Silent = true };

    /// <summary>Bytes of the answer that get through.</summary>
    public long AnswerBytes { get; init; } = long.MaxValue;

    /// <summary>Bytes of the request's body that get through before the connection is cut.</summary>
    public long BodyBytes { get; init; } = long.MaxValue;

    public int BytesPerSecond { get; init; } = int.MaxValue;

    public bool Silent { get; init; }

    /// <summary>Changes one bit of the body on its way.</summary>
    public bool Corrupt { get; init; }

    /// <summary>An answer that does not come from the server.</summary>
    public string? Canned { get; init; }

    /// <summary>Replaces the ETag of the answer.</summary>
    public string? ETag { get; init; }

    public static ProxyAction Error(int status, string code) => new()
    {
        Canned = Message(status, $"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>test</Message></Error>", null),
    };

    public static ProxyAction Error(int status, string code, DateTimeOffset date) => new()
    {
        Canned = Message(status, $"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>test</Message></Error>", date),
    };

    private static string Message(int status, string body, DateTimeOffset? date) =>
        $"HTTP/1.1 {status} Test\r\nContent-Type: application/xml\r\nContent-Length: {body.Length}\r\n"
        + (date is { } d ? $"Date: {d.ToString("r", CultureInfo.InvariantCulture)}\r\n" : "") + $"Connection: close\r\n\r\n{body}";
}

/// <summary>One request as the proxy sees it.</summary>
/// <param name="Number">From 1 on.</param>
/// <param name="Method">GET, PUT …</param>
/// <param name="Target">Path and query.</param>
/// <param name="Head">All lines of its head.</param>
internal sealed record ProxyRequest(int Number, string Method, string Target, string[] Head)
{
    /// <summary>A header, or null.</summary>
    public string? this[string name] => Array.Find(Head, l => l.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)) is { } line
        ? line[(name.Length + 1)..].Trim() : null;
}

/// <summary>Between the store and the server: one request per connection, done as the test says; with a certificate, TLS.</summary>
internal sealed class FaultProxy : IDisposable
{
    private const int BufferBytes = 16 << 10;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _server;
    private readonly Func<ProxyRequest, ProxyAction> _decide;
    private readonly X509Certificate2? _certificate;
    private int _count;

    public FaultProxy(RadosGateway server, Func<ProxyRequest, ProxyAction> decide, X509Certificate2? certificate = null)
    {
        _server = server.Port;
        _decide = decide;
        _certificate = certificate;
        _listener.Start();
        _ = Task.Run(AcceptAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public Uri Endpoint => new($"{(_certificate is null ? "http://127.0.0.1" : "https://localhost")}:{Port}");

    public ConcurrentQueue<ProxyRequest> Seen { get; } = new();

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            var token = _stop.Token;
            Stream stream = client.GetStream();
            if (_certificate is not null)
            {
                var tls = new SslStream(stream);
                await tls.AuthenticateAsServerAsync(_certificate);
                stream = tls;
            }

            var (head, body) = await ReadHeadAsync(stream, token);
            var lines = head.Split("\r\n");
            var first = lines[0].Split(' ');
            var request = new ProxyRequest(Interlocked.Increment(ref _count), first[0], first[1], lines);
            Seen.Enqueue(request);
            var action = _decide(request);
            if (action.Silent) await Task.Delay(Timeout.Infinite, token);

            long length = 0;
            foreach (var line in lines)
                if (line.StartsWith("content-length:", StringComparison.OrdinalIgnoreCase))
                    length = long.Parse(line[15..], CultureInfo.InvariantCulture);
            if (head.Contains("100-continue", StringComparison.OrdinalIgnoreCase))
                await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), token);
            if (action.Canned is { } canned)
            {
                await CopyAsync(stream, Stream.Null, body, length, action, token);
                await stream.WriteAsync(Encoding.ASCII.GetBytes(canned), token);
                await stream.FlushAsync(token);
                return;
            }

            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _server, token);
            var upstream = server.GetStream();
            var kept = lines.Where(l => l.Length > 0 && !l.StartsWith("Connection:", StringComparison.OrdinalIgnoreCase)
                && !l.StartsWith("Expect:", StringComparison.OrdinalIgnoreCase));
            await upstream.WriteAsync(Encoding.Latin1.GetBytes(string.Join("\r\n", kept) + "\r\nConnection: close\r\n\r\n"), token);
            await CopyAsync(stream, upstream, body, Math.Min(length, action.BodyBytes), action, token);
            if (action.BodyBytes < length) return;
            await AnswerAsync(upstream, stream, action, token);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException
            or System.Security.Authentication.AuthenticationException)
        {
            // One side has gone, as the test wanted.
        }
    }

    private static async Task AnswerAsync(Stream server, Stream client, ProxyAction action, CancellationToken token)
    {
        var (head, rest) = await ReadHeadAsync(server, token);
        if (action.AnswerBytes == 0) return;
        if (action.ETag is { } etag)
        {
            var lines = head.Split("\r\n")
                .Select(l => l.StartsWith("etag:", StringComparison.OrdinalIgnoreCase) ? $"ETag: \"{etag}\"" : l);
            head = string.Join("\r\n", lines);
        }

        await client.WriteAsync(Encoding.Latin1.GetBytes(head + "\r\n"), token);
        await CopyAsync(server, client, rest, action.AnswerBytes, action with { Corrupt = false }, token);
    }

    /// <summary>Up to the empty line; what was read behind it comes back too.</summary>
    private static async Task<(string Head, byte[] Behind)> ReadHeadAsync(Stream stream, CancellationToken token)
    {
        var bytes = new byte[64 << 10];
        for (var length = 0; ;)
        {
            var read = await stream.ReadAsync(bytes.AsMemory(length), token);
            if (read == 0) throw new IOException("closed");
            length += read;
            var end = bytes.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end >= 0) return (Encoding.Latin1.GetString(bytes, 0, end + 2), bytes[(end + 4)..length]);
        }
    }

    private static async Task CopyAsync(
        Stream from, Stream to, byte[] begun, long length, ProxyAction action, CancellationToken token)
    {
        var buffer = new byte[BufferBytes];
        var corrupt = action.Corrupt;
        for (long left = length; left > 0;)
        {
            int read;
            if (begun.Length > 0)
            {
                read = (int)Math.Min(Math.Min(begun.Length, left), buffer.Length);
                begun.AsSpan(0, read).CopyTo(buffer);
                begun = begun[read..];
            }
            else
            {
                read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), token);
                if (read == 0) break;
            }

            if (corrupt) buffer[read / 2] ^= 1;
            corrupt = false;
            await to.WriteAsync(buffer.AsMemory(0, read), token);
            left -= read;
            if (action.BytesPerSecond < int.MaxValue) await Task.Delay(TimeSpan.FromSeconds((double)read / action.BytesPerSecond), token);
        }

        await to.FlushAsync(token);
    }
}
