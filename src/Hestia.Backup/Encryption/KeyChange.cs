using System.Security.Cryptography;
using System.Text;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Backup.Encryption;

/// <summary>
/// Changes the keys of a repository: repository.json is replaced as a whole, objects stay as they are. One change at a time, by an item in
/// locks/ that says so; what was written is read back. The store is the one beneath, not the encrypted view of it.
/// </summary>
internal sealed class KeyChange(RepositoryStore store, TimeProvider clock, CancellationToken cancellationToken)
{
    /// <summary>A change takes seconds; a lock this old was left by one that died.</summary>
    private static readonly TimeSpan s_deadAfter = TimeSpan.FromMinutes(10);

    /// <summary>Adds a key, or replaces the one of that name.</summary>
    /// <returns>The repository as it says it is now.</returns>
    public RepositoryDescriptor Set(Guid repositoryId, string name, RepositoryKey present, RepositoryKey wanted)
    {
        KeySlot.CheckName(name);
        return Change(repositoryId, present, (descriptor, master) =>
        {
            var slots = new List<KeySlot>(descriptor.Encryption!.Slots);
            var old = descriptor.Encryption.Find(name);
            var slot = KeySlot.Wrap(old?.Name ?? name, wanted, descriptor.Id, master, clock.GetUtcNow());
            if (old is not null) slots[slots.IndexOf(old)] = slot;
            else if (slots.Count < EncryptionParameters.MaxSlots) slots.Add(slot);
            else
            {
                throw new HestiaException(
                    HestiaErrorCode.InvalidOption,
                    $"The repository '{store.Location}' has {slots.Count} keys; more there cannot be.",
                    name,
                    "Remove one that is not used any more.");
            }

            return slots;
        });
    }

    /// <summary>Removes a key; the last one stays.</summary>
    /// <returns>The repository as it says it is now.</returns>
    public RepositoryDescriptor Remove(Guid repositoryId, string name, RepositoryKey present) => Change(
        repositoryId,
        present,
        (descriptor, _) =>
        {
            var slot = Find(descriptor, name);
            if (descriptor.Encryption!.Slots.Count == 1)
            {
                throw new HestiaException(
                    HestiaErrorCode.InvalidOption,
                    $"'{slot.Name}' is the only key of the repository '{store.Location}'; without it nobody could read it again.",
                    name,
                    "Set another key first.");
            }

            return [.. descriptor.Encryption.Slots.Where(s => s != slot)];
        });

    /// <summary>A key by its name.</summary>
    /// <exception cref="HestiaException">KeyNotFound.</exception>
    private KeySlot Find(RepositoryDescriptor descriptor, string name) => descriptor.Encryption!.Find(name) ?? throw new HestiaException(
        HestiaErrorCode.KeyNotFound,
        $"The repository '{store.Location}' has no key '{name}'.",
        name,
        "The names of its keys are: " + string.Join(", ", descriptor.Encryption.Slots.Select(static s => s.Name)) + ".");

    private RepositoryDescriptor Change(
        Guid repositoryId, RepositoryKey present, Func<RepositoryDescriptor, byte[], IReadOnlyList<KeySlot>> change)
    {
        Lock();
        try
        {
            // What stands there now counts, not what was read when the repository was opened.
            var before = RepositoryContext.ReadDescriptor(store, cancellationToken);
            if (before.Id != repositoryId || before.Encryption is null)
            {
                throw new HestiaException(
                    HestiaErrorCode.RepositoryDamaged,
                    $"'{store.Location}' is another repository now than when it was opened.",
                    store.Location,
                    "Check what is mounted there.");
            }

            var master = Unlocking.Unwrap(before, present, store.Location);
            try
            {
                var after = before with { Encryption = new EncryptionParameters(change(before, master)) };
                var bytes = after.Serialize();
                using (var content = new SmallContent(bytes)) store.Put(RepositoryNames.Descriptor, content, cancellationToken);
                store.MakeDurable([RepositoryNames.Descriptor], CancellationToken.None);
                var written = store.ReadAll(RepositoryNames.Descriptor, RepositoryDescriptor.MaxBytes, CancellationToken.None);
                if (written is not null && written.AsSpan().SequenceEqual(bytes)) return after;
                throw new HestiaException(
                    HestiaErrorCode.IoError,
                    $"The repository '{store.Location}' does not give back the keys that were written into it.",
                    store.Location,
                    "Look who else changes its keys, and at the device or service it is on; then look at its keys again.");
            }
            finally
            {
                CryptographicOperations.ZeroMemory(master);
            }
        }
        finally
        {
            Unlock();
        }
    }

    private void Lock()
    {
        var content = Encoding.UTF8.GetBytes(
            $$"""{"format":"hestia-marker","formatVersion":1,"kind":"keys","nonce":"{{Guid.NewGuid()}}"}""" + "\n");
        for (var attempt = 0; ; attempt++)
        {
            if (store.TryCreate(RepositoryNames.KeyMarker, content, cancellationToken)) return;
            if (attempt == 0 && IsDead())
            {
                store.Delete(RepositoryNames.KeyMarker, cancellationToken);
                continue;
            }

            throw new HestiaException(
                HestiaErrorCode.TimedOut,
                $"Somebody else is just changing the keys of the repository '{store.Location}'.",
                store.Location,
                $"Try again later; what a change that died has left counts no more after {s_deadAfter.TotalMinutes:N0} minutes.");
        }
    }

    private bool IsDead()
    {
        foreach (var item in store.List(RepositoryNames.KeyMarker, cancellationToken))
            if (item.Name == RepositoryNames.KeyMarker) return store.ReadClock(cancellationToken) - item.StoredAt >= s_deadAfter;
        return true;
    }

    private void Unlock()
    {
        try
        {
            store.Delete(RepositoryNames.KeyMarker, CancellationToken.None);
        }
        catch (HestiaException)
        {
            // It counts no more after a while; the outcome of the change is what has to be reported.
        }
    }
}
