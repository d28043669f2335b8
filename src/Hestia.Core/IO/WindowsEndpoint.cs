using System.IO.Pipes;
using System.Runtime.Versioning;
using System.Security.AccessControl;
using System.Security.Cryptography;
using System.Security.Principal;

namespace Hestia.Core.IO;

/// <summary>
/// A named pipe with a name nobody can guess: for its user, SYSTEM and Administrators, and never over the network. The first instance is asked for
/// as the first, so that nobody else can have put a pipe of that name there before.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed class WindowsEndpoint : LocalListener
{
    private const string Prefix = "pipe:";
    private const string PipePrefix = "Hestia-";
    private const int BufferBytes = 16 << 10;

    private static readonly TimeSpan GoneAfter = TimeSpan.FromMilliseconds(500);

    private readonly string _pipe = PipePrefix + Convert.ToHexString(RandomNumberGenerator.GetBytes(16)).ToLowerInvariant();
    private readonly object _gate = new();
    private NamedPipeServerStream? _waiting;
    private bool _disposed;

    /// <exception cref="UnauthorizedAccessException">The owner's own logon came over the network, so the rule that keeps the network out keeps it out as well.</exception>
    public WindowsEndpoint()
    {
        _waiting = Create(PipeOptions.FirstPipeInstance);
        try
        {
            // The rights of the first instance decide over the ones that follow: better found out now than with the first client.
            Create(PipeOptions.None).Dispose();
        }
        catch (UnauthorizedAccessException e)
        {
            _waiting.Dispose();
            throw new UnauthorizedAccessException("A logon over the network (WinRM, SSH) cannot serve a pipe that is closed to the network.", e);
        }
    }

    public override string Name => Prefix + _pipe;

    public static async Task<Stream> ConnectAsync(string name, int processId, CancellationToken cancellationToken)
    {
        if (!name.StartsWith(Prefix + PipePrefix, StringComparison.Ordinal)) throw new IOException($"'{name}' is no endpoint of this system.");
        // Identification: the owner may learn who asks, and never act in their name.
        var pipe = new NamedPipeClientStream(
            ".", name[Prefix.Length..], PipeDirection.InOut, PipeOptions.Asynchronous, TokenImpersonationLevel.Identification);
        try
        {
            await ConnectAsync(pipe, name[Prefix.Length..], cancellationToken).ConfigureAwait(false);
            var server = Platform.ServerOf(pipe.SafePipeHandle);
            if (server != processId) throw new IOException($"Process {server} listens on '{name}', not process {processId}, which holds the lock.");
            return pipe;
        }
        catch
        {
            await pipe.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Without a time of its own the client would look for a pipe that is gone until it is cancelled.</summary>
    private static async Task ConnectAsync(NamedPipeClientStream pipe, string name, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await pipe.ConnectAsync((int)GoneAfter.TotalMilliseconds, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException e)
            {
                if (!Platform.PipeExists(name)) throw new IOException($"Nobody listens on the pipe '{name}'.", e);
                // As many as may wait are waiting.
            }
        }
    }

    public override async Task<Stream?> AcceptAsync(CancellationToken cancellationToken)
    {
        var pipe = Waiting();
        try
        {
            await pipe.WaitForConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // A client that was gone before it was there: this instance is of no more use.
            Replace(pipe);
            await pipe.DisposeAsync().ConfigureAwait(false);
            return null;
        }

        Replace(pipe);
        return pipe;
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _waiting?.Dispose();
            _waiting = null;
        }
    }

    private NamedPipeServerStream Waiting()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _waiting ??= Create(PipeOptions.None);
        }
    }

    /// <summary>The next instance stands before this one is served: there is always one to connect to.</summary>
    private void Replace(NamedPipeServerStream used)
    {
        lock (_gate)
        {
            if (ReferenceEquals(_waiting, used)) _waiting = null;
            if (!_disposed) _waiting ??= Create(PipeOptions.None);
        }
    }

    private NamedPipeServerStream Create(PipeOptions options) => NamedPipeServerStreamAcl.Create(
        _pipe, PipeDirection.InOut, NamedPipeServerStream.MaxAllowedServerInstances, PipeTransmissionMode.Byte,
        PipeOptions.Asynchronous | options, BufferBytes, BufferBytes, Security());

    private static PipeSecurity Security()
    {
        var security = new PipeSecurity();
        void Add(SecurityIdentifier who, PipeAccessRights rights, AccessControlType type) =>
            security.AddAccessRule(new PipeAccessRule(who, rights, type));
        using var current = WindowsIdentity.GetCurrent();
        Add(new SecurityIdentifier(WellKnownSidType.NetworkSid, null), PipeAccessRights.FullControl, AccessControlType.Deny);
        Add(current.User!, PipeAccessRights.FullControl, AccessControlType.Allow);
        Add(new SecurityIdentifier(WellKnownSidType.LocalSystemSid, null), PipeAccessRights.ReadWrite, AccessControlType.Allow);
        Add(new SecurityIdentifier(WellKnownSidType.BuiltinAdministratorsSid, null), PipeAccessRights.ReadWrite, AccessControlType.Allow);
        return security;
    }
}
