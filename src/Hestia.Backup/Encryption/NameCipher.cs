using System.Security.Cryptography;
using System.Text;
using Hestia.Backup.Format;

namespace Hestia.Backup.Encryption;

/// <summary>
/// Names that leak nothing and can still be listed. Every part of a name but the first is replaced by a keyed tag (HMAC) of it and of the
/// folder it is in, followed by the part itself under a key stream made from that tag: the same name always gives the same text, and the
/// text gives the name back to whoever has the key, and to nobody else. Objects have keyed names from the beginning and pass.
/// </summary>
internal sealed class NameCipher(byte[] tagKey, byte[] streamKey) : IDisposable
{
    private const int TagBytes = 16;

    /// <summary>Parts are filled up with zeros to a multiple of this, so that their length says little.</summary>
    private const int PaddingBytes = 16;

    /// <summary>Longer parts would make names that file systems refuse, once a temporary ending is added.</summary>
    private const int MaxPartBytes = 112;

    /// <summary>Letters of RFC 4648's base32hex, in lower case.</summary>
    private const string Letters = "0123456789abcdefghijklmnopqrstuv";

    private const int LetterBits = 5;

    public string Encrypt(string name)
    {
        var slash = name.IndexOf('/');
        if (slash < 0 || IsPlain(name)) return name;
        var result = new StringBuilder(256).Append(name, 0, slash);
        while (slash < name.Length)
        {
            var end = name.IndexOf('/', slash + 1);
            if (end < 0) end = name.Length;
            result.Append('/').Append(EncryptPart(name[..slash], name.AsSpan(slash + 1, end - slash - 1)));
            slash = end;
        }

        return result.ToString();
    }

    public string? Decrypt(string storedName)
    {
        var slash = storedName.IndexOf('/');
        if (slash < 0 || IsPlain(storedName)) return storedName;
        var name = storedName[..slash];
        while (slash < storedName.Length)
        {
            var end = storedName.IndexOf('/', slash + 1);
            if (end < 0) end = storedName.Length;
            if (DecryptPart(name, storedName.AsSpan(slash + 1, end - slash - 1)) is not { } part) return null;
            name = name + "/" + part;
            slash = end;
        }

        return name;
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(tagKey);
        CryptographicOperations.ZeroMemory(streamKey);
    }

    private static bool IsPlain(string name) => name.StartsWith(RepositoryNames.Objects, StringComparison.Ordinal);

    private string EncryptPart(string folder, ReadOnlySpan<char> part)
    {
        var length = Encoding.UTF8.GetByteCount(part);
        if (length is 0 or > MaxPartBytes) throw new ArgumentException($"'{folder}/{part}' has a part that is too long, or empty.");
        var padded = (length + PaddingBytes - 1) / PaddingBytes * PaddingBytes;
        Span<byte> bytes = stackalloc byte[TagBytes + MaxPartBytes];
        bytes = bytes[..(TagBytes + padded)];
        bytes.Clear();
        Encoding.UTF8.GetBytes(part, bytes[TagBytes..]);
        Tag(folder, bytes[TagBytes..], bytes);
        Mask(bytes[..TagBytes], bytes[TagBytes..]);
        return ToLetters(bytes);
    }

    private string? DecryptPart(string folder, ReadOnlySpan<char> letters)
    {
        Span<byte> bytes = stackalloc byte[TagBytes + MaxPartBytes];
        if (!TryFromLetters(letters, bytes, out var length)) return null;
        bytes = bytes[..length];
        if (length <= TagBytes || (length - TagBytes) % PaddingBytes != 0) return null;
        Mask(bytes[..TagBytes], bytes[TagBytes..]);
        Span<byte> tag = stackalloc byte[TagBytes];
        Tag(folder, bytes[TagBytes..], tag);
        if (!CryptographicOperations.FixedTimeEquals(tag, bytes[..TagBytes])) return null;
        return Encoding.UTF8.GetString(bytes[TagBytes..].TrimEnd((byte)0));
    }

    /// <summary>HMAC of the folder, a zero, and the padded part; its first bytes.</summary>
    private void Tag(string folder, ReadOnlySpan<byte> part, Span<byte> tag)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, tagKey);
        hmac.AppendData(Encoding.UTF8.GetBytes(folder));
        hmac.AppendData([0]);
        hmac.AppendData(part);
        Span<byte> full = stackalloc byte[HMACSHA256.HashSizeInBytes];
        hmac.GetHashAndReset(full);
        full[..TagBytes].CopyTo(tag);
    }

    private void Mask(ReadOnlySpan<byte> tag, Span<byte> part)
    {
        Span<byte> stream = stackalloc byte[MaxPartBytes];
        stream = stream[..part.Length];
        HKDF.Expand(HashAlgorithmName.SHA256, streamKey, stream, tag);
        for (var i = 0; i < part.Length; i++) part[i] ^= stream[i];
    }

    private static string ToLetters(ReadOnlySpan<byte> bytes)
    {
        var result = new StringBuilder(((bytes.Length * 8) + LetterBits - 1) / LetterBits);
        var bits = 0;
        var held = 0;
        foreach (var b in bytes)
        {
            held = (held << 8) | b;
            for (bits += 8; bits >= LetterBits; bits -= LetterBits) result.Append(Letters[(held >> (bits - LetterBits)) & 31]);
            held &= (1 << bits) - 1;
        }

        if (bits > 0) result.Append(Letters[(held << (LetterBits - bits)) & 31]);
        return result.ToString();
    }

    private static bool TryFromLetters(ReadOnlySpan<char> letters, Span<byte> bytes, out int length)
    {
        length = 0;
        var bits = 0;
        var held = 0;
        foreach (var letter in letters)
        {
            var value = Letters.IndexOf(letter, StringComparison.Ordinal);
            if (value < 0) return false;
            held = (held << LetterBits) | value;
            bits += LetterBits;
            if (bits < 8) continue;
            if (length == bytes.Length) return false;
            bits -= 8;
            bytes[length++] = (byte)(held >> bits);
            held &= (1 << bits) - 1;
        }

        return bits < LetterBits && held == 0; // one text for one name
    }
}
