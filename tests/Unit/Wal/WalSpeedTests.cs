using System.Diagnostics;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Unit.Wal;

/// <summary>Prints rates; a Debug build or a loaded machine makes no difference to whether it passes.</summary>
public sealed class WalSpeedTests(ITestOutputHelper output)
{
    private const int Count = 1_000_000;

    [Fact]
    public void Small_records_are_encoded_scanned_and_replayed()
    {
        var log = new WalTestLog().Rotate(preallocate: 128 << 20);
        using var builder = new WalRecordBuilder();
        var key = new byte[16];
        var value = new byte[23];
        for (var round = 0; round < 2; round++)
        {
            var clock = Stopwatch.StartNew();
            builder.Start(128, log.Writer.Seed);
            for (var i = 1; i <= Count; i++)
            {
                BitConverter.TryWriteBytes(key, i);
                builder.BeginRecord();
                builder.AddOperation(OperationKind.Put, key, value);
                builder.EndRecord(new Lsn((ulong)i), 1, i, 128);
            }

            output.WriteLine($"encode {Count / clock.Elapsed.TotalSeconds / 1e6:F2} M records/s");
        }

        log.Writer.Append(builder.Records);
        var files = log.Files;
        for (var round = 0; round < 3; round++)
        {
            var clock = Stopwatch.StartNew();
            var scan = log.Scan(files: files);
            output.WriteLine($"scan {Count / clock.Elapsed.TotalSeconds / 1e6:F2} M records/s");
            clock.Restart();
            var visitor = default(Counter);
            var before = GC.GetAllocatedBytesForCurrentThread();
            WalReplay.Run(files, scan, Lsn.None, ref visitor, TestContext.Current.CancellationToken);
            output.WriteLine($"replay {Count / clock.Elapsed.TotalSeconds / 1e6:F2} M records/s");
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4 << 20);
            Assert.Equal(Count, visitor.Operations);
        }

        var random = new byte[64 << 20];
        new Random(1).NextBytes(random);
        files["noise"] = random;
        using var noise = files.Open("noise", FileOpenMode.Read);
        for (var round = 0; round < 2; round++)
        {
            using var reader = new WalReader(noise, log.Writer.Seed);
            Assert.False(reader.TryReadNext());
            var clock = Stopwatch.StartNew();
            Assert.False(reader.Resynchronise(TestContext.Current.CancellationToken));
            output.WriteLine($"resynchronise {random.Length / clock.Elapsed.TotalSeconds / 1e6:F0} MB/s");
        }
    }

    private struct Counter : IWalVisitor
    {
        public long Operations;

        public void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Operations++;

        public readonly void EndRecord(ulong lastLsn, long commitMicroseconds)
        {
        }
    }
}
