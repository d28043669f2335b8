using System.Buffers;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.Keys;
using Hestia.Core.Reading;

namespace Hestia.Backup.Logical;

/// <summary>Takes staged entries over into an open index: looks at all of them first, then writes those that the index does not have.</summary>
internal sealed class ImportMerge(
    HestiaIndex entries, HestiaIndex index, StagedImport staged, IProgress<WorkProgress>? progress, CancellationToken token)
{
    private const int CheckInterval = 1024;
    private const int BatchBytes = 1 << 20;

    private readonly byte[] _value = ArrayPool<byte>.Shared.Rent(64 << 10);

    public long Added { get; private set; }

    public long Differing { get; private set; }

    public long Unchanged { get; private set; }

    public Lsn LastLsn { get; private set; } = index.LastLsn;

    /// <summary>Counts what is new, different and the same.</summary>
    /// <exception cref="HestiaException">EntriesDiffer.</exception>
    public void Compare(bool force)
    {
        byte[]? first = null;
        ForEach("Comparing with the index", (key, value) =>
        {
            switch (Look(key, value))
            {
                case null:
                    Added++;
                    break;
                case true:
                    Unchanged++;
                    break;
                default:
                    Differing++;
                    first ??= key.ToArray();
                    break;
            }
        });
        if (Differing == 0 || force) return;
        throw new HestiaException(
            HestiaErrorCode.EntriesDiffer,
            $"{Differing:N0} of {staged.Entries:N0} entries to import have a key that '{index.Path}' holds with another value, the first of them "
            + $"'{DataEncoder.Display(index.Settings.KeyEncoding, first)}'. Nothing was written.",
            index.Path,
            "Overwrite them with -Force, or import into a new index.");
    }

    /// <summary>Writes what the index does not have as it is.</summary>
    public void Write()
    {
        if (Added + Differing == 0) return;
        using var batch = new WriteBatch();
        ForEach("Writing to the index", (key, value) =>
        {
            if (Look(key, value) is true) return;
            batch.Put(key, value);
            if (batch.EncodedBytes < BatchBytes) return;
            LastLsn = index.Write(batch);
            batch.Clear();
        });
        if (batch.Count > 0) LastLsn = index.Write(batch);
    }

    /// <summary>The fingerprint of the imported keys as the index has them now.</summary>
    public string ReadBack()
    {
        using var found = new LogicalFingerprint();
        using var snapshot = index.CreateSnapshot();
        ForEach("Checking what was imported", (key, _) =>
        {
            if (snapshot.Get(key) is { } value) found.Add(key, value);
        });
        ArrayPool<byte>.Shared.Return(_value);
        return found.Current();
    }

    private delegate void Visit(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    private void ForEach(string activity, Visit visit)
    {
        var meter = new ProgressMeter(progress, activity, staged.DataBytes, staged.Entries);
        using var cursor = entries.Scan();
        long count = 0;
        long bytes = 0;
        while (cursor.MoveNext())
        {
            visit(cursor.Key, cursor.Value);
            bytes += cursor.Key.Length + cursor.Value.Length;
            if (++count % CheckInterval != 0) continue;
            token.ThrowIfCancellationRequested();
            meter.Add(bytes, CheckInterval);
            bytes = 0;
        }

        meter.Add(bytes, count % CheckInterval);
        meter.Finish();
    }

    /// <summary>Whether the index has this value under the key; null if it has none.</summary>
    private bool? Look(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var status = index.TryGet(key, _value, out var length, out _);
        if (status == GetStatus.NotFound) return null;
        if (length != value.Length) return false;
        if (status == GetStatus.Found) return value.SequenceEqual(_value.AsSpan(0, length));
        return index.Get(key) is { } large ? value.SequenceEqual(large) : null;
    }
}
