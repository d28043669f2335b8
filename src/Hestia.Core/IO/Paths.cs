namespace Hestia.Core.IO;

/// <summary>Comparisons of full paths, by the rules of the platform's usual file systems.</summary>
internal static class Paths
{
    /// <summary>Whether one full path is the other, or lies below it.</summary>
    public static bool IsIn(string inner, string outer)
    {
        var comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        var folder = Path.EndsInDirectorySeparator(outer) ? outer : outer + Path.DirectorySeparatorChar;
        return inner.Equals(outer, comparison) || inner.StartsWith(folder, comparison);
    }
}
