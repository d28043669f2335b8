using System.Buffers.Binary;
using System.Globalization;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Checking;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Reading;

namespace Hestia.HestiaStore.Repair;

/// <summary>
/// Everything readable of a segment as its next version: main file, sparse index and Bloom filter beside the old ones, then, in one step, a manifest that
/// names them. Until that step the old version is the live one; after it nothing reads the old files, and they go to quarantine.
/// </summary>
internal sealed class SegmentRewrite(FileSystem files, string directory, StoreManifest manifest, CancellationToken cancellation)
{
    private const int DefaultKeysPerChunk = 1000;

    /// <summary>Main file and every delta file of a segment that are there, merged, with damage skipped.</summary>
    public static MergedSource Salvage(FileSystem files, string directory, StoreManifest manifest, StoreSegment segment, CancellationToken cancellation)
    {
        var sources = new List<EntrySource>();
        try
        {
            if (segment.Main is not null) sources.Add(Open(StoreFileNames.Sst(segment.Version)));
            foreach (var number in segment.Deltas.Keys) sources.Add(Open(StoreFileNames.Delta(segment.Version, number)));
            return new MergedSource(manifest.KeyType, sources);
        }
        catch
        {
            foreach (var source in sources) source.Dispose();
            throw;
        }

        SortedFileSource Open(string name) => new(files, directory, Path.Combine(segment.Folder, name), manifest, onDamage: static _ => { },
            cancellation: cancellation);
    }

    /// <summary>Writes the next version and makes it the live one. Deleted entries are left out, as HestiaStore's compaction does.</summary>
    /// <returns>Live entries.</returns>
    /// <exception cref="HestiaException">NotRepairable.</exception>
    public long Run(StoreSegment segment)
    {
        var folder = Path.Combine(directory, segment.Folder);
        var highest = segment.Version;
        foreach (var name in segment.Present!.Keys) highest = Math.Max(highest, StoreFileNames.SstVersion(name) ?? 0);
        var version = highest + 1;
        var sst = Path.Combine(folder, StoreFileNames.Sst(version));
        var temporary = Path.Combine(folder, StoreFileNames.Sst(version) + StoreFileNames.TemporarySuffix);
        files.DeleteFile(temporary); // of a repair that was killed; nothing else writes this name
        var scarce = new MemoryStream();
        var scarceKeys = 0L;
        byte[] before = [];
        var bloom = manifest.BloomBytes > 0 && manifest.BloomHashFunctions > 0 ? new StoreBloomFilter(new byte[manifest.BloomBytes],
            manifest.BloomHashFunctions) : null;
        long entries;
        using (var source = Salvage(files, directory, manifest, segment, cancellation))
        using (var writer = new SortedFileWriter(files, temporary, manifest, KeysPerChunk(), (key, position) =>
        {
            AddScarce(scarce, before, key, position);
            before = key;
            scarceKeys++;
        }))
        {
            try
            {
                while (source.MoveNext())
                {
                    if (writer.Entries % 4096 == 0) cancellation.ThrowIfCancellationRequested();
                    if (source.IsTombstone) continue;
                    writer.Add(source.Key, source.Value);
                    if (source.Key.Length > 0) bloom?.Add(source.Key);
                }

                writer.Complete();
            }
            catch (InvalidDataException e)
            {
                throw new HestiaException(HestiaErrorCode.NotRepairable, $"Segment {segment.Id} cannot be written again: {e.Message}.", folder,
                    "Restore a backup.", e);
            }

            entries = writer.Entries;
        }

        // The main file last: it is what makes a version one.
        files.WriteAtomically(Path.Combine(folder, StoreFileNames.Scarce(version)), scarce.ToArray(), folder);
        if (bloom is not null) files.WriteAtomically(Path.Combine(folder, StoreFileNames.Bloom(version)), bloom.Bits, folder);
        files.CopyOwnership(folder, temporary);
        files.RenameFile(temporary, sst);
        files.SyncDirectory(folder);
        var next = new SegmentManifest { DeltaKeys = 0, MainKeys = entries, ScarceKeys = scarceKeys, DeltaFiles = 0, Version = version };
        files.WriteAtomically(Path.Combine(folder, StoreFileNames.Manifest), next.Serialize(files.Clock.GetUtcNow()), folder);
        return entries;
    }

    /// <summary>Files of a segment that are of another version than the live one.</summary>
    public static IEnumerable<string> OldFiles(FileSystem files, string directory, StoreSegment segment, long live)
    {
        foreach (var entry in files.List(Path.Combine(directory, segment.Folder)))
        {
            if (entry.IsDirectory || entry.Name is StoreFileNames.Manifest or StoreFileNames.Lock || !StoreFileNames.IsSegmentFile(entry.Name)) continue;
            if (entry.Name.StartsWith("v" + live.ToString("D2", CultureInfo.InvariantCulture) + "-", StringComparison.Ordinal)) continue;
            yield return entry.Name;
        }
    }

    private int KeysPerChunk()
    {
        try
        {
            return manifest.Properties.Number("maxNumberOfKeysInSegmentChunk") is { } keys and > 0 and <= int.MaxValue ? (int)keys : DefaultKeysPerChunk;
        }
        catch (InvalidDataException)
        {
            return DefaultKeysPerChunk;
        }
    }

    private static void AddScarce(MemoryStream scarce, byte[] before, byte[] key, int position)
    {
        var shared = before.AsSpan().CommonPrefixLength(key);
        if (shared > byte.MaxValue || key.Length - shared > byte.MaxValue) throw new InvalidDataException($"a key of {key.Length:N0} bytes does not fit the sparse index");
        scarce.WriteByte((byte)shared);
        scarce.WriteByte((byte)(key.Length - shared));
        scarce.Write(key.AsSpan(shared));
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, position);
        scarce.Write(bytes);
    }
}
