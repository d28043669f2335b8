using System.Globalization;
using Hestia.Core;

namespace Hestia.Backup.Archive;

/// <summary>What a name in the archive says: pieces of log, and notes of what is missing for good.</summary>
/// <param name="Name">The whole name.</param>
/// <param name="IndexId">Index it belongs to.</param>
/// <param name="Timeline">Timeline of its records.</param>
/// <param name="First">First LSN in it.</param>
/// <param name="Last">Last LSN in it.</param>
/// <param name="IsGap">Whether it is a note that these LSNs were never shipped.</param>
/// <param name="Size">Its bytes.</param>
internal sealed record ArchiveItem(string Name, Guid IndexId, Guid Timeline, Lsn First, Lsn Last, bool IsGap, long Size);

/// <summary>The names of everything below archive/, in one place.</summary>
internal static class ArchiveNames
{
    public const string Root = "archive/";

    private const string PieceExtension = ".wal";
    private const string GapExtension = ".gap";
    private const int Digits = 20;
    private const int GuidLength = 36;

    public static string OfIndex(Guid indexId) => $"{Root}{indexId:d}/";

    /// <summary><c>archive/&lt;index id&gt;/&lt;timeline&gt;/&lt;first LSN&gt;-&lt;last LSN&gt;.wal</c>, both LSNs with 20 digits.</summary>
    public static string Piece(Guid indexId, Guid timeline, Lsn first, Lsn last) => Name(indexId, timeline, first, last, PieceExtension);

    public static string Gap(Guid indexId, Guid timeline, Lsn first, Lsn last) => Name(indexId, timeline, first, last, GapExtension);

    /// <summary>What every piece that begins with this LSN begins with.</summary>
    public static string Beginning(Guid indexId, Guid timeline, Lsn first) =>
        string.Create(CultureInfo.InvariantCulture, $"{OfIndex(indexId)}{timeline:d}/{first.Value:D20}-");

    /// <summary>Takes a name apart; null for anything else.</summary>
    public static ArchiveItem? Parse(string name, long size)
    {
        // archive/ 36 / 36 / 20 - 20 .wal
        const int TimelineAt = GuidLength + 1;
        const int FirstAt = TimelineAt + GuidLength + 1;
        const int LastAt = FirstAt + Digits + 1;
        const int Length = LastAt + Digits + 4;
        if (!name.StartsWith(Root, StringComparison.Ordinal) || name.Length != Root.Length + Length) return null;
        var rest = name.AsSpan(Root.Length);
        if (rest[TimelineAt - 1] != '/' || rest[FirstAt - 1] != '/' || rest[LastAt - 1] != '-') return null;
        var isGap = rest.EndsWith(GapExtension, StringComparison.Ordinal);
        if (!isGap && !rest.EndsWith(PieceExtension, StringComparison.Ordinal)) return null;
        if (!Guid.TryParseExact(rest[..GuidLength], "d", out var index)
            || !Guid.TryParseExact(rest.Slice(TimelineAt, GuidLength), "d", out var timeline)
            || !ulong.TryParse(rest.Slice(FirstAt, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            || !ulong.TryParse(rest.Slice(LastAt, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            || first == 0 || last < first) return null;
        return new ArchiveItem(name, index, timeline, new Lsn(first), new Lsn(last), isGap, size);
    }

    private static string Name(Guid indexId, Guid timeline, Lsn first, Lsn last, string extension) =>
        string.Create(CultureInfo.InvariantCulture, $"{Beginning(indexId, timeline, first)}{last.Value:D20}{extension}");
}
