using System.Security.Cryptography;
using Hestia.Backup.Format;
using Hestia.Backup.Stores;

namespace Hestia.Backup.Encryption;

/// <summary>
/// A store seen through a repository's keys: whoever uses it gives and gets plain names, bytes and sizes, and what lies in the store
/// beneath is encrypted. The one place where that happens. repository.json alone passes as it is: it is what the key is unlocked
/// with. Names below objects/ pass too; RepositoryContext.ObjectName makes them keyed.
/// What is read and is not what was written, at that place under that name, is InvalidDataException.
/// </summary>
internal sealed class EncryptedStore(RepositoryStore inner, RepositoryCipher cipher) : RepositoryStore
{
    public override string Location => inner.Location;

    public override StoreCapabilities Capabilities => inner.Capabilities;

    public override void Prepare(CancellationToken cancellationToken) => inner.Prepare(cancellationToken);

    public override IEnumerable<StoredItem> List(string prefix, CancellationToken cancellationToken)
    {
        var slash = prefix.LastIndexOf('/');
        // A part of a name that is not complete says nothing about how it is stored: the folder is listed, and looked through.
        var storedPrefix = slash < 0 || prefix.StartsWith(RepositoryNames.Objects, StringComparison.Ordinal)
            ? prefix
            : cipher.StoredName(prefix[..slash]) + "/";
        foreach (var item in inner.List(storedPrefix, cancellationToken))
        {
            if (cipher.PlainName(item.Name) is not { } name || !name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            yield return name == RepositoryNames.Descriptor ? item : new StoredItem(name, PlainSize(item.Size), item.StoredAt);
        }
    }

    public override void GetSizes(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken)
    {
        var stored = new string[names.Length];
        var order = new int[names.Length];
        for (var i = 0; i < stored.Length; i++)
        {
            stored[i] = cipher.StoredName(names[i]);
            order[i] = i;
        }

        Array.Sort(stored, order, StringComparer.Ordinal);
        var found = new long[stored.Length];
        inner.GetSizes(stored, found, cancellationToken);
        for (var i = 0; i < found.Length; i++)
            sizes[order[i]] = found[i] < 0 || stored[i] == RepositoryNames.Descriptor ? found[i] : PlainSize(found[i]);
    }

    public override bool TryCreate(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        if (name == RepositoryNames.Descriptor) return inner.TryCreate(name, content, cancellationToken);
        var storedName = cipher.StoredName(name);
        return inner.TryCreate(storedName, Encrypt(storedName, content), cancellationToken);
    }

    public override void Put(string name, ObjectContent content, CancellationToken cancellationToken)
    {
        if (name == RepositoryNames.Descriptor)
        {
            inner.Put(name, content, cancellationToken);
            return;
        }

        var storedName = cipher.StoredName(name);
        using var encrypted = new EncryptedContent(cipher, storedName, content) { TrustsSize = content.TrustsSize, Replaces = content.Replaces };
        inner.Put(storedName, encrypted, cancellationToken);
    }

    public override void MakeDurable(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var stored = new List<string>(names.Count);
        foreach (var name in names) stored.Add(cipher.StoredName(name));
        inner.MakeDurable(stored, cancellationToken);
    }

    public override void MakeObjectsDurable(CancellationToken cancellationToken) => inner.MakeObjectsDurable(cancellationToken);

    public override bool Revalidate(string prefix, CancellationToken cancellationToken) =>
        inner.Revalidate(cipher.StoredName(prefix.TrimEnd('/')) + "/", cancellationToken);

    public override StoredReader? OpenRead(string name, long offset, long maxBytes, CancellationToken cancellationToken)
    {
        if (name == RepositoryNames.Descriptor) return inner.OpenRead(name, offset, maxBytes, cancellationToken);
        var storedName = cipher.StoredName(name);
        var reader = inner.OpenRead(storedName, 0, EncryptedReader.StoredBytesFor(offset, maxBytes), cancellationToken);
        return reader is null ? null : new EncryptedReader(
            cipher, storedName, reader, (from, count) => inner.OpenRead(storedName, from, count, cancellationToken), offset, maxBytes);
    }

    public override void Delete(string name, CancellationToken cancellationToken) =>
        inner.Delete(cipher.StoredName(name), cancellationToken);

    public override void Delete(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var stored = new string[names.Count];
        for (var i = 0; i < stored.Length; i++) stored[i] = cipher.StoredName(names[i]);
        inner.Delete(stored, cancellationToken);
    }

    public override DateTime ReadClock(CancellationToken cancellationToken) => inner.ReadClock(cancellationToken);

    public override int RemoveUnfinished(TimeSpan olderThan, CancellationToken cancellationToken) =>
        inner.RemoveUnfinished(olderThan, cancellationToken);

    public override long? AvailableBytes() => inner.AvailableBytes();

    public override bool Overlaps(string localPath) => inner.Overlaps(localPath);

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        cipher.Dispose();
    }

    /// <summary>A size nothing encrypted can have is given as it is: that is the wrong one for whatever is looked for.</summary>
    private static long PlainSize(long stored) => EncryptionFormat.PlainLength(stored) ?? stored;

    private byte[] Encrypt(string storedName, ReadOnlySpan<byte> content)
    {
        using var source = new SmallContent(content.ToArray());
        using var encrypted = new EncryptedContent(cipher, storedName, source);
        var bytes = new byte[encrypted.Length];
        if (encrypted.ReadFull(bytes) != bytes.Length) throw new CryptographicException("Less was encrypted than there is.");
        return bytes;
    }
}

/// <summary>A few bytes on their way into a store.</summary>
internal sealed class SmallContent(byte[] bytes) : ObjectContent
{
    private int _offset;

    public override long Length => bytes.Length;

    public override int Read(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, bytes.Length - _offset);
        bytes.AsSpan(_offset, count).CopyTo(buffer);
        _offset += count;
        return count;
    }

    public override void Rewind() => _offset = 0;

    public override void Verify()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
