using System.Globalization;
using System.Text;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;

namespace Hestia.HestiaStore.Wal;

/// <summary>
/// format.meta and checkpoint.meta of a log: two lines, <c>version=1</c> or <c>lsn=N</c>, then <c>checksum=</c> the CRC-32 of the first
/// line with its line end, as a signed number.
/// </summary>
internal static class WalMetadata
{
    public const int Version = 1;

    private const int MaxFileBytes = 4096;

    /// <summary>Checks format.meta, or the one that was being written.</summary>
    /// <exception cref="StoreDamageException">WalFormatDamaged, FormatUnsupported.</exception>
    public static void CheckFormat(FileSystem files, string wal)
    {
        var name = Exists(files, wal, StoreFileNames.WalFormat) ?? throw new StoreDamageException(
            StoreFindings.WalFormatDamaged, "it is missing; HestiaStore makes a new one when it opens the index.", StoreFileNames.WalFormat);
        var lines = Lines(files, wal, name, StoreFindings.WalFormatDamaged);
        if (!TryNumber(lines, "version", out var version) || !TryNumber(lines, "checksum", out var checksum))
            throw new StoreDamageException(StoreFindings.WalFormatDamaged, "it has no version and checksum.", name);
        if (checksum == Checksum("version=", version) && version != Version)
            throw new StoreDamageException(StoreFindings.FormatUnsupported, $"the log has version {version}; {Version} is understood.", name);
        if (version != Version || checksum != Checksum("version=", version))
            throw new StoreDamageException(StoreFindings.WalFormatDamaged, $"it says version {version} with a checksum that does not fit.", name);
    }

    /// <summary>The LSN up to which segments hold everything; 0 where no checkpoint was ever made.</summary>
    /// <exception cref="StoreDamageException">WalCheckpointDamaged.</exception>
    public static long ReadCheckpoint(FileSystem files, string wal)
    {
        var name = Exists(files, wal, StoreFileNames.WalCheckpoint);
        if (name is null) return 0;
        var isTemporary = name != StoreFileNames.WalCheckpoint;
        try
        {
            var lines = Lines(files, wal, name, StoreFindings.WalCheckpointDamaged);
            if (lines.Count == 0) return 0; // HestiaStore takes an empty file for none
            if (lines.Count == 1 && !lines[0].Contains('=', StringComparison.Ordinal)
                && long.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var bare)) return bare; // its older form
            if (!TryNumber(lines, "lsn", out var lsn) || !TryNumber(lines, "checksum", out var checksum) || lsn < 0)
                throw new StoreDamageException(StoreFindings.WalCheckpointDamaged, "it has no lsn and checksum.", name);
            if (checksum != Checksum("lsn=", lsn))
                throw new StoreDamageException(StoreFindings.WalCheckpointDamaged, $"it says LSN {lsn} with a checksum that does not fit.", name);
            return lsn;
        }
        catch (StoreDamageException) when (isTemporary)
        {
            return 0; // it was never put in place
        }
    }

    public static byte[] SerializeCheckpoint(long lsn) => Serialize("lsn=", lsn);

    public static byte[] SerializeFormat() => Serialize("version=", Version);

    private static byte[] Serialize(string key, long value) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{key}{value}\nchecksum={Checksum(key, value)}\n"));

    private static int Checksum(string key, long value) =>
        (int)Crc32.Compute(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{key}{value}\n")));

    private static string? Exists(FileSystem files, string wal, string name)
    {
        if (files.FileExists(Path.Combine(wal, name))) return name;
        return files.FileExists(Path.Combine(wal, name + StoreFileNames.TemporarySuffix)) ? name + StoreFileNames.TemporarySuffix : null;
    }

    private static List<string> Lines(FileSystem files, string wal, string name, string code)
    {
        try
        {
            var text = Encoding.ASCII.GetString(files.ReadAllBytes(Path.Combine(wal, name), MaxFileBytes));
            return [.. text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamageException(code, e.Message, name);
        }
    }

    private static bool TryNumber(List<string> lines, string key, out long value)
    {
        value = 0;
        foreach (var line in lines)
        {
            if (line.StartsWith(key + "=", StringComparison.Ordinal))
                return long.TryParse(line.AsSpan(key.Length + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
        }

        return false;
    }
}
