namespace HestiaPS;

/// <summary>What a path comes to when the symbolic links (and junctions) in it are followed.</summary>
internal static class FinalPath
{
    /// <summary>More are a circle.</summary>
    private const int MaxLinks = 40;

    /// <summary>The full path without links; where one cannot be followed, the path as far as that is known.</summary>
    public static string Of(string fullPath)
    {
        try
        {
            return Follow(fullPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return fullPath;
        }
    }

    private static string Follow(string fullPath)
    {
        var links = 0;
        var done = Path.GetPathRoot(fullPath) ?? "";
        var rest = new Stack<string>();
        Push(rest, fullPath[done.Length..]);
        while (rest.TryPop(out var name))
        {
            var next = Path.Combine(done, name);
            if (new DirectoryInfo(next).LinkTarget is not { } target)
            {
                done = next;
                continue;
            }

            if (++links > MaxLinks) throw new IOException($"'{fullPath}' leads in a circle.");
            target = Path.GetFullPath(target, done); // .. and links further up are what is left to follow
            done = Path.GetPathRoot(target) ?? "";
            Push(rest, target[done.Length..]);
        }

        return done;
    }

    private static void Push(Stack<string> rest, string path)
    {
        var names = path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        for (var i = names.Length - 1; i >= 0; i--) rest.Push(names[i]);
    }
}
