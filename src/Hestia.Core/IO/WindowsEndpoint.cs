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

    private readonly string _pipe = PipePrefix + Convert.ToHexString(RandomNumberGenerator.GetBytes(16)).ToLowerInvariant();
    private readonly object _gate = new();
    private NamedPipeServerStream? _waiting;
    private bool _disposed;

    public WindowsEndpoint() => _waiting = Create(PipeOptions.FirstPipeInstance);

    public override string Name => Prefix + _pipe;

    public static async Task<Stream> ConnectAsync(string name, int processId, CancellationToken cancellationToken)
    {
        if (!name.StartsWith(Prefix + PipePrefix, StringComparison.Ordinal)) throw new IOException($"'{name}' is no endpoint of this system.");
        // Identification: the owner may learn who asks, and never act in their name.
        var pipe = new NamedPipeClientStream(
            ".", name[Prefix.Length..], PipeDirection.InOut, PipeOptions.Asynchronous, TokenImpersonationLevel.Identification);
        try
        {
            await pipe.ConnectAsync(cancellationToken).ConfigureAwait(false);
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

    public override async Task<Stream?> AcceptAsync(CancellationToken cancellationToken)
    {
        var pipe = _waiting!;
        await pipe.WaitForConnectionAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            // The next one stands before this one is served: there is always one to connect to.
            if (!_disposed) _waiting = Create(PipeOptions.None);
        }

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
