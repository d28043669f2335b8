using System.Security.Cryptography;
using System.Text;

namespace Hestia.Core.Manifest;

/// <summary>
/// A JSON object that ends in a checksum of itself: the last member is <c>"sha256":"64 hex digits"</c>, over all bytes before the comma
/// in front of it, and the file ends with <c>}</c> and a line feed. Still plain JSON for every other reader.
/// </summary>
internal static class SelfChecksum
{
    private static ReadOnlySpan<byte> Opening => ",\"sha256\":\""u8;

    private static ReadOnlySpan<byte> Ending => "\"}\n"u8;

    private static int TailLength => Opening.Length + (2 * SHA256.HashSizeInBytes) + Ending.Length;

    /// <summary>Takes a complete JSON object and gives it its checksum.</summary>
    public static byte[] Append(ReadOnlySpan<byte> json)
    {
        if (json.IsEmpty || json[^1] != (byte)'}') throw new ArgumentException("A JSON object is expected.", nameof(json));
        var body = json[..^1];
        var result = new byte[body.Length + TailLength];
        body.CopyTo(result);
        var at = body.Length;
        Opening.CopyTo(result.AsSpan(at));
        at += Opening.Length;
        at += Encoding.ASCII.GetBytes(Convert.ToHexString(SHA256.HashData(body)).ToLowerInvariant(), result.AsSpan(at));
        Ending.CopyTo(result.AsSpan(at));
        return result;
    }

    /// <summary>Whether the file ends as one of ours does, whatever its checksum says.</summary>
    private static bool IsPresent(ReadOnlySpan<byte> file) =>
        file.Length > TailLength && file[^TailLength..].StartsWith(Opening) && file.EndsWith(Ending);

    /// <summary>
    /// Checks version and checksum. A newer version may seal the file in another way; one sealed in ours whose checksum is wrong is damaged, whatever
    /// version it claims.
    /// </summary>
    /// <exception cref="InvalidDataException">The checksum is missing or does not match.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static void Verify(ReadOnlySpan<byte> file, string name, int version, int known, string? path)
    {
        if (version <= known || IsPresent(file)) Verify(file, name);
        if (version <= known) return;
        throw new HestiaException(
            HestiaErrorCode.FormatTooNew,
            $"'{path ?? name}' has format version {version}; this version of Hestia knows up to {known}.",
            path ?? name,
            "Use the newer version of Hestia that wrote it.");
    }

    /// <summary>Checks the checksum and returns the JSON to parse (the whole file).</summary>
    /// <exception cref="InvalidDataException">The checksum is missing or does not match.</exception>
    public static ReadOnlySpan<byte> Verify(ReadOnlySpan<byte> file, string name)
    {
        var bodyLength = file.Length - TailLength;
        if (!IsPresent(file)) throw new InvalidDataException($"{name} is cut short or damaged: its checksum is missing.");
        Span<byte> expected = stackalloc byte[2 * SHA256.HashSizeInBytes];
        Encoding.ASCII.GetBytes(Convert.ToHexString(SHA256.HashData(file[..bodyLength])).ToLowerInvariant(), expected);
        if (!file.Slice(bodyLength + Opening.Length, expected.Length).SequenceEqual(expected))
            throw new InvalidDataException($"{name} is damaged: its checksum does not match.");
        return file;
    }
}
