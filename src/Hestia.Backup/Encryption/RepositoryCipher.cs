using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Hestia.Backup.Format;
using Hestia.Core.Segments;

namespace Hestia.Backup.Encryption;

/// <summary>What follows from a repository's master key: the names and the bytes of everything in it. Thread-safe.</summary>
internal sealed class RepositoryCipher : IDisposable
{
    private readonly byte[] _dataKey;
    private readonly byte[] _objectNameKey;
    private readonly NameCipher _names;

    /// <summary>The master key is copied in parts, never as it is; the caller clears it.</summary>
    public RepositoryCipher(ReadOnlySpan<byte> masterKey)
    {
        _dataKey = Subkey(masterKey, "hestia data"u8);
        _objectNameKey = Subkey(masterKey, "hestia object names"u8);
        _names = new NameCipher(Subkey(masterKey, "hestia name tags"u8), Subkey(masterKey, "hestia names"u8));
    }

    /// <summary>Name of an object: a keyed hash of its content's hash. Without the key nobody can tell what is there.</summary>
    public string ObjectName(SegmentId id)
    {
        Span<byte> hash = stackalloc byte[SegmentId.Size];
        id.CopyTo(hash);
        Span<byte> keyed = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_objectNameKey, hash, keyed);
        return RepositoryNames.Object(new SegmentId(keyed));
    }

    /// <summary>The name something is stored under.</summary>
    public string StoredName(string name) => _names.Encrypt(name);

    /// <summary>What a stored name stands for; null if it was not made with this key.</summary>
    public string? PlainName(string storedName) => _names.Decrypt(storedName);

    /// <summary>The key of one encryption of one item.</summary>
    public AesGcm Key(ReadOnlySpan<byte> salt, string storedName)
    {
        Span<byte> key = stackalloc byte[EncryptionFormat.KeyBytes];
        try
        {
            HKDF.DeriveKey(HashAlgorithmName.SHA256, _dataKey, key, salt, Encoding.UTF8.GetBytes("hestia item " + storedName));
            return new AesGcm(key, EncryptionFormat.TagBytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_dataKey);
        CryptographicOperations.ZeroMemory(_objectNameKey);
        _names.Dispose();
    }

    private static byte[] Subkey(ReadOnlySpan<byte> masterKey, ReadOnlySpan<byte> info)
    {
        var key = GC.AllocateUninitializedArray<byte>(EncryptionFormat.KeyBytes, pinned: true); // no copies left behind by a collection
        HKDF.Expand(HashAlgorithmName.SHA256, masterKey, key, info);
        return key;
    }
}

/// <summary>Nonce and associated data of the chunks of one item: their place, whether it is the last, and which item it is.</summary>
internal readonly struct ChunkBinding
{
    private const int IndexBytes = sizeof(ulong);
    private readonly byte[] _data; // index, final, SHA-256 of the stored name

    public ChunkBinding(string storedName)
    {
        _data = new byte[IndexBytes + 1 + SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(storedName), _data.AsSpan(IndexBytes + 1));
    }

    public ReadOnlySpan<byte> AssociatedData(long index, bool final)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_data, index);
        _data[IndexBytes] = final ? (byte)1 : (byte)0;
        return _data;
    }

    /// <summary>The index: the key is new for each encryption, so no nonce is used twice with it.</summary>
    public static void WriteNonce(Span<byte> nonce, long index)
    {
        nonce.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(nonce, index);
    }
}
