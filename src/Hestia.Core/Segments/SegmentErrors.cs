namespace Hestia.Core.Segments;

/// <summary>What reading a segment can run into, each with the way out.</summary>
internal static class SegmentErrors
{
    private const string WayOut = "Run Test-HestiaIndex, then Repair-HestiaIndex or restore the backup.";

    public static HestiaException Damaged(string path, long offset, string what) => new(
        HestiaErrorCode.SegmentDamaged,
        $"Segment '{path}' is damaged at offset {offset:N0}: {what}.",
        path,
        WayOut);

    public static HestiaException TooNew(string path, uint version) => new(
        HestiaErrorCode.FormatTooNew,
        $"Segment '{path}' has format version {version}; this version of Hestia reads up to {SegmentFormat.Version}.",
        path,
        "Use the version of Hestia that wrote it, or a newer one.");

    public static HestiaException FromIO(Exception cause, string path) => cause is FileNotFoundException or DirectoryNotFoundException
        ? new HestiaException(HestiaErrorCode.SegmentMissing, $"Segment '{path}' is missing.", path, WayOut, cause)
        : HestiaException.FromIO(cause, path, "reading");
}
