using System.Security.Cryptography;
using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Core;

namespace Hestia.Backup.Encryption;

/// <summary>What repository.json says about encryption: the method, and the ways to the master key. No key by itself.</summary>
internal sealed record EncryptionParameters(IReadOnlyList<KeySlot> Slots)
{
    public const int MaxSlots = 32;

    private const string Method = "aes-256-gcm";

    /// <summary>Name of the first key where none is given.</summary>
    public const string FirstName = "default";

    /// <summary>A new master key for a new repository, and the first way to it.</summary>
    /// <exception cref="HestiaException">InvalidOption.</exception>
    public static (RepositoryDescriptor Descriptor, RepositoryCipher Cipher) Begin(
        RepositoryDescriptor descriptor, RepositoryKey key, string? keyName)
    {
        var name = KeySlot.CheckName(keyName ?? FirstName);
        var master = Unlocking.NewMasterKey();
        try
        {
            var slot = KeySlot.Wrap(name, key, descriptor.Id, master, descriptor.Created);
            return (descriptor with { Encryption = new EncryptionParameters([slot]) }, new RepositoryCipher(master));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(master);
        }
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("method", Method);
        json.WriteNumber("chunkBytes", EncryptionFormat.ChunkBytes);
        json.WriteStartArray("keys");
        foreach (var slot in Slots) slot.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is not what it should be.</exception>
    /// <exception cref="HestiaException">FormatTooNew.</exception>
    public static EncryptionParameters Parse(JsonElement element)
    {
        var method = element.GetProperty("method").GetString();
        var chunk = element.GetProperty("chunkBytes").GetInt32();
        if (method != Method || chunk != EncryptionFormat.ChunkBytes)
            throw FormatVersions.UnknownFeature(RepositoryNames.Descriptor, $"encryption {method} in chunks of {chunk}");
        var slots = new List<KeySlot>();
        foreach (var slot in element.GetProperty("keys").EnumerateArray())
        {
            if (slots.Count == MaxSlots) throw new InvalidDataException($"it has more than {MaxSlots} keys.");
            slots.Add(KeySlot.Parse(slot));
        }

        if (slots.Count == 0) throw new InvalidDataException("it is encrypted and has no key.");
        return new EncryptionParameters(slots);
    }

    public KeySlot? Find(string name)
    {
        foreach (var slot in Slots)
            if (string.Equals(slot.Name, name, StringComparison.OrdinalIgnoreCase)) return slot;
        return null;
    }
}

/// <summary>From a key somebody gave to the keys of a repository.</summary>
internal static class Unlocking
{
    /// <summary>A new master key in pinned memory; the caller clears it.</summary>
    public static byte[] NewMasterKey()
    {
        var key = EmptyKey();
        RandomNumberGenerator.Fill(key);
        return key;
    }

    /// <summary>The keys of a repository as it says it is encrypted; null for a plain one.</summary>
    /// <exception cref="HestiaException">KeyMissing, KeyRejected, RepositoryNotEncrypted.</exception>
    public static RepositoryCipher? Unlock(RepositoryDescriptor descriptor, RepositoryKey? key, string location)
    {
        if (descriptor.Encryption is null)
        {
            // Never quietly: a file that was tampered with must not make a host send in the clear what it means to encrypt.
            return key is null ? null : throw new HestiaException(
                HestiaErrorCode.RepositoryNotEncrypted,
                $"A passphrase or key file was given, and the repository '{location}' is not encrypted.",
                location,
                "Leave it out if that is right. If this repository was encrypted before, somebody replaced its repository.json.");
        }

        var master = Unwrap(descriptor, key, location);
        try
        {
            return new RepositoryCipher(master);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(master);
        }
    }

    /// <summary>The master key; the caller clears it.</summary>
    /// <exception cref="HestiaException">KeyMissing, KeyRejected.</exception>
    public static byte[] Unwrap(RepositoryDescriptor descriptor, RepositoryKey? key, string location)
    {
        var slots = descriptor.Encryption!.Slots;
        if (key is null)
        {
            throw new HestiaException(
                HestiaErrorCode.KeyMissing,
                $"The repository '{location}' is encrypted, and no passphrase or key file was given.",
                location,
                "Give one of those it was set up with (-Passphrase, -KeyFile), or register the repository with the secret that holds it.");
        }

        var master = EmptyKey();
        var any = false;
        foreach (var slot in slots)
        {
            any |= slot.Kind == key.Kind;
            if (slot.TryUnwrap(key, descriptor.Id, master)) return master;
        }

        var what = key.Kind == RepositoryKeyKind.Passphrase ? "passphrase" : "key file";
        throw new HestiaException(
            HestiaErrorCode.KeyRejected,
            $"The repository '{location}' does not open with this {what}"
            + (any ? ". It is not damaged: its repository.json is as it was written." : $": it has no {what} among its keys."),
            location,
            "Try again with another; the names of its keys are: " + string.Join(", ", slots.Select(static s => s.Name)) + ".");
    }

    private static byte[] EmptyKey() => GC.AllocateArray<byte>(EncryptionFormat.KeyBytes, pinned: true);
}
