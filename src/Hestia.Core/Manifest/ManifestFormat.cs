using System.Globalization;

namespace Hestia.Core.Manifest;

/// <summary>Constants and small rules of the manifest format.</summary>
internal static class ManifestFormat
{
    public const string Magic = "hestia-manifest";
    public const int Version = 1;

    /// <summary>Levels of the tree, level 0 included.</summary>
    public const int Levels = 7;

    /// <summary>Longest key bound written into a manifest.</summary>
    public const int MaxBoundBytes = 256;

    /// <summary>A manifest larger than this is not read: <see cref="Limits.MaxSegments"/> of the longest entries fit.</summary>
    public const int MaxFileBytes = 32 << 20;

    private const int Digits = 20;

    /// <summary><c>&lt;number&gt;-&lt;checkpoint&gt;.json</c>, both with 20 digits, so that names sort as numbers.</summary>
    public static string FileName(ulong number, Lsn checkpoint) => string.Create(
        CultureInfo.InvariantCulture,
        $"{number:D20}-{checkpoint.Value:D20}{IO.FileNames.ManifestExtension}");

    public static bool TryParseFileName(string name, out ulong number, out Lsn checkpoint)
    {
        number = 0;
        checkpoint = Lsn.None;
        if (name.Length != Digits + 1 + Digits + IO.FileNames.ManifestExtension.Length || name[Digits] != '-') return false;
        if (!name.EndsWith(IO.FileNames.ManifestExtension, StringComparison.Ordinal)) return false;
        if (!ulong.TryParse(name.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out number)) return false;
        if (!ulong.TryParse(name.AsSpan(Digits + 1, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out var lsn)) return false;
        checkpoint = new Lsn(lsn);
        return true;
    }

    /// <summary>A prefix is at or before what it is a prefix of.</summary>
    public static byte[] ShortenDown(byte[] key) => key.Length <= MaxBoundBytes ? key : key[..MaxBoundBytes];

    /// <summary>The shortest string after every key with the same first 256 bytes; the key itself where those are all 0xFF.</summary>
    public static byte[] ShortenUp(byte[] key)
    {
        if (key.Length <= MaxBoundBytes) return key;
        for (var i = MaxBoundBytes - 1; i >= 0; i--)
        {
            if (key[i] == 0xFF) continue;
            var bound = key[..(i + 1)];
            bound[i]++;
            return bound;
        }

        return key;
    }

    public static HestiaException TooNew(string name, int version) => new(
        HestiaErrorCode.FormatTooNew,
        $"'{name}' has format version {version}; this version of Hestia knows up to {Version}.",
        name,
        "Open it with the newer version of Hestia that wrote it.");
}
