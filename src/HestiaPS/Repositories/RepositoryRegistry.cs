using System.Text.Json;
using System.Text.Json.Serialization;
using Hestia.Core;

namespace HestiaPS;

/// <summary>One entry of the registry.</summary>
internal sealed record Registration(
    string Name, string Location, StoreSettings Settings, string? Vault, string? SecretName,
    string? KeySecretName = null, string? KeyFile = null);

/// <summary>
/// The names this user has given to repositories: one JSON file, replaced as a whole, without secrets. HESTIAPS_REPOSITORIES names another
/// file.
/// </summary>
internal static class RepositoryRegistry
{
    private const string Variable = "HESTIAPS_REPOSITORIES";
    private const int FormatVersion = 1;
    private static readonly TimeSpan s_lockTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_lockWait = TimeSpan.FromMilliseconds(50);

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter() },
    };

    public static string FilePath => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path
        ? Path.GetFullPath(path)
        : Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify),
            "HestiaPS", "repositories.json");

    /// <summary>All entries, by name.</summary>
    /// <exception cref="HestiaException">SettingsDamaged, FormatTooNew, AccessDenied, IoError.</exception>
    public static IReadOnlyList<Registration> Read()
    {
        var path = FilePath;
        try
        {
            if (!File.Exists(path)) return [];
            var content = JsonSerializer.Deserialize<Content>(File.ReadAllBytes(path), s_json);
            if (content?.FormatVersion > FormatVersion)
            {
                throw new HestiaException(
                    HestiaErrorCode.FormatTooNew, $"'{path}' was written by a newer version of HestiaPS.", path,
                    "Use that version, or another file (HESTIAPS_REPOSITORIES).");
            }

            if (content?.Repositories is not { } entries
                || entries.Any(static e => e?.Name is null || e.Location is null || e.Settings is null))
                throw new JsonException("it lacks what it should have.");
            return entries;
        }
        catch (JsonException e)
        {
            throw new HestiaException(
                HestiaErrorCode.SettingsDamaged, $"The registered repositories in '{path}' cannot be understood: {e.Message}", path,
                "Correct the file, or remove it and register the repositories again; it holds nothing else.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed(e, path);
        }
    }

    public static Registration? Find(string name) =>
        Read().FirstOrDefault(e => string.Equals(e.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The one entry of a URL; null if there is none, or several.</summary>
    public static Registration? FindLocation(string location)
    {
        var url = location.TrimEnd('/');
        Registration? found = null;
        foreach (var entry in Read())
        {
            if (!string.Equals(entry.Location.TrimEnd('/'), url, StringComparison.Ordinal)) continue;
            if (found is not null) return null;
            found = entry;
        }

        return found;
    }

    /// <summary>Changes the file under a lock: what another process does at the same time is not lost.</summary>
    public static void Change(Func<List<Registration>, List<Registration>> change)
    {
        var path = FilePath;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var gate = Lock(path + ".lock");
            var entries = change([.. Read()]);
            entries.Sort(static (a, b) => string.Compare(a.Name, b.Name, StringComparison.OrdinalIgnoreCase));
            var temporary = $"{path}.{Environment.ProcessId}.tmp";
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(temporary, options))
                JsonSerializer.Serialize(file, new Content(FormatVersion, entries), s_json);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed(e, path);
        }
    }

    private static FileStream Lock(string path)
    {
        for (var begun = DateTime.UtcNow; ;)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (DateTime.UtcNow - begun < s_lockTime)
            {
                Thread.Sleep(s_lockWait);
            }
        }
    }

    private static HestiaException Failed(Exception e, string path) => new(
        e is UnauthorizedAccessException ? HestiaErrorCode.AccessDenied : HestiaErrorCode.IoError,
        $"The registered repositories in '{path}' could not be read or written: {e.Message}", path,
        "Check the file and its folder, or name another with HESTIAPS_REPOSITORIES.", e);

    private sealed record Content(int FormatVersion, List<Registration> Repositories);
}
