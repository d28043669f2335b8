using Hestia.Core;

namespace Hestia.Backup.Retention;

/// <summary>What a tag may be: short, in one line.</summary>
internal static class RetentionTags
{
    public const int MaxTags = 16;
    public const int MaxLength = 64;

    public static void Check(IReadOnlyList<string> tags)
    {
        var wrong = tags.Count > MaxTags;
        foreach (var tag in tags)
            wrong |= string.IsNullOrWhiteSpace(tag) || tag.Length > MaxLength || tag.AsSpan().ContainsAnyInRange('\0', '\x1f');
        if (!wrong) return;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption, $"There can be {MaxTags} tags, each a text in one line of 1 to {MaxLength} characters.",
            action: "Choose fewer or shorter ones.");
    }
}
