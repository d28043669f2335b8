using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Reading;

/// <summary>Quick looks at segments.</summary>
internal static class SegmentSurvey
{
    /// <summary>Whether a segment certainly holds no entry: none is counted, and no sorted file has a byte.</summary>
    public static bool IsEmpty(FileSystem files, string directory, int segment)
    {
        foreach (var entry in files.List(Path.Combine(directory, StoreFileNames.Segment(segment))))
        {
            if (!entry.IsDirectory && entry.Length > 0
                && (StoreFileNames.SstVersion(entry.Name) is not null || entry.Name.EndsWith(".cache", StringComparison.Ordinal))) return false;
        }

        return true;
    }
}
