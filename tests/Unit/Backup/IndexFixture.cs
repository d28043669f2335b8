using System.Text;
using Hestia.Backup;
using Hestia.Core;

namespace Hestia.Unit.Backup;

/// <summary>An index and a repository in one temporary folder, with what the entries should be.</summary>
internal sealed class IndexFixture : IDisposable
{
    /// <summary>Small memtables and segments, so that a few thousand entries make many segments and compactions.</summary>
    public static readonly IndexOptions Small = new()
    {
        MemtableBytes = 64 << 10,
        SegmentBytes = 16 << 10,
        Level1Bytes = 64 << 10,
        Level0Trigger = 2,
        Durability = Durability.Off,
    };

    public IndexFixture() => BackupRepository.Create(RepositoryPath).Dispose();

    public TemporaryFolder Folder { get; } = new();

    public string IndexPath => Folder["orders"];

    public string RepositoryPath => Folder["repository"];

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static string Key(int i) => $"key-{i:D8}";

    public static string Value(int i) => $"value-{i}-{i * 7919L:x}";

    /// <summary>Creates the index with entries 0 to <paramref name="count"/> - 1.</summary>
    public HestiaIndex Create(int count, bool compaction = true)
    {
        var settings = new IndexSettings { KeyEncoding = DataEncoding.Utf8, ValueEncoding = DataEncoding.Utf8 };
        var index = HestiaIndex.Create(IndexPath, settings, Small with { BackgroundCompaction = compaction });
        Fill(index, 0, count);
        return index;
    }

    public static void Fill(HestiaIndex index, int from, int to)
    {
        using var batch = new WriteBatch();
        for (var i = from; i < to; i++)
        {
            batch.Put(Bytes(Key(i)), Bytes(Value(i)));
            if (batch.Count < 200 && i != to - 1) continue;
            index.Write(batch);
            batch.Clear();
        }
    }

    public BackupRepository Open() => BackupRepository.Open(RepositoryPath);

    /// <summary>Everything in an index.</summary>
    public static SortedDictionary<string, string> Read(string path)
    {
        using var index = HestiaIndex.Open(path, new IndexOptions { ReadOnly = true });
        return Read(index);
    }

    public static SortedDictionary<string, string> Read(HestiaIndex index)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        using var cursor = index.Scan();
        while (cursor.MoveNext()) all.Add(Encoding.UTF8.GetString(cursor.Key), Encoding.UTF8.GetString(cursor.Value));
        return all;
    }

    /// <summary>What is in the folder beside the repository.</summary>
    public string[] Names() =>
        [.. Directory.EnumerateFileSystemEntries(Folder.Path).Select(p => Path.GetFileName(p)).Where(n => n != "repository").Order(
            StringComparer.Ordinal)];

    /// <summary>Files of the objects of all backups.</summary>
    public string[] Objects() => Directory.GetFiles(Path.Combine(RepositoryPath, "objects"), "*", SearchOption.AllDirectories);

    public void Dispose() => Folder.Dispose();
}
