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
    private const int MaxFileBytes = 16 << 10;

    private static readonly Lazy<string> s_processName = new(static () =>
    {
        using var process = Process.GetCurrentProcess();
        return process.ProcessName;
    });

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
                new DateTimeOffset(root.GetProperty("since").GetDateTime(), TimeSpan.Zero));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or InvalidDataException
                                    or IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
