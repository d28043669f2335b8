using System.Text;
using Hestia.Core;

namespace Hestia.Unit.Index;

/// <summary>A scratch folder per test and the small helpers that index tests share.</summary>
public abstract class IndexTestBase : IDisposable
{
    protected IndexTestBase(string? parent = null)
    {
        Root = Path.Combine(parent ?? Path.GetTempPath(), "hestia-unit-" + Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(Root);
    }

    protected string Root { get; }

    protected string IndexPath => Path.Combine(Root, "index");

    /// <summary>Small limits, so that a few thousand entries go through flush, several levels and many files.</summary>
    protected static IndexOptions Small => new()
    {
        MemtableBytes = 128 << 10,
        Level1Bytes = 256 << 10,
        SegmentBytes = 32 << 10,
        CacheBytes = 256 << 10,
        MaxOpenFiles = 16,
    };

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Directory.Delete(Root, recursive: true);
    }

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    protected static byte[] Key(int number) => Bytes($"key-{number:D8}");

    /// <summary>What a killed process leaves: the files as they are now, while no background work moves them.</summary>
    protected string CopyAsIs(HestiaIndex index, string name)
    {
        index.WaitForBackgroundWork();
        var target = Path.Combine(Root, name);
        CopyDirectory(IndexPath, target);
        return target;
    }

    protected static void CopyDirectory(string source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var file in Directory.GetFiles(source))
        {
            if (Path.GetFileName(file) == Hestia.Core.IO.FileNames.ControlSocket) continue; // no file, and of no use to a copy
            // Not File.Copy: .NET takes a shared lock on what it opens, which .lock refuses while the index is open.
            using var from = Hestia.Core.IO.FileSystem.Physical.Open(file, Hestia.Core.IO.FileOpenMode.ReadSequential);
            var bytes = new byte[from.Length];
            var read = from.Read(0, bytes);
            File.WriteAllBytes(Path.Combine(target, Path.GetFileName(file)), bytes[..read]);
        }

        foreach (var directory in Directory.GetDirectories(source)) CopyDirectory(directory, Path.Combine(target, Path.GetFileName(directory)));
    }

    protected static SortedDictionary<byte[], byte[]> NewModel() => new(Comparer<byte[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b)));

    protected static void AssertSame(SortedDictionary<byte[], byte[]> model, HestiaIndex index)
    {
        using (var cursor = index.Scan())
        {
            foreach (var (key, value) in model)
            {
                Assert.True(cursor.MoveNext(), $"'{Text(key)}' is missing at the end");
                Assert.Equal(Text(key), Text(cursor.Key));
                Assert.True(value.AsSpan().SequenceEqual(cursor.Value), $"'{Text(key)}' has another value");
            }

            Assert.False(cursor.MoveNext(), "entries are shown that nobody wrote");
        }

        using (var cursor = index.Scan(new() { Reverse = true }))
        {
            foreach (var (key, value) in model.Reverse())
            {
                Assert.True(cursor.MoveNext());
                Assert.Equal(Text(key), Text(cursor.Key));
                Assert.True(value.AsSpan().SequenceEqual(cursor.Value));
            }

            Assert.False(cursor.MoveNext());
        }
    }
}
