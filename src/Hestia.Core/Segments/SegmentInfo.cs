namespace Hestia.Core.Segments;

/// <summary>How the data blocks of a segment are stored. The numbers are on disk.</summary>
public enum BlockCodec : byte
{
    /// <summary>As they are.</summary>
    None = 0,

    /// <summary>Raw Snappy (a block that would not get smaller is stored as it is).</summary>
    Snappy = 1,
}

/// <summary>What is known of a segment without reading its blocks; everything here also stands in the segment's own properties.</summary>
/// <param name="Id">SHA-256 of the file, its name.</param>
/// <param name="Size">Length of the file in bytes.</param>
/// <param name="Entries">Entries in it, tombstones included; each key occurs once.</param>
/// <param name="Tombstones">Entries that are deletions.</param>
/// <param name="MinKey">Its smallest key, whole.</param>
/// <param name="MaxKey">Its largest key, whole.</param>
/// <param name="MinLsn">Smallest LSN in it; 0 where LSNs were dropped at the bottom level.</param>
/// <param name="MaxLsn">Largest LSN in it; 0 where all were dropped.</param>
/// <param name="Codec">How its data blocks are stored.</param>
internal sealed record SegmentInfo(
    SegmentId Id,
    long Size,
    long Entries,
    long Tombstones,
    byte[] MinKey,
    byte[] MaxKey,
    Lsn MinLsn,
    Lsn MaxLsn,
    BlockCodec Codec);
