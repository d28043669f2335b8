using System.Diagnostics;
using System.Text.Json;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;

namespace Hestia.Backup.Pruning;

/// <summary>A marker as it was seen.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsPrune">Of a prune, otherwise of a backup.</param>
/// <param name="LastSign">When its owner last gave a sign of life, by the clock of the store.</param>
/// <param name="Names">It and its signs of life.</param>
internal sealed record SeenMarker(string Name, bool IsPrune, DateTime LastSign, IReadOnlyList<string> Names);

/// <summary>What stands in locks/, read by those who have to know of each other.</summary>
internal sealed class MarkerBoard(RepositoryContext repository)
{
    private const int MaxNamed = 3;
    private const int MaxLooks = 5;

    private readonly Dictionary<string, (MarkerOwner? Owner, CondemnedSet? Condemned)> _read = new(StringComparer.Ordinal);

    /// <summary>Every marker, each once with its signs of life.</summary>
    public List<SeenMarker> List(CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, SeenMarker>(StringComparer.Ordinal);
        foreach (var item in repository.Store.List(RepositoryNames.Locks, cancellationToken))
        {
            if (!RepositoryNames.TryParseMarker(item.Name, out var marker, out var isPrune)) continue;
            found[marker] = found.TryGetValue(marker, out var seen)
                ? seen with
                {
                    LastSign = item.StoredAt > seen.LastSign ? item.StoredAt : seen.LastSign,
                    Names = [.. seen.Names, item.Name],
                }
                : new SeenMarker(marker, isPrune, item.StoredAt, [item.Name]);
        }

        return [.. found.Values];
    }

    /// <summary>What backups left that waited for a prune; see <see cref="BackupMarker.AvoidPrunes"/>.</summary>
    public List<SeenMarker> ListWaiting(CancellationToken cancellationToken)
    {
        var found = new List<SeenMarker>();
        foreach (var item in repository.Store.List(RepositoryNames.Locks, cancellationToken))
            if (RepositoryNames.IsWaitingMark(item.Name)) found.Add(new SeenMarker(item.Name, IsPrune: false, item.StoredAt, [item.Name]));
        return found;
    }

    /// <summary>The indexes of which a backup is at work, whether its marker stands or it waits for a prune; null if one cannot be told.</summary>
    public HashSet<Guid>? FindIndexesAtWork(CancellationToken cancellationToken)
    {
        // Looked at twice: a backup may go to wait while a list is made that had come by the place of its mark already. The mark then stays.
        var indexes = new HashSet<Guid>();
        for (var (look, complete) = (0, 0); look < MaxLooks; look++)
        {
            var gone = false;
            foreach (var item in repository.Store.List(RepositoryNames.Locks, cancellationToken))
            {
                var isMarker = RepositoryNames.TryParseMarker(item.Name, out var marker, out var isPrune);
                if (isMarker ? isPrune : !RepositoryNames.IsWaitingMark(item.Name)) continue;
                if (!TryReadIndex(isMarker ? marker : item.Name, out var index, cancellationToken)) return null;
                if (index is { } id) indexes.Add(id);
                else gone = true; // it ended, or went to wait, a moment ago
            }

            if (!gone && ++complete == 2) return indexes;
        }

        return null;
    }

    /// <summary>
    /// Running prunes that have condemned any of these objects; one whose marker cannot be read has condemned everything.
    /// </summary>
    public List<SeenMarker> PrunesThatCondemned(IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        var result = new List<SeenMarker>();
        foreach (var marker in List(cancellationToken))
        {
            if (!marker.IsPrune || RemoveIfDead(marker, cancellationToken)) continue;
            if (Read(marker, cancellationToken).Condemned?.HoldsAny(objects) ?? true) result.Add(marker);
        }

        return result;
    }

    /// <summary>
    /// Waits until markers are gone, or their owners known or taken to be dead. A sign of life alone does not make a marker: what the
    /// owner's death left behind of them is gone with the marker.
    /// </summary>
    /// <exception cref="HestiaException">RepositoryBusy: they are still there after that time.</exception>
    public void WaitUntilGone(IReadOnlyList<SeenMarker> markers, TimeSpan atMost, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        var timing = repository.Markers;
        var awaited = new HashSet<string>(StringComparer.Ordinal);
        foreach (var marker in markers) awaited.Add(marker.Name);
        for (var poll = timing.FirstPoll; ; poll = poll * 2 < timing.LastPoll ? poll * 2 : timing.LastPoll)
        {
            var left = new List<SeenMarker>();
            foreach (var marker in List(cancellationToken))
                if (awaited.Contains(marker.Name) && !RemoveIfDead(marker, cancellationToken)) left.Add(marker);
            if (left.Count == 0) return;
            if (atMost != Timeout.InfiniteTimeSpan && Stopwatch.GetElapsedTime(begun) >= atMost) throw Busy(left, cancellationToken);
            timing.Sleep(poll, cancellationToken);
        }
    }

    /// <summary>Removes a marker whose owner is dead: ended on this machine, or without a sign of life for too long.</summary>
    public bool RemoveIfDead(SeenMarker marker, CancellationToken cancellationToken)
    {
        var (owner, _) = Read(marker, cancellationToken);
        if (owner is null || !repository.Markers.HasEnded(owner))
        {
            var limit = marker.IsPrune ? repository.Markers.PruneDeadAfter : repository.Markers.BackupDeadAfter;
            if (repository.Store.ReadClock(cancellationToken) - marker.LastSign < limit) return false;
        }

        // While it stands, whoever relies on objects makes them durable; what its owner sent and did not may be relied on without that from here on.
        if (!marker.IsPrune) repository.Store.MakeObjectsDurable(cancellationToken);

        // The marker itself first: its owner looks for that.
        repository.Store.Delete(marker.Name, cancellationToken);
        foreach (var name in marker.Names)
            if (name != marker.Name) repository.Store.Delete(name, cancellationToken);
        return true;
    }

    /// <summary>Says of some markers whose they are.</summary>
    public string Describe(IReadOnlyList<SeenMarker> markers, CancellationToken cancellationToken)
    {
        var texts = new List<string>();
        foreach (var marker in markers.Take(MaxNamed))
            texts.Add($"{marker.Name} ({Read(marker, cancellationToken).Owner?.Process.ToString() ?? "of nobody who can be named"})");
        return string.Join(", ", texts) + (markers.Count > MaxNamed ? $" and {markers.Count - MaxNamed:N0} more" : "");
    }

    private HestiaException Busy(List<SeenMarker> markers, CancellationToken cancellationToken) => new(
        HestiaErrorCode.RepositoryBusy,
        $"Work that is marked as running in '{repository.Location}' did not end in time: {Describe(markers, cancellationToken)}. "
        + "Nothing was removed.",
        repository.Location,
        "Try again when it has ended. A marker without a sign of life for a day is removed by itself; remove it by hand only if its process "
        + "is gone.");

    private bool TryReadIndex(string name, out Guid? index, CancellationToken cancellationToken)
    {
        index = null;
        try
        {
            if (repository.Store.ReadAll(name, CondemnedSet.MaxMarkerBytes, cancellationToken) is not { } bytes) return true;
            using var json = JsonDocument.Parse(bytes);
            if (json.RootElement.GetProperty("formatVersion").GetInt32() != RepositoryMarker.Version) return false;
            index = json.RootElement.GetProperty("indexId").GetGuid();
            return true;
        }
        catch (Exception e) when (e is InvalidDataException || FormatVersions.IsParseFailure(e))
        {
            return false;
        }
    }

    private (MarkerOwner? Owner, CondemnedSet? Condemned) Read(SeenMarker marker, CancellationToken cancellationToken)
    {
        if (_read.TryGetValue(marker.Name, out var known)) return known;
        (MarkerOwner? Owner, CondemnedSet? Condemned) read = default;
        try
        {
            var bytes = repository.Store.ReadAll(marker.Name, CondemnedSet.MaxMarkerBytes, cancellationToken);
            if (bytes is null) return default; // gone a moment ago, or only its signs of life are left
            using var json = JsonDocument.Parse(bytes);
            if (json.RootElement.GetProperty("formatVersion").GetInt32() != RepositoryMarker.Version) return _read[marker.Name] = read;
            read = (MarkerOwner.Read(json.RootElement), marker.IsPrune ? CondemnedSet.Read(json.RootElement) : null);
        }
        catch (Exception e) when (e is InvalidDataException || FormatVersions.IsParseFailure(e))
        {
            // Damaged, or of a newer version: then only its age tells, and a prune's may have condemned anything.
        }

        return _read[marker.Name] = read;
    }
}
