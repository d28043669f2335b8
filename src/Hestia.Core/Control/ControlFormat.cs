using System.Buffers.Binary;

namespace Hestia.Core.Control;

/// <summary>What a frame is.</summary>
internal enum ControlFrameKind : byte
{
    /// <summary>Client to owner: what is wanted. The only frame a client sends.</summary>
    Request = 1,

    /// <summary>Owner to client: it is being worked on, and how far it is.</summary>
    Progress = 2,

    /// <summary>Owner to client: bytes that belong to the result that follows.</summary>
    Data = 3,

    /// <summary>Owner to client, last: it is done.</summary>
    Result = 4,

    /// <summary>Owner to client, last: it was not done, and why.</summary>
    Error = 5,
}

/// <summary>
/// The frames of the control endpoint (docs/control.md): 12 bytes of header, then a body. The header stays as it is in all versions, and so does the
/// body of an error, so that each side can tell the other what it does not understand.
/// </summary>
internal static class ControlFormat
{
    public const int Version = 1;
    public const int HeaderBytes = 12;

    /// <summary>Longest body of a request.</summary>
    public const int MaxRequestBytes = 64 << 10;

    /// <summary>Longest body of any other frame.</summary>
    public const int MaxResponseBytes = 1 << 20;

    /// <summary>Most bytes in the data frames of one answer.</summary>
    public const int MaxDataBytes = 64 << 20;

    /// <summary>Deepest nesting of JSON that is read.</summary>
    public const int MaxJsonDepth = 16;

    private const uint Magic = 0x4C54_4348; // "HCTL"

    public static void WriteHeader(Span<byte> header, ControlFrameKind kind, int length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], Version);
        header[6] = (byte)kind;
        header[7] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)length);
    }

    /// <summary>Reads a header; false if it is none.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, out ControlFrameHeader read)
    {
        read = new ControlFrameHeader(
            BinaryPrimitives.ReadUInt16LittleEndian(header[4..]), (ControlFrameKind)header[6], BinaryPrimitives.ReadUInt32LittleEndian(header[8..]));
        return BinaryPrimitives.ReadUInt32LittleEndian(header) == Magic;
    }
}

/// <summary>The header of a frame. The length is what the sender claims.</summary>
internal readonly record struct ControlFrameHeader(int Version, ControlFrameKind Kind, uint Length);
