using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.Keys;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Logical;

/// <summary>Entries of every encoding, in an index and out of it.</summary>
internal sealed class LogicalFixture : IDisposable
{
    public TemporaryFolder Folder { get; } = new();

    public HestiaIndex Create(string name, DataEncoding keys, DataEncoding values) =>
        HestiaIndex.Create(Folder[name], new IndexSettings { KeyEncoding = keys, ValueEncoding = values }, IndexFixture.Small);

    /// <summary>An index of text, of which some is no text.</summary>
    public HestiaIndex CreateText(int count)
    {
        var index = Create("source", DataEncoding.Utf8, DataEncoding.Utf8);
        IndexFixture.Fill(index, 0, count);
        index.Put("\"quoted\" \\ \u0001 é 漢字 😀\u2028"u8, "\0\n\r\t"u8);
        index.Put("empty"u8, default);
        index.Put([0xFF, 0xFE, 0x00], [0xC3]);
        return index;
    }

    public ExportResult Export(HestiaIndex index, string name = "export.jsonl", ExportOptions? options = null) =>
        IndexExport.Write(index, Folder[name], options);

    /// <summary>Reads a source to its end; its entries in order, in hexadecimal, and proven like an import does.</summary>
    public static List<(string Key, string Value)> ReadAll(EntrySource source)
    {
        var all = new List<(string, string)>();
        using var fingerprint = new LogicalFingerprint();
        while (source.MoveNext())
        {
            all.Add((Convert.ToHexString(source.Key), Convert.ToHexString(source.Value)));
            fingerprint.Add(source.Key, source.Value);
        }

        if (source.ExpectedFingerprint is { } expected && expected != fingerprint.Current())
            throw new HestiaException(HestiaErrorCode.ExportDamaged, "other entries");
        return all;
    }

    public static List<(string Key, string Value)> ReadAll(HestiaIndex index)
    {
        var all = new List<(string, string)>();
        using var cursor = index.Scan();
        while (cursor.MoveNext()) all.Add((Convert.ToHexString(cursor.Key), Convert.ToHexString(cursor.Value)));
        return all;
    }

    public List<(string Key, string Value)> ReadAll(string name)
    {
        using var index = HestiaIndex.Open(Folder[name], new IndexOptions { ReadOnly = true });
        return ReadAll(index);
    }

    public static byte[] Number(long number) => DataEncoder.Encode(DataEncoding.Int64, number);

    /// <summary>What is in the folder beside what a test made.</summary>
    public string[] Names() => [.. Directory.EnumerateFileSystemEntries(Folder.Path).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    public void Dispose() => Folder.Dispose();
}
