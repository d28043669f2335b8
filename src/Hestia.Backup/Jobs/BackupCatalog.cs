using Hestia.Backup.Format;
using Hestia.Core;

namespace Hestia.Backup.Jobs;

/// <summary>Finds and reads the manifests of backups.</summary>
internal sealed class BackupCatalog(RepositoryContext repository)
{
    private const int FirstRead = 4 << 10;
    private const int Parallelism = 4;
    private const int Suggestions = 3;

    internal readonly record struct Entry(string Name, Guid IndexId, string BackupId, long Size, DateTime StoredAt);

    /// <summary>Every backup with an intact head and the right length, oldest first, and a finding for each that has neither.</summary>
    public BackupListing List(CancellationToken cancellationToken)
    {
        var backups = new List<BackupInfo>();
        var findings = new List<Finding>();
        Workers.Run(
            Entries(cancellationToken),
            Parallelism,
            (entry, token) =>
            {
                try
                {
                    if (ReadSummary(entry, token) is not { } summary) return; // removed a moment ago
                    var info = summary.ToInfo(repository.Location, entry.StoredAt);
                    lock (backups) backups.Add(info);
                }
                catch (Exception e) when (e is InvalidDataException or HestiaException { Code: HestiaErrorCode.FormatTooNew })
                {
                    var finding = e is HestiaException
                        ? new Finding(
                            FindingSeverity.Warning, nameof(HestiaErrorCode.FormatTooNew), $"Backup {entry.BackupId}: {e.Message}",
                            entry.Name)
                        : new Finding(
                            FindingSeverity.Error, nameof(HestiaErrorCode.BackupDamaged),
                            $"The manifest of backup {entry.BackupId} is damaged: {e.Message}", entry.Name);
                    lock (backups) findings.Add(finding);
                }
            },
            cancellationToken);
        backups.Sort(static (a, b) =>
            a.Completed != b.Completed ? a.Completed.CompareTo(b.Completed) : string.CompareOrdinal(a.BackupId, b.BackupId));
        findings.Sort(static (a, b) => string.CompareOrdinal(a.File, b.File));
        return new BackupListing(backups, findings);
    }

    /// <summary>The head of one backup.</summary>
    /// <exception cref="HestiaException">BackupNotFound, BackupDamaged, FormatTooNew.</exception>
    public BackupSummary ReadSummary(string backupId, CancellationToken cancellationToken)
    {
        var entry = Find(backupId, cancellationToken);
        try
        {
            return ReadSummary(entry, cancellationToken) ?? throw NotFound(backupId, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw Damaged(entry, e);
        }
    }

    /// <summary>A whole backup.</summary>
    /// <exception cref="HestiaException">BackupNotFound, BackupDamaged, FormatTooNew.</exception>
    public BackupManifest Read(string backupId, CancellationToken cancellationToken)
    {
        var entry = Find(backupId, cancellationToken);
        return Read(entry, cancellationToken) ?? throw NotFound(backupId, cancellationToken);
    }

    /// <summary>A whole backup that was listed; null if it has been removed since.</summary>
    /// <exception cref="HestiaException">BackupDamaged, FormatTooNew.</exception>
    public BackupManifest? Read(Entry entry, CancellationToken cancellationToken)
    {
        try
        {
            if (repository.Store.ReadAll(entry.Name, BackupManifest.MaxBytes, cancellationToken) is not { } bytes) return null;
            var manifest = BackupManifest.Parse(bytes);
            Match(entry, manifest.Summary);
            return manifest;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(entry, e);
        }
    }

    /// <summary>Reads the head alone: a range that nearly always holds it, and longer ones only where it does not.</summary>
    private BackupSummary? ReadSummary(Entry entry, CancellationToken cancellationToken)
    {
        for (var wanted = FirstRead; ; wanted = (int)Math.Min(4L * wanted, BackupSummary.MaxHeadBytes))
        {
            using var reader = repository.Store.OpenRead(entry.Name, 0, wanted, cancellationToken);
            if (reader is null) return null;
            if (reader.Length > BackupManifest.MaxBytes)
                throw new InvalidDataException($"it is {reader.Length:N0} bytes long, which no manifest is.");
            var buffer = new byte[Math.Min(wanted, reader.Length)];
            var length = reader.ReadFull(buffer);
            if (Array.IndexOf(buffer, (byte)'\n', 0, length) < 0 && length < reader.Length && wanted < BackupSummary.MaxHeadBytes)
                continue;
            var summary = BackupSummary.ParseHead(buffer.AsSpan(0, length), out var headBytes);
            if (headBytes + summary.BodyBytes != reader.Length)
                throw new InvalidDataException($"it is {reader.Length:N0} bytes long and says it has {headBytes + summary.BodyBytes:N0}.");
            Match(entry, summary);
            return summary;
        }
    }

    private static void Match(Entry entry, BackupSummary summary)
    {
        if (summary.BackupId != entry.BackupId || summary.IndexId != entry.IndexId)
            throw new InvalidDataException($"it says it is backup {summary.BackupId} of index {summary.IndexId}: it was renamed.");
    }

    /// <summary>The manifests there are, readable or not.</summary>
    public List<Entry> Entries(CancellationToken cancellationToken)
    {
        var entries = new List<Entry>();
        foreach (var item in repository.Store.List(RepositoryNames.Backups, cancellationToken))
            if (RepositoryNames.TryParseBackup(item.Name, out var indexId, out var backupId))
                entries.Add(new Entry(item.Name, indexId, backupId, item.Size, item.StoredAt));
        return entries;
    }

    public Entry Find(string backupId, CancellationToken cancellationToken)
    {
        foreach (var entry in Entries(cancellationToken))
            if (entry.BackupId == backupId) return entry;
        throw NotFound(backupId, cancellationToken);
    }

    private HestiaException NotFound(string backupId, CancellationToken cancellationToken)
    {
        // Nearest: the longest common beginning, and of those the newest.
        var entries = Entries(cancellationToken);
        entries.Sort((a, b) =>
        {
            var nearer = CommonPrefix(b.BackupId, backupId).CompareTo(CommonPrefix(a.BackupId, backupId));
            return nearer != 0 ? nearer : string.CompareOrdinal(b.BackupId, a.BackupId);
        });
        var nearest = string.Join(", ", entries.Take(Suggestions).Select(static e => e.BackupId));
        return new HestiaException(
            HestiaErrorCode.BackupNotFound,
            $"The repository '{repository.Location}' holds no backup '{backupId}'.",
            backupId,
            entries.Count == 0 ? "It holds no backup at all." : $"The nearest it holds: {nearest}.");
    }

    private static int CommonPrefix(string a, string b) => a.AsSpan().CommonPrefixLength(b);

    private HestiaException Damaged(Entry entry, Exception cause) => new(
        HestiaErrorCode.BackupDamaged,
        $"The manifest of backup {entry.BackupId} in '{repository.Location}' ({entry.Name}) is damaged: {cause.Message}",
        entry.BackupId,
        "Use another backup; the objects it names may be intact, but nothing proves which they are.",
        cause);
}
