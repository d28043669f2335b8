using System.Globalization;
using System.Text;

namespace Hestia.HestiaStore.Format;

/// <summary>
/// A Java .properties file in ISO-8859-1 as java.util.Properties reads it: comments with # or !, a backslash that escapes or joins lines,
/// keys that end at =, : or white space, the last of equal keys counts.
/// </summary>
internal sealed class JavaProperties
{
    /// <summary>Larger than any manifest; a longer file is none.</summary>
    public const int MaxFileBytes = 1 << 20;

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Values => _values;

    /// <summary>Parses a file; what is no valid escape is refused.</summary>
    /// <exception cref="InvalidDataException">It is no properties file.</exception>
    public static JavaProperties Parse(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.Latin1.GetString(bytes);
        // A manifest is overwritten in place: what a power loss leaves of it is zeros, which Java would take for a key.
        if (text.Contains('\0', StringComparison.Ordinal)) throw new InvalidDataException("it holds zero bytes");
        var result = new JavaProperties();
        for (var at = 0; at < text.Length;)
        {
            var line = ReadLogicalLine(text, ref at);
            if (line.Length > 0) result.Add(line);
        }

        return result;
    }

    /// <summary>The text of a key, or null.</summary>
    public string? Text(string key) => _values.GetValueOrDefault(key);

    /// <summary>A whole number, written with _ between thousands; null if the key is missing.</summary>
    /// <exception cref="InvalidDataException">It is no whole number.</exception>
    public long? Number(string key)
    {
        if (Text(key) is not { } text) return null;
        return long.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number : throw new InvalidDataException($"'{key}' is '{Shorten(text)}', which is no whole number");
    }

    /// <summary>Writes a value as HestiaStore does: = and the like escaped.</summary>
    public static string Escape(string text)
    {
        var result = new StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            if (c is '=' or ':' or '#' or '!' or '\\') result.Append('\\').Append(c);
            else if (c is < ' ' or > '~') result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else result.Append(c);
        }

        return result.ToString();
    }

    /// <summary>A whole number with _ between thousands.</summary>
    public static string Grouped(long number) => number.ToString("#,0", CultureInfo.InvariantCulture).Replace(',', '_');

    /// <summary>A natural line with those a backslash joins to it; empty for comments and blank lines.</summary>
    private static string ReadLogicalLine(string text, ref int at)
    {
        var line = new StringBuilder();
        for (var first = true; at < text.Length; first = false)
        {
            var end = text.AsSpan(at).IndexOfAny('\r', '\n');
            end = end < 0 ? text.Length : at + end;
            var natural = text.AsSpan(at, end - at).TrimStart(" \t\f");
            at = end + (end + 1 < text.Length && text[end] == '\r' && text[end + 1] == '\n' ? 2 : 1);
            if (first && (natural.IsEmpty || natural[0] is '#' or '!')) return "";
            var backslashes = natural.Length - natural.TrimEnd('\\').Length;
            if (backslashes % 2 == 0) return line.Append(natural).ToString();
            line.Append(natural[..^1]);
        }

        return line.ToString();
    }

    private void Add(string line)
    {
        var at = 0;
        var key = ReadPart(line, ref at, isKey: true);
        while (at < line.Length && IsBlank(line[at])) at++;
        if (at < line.Length && line[at] is '=' or ':') at++;
        while (at < line.Length && IsBlank(line[at])) at++;
        _values[key] = ReadPart(line, ref at, isKey: false);
    }

    private static string ReadPart(string line, ref int at, bool isKey)
    {
        var part = new StringBuilder();
        while (at < line.Length)
        {
            var c = line[at];
            if (isKey && (c is '=' or ':' || IsBlank(c))) break;
            at++;
            if (c != '\\' || at == line.Length)
            {
                part.Append(c);
                continue;
            }

            var escaped = line[at++];
            if (escaped != 'u')
            {
                part.Append(escaped switch { 't' => '\t', 'n' => '\n', 'r' => '\r', 'f' => '\f', _ => escaped });
                continue;
            }

            if (line.Length - at < 4 || !ushort.TryParse(line.AsSpan(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
                throw new InvalidDataException($"'{Shorten(line)}' has a malformed \\u escape");
            part.Append((char)code);
            at += 4;
        }

        return part.ToString();
    }

    private static bool IsBlank(char c) => c is ' ' or '\t' or '\f';

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
