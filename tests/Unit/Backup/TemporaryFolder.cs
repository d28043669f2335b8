namespace Hestia.Unit.Backup;

/// <summary>A folder of its own for a test, removed at its end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Directory.CreateDirectory(Path);

    public string Path { get; } =
        System.IO.Path.Combine(System.IO.Path.GetTempPath(), "hestia-backup-" + Guid.NewGuid().ToString("n")[..12]);

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>
    /// Every file below a folder with its bytes. Locks, which name whoever looked last, are left out, and so are the sockets that
    /// a killed owner leaves behind: they cannot be read.
    /// </summary>
    public static SortedDictionary<string, string> Snapshot(string folder)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (!Directory.Exists(folder)) return files;
        var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 };
        foreach (var file in Directory.EnumerateFiles(folder, "*", everything))
        {
            var name = System.IO.Path.GetRelativePath(folder, file);
            if (!name.EndsWith(".lock", StringComparison.Ordinal) && !name.EndsWith(".control", StringComparison.Ordinal))
                files[name] = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)));
        }

        return files;
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // A test that failed may have left a file open; the next run of the system's cleaner takes it.
        }
    }
}
