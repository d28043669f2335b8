namespace Hestia.Backup.Encryption;

/// <summary>The numbers of the encrypted form of an item, in one place. docs/repository.md has it to the byte.</summary>
internal static class EncryptionFormat
{
    /// <summary>The first bytes of every encrypted item; the last of them is the version.</summary>
    public static ReadOnlySpan<byte> Magic => "HESTENC\x01"u8;

    public const int MagicBytes = 8;

    /// <summary>Random, new for each time something is encrypted: no key ever sees two plaintexts, whatever is sent again.</summary>
    public const int SaltBytes = 32;

    public const int HeaderBytes = MagicBytes + SaltBytes;

    /// <summary>Plaintext of every chunk but the last.</summary>
    public const int ChunkBytes = 64 << 10;

    public const int TagBytes = 16;
    public const int NonceBytes = 12;
    public const int KeyBytes = 32;
    public const int StoredChunkBytes = ChunkBytes + TagBytes;

    /// <summary>Bytes of an item of <paramref name="plain"/> bytes as it is stored. Even an empty one has a chunk: the final one.</summary>
    public static long StoredLength(long plain) => HeaderBytes + plain + (Chunks(plain) * TagBytes);

    public static long Chunks(long plain) => Math.Max(1, (plain + ChunkBytes - 1) / ChunkBytes);

    /// <summary>Bytes of the plaintext, or null if nothing that was encrypted has that size.</summary>
    public static long? PlainLength(long stored)
    {
        var body = stored - HeaderBytes;
        if (body < TagBytes) return null;
        var rest = body % StoredChunkBytes;
        var full = body / StoredChunkBytes;
        if (rest == 0) return full * ChunkBytes;
        // A last chunk without plaintext exists in an empty item only.
        if (rest < TagBytes || (rest == TagBytes && full > 0)) return null;
        return (full * ChunkBytes) + rest - TagBytes;
    }
}
