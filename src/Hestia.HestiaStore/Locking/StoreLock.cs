using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Locking;

/// <summary>What is known of the owner of a HestiaStore directory.</summary>
public enum StoreLockState
{
    /// <summary>There is no lock.</summary>
    None,

    /// <summary>Its owner runs on this machine.</summary>
    Alive,

    /// <summary>Its owner ran on this machine and has ended: the lock is left over.</summary>
    Dead,

    /// <summary>Whether its owner still runs cannot be told from here: another machine, or a lock that cannot be read.</summary>
    Unknown,
}

/// <summary>
/// The <c>.lock</c> of a HestiaStore directory. It is a file and no lock of the operating system, so it stays when its owner is killed, and all
/// there is to tell is what it says: process id, start time, host.
/// </summary>
/// <param name="State">What is known of the owner.</param>
/// <param name="ProcessId">Its process id, or null where the lock cannot be read.</param>
/// <param name="ProcessStart">When that process began, or null.</param>
/// <param name="Host">Its machine as Java named it, or null.</param>
/// <param name="Reason">Why <paramref name="State"/> is what it is, in a sentence.</param>
public sealed record StoreLock(StoreLockState State, long? ProcessId, DateTimeOffset? ProcessStart, string? Host, string Reason)
{
    private const int MaxFileBytes = 16 << 10;

    // A clock that was set makes start times drift; a process id that is taken again after days does not begin at the same moment.
    private static readonly TimeSpan s_clockTolerance = TimeSpan.FromMinutes(1);

    /// <summary>"pid 4711 on db1 since 2026-04-15 03:00:00Z"</summary>
    public override string ToString() => State == StoreLockState.None ? "no lock" : ProcessId is null ? "an unreadable lock"
        : $"pid {ProcessId} on {Host}" + (ProcessStart is { } start ? $" since {start.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z" : "");

    /// <summary>Reads the lock of an index or of one of its segments.</summary>
    internal static StoreLock Read(FileSystem files, string directory)
    {
        var path = Path.Combine(directory, StoreFileNames.Lock);
        JavaProperties properties;
        try
        {
            if (!files.FileExists(path)) return new StoreLock(StoreLockState.None, null, null, null, "There is no lock.");
            properties = JavaProperties.Parse(files.ReadAllBytes(path, MaxFileBytes));
        }
        catch (FileNotFoundException)
        {
            return new StoreLock(StoreLockState.None, null, null, null, "There is no lock.");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return Unreadable(e.Message);
        }

        if (properties.Text("version") != "1") return Unreadable("it has no version that is understood");
        if (!long.TryParse(properties.Text("pid"), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) || pid is <= 0 or > int.MaxValue)
            return Unreadable("it names no process");
        if (properties.Text("host") is not { Length: > 0 } host) return Unreadable("it names no host");
        DateTimeOffset? start = long.TryParse(properties.Text("processStartEpochMillis"), NumberStyles.None, CultureInfo.InvariantCulture, out var millis)
            && millis is > 0 and < 253_402_300_799_000 ? DateTimeOffset.FromUnixTimeMilliseconds(millis) : null;
        var (state, reason) = Judge((int)pid, start, host);
        return new StoreLock(state, pid, start, host, reason);
    }

    /// <summary>A lock body as HestiaStore writes it; for tests and for holding a directory during a repair.</summary>
    internal static byte[] Serialize(int processId, DateTimeOffset start, string host, string session) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"version=1\npid={processId}\nprocessStartEpochMillis={start.ToUnixTimeMilliseconds()}\nhost={host}\nsessionId={session}\n"));

    /// <summary>This machine's name as Java would write it.</summary>
    internal static string HostName()
    {
        try
        {
            return Dns.GetHostName();
        }
        catch (System.Net.Sockets.SocketException)
        {
            return Environment.MachineName;
        }
    }

    private static StoreLock Unreadable(string why) => new(
        StoreLockState.Unknown, null, null, null, $"The lock cannot be read ({why}), and HestiaStore takes such a lock for a held one.");

    private static (StoreLockState, string) Judge(int pid, DateTimeOffset? start, string host)
    {
        if (!IsThisMachine(host)) return (StoreLockState.Unknown, $"The lock was taken on '{host}', and this machine is '{HostName()}'.");
        try
        {
            using var process = Process.GetProcessById(pid);
            if (process.HasExited) return (StoreLockState.Dead, $"Process {pid} has ended.");
            var began = new DateTimeOffset(process.StartTime);
            if (start is null || (began - start.Value).Duration() <= s_clockTolerance) return (StoreLockState.Alive, $"Process {pid} ({process.ProcessName}) is running.");
            return process.ProcessName.Contains("java", StringComparison.OrdinalIgnoreCase)
                ? (StoreLockState.Unknown, $"Process {pid} is a Java process, but began at another time than the lock says.")
                : (StoreLockState.Dead, $"Process {pid} is now {process.ProcessName}, which began at another time than the owner.");
        }
        catch (ArgumentException)
        {
            return (StoreLockState.Dead, $"There is no process {pid} on this machine any more.");
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or NotSupportedException)
        {
            return (StoreLockState.Unknown, $"Process {pid} cannot be looked at: {e.Message}");
        }
    }

    /// <summary>Java gives the name with or without its domain, depending on the resolver.</summary>
    private static bool IsThisMachine(string host)
    {
        var here = HostName();
        return Same(host, here) || Same(host, Environment.MachineName) || Same(FirstLabel(host), here) || Same(host, FirstLabel(here));

        static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
        static string FirstLabel(string name) => name.Split('.')[0];
    }
}
