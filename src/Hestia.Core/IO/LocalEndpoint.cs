namespace Hestia.Core.IO;

/// <summary>
/// How processes of one machine reach each other about one directory: a socket in it on Unix, a named pipe on Windows. Only the user who listens,
/// and root or Administrators, get through. What differs between systems is in <see cref="UnixEndpoint"/> and <see cref="WindowsEndpoint"/>.
/// </summary>
internal static class LocalEndpoint
{
    /// <summary>Connections that may wait to be accepted.</summary>
    public const int Backlog = 16;

    /// <summary>Begins to listen for a directory. What a killed process left of its own is replaced.</summary>
    /// <exception cref="IOException">The file system has no sockets, or the name is taken by something that is none.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public static LocalListener Listen(string directory) =>
        OperatingSystem.IsWindows() ? new WindowsEndpoint() : UnixEndpoint.Listen(directory);

    /// <summary>Connects to who listens for a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="name">Name of the endpoint, as the listener told it.</param>
    /// <param name="processId">The process that must be the one behind it.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="IOException">Nobody listens, or not that process.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not connect.</exception>
    public static Task<Stream> ConnectAsync(string directory, string name, int processId, CancellationToken cancellationToken) =>
        OperatingSystem.IsWindows()
            ? WindowsEndpoint.ConnectAsync(name, processId, cancellationToken)
            : UnixEndpoint.ConnectAsync(directory, name, cancellationToken);
}

/// <summary>Takes connections of other processes. Dispose ends it and takes its name away.</summary>
internal abstract class LocalListener : IDisposable
{
    /// <summary>What others need to find it, besides the directory.</summary>
    public abstract string Name { get; }

    /// <summary>The next connection, or null for one that was refused. One call at a time.</summary>
    public abstract Task<Stream?> AcceptAsync(CancellationToken cancellationToken);

    public abstract void Dispose();
}
