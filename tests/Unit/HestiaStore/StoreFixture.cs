using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Hestia.Unit.Backup;

namespace Hestia.Unit.HestiaStore;

/// <summary>A copy of one of the directories that HestiaStore 1.0 wrote (tests/fixtures/hestiastore), and what it holds.</summary>
internal sealed class StoreFixture : IDisposable
{
    public const string Closed = "nowal-closed";
    public const string Split = "nowal-split";
    public const string LongSnappy = "nowal-long-snappy";
    public const string WalClosed = "wal-closed";
    public const string WalCrashed = "wal-crashed";

    private readonly TemporaryFolder _folder = new();

    public StoreFixture(string name)
    {
        Name = name;
        Extract(name, _folder.Path);
        Path = Directory.GetDirectories(_folder.Path).Single();
    }

    public string Name { get; }

    public string Path { get; }

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    public static void Extract(string name, string target)
    {
        using var file = File.OpenRead(System.IO.Path.Combine(AppContext.BaseDirectory, "fixtures", "hestiastore", name + ".tar.gz"));
        using var unzipped = new GZipStream(file, CompressionMode.Decompress);
        TarFile.ExtractToDirectory(unzipped, target, overwriteFiles: true);
    }

    /// <summary>What the fixture's maker put into it, in the order of its keys.</summary>
    public static List<(byte[] Key, byte[] Value)> Expected(string name)
    {
        var entries = new List<(byte[], byte[])>();
        if (name == LongSnappy)
        {
            for (long i = 0; i < 10_000; i++) entries.Add((Long(i), Long(7 * i)));
            return entries;
        }

        var (from, to) = name == WalCrashed ? (1_000, 11_000) : (0, 10_000);
        for (var i = from; i < to; i++) entries.Add((Encoding.Latin1.GetBytes($"key-{i:D10}"), Encoding.Latin1.GetBytes($"value-{i}-abcdefghijklmnop")));
        return entries;
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] Long(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }
}
