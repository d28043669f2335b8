using System.Runtime.InteropServices;
using Hestia.Core;

namespace HestiaPS;

/// <summary>The open sessions of this process, and what closes them when nobody else does:
/// SIGTERM, SIGHUP and the end of the process.</summary>
internal static class SessionRegistry
{
    private static readonly List<IndexSession> Sessions = [];
    private static readonly StringComparison PathComparison =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    private static PosixSignalRegistration[]? _signals;

    public static IndexSession Add(HestiaIndex index, Guid runspaceId)
    {
        var session = new IndexSession(index, runspaceId);
        lock (Sessions)
        {
            HookProcessEnd();
            Sessions.Add(session);
        }

        return session;
    }

    public static void Remove(IndexSession session)
    {
        lock (Sessions) Sessions.Remove(session);
    }

    public static IndexSession[] All()
    {
        lock (Sessions) return [.. Sessions];
    }

    /// <summary>The session of this process on a directory, or null; also where one of the two is named through symbolic links. The path must be full.</summary>
    public static IndexSession? Find(string path)
    {
        var sessions = All();
        if (sessions.Length == 0) return null;
        return Array.Find(sessions, s => IsSame(s.Path, path)) is { } found ? found
            : FinalPath.Of(path) is var final && Array.Find(sessions, s => IsSame(s.FinalPath, final)) is { } linked ? linked : null;
    }

    private static bool IsSame(string one, string other) =>
        string.Equals(Path.TrimEndingDirectorySeparator(one), Path.TrimEndingDirectorySeparator(other), PathComparison);

    public static void CloseRunspace(Guid runspaceId) => Close(session => session.RunspaceId == runspaceId);

    public static void CloseAll() => Close(static _ => true);

    private static void Close(Predicate<IndexSession> which)
    {
        foreach (var session in All())
        {
            if (!which(session)) continue;
            try
            {
                session.Close();
            }
            catch (Exception e) when (e is HestiaException or IOException or UnauthorizedAccessException)
            {
                // Nobody is left to tell; the index recovers from its log at the next open, and the other sessions still have to be closed.
            }
        }
    }

    /// <summary>Once per process, with the first session: removing the module from one runspace
    /// must not unhook what others rely on.</summary>
    private static void HookProcessEnd()
    {
        if (_signals is not null) return;
        AppDomain.CurrentDomain.ProcessExit += static (_, _) => CloseAll();

        // The default action is left to follow: the sessions are closed first, then the process ends as it would have.
        _signals = [PosixSignalRegistration.Create(PosixSignal.SIGTERM, static _ => CloseAll()), .. HangUp()];
    }

    private static PosixSignalRegistration[] HangUp() =>
        IsHangUpIgnored() ? [] : [PosixSignalRegistration.Create(PosixSignal.SIGHUP, static _ => CloseAll())];

    /// <summary>Under nohup a hang-up does not end the process, so it must not close its sessions either.</summary>
    private static bool IsHangUpIgnored()
    {
        const string Status = "/proc/self/status";
        const string Field = "SigIgn:";
        try
        {
            if (!OperatingSystem.IsLinux() || !File.Exists(Status)) return false;
            foreach (var line in File.ReadLines(Status))
                if (line.StartsWith(Field, StringComparison.Ordinal))
                    return (Convert.ToUInt64(line[Field.Length..].Trim(), 16) & 1) != 0; // bit 0 is signal 1, SIGHUP
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
        }

        return false;
    }
}
