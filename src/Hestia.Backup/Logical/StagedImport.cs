using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Reading;

namespace Hestia.Backup.Logical;

/// <summary>
/// A source loaded into an index of its own that nobody else sees yet, and proven there: every entry of the source is in it and nothing else is.
/// Constant memory: a source in key order is compared by its <see cref="LogicalFingerprint"/>; from the first entry on that is out of order, by an
/// <see cref="EntrySetDigest"/> that begins with what was loaded until then, read back and compared.
/// </summary>
internal sealed class StagedImport(FileSystem files, string folder, EntrySource source, IProgress<WorkProgress>? progress, CancellationToken token)
{
    /// <summary>Entries between two looks at the clock and the token.</summary>
    private const int CheckInterval = 1024;

    private const int BatchBytes = 256 << 10;

    private static readonly IndexOptions s_options = new()
    {
        // Nobody relies on it before it is whole, synced and checked.
        Durability = Durability.Off,
        ControlEndpoint = false,
        CacheBytes = 8 << 20,
        RetiredAge = TimeSpan.Zero,
        RetiredBytes = 0,
    };

    private readonly LogicalFingerprint _ordered = new();
    private EntrySetDigest? _unordered;
    private byte[] _largest = new byte[256];
    private int _largestLength;

    public long Entries { get; private set; }

    public long DataBytes { get; private set; }

    public long Duplicates { get; private set; }

    public long OutOfOrder { get; private set; }

    public string Fingerprint { get; private set; } = "";

    public Lsn Lsn { get; private set; }

    /// <summary>Loads and proves. When it returns the index is closed and on the device.</summary>
    /// <exception cref="HestiaException">What the source throws; ExportDamaged where it is not what it said it would be; what the engine throws.</exception>
    public void Run(IndexSettings settings)
    {
        using (_ordered)
        {
            using (var index = HestiaIndex.Create(folder, settings, s_options with { FileSystem = files }, token))
            {
                Load(index);
                index.Close();
                Lsn = index.LastLsn;
            }

            Prove();
        }
    }

    /// <summary>Opens what was loaded, for reading.</summary>
    public HestiaIndex Open() => HestiaIndex.Open(folder, s_options with { ReadOnly = true, Durability = null, FileSystem = files }, null, token);

    private void Load(HestiaIndex index)
    {
        var meter = new ProgressMeter(progress, $"Importing {source.Path}", source.BytesTotal, 0);
        using var batch = new WriteBatch();
        long read = 0;
        long count = 0;
        while (source.MoveNext())
        {
            if (_unordered is null && IsAscending(source.Key))
            {
                _ordered.Add(source.Key, source.Value);
            }
            else
            {
                AddUnordered(index, batch);
            }

            batch.Put(source.Key, source.Value);
            if (batch.EncodedBytes >= BatchBytes) Commit(index, batch);
            if (++count % CheckInterval != 0) continue;
            token.ThrowIfCancellationRequested();
            meter.Add(source.BytesRead - read, CheckInterval);
            read = source.BytesRead;
        }

        Commit(index, batch);
        meter.Add(source.BytesRead - read, count % CheckInterval);
        meter.Finish();
    }

    /// <summary>Whether a key is behind all before it; then it is the largest so far.</summary>
    private bool IsAscending(ReadOnlySpan<byte> key)
    {
        if (_largestLength > 0 && key.SequenceCompareTo(_largest.AsSpan(0, _largestLength)) <= 0) return false;
        if (_largest.Length < key.Length) _largest = new byte[Math.Max(key.Length, 2 * _largest.Length)];
        key.CopyTo(_largest);
        _largestLength = key.Length;
        return true;
    }

    private void AddUnordered(HestiaIndex index, WriteBatch batch)
    {
        _unordered ??= ReadBack(index, batch);
        if (!IsAscending(source.Key))
        {
            OutOfOrder++;
            // Only such a key can be there already. What the batch holds has to be seen too.
            Commit(index, batch);
            if (index.Get(source.Key) is { } earlier)
            {
                Duplicates++;
                _unordered.Remove(source.Key, earlier);
            }
        }

        _unordered.Add(source.Key, source.Value);
    }

    /// <summary>The first entry out of order: what was loaded so far becomes the beginning of the digest, if it is what was read.</summary>
    private EntrySetDigest ReadBack(HestiaIndex index, WriteBatch batch)
    {
        Commit(index, batch);
        var digest = new EntrySetDigest();
        using var found = new LogicalFingerprint();
        using var cursor = index.Scan();
        while (cursor.MoveNext())
        {
            if (found.Entries % CheckInterval == 0) token.ThrowIfCancellationRequested();
            found.Add(cursor.Key, cursor.Value);
            digest.Add(cursor.Key, cursor.Value);
        }

        if (found.Current() != _ordered.Current()) throw NotAsRead();
        return digest;
    }

    private void Prove()
    {
        using var index = Open();
        using var found = new LogicalFingerprint();
        var digest = _unordered is null ? null : new EntrySetDigest();
        var meter = new ProgressMeter(progress, "Checking what was imported", 0, 0);
        using (var cursor = index.Scan())
        {
            long told = 0;
            while (cursor.MoveNext())
            {
                found.Add(cursor.Key, cursor.Value);
                digest?.Add(cursor.Key, cursor.Value);
                if (found.Entries % CheckInterval != 0) continue;
                token.ThrowIfCancellationRequested();
                meter.Add(found.Bytes - told, CheckInterval);
                told = found.Bytes;
            }
        }

        Fingerprint = found.Current();
        Entries = found.Entries;
        DataBytes = found.Bytes;
        if (_unordered is null ? Fingerprint != _ordered.Current() || Entries != _ordered.Entries : !_unordered.Equals(digest)) throw NotAsRead();
        if (source.ExpectedFingerprint is not { } expected || expected == Fingerprint) return;
        throw new HestiaException(
            HestiaErrorCode.ExportDamaged,
            $"'{source.Path}' holds other entries than were exported into it: their fingerprint is {Fingerprint}, and it says {expected}.",
            source.Path,
            "Use another copy of it, or export the index again.");
    }

    private static void Commit(HestiaIndex index, WriteBatch batch)
    {
        if (batch.Count == 0) return;
        index.Write(batch);
        batch.Clear();
    }

    private HestiaException NotAsRead() => new(
        HestiaErrorCode.InternalError,
        $"What was imported from '{source.Path}' is not what was read there. Nothing was kept.",
        source.Path,
        "Check the memory and the disk of this machine, then try again; if it happens again, please report it.");
}
