using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Hestia.Core.IO;

namespace Hestia.Core.Locking;

/// <summary>Who holds the lock of an index, as <c>.lock</c> tells people and tools. The lock itself is the kernel's and ends with its holder.</summary>
/// <param name="ProcessId">Process id on <paramref name="Host"/>.</param>
/// <param name="Host">Name of the machine.</param>
/// <param name="ProcessName">Name of the program.</param>
/// <param name="Since">When the index was opened, UTC.</param>
public sealed record LockOwner(int ProcessId, string Host, string ProcessName, DateTimeOffset Since)
{
    /// <summary><see cref="Endpoint"/> of an owner that is still recovering; it will say more when it is done.</summary>
    internal const string EndpointOpening = "opening";

    /// <summary><see cref="Endpoint"/> of an owner that flushes for the last time and takes no more requests.</summary>
    internal const string EndpointClosing = "closing";

    /// <summary><see cref="Endpoint"/> of an owner that was told not to have one.</summary>
    internal const string EndpointOff = "off";

    /// <summary><see cref="Endpoint"/> of an owner that could not have one, for example for want of sockets in the file system.</summary>
    internal const string EndpointFailed = "failed";

    private const int MaxFileBytes = 16 << 10;

    private static readonly Lazy<string> s_processName = new(static () =>
    {
        using var process = Process.GetCurrentProcess();
        return process.ProcessName;
    });

    /// <summary>
    /// Where the owner can be reached by other processes of its user, or root and Administrators: <c>socket:NAME</c>, a socket in the folder, or
    /// <c>pipe:NAME</c>, a named pipe; <c>opening</c>, <c>closing</c>, <c>off</c> or <c>failed</c>; null if it has none (a repair, an older version).
    /// </summary>
    public string? Endpoint { get; init; }

    /// <summary>"pid 4711 (pwsh) on db1 since 2026-04-15 03:00:00Z"</summary>
    public override string ToString() => $"pid {ProcessId} ({ProcessName}) on {Host} since {Since.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z";

    internal static LockOwner Current(TimeProvider clock) =>
        new(Environment.ProcessId, Environment.MachineName, s_processName.Value, clock.GetUtcNow());

    internal byte[] Serialize()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("pid", ProcessId);
            json.WriteString("host", Host);
            json.WriteString("process", ProcessName);
            json.WriteString("since", Since.UtcDateTime);
            if (Endpoint is not null) json.WriteString("endpoint", Endpoint);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>What <c>.lock</c> says, or null if it is not there or says nothing that can be read. Says nothing about whether the lock is held.</summary>
    internal static LockOwner? Read(FileSystem files, string indexPath)
    {
        try
        {
            var path = Path.Combine(indexPath, FileNames.Lock);
            if (!files.FileExists(path)) return null;
            var reader = new Utf8JsonReader(files.ReadAllBytes(path, MaxFileBytes));
            using var json = JsonDocument.ParseValue(ref reader);
            var root = json.RootElement;
            return new LockOwner(
                root.GetProperty("pid").GetInt32(),
                root.GetProperty("host").GetString() ?? "",
                root.GetProperty("process").GetString() ?? "",
                new DateTimeOffset(root.GetProperty("since").GetDateTime(), TimeSpan.Zero))
            {
                Endpoint = root.TryGetProperty("endpoint", out var endpoint) ? endpoint.GetString() : null,
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or InvalidDataException
                                    or IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
