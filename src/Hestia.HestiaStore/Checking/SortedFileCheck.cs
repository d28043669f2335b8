using System.Buffers;
using System.Buffers.Binary;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Reading;

namespace Hestia.HestiaStore.Checking;

/// <summary>What one pass over a sorted file found.</summary>
/// <param name="IsWhole">Whether it was read to its end.</param>
/// <param name="Entries">Entries read, tombstones too.</param>
/// <param name="FirstKey">First key, or null.</param>
/// <param name="LastKey">Last key read, or null.</param>
/// <param name="IsUnsupported">Whether it is of a version that is not understood.</param>
internal readonly record struct SortedFileResult(bool IsWhole, long Entries, byte[]? FirstKey, byte[]? LastKey, bool IsUnsupported = false);

/// <summary>Reads one sorted file to its end and reports what is wrong with it; every damaged block, not only the first.</summary>
internal sealed class SortedFileCheck(FileSystem files, string directory, StoreManifest manifest, List<Finding> findings, Action<long> onRead,
    CancellationToken cancellation)
{
    private const int MaxBlocksReported = 64;

    /// <summary>Sees each entry of a file that is being checked.</summary>
    public delegate void EntryHandler(SortedFileSource source);

    public SortedFileResult Run(string name, EntryHandler onEntry)
    {
        long entries = 0;
        byte[]? first = null;
        byte[] last = [];
        var lastLength = 0;
        StoreDamageException? damage = null;
        try
        {
            using var source = new SortedFileSource(files, directory, name, manifest, onRead);
            while (source.MoveNext())
            {
                if (entries++ % 4096 == 0) cancellation.ThrowIfCancellationRequested();
                first ??= source.Key.ToArray();
                if (last.Length < source.Key.Length) last = new byte[source.Key.Length * 2];
                source.Key.CopyTo(last);
                lastLength = source.Key.Length;
                onEntry(source);
            }
        }
        catch (StoreDamageException e)
        {
            damage = e;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            damage = new StoreDamageException(StoreFindings.FileMissing, "the file is missing.", name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            damage = new StoreDamageException(StoreFindings.FileUnreadable, $"it cannot be read: {e.Message}", name);
        }

        var lastKey = first is null ? null : last[..lastLength];
        if (damage is null) return new SortedFileResult(true, entries, first, lastKey);
        // What stands behind the last good key is at stake; where the file ends nobody can say any more.
        findings.Add(damage.ToFinding() with { FirstKey = lastKey });
        if (damage.Code is StoreFindings.BlockDamaged or StoreFindings.ChunkDamaged) ReportOtherBlocks(name, damage.Offset);
        return new SortedFileResult(false, entries, first, lastKey, damage.Code == StoreFindings.FormatUnsupported);
    }

    private void ReportOtherBlocks(string name, long? reported)
    {
        var block = ArrayPool<byte>.Shared.Rent(manifest.BlockBytes);
        try
        {
            using var file = files.Open(Path.Combine(directory, name), FileOpenMode.ReadSequential);
            var bytes = block.AsSpan(0, manifest.BlockBytes);
            var count = 0;
            for (long offset = 0; offset + bytes.Length <= file.Length && count < MaxBlocksReported; offset += bytes.Length)
            {
                cancellation.ThrowIfCancellationRequested();
                if (file.Read(offset, bytes) < bytes.Length) break;
                if (offset == reported || (BinaryPrimitives.ReadUInt64BigEndian(bytes) == BlockReader.Magic
                    && BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) == Crc32.Compute(bytes[BlockReader.HeaderBytes..]))) continue;
                findings.Add(new Finding(FindingSeverity.Error, StoreFindings.BlockDamaged, "this block is damaged too.", name, offset));
                count++;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Add(new Finding(FindingSeverity.Error, StoreFindings.FileUnreadable, $"it cannot be read: {e.Message}", name));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
