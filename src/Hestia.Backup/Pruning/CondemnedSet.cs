using System.Text.Json;

namespace Hestia.Backup.Pruning;

/// <summary>
/// The objects a prune condemned, as its marker names them: by the first digits of their names, which keeps it small. Two objects
/// that share them cost a backup a wait and nothing else.
/// </summary>
internal sealed class CondemnedSet
{
    /// <summary>Most objects one marker names; a prune of more goes in rounds.</summary>
    public const int MaxObjects = 100_000;

    /// <summary>Longest marker of a prune that is read.</summary>
    public const int MaxMarkerBytes = 4 << 20;

    private const int Digits = 16;
    private const string Member = "condemned";

    private readonly HashSet<string> _digits;

    private CondemnedSet(HashSet<string> digits) => _digits = digits;

    public static void Write(Utf8JsonWriter json, IReadOnlyList<string> objects)
    {
        json.WriteStartArray(Member);
        foreach (var name in objects) json.WriteStringValue(DigitsOf(name));
        json.WriteEndArray();
    }

    public static CondemnedSet Read(JsonElement root)
    {
        var digits = new HashSet<string>(StringComparer.Ordinal);
        foreach (var element in root.GetProperty(Member).EnumerateArray()) digits.Add(element.GetString() ?? "");
        return new CondemnedSet(digits);
    }

    public bool HoldsAny(IReadOnlyList<string> objects)
    {
        if (_digits.Count == 0) return false;
        for (var i = 0; i < objects.Count; i++)
            if (_digits.Contains(DigitsOf(objects[i]).ToString())) return true;
        return false;
    }

    private static ReadOnlySpan<char> DigitsOf(string name) => name.AsSpan(name.LastIndexOf('/') + 1, Digits);
}
