using System.Globalization;

namespace Hestia.HestiaStore.Format;

/// <summary>Names of the files of a HestiaStore directory.</summary>
internal static class StoreFileNames
{
    public const string Manifest = "manifest.txt";
    public const string RouteMap = "index.map";
    public const string Lock = ".lock";
    public const string Wal = "wal";
    public const string WalFormat = "format.meta";
    public const string WalCheckpoint = "checkpoint.meta";
    public const string WalExtension = ".wal";
    public const string TemporarySuffix = ".tmp";

    private const string SegmentPrefix = "segment-";
    private const int SegmentDigits = 5;
    private const int WalDigits = 20;
    private const string SstSuffix = "-index.sst";
    private const string ScarceSuffix = "-scarce.sst";
    private const string BloomSuffix = "-bloom-filter.bin";
    private const string DeltaMiddle = "-delta-";
    private const string DeltaSuffix = ".cache";

    public static string Segment(int id) => SegmentPrefix + id.ToString("D5", CultureInfo.InvariantCulture);

    /// <summary>The id of "segment-NNNNN", or null for any other name: HestiaStore takes five digits and no more.</summary>
    public static int? SegmentId(string name) =>
        name.StartsWith(SegmentPrefix, StringComparison.Ordinal) && name.Length == SegmentPrefix.Length + SegmentDigits
            && Digits(name.AsSpan(SegmentPrefix.Length)) is { } id ? (int)id : null;

    public static string Sst(long version) => Version(version) + SstSuffix;

    public static string Scarce(long version) => Version(version) + ScarceSuffix;

    public static string Bloom(long version) => Version(version) + BloomSuffix;

    public static string Delta(long version, int number) => Version(version) + DeltaMiddle + number.ToString("D4", CultureInfo.InvariantCulture) + DeltaSuffix;

    /// <summary>The version in "vNN-index.sst", or null for any other name.</summary>
    public static long? SstVersion(string name) => Between(name, "v", SstSuffix);

    /// <summary>The number in "vNN-delta-NNNN.cache" of a version, or null for any other name.</summary>
    public static int? DeltaNumber(string name, long version) => Between(name, Version(version) + DeltaMiddle, DeltaSuffix) is { } number
        && number <= int.MaxValue && Delta(version, (int)number) == name ? (int)number : null;

    /// <summary>Whether a name in a segment's folder is one that HestiaStore would give there, of whatever version.</summary>
    public static bool IsSegmentFile(string name) => name is Manifest or Lock || (name.Length > 1 && name[0] == 'v' && char.IsAsciiDigit(name[1])
        && (name.EndsWith(SstSuffix, StringComparison.Ordinal) || name.EndsWith(ScarceSuffix, StringComparison.Ordinal)
            || name.EndsWith(BloomSuffix, StringComparison.Ordinal) || name.EndsWith(DeltaSuffix, StringComparison.Ordinal)));

    public static string WalFile(long firstLsn) => firstLsn.ToString("D20", CultureInfo.InvariantCulture) + WalExtension;

    /// <summary>The LSN in a log file's name, or null for any other name.</summary>
    public static long? WalFirstLsn(string name) => name.Length == WalDigits + WalExtension.Length ? Between(name, "", WalExtension) : null;

    private static string Version(long version) => "v" + Math.Max(1, version).ToString("D2", CultureInfo.InvariantCulture);

    private static long? Between(string name, string prefix, string suffix) =>
        name.Length > prefix.Length + suffix.Length && name.StartsWith(prefix, StringComparison.Ordinal)
            && name.EndsWith(suffix, StringComparison.Ordinal) ? Digits(name.AsSpan(prefix.Length, name.Length - prefix.Length - suffix.Length)) : null;

    private static long? Digits(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
            if (!char.IsAsciiDigit(c)) return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
