using System.Text.Json;
using Hestia.Backup.Archive;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Stores;
using Hestia.Core;

namespace Hestia.Backup.Pruning;

/// <summary>
/// Notes in locks/ that objects were found damaged though their size is right. Whoever hashes an object writes one; the next backup that
/// has the segment sends it again and removes the note; the next shipment does so with a piece of the log. A note is never needed for a restore, which hashes everything itself.
/// </summary>
internal sealed class DamageNotes
{
    public static readonly DamageNotes None = new([]);

    private const int MaxNoteBytes = 4096;

    private readonly HashSet<string> _notes;

    private DamageNotes(HashSet<string> notes) => _notes = notes;

    public bool Any => _notes.Count > 0;

    public static DamageNotes Read(RepositoryContext repository, CancellationToken cancellationToken)
    {
        var notes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in repository.Store.List(RepositoryNames.Locks, cancellationToken))
            if (RepositoryNames.IsDamageMark(item.Name)) notes.Add(item.Name);
        return notes.Count == 0 ? None : new DamageNotes(notes);
    }

    /// <summary>Notes that an object is damaged. Who may not write there has still named it in its findings.</summary>
    public static void Add(RepositoryContext repository, string objectName, CancellationToken cancellationToken)
    {
        try
        {
            var content = System.Text.Encoding.UTF8.GetBytes(
                $$"""{"format":"hestia-damage","formatVersion":1,"object":"{{objectName}}","nonce":"{{Guid.NewGuid()}}"}""" + "\n");
            repository.Store.TryCreate(RepositoryNames.DamageMark(objectName), content, cancellationToken);
        }
        catch (HestiaException)
        {
            // Read-only media, or no permission: the finding stands, and the repair has to wait for who can write.
        }
    }

    /// <summary>Stores an object; what the store then does not give back as it was is noted, as its size may be right.</summary>
    public static void Put(RepositoryContext repository, string objectName, ObjectContent content, CancellationToken cancellationToken)
    {
        try
        {
            repository.Store.Put(objectName, content, cancellationToken);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.ObjectDamaged && e.Target == repository.Location)
        {
            Add(repository, objectName, cancellationToken);
            throw;
        }
    }

    /// <summary>Pieces of an index's log that were noted.</summary>
    public static List<ArchiveItem> FindPieces(RepositoryContext repository, Guid indexId, CancellationToken cancellationToken)
    {
        var pieces = new List<ArchiveItem>();
        foreach (var note in repository.Store.List(RepositoryNames.Locks, cancellationToken))
        {
            if (!RepositoryNames.IsPieceDamageMark(note.Name)) continue;
            try
            {
                if (repository.Store.ReadAll(note.Name, MaxNoteBytes, cancellationToken) is not { } bytes) continue;
                using var json = JsonDocument.Parse(bytes);
                var name = json.RootElement.GetProperty("object").GetString() ?? "";
                if (ArchiveNames.Parse(name, 0) is { IsGap: false } item && item.IndexId == indexId) pieces.Add(item);
            }
            catch (Exception e) when (e is InvalidDataException || FormatVersions.IsParseFailure(e))
            {
                // A note is only a help: the next deep verification finds what it named again.
            }
        }

        return pieces;
    }

    public bool Names(string objectName) => _notes.Contains(RepositoryNames.DamageMark(objectName));

    /// <summary>Removes the notes on objects that were sent again.</summary>
    public void Remove(RepositoryContext repository, IReadOnlyList<string> objects)
    {
        if (_notes.Count == 0) return;
        foreach (var name in objects)
            if (Names(name)) repository.Store.Delete(RepositoryNames.DamageMark(name), CancellationToken.None);
    }
}
