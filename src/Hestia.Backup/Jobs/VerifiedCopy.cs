using System.Buffers;
using System.Security.Cryptography;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>Reads something of a known size and hash to its end, writing it on the way.</summary>
internal static class VerifiedCopy
{
    /// <summary>So small that what was read is still in the core's own cache when it is hashed and written.</summary>
    private const int CopyBytes = 256 << 10;

    public delegate int ReadAt(long offset, Span<byte> buffer);

    /// <summary>
    /// Reads to the end, hashes, and writes where <paramref name="destination"/> is given; null if name and bytes agree, else what is
    /// wrong.
    /// </summary>
    public static string? Run(ReadAt read, StorageFile? destination, SegmentId id, long size, Action<long> progress, CancellationToken token)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            long offset = 0;
            for (int count; (count = read(offset, buffer.AsSpan(0, CopyBytes))) > 0; offset += count)
            {
                token.ThrowIfCancellationRequested();
                if (offset + count > size) return $"is longer than {size:N0} bytes";
                hash.AppendData(buffer, 0, count);
                destination?.Write(offset, buffer.AsSpan(0, count));
                destination?.StartWriting(offset, count);
                progress(count);
            }

            if (offset != size) return $"is {offset:N0} bytes long instead of {size:N0}";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Span<byte> result = stackalloc byte[SegmentId.Size];
        hash.GetHashAndReset(result);
        return new SegmentId(result) == id ? null : $"does not hold what was written into it: its SHA-256 is {new SegmentId(result)}";
    }
}
