using System.Text;
using System.Text.RegularExpressions;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Core.Repair;

/// <summary>
/// Makes a new index.json out of what a damaged one still says. Each member is taken by itself if it is a value that can stand there;
/// nothing in index.json changes how stored bytes are read, only how they are shown and how new ones are written.
/// </summary>
internal static partial class SettingsSalvage
{
    private const int MaxFileBytes = 64 << 10;

    /// <param name="files">Where the index lies.</param>
    /// <param name="indexPath">The index.</param>
    /// <param name="id">Its identity, known from manifest or log.</param>
    /// <param name="readOld">Whether the file that is there is this index's own.</param>
    /// <param name="missing">The members that are not known any more and have their defaults now.</param>
    public static IndexSettingsFile Make(FileSystem files, string indexPath, Guid id, bool readOld, out IReadOnlyList<string> missing)
    {
        var found = readOld ? Members(ReadText(files, indexPath)) : [];
        var lost = new List<string>();
        missing = lost;
        var defaults = new IndexSettings();
        var settings = new IndexSettings
        {
            KeyEncoding = Parse(found, "keyEncoding", defaults.KeyEncoding, lost),
            ValueEncoding = Parse(found, "valueEncoding", defaults.ValueEncoding, lost),
            Durability = Parse(found, "durability", defaults.Durability, lost),
            GroupDelay = TimeSpan.FromMicroseconds(Number(found, "groupDelayMicroseconds", 0, 0, 1_000_000, lost)),
            BlockBytes = (int)Number(found, "blockBytes", defaults.BlockBytes, 1 << 10, 1 << 20, lost),
            RestartInterval = (int)Number(found, "restartInterval", defaults.RestartInterval, 1, 256, lost),
            BloomBitsPerKey = (int)Number(found, "bloomBitsPerKey", defaults.BloomBitsPerKey, 0, 32, lost),
            Codec = Parse(found, "codec", defaults.Codec, lost),
        };
        var name = found.GetValueOrDefault("name");
        if (!IsName(settings, name))
        {
            lost.Add("name");
            name = IndexCreation.DefaultName(indexPath);
            if (!IsName(settings, name)) name = "index";
        }

        var created = files.Clock.GetUtcNow();
        if (found.TryGetValue("created", out var text) && DateTimeOffset.TryParse(text, out var when) && when < created) created = when;
        else lost.Add("created");
        return new IndexSettingsFile(id, created.ToUniversalTime(), settings with { Name = name });
    }

    private static string ReadText(FileSystem files, string indexPath)
    {
        var path = Path.Combine(indexPath, FileNames.Settings);
        try
        {
            return files.FileExists(path) ? Encoding.UTF8.GetString(files.ReadAllBytes(path, MaxFileBytes)) : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return "";
        }
    }

    private static Dictionary<string, string> Members(string text)
    {
        var members = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (Match match in Member().Matches(text))
            members.TryAdd(match.Groups[1].Value, match.Groups[2].Success ? match.Groups[2].Value : match.Groups[3].Value);
        return members;
    }

    private static T Parse<T>(Dictionary<string, string> found, string name, T otherwise, List<string> lost)
        where T : struct, Enum
    {
        if (found.TryGetValue(name, out var text) && !char.IsAsciiDigit(text.Length == 0 ? '0' : text[0])
            && Enum.TryParse<T>(text, out var value)
            && Enum.IsDefined(value)) return value;
        lost.Add(name);
        return otherwise;
    }

    private static long Number(Dictionary<string, string> found, string name, long otherwise, long min, long max, List<string> lost)
    {
        if (found.TryGetValue(name, out var text) && long.TryParse(text, out var value) && value >= min && value <= max) return value;
        lost.Add(name);
        return otherwise;
    }

    private static bool IsName(IndexSettings settings, string? name)
    {
        if (string.IsNullOrEmpty(name) || name.Contains('\uFFFD', StringComparison.Ordinal)) return false;
        try
        {
            OptionRanges.Check(settings with { Name = name });
            return true;
        }
        catch (HestiaException)
        {
            return false;
        }
    }

    [GeneratedRegex("\"([A-Za-z]+)\"\\s*:\\s*(?:\"([^\"\\\\\\r\\n]*)\"|(-?[0-9]+))", RegexOptions.CultureInvariant)]
    private static partial Regex Member();
}
