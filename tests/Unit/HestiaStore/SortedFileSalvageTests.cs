using System.Text;
using Hestia.Core.IO;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Reading;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.HestiaStore;

/// <summary>Going on behind damage in files of large blocks, which are HestiaStore's default for String and Integer keys.</summary>
public sealed class SortedFileSalvageTests
{
    private const int BlockBytes = 1 << 20;
    private const int Entries = 4_000;
    private const int ValueBytes = 2 << 10;

    [Fact]
    public void The_search_for_the_next_chunk_reads_every_block_once()
    {
        var (files, manifest) = Damaged();
        long read = 0;
        var damages = 0;
        using var source = new SortedFileSource(files, StoreImage.Root, "sorted", manifest, bytes => read += bytes, _ => damages++);
        var entries = 0;
        while (source.MoveNext()) entries++;
        // A chunk is two blocks: the first one is lost, the others are whole.
        Assert.Equal(3_000, entries);
        Assert.InRange(damages, 1, 3);
        Assert.InRange(read, 0, 2L * files.FileLength(Path.Combine(StoreImage.Root, "sorted"))!.Value);
    }

    [Fact]
    public void The_search_can_be_cancelled()
    {
        var (files, manifest) = Damaged();
        using var cancellation = new CancellationTokenSource();
        using var source = new SortedFileSource(files, StoreImage.Root, "sorted", manifest, onDamage: _ => cancellation.Cancel(),
            cancellation: cancellation.Token);
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            while (source.MoveNext())
            {
            }
        });
    }

    /// <summary>Chunks of 1,000 values of 2 KiB in blocks of 1 MiB, one bit of the first block flipped.</summary>
    private static (SimulatedFileSystem Files, StoreManifest Manifest) Damaged()
    {
        var image = StoreImage.Of(StoreFixture.Closed);
        var text = Encoding.Latin1.GetString(image["manifest.txt"]);
        var changed = System.Text.RegularExpressions.Regex.Replace(text, "diskIoBufferSizeInBytes=[0-9_]+", $"diskIoBufferSizeInBytes={BlockBytes}")
            .Replace("TypeDescriptorShortString", "TypeDescriptorString", StringComparison.Ordinal);
        Assert.NotEqual(text, changed);
        image["manifest.txt"] = Encoding.Latin1.GetBytes(changed);
        var files = StoreImage.Load(image);
        var manifest = StoreDirectory.Open(files, StoreImage.Root).Manifest;
        var path = Path.Combine(StoreImage.Root, "sorted");
        var value = new byte[ValueBytes];
        var random = new Random(1);
        using (var writer = new SortedFileWriter(files, path, manifest, 1_000, static (_, _) => { }))
        {
            for (var i = 0; i < Entries; i++)
            {
                random.NextBytes(value);
                writer.Add(Encoding.Latin1.GetBytes($"key-{i:D10}"), value);
            }

            writer.Complete();
        }

        using var file = files.Open(path, FileOpenMode.ReadWrite);
        var one = new byte[1];
        file.Read(5_000, one);
        one[0] ^= 1;
        file.Write(5_000, one);
        return (files, manifest);
    }
}
