namespace Hestia.Core.IO;

/// <summary>Names of files and folders that more than one part of Hestia has to know.</summary>
internal static class FileNames
{
    /// <summary>Ends the name of every file that is not complete yet. Such a file is never read; see <see cref="IsTemporary"/>.</summary>
    public const string TemporarySuffix = ".tmp";

    public const string Lock = ".lock";
    /// <summary>The socket through which other processes reach the owner of an index; never part of what it holds.</summary>
    public const string ControlSocket = ".control";

    public const string Settings = "index.json";
    public const string Archive = "archive.json";
    public const string LastBackup = "backup.json";
    public const string Manifests = "manifest";
    public const string Segments = "segments";
    public const string Wal = "wal";
    public const string Quarantine = "quarantine";
    public const string SegmentExtension = ".seg";
    public const string WalExtension = ".wal";
    public const string ManifestExtension = ".json";

    private const int RandomDigits = 8;
    private const int GuidDigits = 32;

    /// <summary>
    /// Whether Hestia makes such names for files that are not complete yet, and so may remove them at open: 32 hexadecimal digits, or a name,
    /// a dot and 8 of them, before the suffix. Somebody's <c>notes.tmp</c> is not ours.
    /// </summary>
    public static bool IsTemporary(string name)
    {
        if (!name.EndsWith(TemporarySuffix, StringComparison.Ordinal)) return false;
        var stem = name.AsSpan(0, name.Length - TemporarySuffix.Length);
        return (stem.Length == GuidDigits && IsHex(stem)) || IsTemporaryOf(stem);
    }

    /// <summary>A name for the time in which a file is written, beside the name it gets; <see cref="IsTemporaryFor"/> knows it.</summary>
    public static string TemporaryFor(string path) => $"{path}.{Guid.NewGuid().ToString("N")[..RandomDigits]}{TemporarySuffix}";

    /// <summary>Whether <see cref="TemporaryFor"/> makes such names: something, a dot, 8 hexadecimal digits, the suffix.</summary>
    public static bool IsTemporaryFor(string name) =>
        name.EndsWith(TemporarySuffix, StringComparison.Ordinal) && IsTemporaryOf(name.AsSpan(0, name.Length - TemporarySuffix.Length));

    private static bool IsTemporaryOf(ReadOnlySpan<char> stem) =>
        stem.Length > RandomDigits + 1 && stem[^(RandomDigits + 1)] == '.' && IsHex(stem[^RandomDigits..]);

    private static bool IsHex(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
            if (!char.IsAsciiHexDigitLower(c)) return false;
        return true;
    }
}
