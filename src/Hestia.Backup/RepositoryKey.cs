using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;
using System.Text;
using Hestia.Backup.Encryption;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup;

/// <summary>What opens an encrypted repository.</summary>
public enum RepositoryKeyKind
{
    /// <summary>A passphrase.</summary>
    Passphrase = 0,

    /// <summary>The bytes of a file.</summary>
    KeyFile,
}

/// <summary>A passphrase or key file: what opens an encrypted repository. Dispose it when it is not needed any more.</summary>
public sealed class RepositoryKey : IDisposable
{
    /// <summary>A shorter key file is refused: it must not be possible to guess.</summary>
    private const int MinFileBytes = 32;

    private const int MaxFileBytes = 1 << 20;

    private readonly SecureString? _passphrase;
    private readonly byte[]? _fileBytes;

    private RepositoryKey(SecureString passphrase) => _passphrase = passphrase;

    private RepositoryKey(byte[] fileBytes)
    {
        _fileBytes = fileBytes;
        Kind = RepositoryKeyKind.KeyFile;
    }

    /// <summary>Which of the two it is.</summary>
    public RepositoryKeyKind Kind { get; }

    /// <summary>Rounds of PBKDF2 for passphrases that are set with this; tests make it small.</summary>
    internal int Rounds { get; init; } = KeySlot.DefaultRounds;

    /// <summary>A passphrase; it is copied. Its UTF-8 counts, letter by letter.</summary>
    /// <param name="passphrase">Not empty.</param>
    /// <exception cref="HestiaException">InvalidOption: it is empty.</exception>
    public static RepositoryKey FromPassphrase(SecureString passphrase)
    {
        ArgumentNullException.ThrowIfNull(passphrase);
        if (passphrase.Length == 0) throw Empty();
        var copy = passphrase.Copy();
        copy.MakeReadOnly();
        return new RepositoryKey(copy);
    }

    /// <summary>A passphrase; it is copied. Its UTF-8 counts, letter by letter.</summary>
    /// <param name="passphrase">Not empty.</param>
    /// <exception cref="HestiaException">InvalidOption: it is empty.</exception>
    public static RepositoryKey FromPassphrase(ReadOnlySpan<char> passphrase) => FromPassphrase(passphrase, KeySlot.DefaultRounds);

    /// <summary>The bytes of a file, which is read now: at least 32 random bytes.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="HestiaException">PathNotFound, InvalidOption (too short or too long), AccessDenied, IoError.</exception>
    public static RepositoryKey FromKeyFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var files = FileSystem.Physical;
        try
        {
            if (files.FileLength(path) is not { } length)
            {
                throw new HestiaException(
                    HestiaErrorCode.PathNotFound, $"There is no key file '{path}'.", path, "Check the path, and that its disk is mounted.");
            }

            if (length is < MinFileBytes or > MaxFileBytes)
            {
                throw new HestiaException(
                    HestiaErrorCode.InvalidOption,
                    $"The key file '{path}' has {length:N0} bytes; it must have {MinFileBytes} to {MaxFileBytes:N0}.",
                    path,
                    "Use a file of 32 random bytes, made by the system's random number generator.");
            }

            var bytes = GC.AllocateUninitializedArray<byte>((int)length, pinned: true);
            using var file = files.Open(path, FileOpenMode.ReadSequential);
            for (var read = 0; read < bytes.Length;)
            {
                var count = file.Read(read, bytes.AsSpan(read));
                if (count == 0) throw new IOException("it became shorter while it was read.");
                read += count;
            }

            return new RepositoryKey(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "reading");
        }
    }

    /// <summary>Clears it from memory.</summary>
    public void Dispose()
    {
        _passphrase?.Dispose();
        CryptographicOperations.ZeroMemory(_fileBytes);
    }

    internal static RepositoryKey FromPassphrase(ReadOnlySpan<char> passphrase, int rounds)
    {
        if (passphrase.IsEmpty) throw Empty();
        var secure = new SecureString();
        foreach (var c in passphrase) secure.AppendChar(c);
        secure.MakeReadOnly();
        return new RepositoryKey(secure) { Rounds = rounds };
    }

    /// <summary>Derives what a slot's master key is encrypted with.</summary>
    internal void Derive(ReadOnlySpan<byte> salt, int rounds, Span<byte> derived)
    {
        if (_fileBytes is not null)
        {
            HKDF.DeriveKey(HashAlgorithmName.SHA256, _fileBytes, derived, salt, "hestia key file"u8);
            return;
        }

        var chars = GC.AllocateArray<char>(_passphrase!.Length, pinned: true);
        var bytes = GC.AllocateArray<byte>(Encoding.UTF8.GetMaxByteCount(chars.Length), pinned: true);
        var text = Marshal.SecureStringToGlobalAllocUnicode(_passphrase);
        try
        {
            Marshal.Copy(text, chars, 0, chars.Length);
            var length = Encoding.UTF8.GetBytes(chars, bytes);
            Rfc2898DeriveBytes.Pbkdf2(bytes.AsSpan(0, length), salt, derived, rounds, HashAlgorithmName.SHA256);
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(text);
            CryptographicOperations.ZeroMemory(bytes);
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(chars.AsSpan()));
        }
    }

    private static HestiaException Empty() => new(
        HestiaErrorCode.InvalidOption, "The passphrase is empty.", action: "Give one that cannot be guessed: several words, for example.");
}

/// <summary>One of the keys that open a repository; what it says is readable without any key.</summary>
/// <param name="Name">Its name, unique in the repository.</param>
/// <param name="Kind">Passphrase or key file.</param>
/// <param name="Created">When it was set, UTC, by the clock of who did it.</param>
public sealed record RepositoryKeyInfo(string Name, RepositoryKeyKind Kind, DateTimeOffset Created);
