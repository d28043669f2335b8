using System.Globalization;
using Hestia.Backup;
using Hestia.Core;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Control;

/// <summary>How long the owner's writes take while another process backs up its index, and while none does. Figures, not a verdict: it needs a quiet machine.</summary>
public sealed class HotBackupLatencyTests(ITestOutputHelper output)
{
    [Fact]
    [Trait("Category", "Soak")]
    public void Latency_of_writes_with_and_without_a_backup_beside_them()
    {
        var seconds = int.Parse(Environment.GetEnvironmentVariable("HESTIA_LATENCY_SECONDS") ?? "10", CultureInfo.InvariantCulture);
        using var folder = new TemporaryFolder();
        var path = folder["index"];
        HestiaIndex.Create(path, new IndexSettings { Durability = Durability.GroupSync }).Close();
        using var repository = BackupRepository.Create(folder["repository"]);
        using var owner = new ChildProcess(["latency", path]);
        owner.WaitFor("o");
        Thread.Sleep(3000); // compiled and at work
        Next("warm up");
        for (var round = 0; round < 2; round++)
        {
            Thread.Sleep(TimeSpan.FromSeconds(seconds));
            Next("without a backup");
            var until = DateTime.UtcNow.AddSeconds(seconds);
            var (backups, bytes) = (0, 0L);
            while (DateTime.UtcNow < until)
            {
                bytes += repository.Backup(path).BytesSent;
                backups++;
            }

            Next($"with {backups} backups one after the other ({bytes >> 20} MiB sent)");
        }

        void Next(string what)
        {
            owner.Send("next");
            var n = owner.WaitFor("n").Split(' ');
            output.WriteLine($"{what}: {n[1]} writes, p50 {n[2]}, p99 {n[3]}, p99.9 {n[4]}, longest {n[5]} microseconds");
        }
    }
}
