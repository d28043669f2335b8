using Hestia.Backup.Encryption;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Backup;

/// <content>The keys of an encrypted repository.</content>
public sealed partial class BackupRepository
{
    /// <summary>Whether what it holds is encrypted.</summary>
    public bool Encrypted => _context.Descriptor.Encryption is not null;

    /// <summary>The passphrases and key files that open it, as they were when it was opened; empty if it is not encrypted.</summary>
    public IReadOnlyList<RepositoryKeyInfo> Keys => Infos(_context.Descriptor);

    /// <summary>The passphrases and key files that open a repository. None of them is needed to ask.</summary>
    /// <param name="location">Path of a folder, or <c>s3://bucket/prefix</c>.</param>
    /// <param name="options">How to reach it; null for a folder, or for what the environment says.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">As opening it without a key, but for KeyMissing.</exception>
    public static IReadOnlyList<RepositoryKeyInfo> ReadKeys(
        string location, StoreOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var store = StoreProviders.Open(location, options, FileSystem.Physical);
        return Infos(RepositoryContext.ReadDescriptor(store, cancellationToken));
    }

    /// <summary>
    /// Adds a passphrase or key file, or replaces the one of that name. Objects stay as they are: all keys open the same master key. Who
    /// had the old key and a copy of repository.json from before can still open that copy.
    /// </summary>
    /// <param name="name">Its name: letters, digits, '-', '_', '.' and '@'; readable by all.</param>
    /// <param name="present">A key that opens the repository now.</param>
    /// <param name="wanted">The key to add.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>All keys as they are now.</returns>
    /// <exception cref="HestiaException">
    /// KeyRejected, RepositoryNotEncrypted, InvalidOption, TimedOut (somebody else is just changing the keys), RepositoryDamaged,
    /// AccessDenied, IoError.
    /// </exception>
    public IReadOnlyList<RepositoryKeyInfo> SetKey(
        string name, RepositoryKey present, RepositoryKey wanted, CancellationToken cancellationToken = default)
    {
        var change = Change(cancellationToken); // one that is not encrypted has no key to give
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(present);
        ArgumentNullException.ThrowIfNull(wanted);
        return Infos(change.Set(Id, name, present, wanted));
    }

    /// <summary>Removes a passphrase or key file by its name; the last one stays.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="present">A key that opens the repository now; it may be the one that is removed.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>All keys as they are now.</returns>
    /// <exception cref="HestiaException">
    /// KeyNotFound, KeyRejected, RepositoryNotEncrypted, InvalidOption (it is the last), TimedOut, RepositoryDamaged, AccessDenied,
    /// IoError.
    /// </exception>
    public IReadOnlyList<RepositoryKeyInfo> RemoveKey(string name, RepositoryKey present, CancellationToken cancellationToken = default)
    {
        var change = Change(cancellationToken);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(present);
        return Infos(change.Remove(Id, name, present));
    }

    private KeyChange Change(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Encrypted) return new KeyChange(_context.PlainStore, _context.Clock, cancellationToken);
        throw new HestiaException(
            HestiaErrorCode.RepositoryNotEncrypted,
            $"The repository '{Location}' is not encrypted, so it has no keys.",
            Location,
            "Whether it is encrypted is decided when it is created. Create an encrypted one and copy the backups into it.");
    }

    private static IReadOnlyList<RepositoryKeyInfo> Infos(RepositoryDescriptor descriptor) => descriptor.Encryption is null
        ? []
        : [.. descriptor.Encryption.Slots.Select(static s => new RepositoryKeyInfo(s.Name, s.Kind, s.Created))];
}
