using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Core;

namespace Hestia.Backup.Encryption;

/// <summary>One way to the master key: a passphrase or a key file, and the master key encrypted with what is derived from it.</summary>
internal sealed record KeySlot(
    string Name, RepositoryKeyKind Kind, int Rounds, byte[] Salt, byte[] Nonce, byte[] WrappedKey, DateTimeOffset Created)
{
    /// <summary>What OWASP asks of PBKDF2 with SHA-256.</summary>
    public const int DefaultRounds = 600_000;

    public const int MaxNameLength = 64;

    /// <summary>More is no slower for whoever guesses, and would let a tampered file stop whoever opens it.</summary>
    private const int MaxRounds = 10_000_000;

    private const int SaltBytes = 32;
    private const int WrappedBytes = EncryptionFormat.KeyBytes + EncryptionFormat.TagBytes;
    private const string Passphrase = "passphrase";
    private const string KeyFile = "keyFile";
    private const string Pbkdf2 = "pbkdf2-sha256";
    private const string HkdfSha256 = "hkdf-sha256";

    /// <summary>Encrypts the master key for <paramref name="key"/>.</summary>
    public static KeySlot Wrap(string name, RepositoryKey key, Guid repositoryId, ReadOnlySpan<byte> masterKey, DateTimeOffset created)
    {
        var slot = new KeySlot(
            name,
            key.Kind,
            key.Kind == RepositoryKeyKind.Passphrase ? key.Rounds : 0,
            RandomNumberGenerator.GetBytes(SaltBytes),
            RandomNumberGenerator.GetBytes(EncryptionFormat.NonceBytes),
            new byte[WrappedBytes],
            created);
        Span<byte> derived = stackalloc byte[EncryptionFormat.KeyBytes];
        try
        {
            key.Derive(slot.Salt, slot.Rounds, derived);
            using var cipher = new AesGcm(derived, EncryptionFormat.TagBytes);
            cipher.Encrypt(
                slot.Nonce, masterKey, slot.WrappedKey.AsSpan(0, EncryptionFormat.KeyBytes),
                slot.WrappedKey.AsSpan(EncryptionFormat.KeyBytes), slot.Binding(repositoryId));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(derived);
        }

        return slot;
    }

    /// <summary>Decrypts the master key; false if this is not the key of the slot.</summary>
    public bool TryUnwrap(RepositoryKey key, Guid repositoryId, Span<byte> masterKey)
    {
        if (key.Kind != Kind) return false;
        Span<byte> derived = stackalloc byte[EncryptionFormat.KeyBytes];
        try
        {
            key.Derive(Salt, Rounds, derived);
            using var cipher = new AesGcm(derived, EncryptionFormat.TagBytes);
            cipher.Decrypt(
                Nonce, WrappedKey.AsSpan(0, EncryptionFormat.KeyBytes), WrappedKey.AsSpan(EncryptionFormat.KeyBytes), masterKey,
                Binding(repositoryId));
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(derived);
        }
    }

    /// <exception cref="HestiaException">InvalidOption.</exception>
    public static string CheckName(string name) => IsName(name) ? name : throw new HestiaException(
        HestiaErrorCode.InvalidOption,
        $"'{name}' is no name for a key: 1 to {MaxNameLength} letters, digits, '-', '_', '.' and '@'.",
        name,
        "Choose another name.");

    private static bool IsName(string name)
    {
        if (name.Length is 0 or > MaxNameLength) return false;
        foreach (var c in name)
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.' or '@')) return false;
        return true;
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("name", Name);
        json.WriteString("kind", KindName);
        json.WriteString("kdf", Kind == RepositoryKeyKind.Passphrase ? Pbkdf2 : HkdfSha256);
        if (Kind == RepositoryKeyKind.Passphrase) json.WriteNumber("rounds", Rounds);
        json.WriteBase64String("salt", Salt);
        json.WriteBase64String("nonce", Nonce);
        json.WriteBase64String("key", WrappedKey);
        json.WriteString("created", Created.UtcDateTime);
        json.WriteEndObject();
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is not what it should be.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static KeySlot Parse(JsonElement element)
    {
        var kindName = element.GetProperty("kind").GetString();
        var kind = kindName switch
        {
            Passphrase => RepositoryKeyKind.Passphrase,
            KeyFile => RepositoryKeyKind.KeyFile,
            _ => throw FormatVersions.UnknownFeature(RepositoryNames.Descriptor, $"key {kindName}"),
        };
        var kdf = element.GetProperty("kdf").GetString();
        if (kdf != (kind == RepositoryKeyKind.Passphrase ? Pbkdf2 : HkdfSha256))
            throw FormatVersions.UnknownFeature(RepositoryNames.Descriptor, $"kdf {kdf}");
        var slot = new KeySlot(
            element.GetProperty("name").GetString() ?? "",
            kind,
            kind == RepositoryKeyKind.Passphrase ? element.GetProperty("rounds").GetInt32() : 0,
            element.GetProperty("salt").GetBytesFromBase64(),
            element.GetProperty("nonce").GetBytesFromBase64(),
            element.GetProperty("key").GetBytesFromBase64(),
            FormatVersions.Time(element.GetProperty("created")));
        if (!IsName(slot.Name) || slot.Salt.Length != SaltBytes || slot.Nonce.Length != EncryptionFormat.NonceBytes
            || slot.WrappedKey.Length != WrappedBytes || slot.Rounds > MaxRounds
            || (kind == RepositoryKeyKind.Passphrase && slot.Rounds < 1))
            throw new InvalidDataException("one of its keys is not what a key is.");
        return slot;
    }

    private string KindName => Kind == RepositoryKeyKind.Passphrase ? Passphrase : KeyFile;

    /// <summary>What the wrapped key is bound to: it opens in this repository, under this name and with these parameters only.</summary>
    private byte[] Binding(Guid repositoryId) =>
        Encoding.UTF8.GetBytes($"hestia key 1\n{repositoryId:d}\n{Name}\n{KindName}\n{Rounds}");
}
