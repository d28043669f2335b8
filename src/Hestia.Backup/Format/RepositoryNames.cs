using System.Globalization;
using System.Security.Cryptography;
using Hestia.Core.Segments;

namespace Hestia.Backup.Format;

/// <summary>The names of everything in a repository, in one place.</summary>
internal static class RepositoryNames
{
    public const string Descriptor = "repository.json";
    public const string Backups = "backups/";
    public const string Locks = "locks/";
    public const string Objects = "objects/";

    /// <summary>Says that the keys of an encrypted repository are just being changed. Its name and content are never encrypted.</summary>
    public const string KeyMarker = Locks + "keys.json";

    private const string BackupMarkers = Locks + "backup-";
    private const string PruneMarkers = Locks + "prune-";
    private const string WaitingMarks = Locks + "waiting-";
    private const string DamageMarks = Locks + "damaged-";
    private const string PieceDamageMarks = DamageMarks + "log-";
    private const string RenewalMark = ".r";
    private const string ManifestExtension = ".json";
    private const int ObjectPrefixLength = 2;
    private const int ObjectHexLength = 64;
    private const string IdPrefix = "bk-";
    private const string IdTime = "yyyy-MM-dd'T'HH-mm-ss'Z'";
    private const int IdTimeLength = 20;
    private const int MinSuffix = 4;
    private const int MaxSuffix = 16;

    /// <summary><c>objects/&lt;first 2 hex&gt;/&lt;64 hex&gt;</c></summary>
    public static string Object(SegmentId id)
    {
        var hex = id.ToString();
        return $"{Objects}{hex[..2]}/{hex}";
    }

    /// <summary><c>backups/&lt;index id&gt;/&lt;backup id&gt;.json</c></summary>
    public static string Backup(Guid indexId, string backupId) => $"{Backups}{indexId:d}/{backupId}{ManifestExtension}";

    /// <summary><c>locks/backup-&lt;backup id&gt;.json</c></summary>
    public static string BackupMarker(string backupId) => $"{BackupMarkers}{backupId}.json";

    /// <summary>
    /// Says that a backup is at work though its marker may be away while it waits for a prune: <c>locks/waiting-&lt;backup id&gt;.json</c>.
    /// </summary>
    public static string WaitingMark(string backupId) => $"{WaitingMarks}{backupId}{ManifestExtension}";

    public static bool IsWaitingMark(string name) =>
        name.StartsWith(WaitingMarks, StringComparison.Ordinal) && name.EndsWith(ManifestExtension, StringComparison.Ordinal);

    /// <summary><c>locks/prune-&lt;32 hex&gt;.json</c></summary>
    public static string PruneMarker(string pruneId) => $"{PruneMarkers}{pruneId}{ManifestExtension}";

    /// <summary>The n-th sign of life of a marker's owner: <c>&lt;marker&gt;.r&lt;n&gt;.json</c>.</summary>
    public static string Renewal(string marker, int number) => string.Create(
        CultureInfo.InvariantCulture, $"{marker.AsSpan(0, marker.Length - ManifestExtension.Length)}{RenewalMark}{number}{ManifestExtension}");

    /// <summary>The marker that a name in locks/ is, or is a sign of life of; false for anything else.</summary>
    public static bool TryParseMarker(string name, out string marker, out bool isPrune)
    {
        marker = "";
        isPrune = name.StartsWith(PruneMarkers, StringComparison.Ordinal);
        if ((!isPrune && !name.StartsWith(BackupMarkers, StringComparison.Ordinal))
            || !name.EndsWith(ManifestExtension, StringComparison.Ordinal)) return false;
        var stem = name.AsSpan(0, name.Length - ManifestExtension.Length);
        var renewal = stem.LastIndexOf(RenewalMark);
        marker = renewal < 0 ? name : $"{stem[..renewal]}{ManifestExtension}";
        return true;
    }

    /// <summary>
    /// The note that an object was found damaged: <c>locks/damaged-&lt;64 hex&gt;.json</c>; for a piece of the archive
    /// <c>locks/damaged-log-&lt;SHA-256 of its name&gt;.json</c>.
    /// </summary>
    public static string DamageMark(string name) => name.StartsWith(Archive.ArchiveNames.Root, StringComparison.Ordinal)
        ? $"{PieceDamageMarks}{Convert.ToHexString(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name))).ToLowerInvariant()}{ManifestExtension}"
        : $"{DamageMarks}{name.AsSpan(name.LastIndexOf('/') + 1)}{ManifestExtension}";

    public static bool IsPieceDamageMark(string name) => name.StartsWith(PieceDamageMarks, StringComparison.Ordinal);

    public static bool IsDamageMark(string name) => name.StartsWith(DamageMarks, StringComparison.Ordinal);

    /// <summary>Whether a name has the form of an object's. Whatever else lies below objects/ is not ours to touch.</summary>
    public static bool IsObject(string name)
    {
        if (name.Length != Objects.Length + ObjectPrefixLength + 1 + ObjectHexLength || !name.StartsWith(Objects, StringComparison.Ordinal))
            return false;
        var hex = name.AsSpan(Objects.Length + ObjectPrefixLength + 1);
        var prefix = name.AsSpan(Objects.Length, ObjectPrefixLength);
        if (name[Objects.Length + ObjectPrefixLength] != '/' || !hex.StartsWith(prefix)) return false;
        foreach (var c in hex)
            if (!char.IsAsciiHexDigitLower(c)) return false;
        return true;
    }

    /// <summary><c>bk-2026-04-15T03-00-00Z-7f3a91</c>: the second it began, UTC, and six random hexadecimal digits.</summary>
    public static string NewBackupId(DateTimeOffset started)
    {
        var random = Convert.ToHexString(RandomNumberGenerator.GetBytes(3)).ToLowerInvariant();
        return $"{IdPrefix}{started.UtcDateTime.ToString(IdTime, CultureInfo.InvariantCulture)}-{random}";
    }

    /// <summary>Whether a text has the form of an id: 4 to 16 random digits are taken.</summary>
    public static bool IsBackupId(string id)
    {
        var random = id.Length - IdPrefix.Length - IdTimeLength - 1;
        if (random is < MinSuffix or > MaxSuffix || !id.StartsWith(IdPrefix, StringComparison.Ordinal)
            || id[IdPrefix.Length + IdTimeLength] != '-') return false;
        foreach (var c in id.AsSpan(id.Length - random))
            if (!char.IsAsciiHexDigitLower(c)) return false;
        return DateTime.TryParseExact(
            id.AsSpan(IdPrefix.Length, IdTimeLength), IdTime, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
    }

    /// <summary>Takes the name of a backup's manifest apart; false for anything else.</summary>
    public static bool TryParseBackup(string name, out Guid indexId, out string backupId)
    {
        indexId = default;
        backupId = "";
        if (!name.StartsWith(Backups, StringComparison.Ordinal) || !name.EndsWith(ManifestExtension, StringComparison.Ordinal))
            return false;
        var rest = name.AsSpan(Backups.Length, name.Length - Backups.Length - ManifestExtension.Length);
        var slash = rest.IndexOf('/');
        if (slash < 0 || !Guid.TryParseExact(rest[..slash], "d", out indexId)) return false;
        backupId = rest[(slash + 1)..].ToString();
        return IsBackupId(backupId);
    }
}
