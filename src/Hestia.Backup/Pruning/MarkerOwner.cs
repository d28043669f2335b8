using System.Diagnostics;
using System.Text.Json;
using Hestia.Core.IO;
using Hestia.Core.Locking;

namespace Hestia.Backup.Pruning;

/// <summary>Who wrote a marker.</summary>
/// <param name="Process">The process.</param>
/// <param name="Scope">
/// Where its id means something: the machine since it was started, and on Linux the process namespace (a container has its own). The name of the machine
/// alone would not do: clones share it.
/// </param>
internal sealed record MarkerOwner(LockOwner Process, string Scope)
{
    private static readonly string s_scope = FindScope();
    private static readonly TimeSpan s_clockTolerance = TimeSpan.FromMinutes(1);

    public static MarkerOwner Current(TimeProvider clock) => new(LockOwner.Current(clock), s_scope);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteString("host", Process.Host);
        json.WriteNumber("pid", Process.ProcessId);
        json.WriteString("process", Process.ProcessName);
        json.WriteString("started", Process.Since.UtcDateTime);
        json.WriteString("scope", Scope);
    }

    public static MarkerOwner Read(JsonElement root) => new(
        new LockOwner(
            root.GetProperty("pid").GetInt32(),
            root.GetProperty("host").GetString() ?? "",
            root.GetProperty("process").GetString() ?? "",
            Format.FormatVersions.Time(root.GetProperty("started"))),
        root.TryGetProperty("scope", out var scope) ? scope.GetString() ?? "" : "");

    /// <summary>True only for a process of this machine that is not there any more.</summary>
    public bool HasEnded()
    {
        if (Scope.Length == 0 || Scope != s_scope) return false;
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(Process.ProcessId);
            // A number is used again: one that began after the marker was written is another process. Clocks are allowed a minute.
            return process.HasExited || process.StartTime.ToUniversalTime() > Process.Since.UtcDateTime + s_clockTolerance;
        }
        catch (ArgumentException)
        {
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or NotSupportedException)
        {
            return false;
        }
    }

    private static string FindScope()
    {
        const string Namespace = "/proc/self/ns/pid";
        try
        {
            if (Platform.BootId() is { } boot)
                return $"{Environment.MachineName} {boot} {(OperatingSystem.IsLinux() ? new FileInfo(Namespace).LinkTarget : null)}".TrimEnd();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // as if it had none
        }

        return Environment.MachineName + " " + Guid.NewGuid(); // nobody's: then only age tells
    }
}
