using Hestia.Core.IO;

namespace Hestia.Unit.Crashes;

/// <summary>
/// Copies a directory that somebody writes to, as people do: with cp, rsync or tar, or file by file in an order that the seed chooses. What is gone
/// when its turn comes is left out, as those programs do.
/// </summary>
internal sealed class RawCopier(Random random)
{
    private const int MaxChunk = 64 << 10;
    private const int FilesAtOnce = 4;

    /// <summary>The ways of this machine.</summary>
    public static IReadOnlyList<string> Ways { get; } = FindWays();

    /// <summary>Copies; the names of the ways are those of <see cref="Ways"/>.</summary>
    public void Copy(string way, string source, string target)
    {
        switch (way)
        {
            case "cp": Run([0, 1], "cp", "-r", source, target); break;
            case "rsync": Run([0, 23, 24], "rsync", "-a", source + "/", target + "/"); break;
            case "tar":
                var archive = target + ".tar";
                Run([0, 1], "tar", "-cf", archive, "-C", source, ".");
                Directory.CreateDirectory(target);
                Run([0], "tar", "-xf", archive, "-C", target);
                File.Delete(archive);
                break;
            default: CopyInOrder(way, source, target); break;
        }
    }

    private static List<string> FindWays()
    {
        List<string> ways = ["any order", "any order", "wal first", "segments first", "manifest first", "manifest last"];
        if (OperatingSystem.IsWindows()) return ways;
        foreach (var tool in (string[])["cp", "rsync", "tar"])
            if (SystemTools.Find(tool) is not null) ways.Add(tool);
        return ways;
    }

    private static void Run(int[] allowed, string tool, params string[] arguments)
    {
        var (exitCode, output) = SystemTools.Run(tool, arguments);
        Assert.True(allowed.Contains(exitCode), $"{tool} ended with {exitCode}: {output}");
    }

    /// <summary>
    /// Looks into the folders one after the other, each when its first file has its turn; copies several files side by side, a piece of each at a
    /// time, with pauses in which the writer goes on.
    /// </summary>
    private void CopyInOrder(string way, string source, string target)
    {
        Directory.CreateDirectory(target);
        var folders = new List<string> { "", "manifest", "segments", "wal", "quarantine" };
        if (way == "any order")
        {
            if (random.Next(2) == 0)
            {
                // All looked at before, and then file by file in no order at all.
                var names = folders.SelectMany(folder => List(source, folder)).OrderBy(_ => random.Next()).ToList();
                Make(folders, source, target);
                CopyFiles(names, source, target);
                return;
            }

            folders = [.. folders.OrderBy(_ => random.Next())];
        }
        else
        {
            var (folder, last) = (way.Split(' ')[0], way.EndsWith("last", StringComparison.Ordinal));
            folders.Remove(folder);
            folders.Insert(last ? folders.Count : 0, folder);
        }

        foreach (var folder in folders)
        {
            Make([folder], source, target);
            CopyFiles([.. List(source, folder).OrderBy(_ => random.Next())], source, target);
            Pause();
        }
    }

    private static void Make(IEnumerable<string> folders, string source, string target)
    {
        foreach (var folder in folders)
            if (Directory.Exists(Path.Combine(source, folder))) Directory.CreateDirectory(Path.Combine(target, folder));
    }

    private static IEnumerable<string> List(string source, string folder)
    {
        var path = Path.Combine(source, folder);
        return Directory.Exists(path) ? Directory.GetFiles(path).Select(file => Path.GetRelativePath(source, file)).ToArray() : [];
    }

    private void CopyFiles(List<string> names, string source, string target)
    {
        var open = new List<(FileStream From, FileStream To)>();
        var buffer = new byte[MaxChunk];
        var next = 0;
        try
        {
            while (next < names.Count || open.Count > 0)
            {
                while (open.Count < FilesAtOnce && next < names.Count)
                {
                    if (TryOpen(Path.Combine(source, names[next])) is { } from) open.Add((from, File.Create(Path.Combine(target, names[next]))));
                    next++;
                }

                if (open.Count == 0) return;
                var at = random.Next(open.Count);
                var read = open[at].From.Read(buffer, 0, random.Next(512, MaxChunk));
                open[at].To.Write(buffer, 0, read);
                if (random.Next(8) == 0) Pause();
                if (read > 0) continue;
                open[at].From.Dispose();
                open[at].To.Dispose();
                open.RemoveAt(at);
            }
        }
        finally
        {
            foreach (var (from, to) in open)
            {
                from.Dispose();
                to.Dispose();
            }
        }
    }

    /// <summary>.NET takes a lock on what it opens, which .lock refuses; and what is gone is left out.</summary>
    private static FileStream? TryOpen(string path)
    {
        try
        {
            return Path.GetFileName(path) is FileNames.Lock or FileNames.ControlSocket ? null : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private void Pause() => Thread.Sleep(random.Next(4) == 0 ? random.Next(60) : random.Next(3));
}
