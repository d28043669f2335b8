using System.Buffers;

namespace Hestia.Core.Control;

/// <summary>Reads and writes frames on a connection. Not thread-safe; one side reads while the other writes.</summary>
internal static class ControlStream
{
    private const int FirstBodyBytes = 16 << 10;

    /// <summary>Sends one frame.</summary>
    public static async Task WriteAsync(Stream stream, ControlFrameKind kind, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        // Header and body in one write: the other side wakes once.
        var buffer = ArrayPool<byte>.Shared.Rent(ControlFormat.HeaderBytes + body.Length);
        try
        {
            ControlFormat.WriteHeader(buffer, kind, body.Length);
            body.CopyTo(buffer.AsMemory(ControlFormat.HeaderBytes));
            await stream.WriteAsync(buffer.AsMemory(0, ControlFormat.HeaderBytes + body.Length), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads the header of the next frame; null if the other side has hung up before it.</summary>
    /// <exception cref="InvalidDataException">It is no frame.</exception>
    /// <exception cref="EndOfStreamException">The other side has hung up in the middle.</exception>
    public static async Task<ControlFrameHeader?> ReadHeaderAsync(Stream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[ControlFormat.HeaderBytes];
        var read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read == 0) return null;
        if (read < buffer.Length) throw new EndOfStreamException("the connection ended within a frame.");
        return ControlFormat.TryReadHeader(buffer, out var header) ? header : throw new InvalidDataException("what came is no frame of this protocol.");
    }

    /// <summary>Reads the body that belongs to a header whose length was found acceptable.</summary>
    public static async Task<byte[]> ReadBodyAsync(Stream stream, int length, CancellationToken cancellationToken)
    {
        // As much as has come decides what is taken, not what the other side claims.
        var body = new byte[Math.Min(length, FirstBodyBytes)];
        for (var read = 0; ;)
        {
            await stream.ReadExactlyAsync(body.AsMemory(read), cancellationToken).ConfigureAwait(false);
            read = body.Length;
            if (read == length) return body;
            Array.Resize(ref body, (int)Math.Min(length, 2L * read));
        }
    }
}
