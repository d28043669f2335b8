using System.Text;
using Hestia.Core;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Importing;
using Hestia.HestiaStore.Wal;

namespace HestiaPS;

/// <summary>
/// The one place that tells what a path holds: an index of ours, a directory of HestiaStore, something of another format, or nothing. Cmdlets that can serve
/// HestiaStore ask first; for all others their refusal is explained here.
/// </summary>
internal static class PathFormats
{
    private static readonly byte[] s_sqlite = Encoding.ASCII.GetBytes("SQLite format 3\0");

    /// <summary>Whether a path is a HestiaStore directory and no index of ours.</summary>
    public static bool IsHestiaStore(string path) => !IndexDescription.IsIndex(path) && StoreDirectory.IsStoreDirectory(path);

    /// <summary>Whether a path has a log of HestiaStore: a directory of it, its wal folder, or one file there.</summary>
    public static bool HasHestiaStoreLog(string path) => !IndexDescription.IsIndex(path) && StoreWalInspector.IsStoreWal(path);

    /// <summary>A refusal in better words, where what the path holds explains it; otherwise the refusal itself.</summary>
    public static HestiaException Explain(HestiaException refusal)
    {
        if (refusal.Code is not (HestiaErrorCode.NotAnIndex or HestiaErrorCode.TargetNotEmpty) || refusal.Target is not { } path) return refusal;
        if (IsHestiaStore(path))
        {
            return new HestiaException(
                HestiaErrorCode.ForeignFormat,
                $"'{path}' is a directory of HestiaStore (Java), which this command does not serve.",
                path,
                "Import-HestiaIndex makes an index of it; Backup-HestiaIndex, Test-HestiaIndex, Repair-HestiaIndex, Get-HestiaIndex, Test-HestiaWal "
                    + "and Get-HestiaWalRecord take it as it is; what is to be made or restored goes to a folder of its own.",
                refusal);
        }

        return Find(path) is { } format
            ? new HestiaException(
                HestiaErrorCode.ForeignFormat, $"'{path}' is no Hestia index but {format}.", path,
                    "Give the folder of an index; what another program wrote is moved with that program's export.", refusal)
            : refusal;
    }

    /// <summary>What other format a path holds, in words, or null. Never throws.</summary>
    internal static string? Find(string path)
    {
        try
        {
            if (File.Exists(path)) return BeginsWith(path, s_sqlite) ? "a database of SQLite" : null;
            if (!Directory.Exists(path)) return null;
            if (StoreImport.Recognizes(path)) return "an export of HestiaStore (Import-HestiaIndex -Source reads it)";
            bool Has(string pattern) => Directory.EnumerateFiles(path, pattern).Any();
            if (Has("repository.json")) return "a repository of Hestia backups (Get-HestiaBackup lists them)";
            if (Has("CURRENT") && Has("MANIFEST-*")) return Has("OPTIONS-*") || Has("*.sst") ? "a database of RocksDB" : "a database of LevelDB";
            if (Has("segments_*") && (Has("*.si") || Has("write.lock"))) return "an index of Lucene";
            if (Has("data.mdb")) return "a database of LMDB";
            if (Has("MANIFEST") && (Has("*.vlog") || Has("KEYREGISTRY"))) return "a database of Badger";
            foreach (var file in Directory.EnumerateFiles(path).Take(64))
                if (BeginsWith(file, s_sqlite)) return $"a folder with a database of SQLite ({Path.GetFileName(file)})";
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    private static bool BeginsWith(string file, byte[] magic)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        var bytes = new byte[magic.Length];
        return stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length && bytes.AsSpan().SequenceEqual(magic);
    }
}
