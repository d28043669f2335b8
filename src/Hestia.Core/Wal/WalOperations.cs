using Hestia.Core.Writing;

namespace Hestia.Core.Wal;

/// <summary>The payload of a record: its operations, one behind the other.</summary>
internal static class WalOperations
{
    /// <summary>Whether the payload is exactly that many operations.</summary>
    public static bool AreWellFormed(ReadOnlySpan<byte> payload, int operations)
    {
        for (; operations > 0; operations--)
        {
            if (!OperationEncoding.TryRead(payload, out _, out _, out _, out var size)) return false;
            payload = payload[size..];
        }

        return payload.IsEmpty;
    }
}
