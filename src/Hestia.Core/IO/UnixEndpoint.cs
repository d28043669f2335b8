using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Hestia.Core.IO;

/// <summary>
/// A socket in the directory, readable and writable for its user alone; who connects is asked the kernel. A socket's address holds 104 to 108 bytes,
/// so the directory is named by a descriptor of this process, not by its path.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed class UnixEndpoint : LocalListener
{
    private const string Prefix = "socket:";
    private const int MaxAddressBytes = 103; // macOS has 104 with the zero that ends it
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan FullBacklogDelay = TimeSpan.FromMilliseconds(20);

    private readonly SafeFileHandle _directory;
    private readonly Address _address;
    private readonly Socket _socket;

    private UnixEndpoint(SafeFileHandle directory, Address address, Socket socket)
    {
        _directory = directory;
        _address = address;
        _socket = socket;
    }

    public override string Name => Prefix + FileNames.ControlSocket;

    public static UnixEndpoint Listen(string directory)
    {
        var handle = Platform.OpenDescriptor(directory, write: false);
        Address? address = null;
        Socket? socket = null;
        try
        {
            address = Address.Of(handle, directory);
            RemoveStale(address.Path);
            socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            // Linux gives the file the mode of the socket, so that there is no moment in which anyone else could connect.
            if (OperatingSystem.IsLinux()) Platform.SetMode(socket.SafeHandle, OwnerOnly);
            socket.Bind(new UnixDomainSocketEndPoint(address.Path));
            if (!OperatingSystem.IsLinux()) File.SetUnixFileMode(address.Path, OwnerOnly);
            socket.Listen(LocalEndpoint.Backlog);
            return new UnixEndpoint(handle, address, socket);
        }
        catch (Exception e)
        {
            socket?.Dispose();
            address?.Dispose();
            handle.Dispose();
            if (e is SocketException failure) throw Translate(failure, Path.Combine(directory, FileNames.ControlSocket));
            throw;
        }
    }

    public static async Task<Stream> ConnectAsync(string directory, string name, CancellationToken cancellationToken)
    {
        if (name != Prefix + FileNames.ControlSocket) throw new IOException($"'{name}' is no endpoint of this system.");
        var path = Path.Combine(directory, FileNames.ControlSocket);
        using var handle = Platform.OpenDescriptor(directory, write: false);
        using var address = Address.Of(handle, directory);
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(address.Path), cancellationToken).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                // As many as may wait are waiting.
                socket.Dispose();
                await Task.Delay(FullBacklogDelay, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                socket.Dispose();
                if (e is SocketException failure) throw Translate(failure, path);
                throw;
            }
        }
    }

    public override async Task<Stream?> AcceptAsync(CancellationToken cancellationToken)
    {
        var socket = await _socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Platform.IsOwnUserOrRoot(socket)) return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException)
        {
            // it has gone already
        }

        socket.Dispose();
        return null;
    }

    public override void Dispose()
    {
        // While the lock is held: nobody else can have put theirs there.
        try { File.Delete(_address.Path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* a stale one is replaced by the next owner */ }
        _socket.Dispose();
        _address.Dispose();
        _directory.Dispose();
    }

    /// <summary>Only a socket is replaced: whatever else has this name is not ours.</summary>
    private static void RemoveStale(string path)
    {
        if (!File.Exists(path) && !Directory.Exists(path)) return;
        if (!Platform.IsSocket(path)) throw new IOException($"'{FileNames.ControlSocket}' is there already and is no socket.");
        File.Delete(path);
    }

    private static Exception Translate(SocketException e, string path) => e.SocketErrorCode switch
    {
        SocketError.AccessDenied => new UnauthorizedAccessException($"Access to '{path}' was refused.", e),
        SocketError.ConnectionRefused => new IOException($"Nobody listens on '{path}'.", e),
        _ => new IOException($"'{path}': {e.Message}", e),
    };

    /// <summary>A name of the socket that is short enough.</summary>
    private sealed class Address : IDisposable
    {
        private readonly string? _scratch;

        private Address(string path, string? scratch)
        {
            Path = path;
            _scratch = scratch;
        }

        public string Path { get; }

        public static Address Of(SafeFileHandle handle, string directory)
        {
            var byDescriptor = $"/proc/self/fd/{handle.DangerousGetHandle()}";
            if (OperatingSystem.IsLinux() && Directory.Exists(byDescriptor))
                return new Address($"{byDescriptor}/{FileNames.ControlSocket}", null);
            var direct = System.IO.Path.Combine(directory, FileNames.ControlSocket);
            if (Encoding.UTF8.GetByteCount(direct) <= MaxAddressBytes) return new Address(direct, null);
            // No names by descriptor here: a short link, in a folder that only this user can look into.
            var scratch = Directory.CreateTempSubdirectory("hestia").FullName;
            var link = System.IO.Path.Combine(scratch, "d");
            Directory.CreateSymbolicLink(link, directory);
            return new Address(System.IO.Path.Combine(link, FileNames.ControlSocket), scratch);
        }

        public void Dispose()
        {
            if (_scratch is null) return;
            try
            {
                File.Delete(System.IO.Path.Combine(_scratch, "d"));
                Directory.Delete(_scratch);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // an empty folder among temporary files
            }
        }
    }
}
