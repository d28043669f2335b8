using System.Globalization;
using Hestia.Core;

namespace Hestia.CrashWriter;

/// <summary>What the parent asks for: name=value on the command line.</summary>
internal sealed class WriterArguments
{
    private readonly Dictionary<string, string> _values = [];

    public WriterArguments(string[] arguments)
    {
        foreach (var argument in arguments)
        {
            var at = argument.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0) throw new ArgumentException($"'{argument}' is not of the form name=value.");
            _values[argument[..at]] = argument[(at + 1)..];
        }
    }

    public string Index => Text("index") ?? throw new ArgumentException("index= is missing.");

    public Durability Durability => Enum.Parse<Durability>(Text("durability") ?? nameof(Durability.GroupSync));

    public int Threads => Number("threads", 4);

    public int Seed => Number("seed", 1);

    /// <summary>What runs beside the writers: flush, compact, backup, prune, restore, read.</summary>
    public bool Has(string job) => (Text("jobs") ?? "flush,compact,read").Split(',').Contains(job, StringComparer.Ordinal);

    public string Repository => Text("repository") ?? throw new ArgumentException("repository= is missing.");

    public string Destination => Text("destination") ?? throw new ArgumentException("destination= is missing.");

    /// <summary>Id of the backup to restore.</summary>
    public string Backup => Text("backup") ?? throw new ArgumentException("backup= is missing.");

    public string Target => Text("target") ?? throw new ArgumentException("target= is missing.");

    /// <summary>A refused write ends its thread; otherwise it is tried again until the index fails.</summary>
    public bool StopOnRefusal => Number("stop", 0) != 0;

    /// <summary>When the index failed, everything is read and compared before closing.</summary>
    public bool Probe => Number("probe", 0) != 0;

    /// <summary>Small limits that vary with the seed, so that flush and compaction are always under way.</summary>
    public IndexOptions Options()
    {
        var random = new Random(Seed);
        return new IndexOptions
        {
            Durability = Durability,
            MemtableBytes = Number("memtable", 0) is > 0 and var kibibytes ? (long)kibibytes << 10 : 64L << (10 + random.Next(3)),
            MaxMemtables = random.Next(2, 4),
            CacheBytes = 256 << 10,
            MaxOpenFiles = 16,
            Level0Trigger = random.Next(2, 5),
            Level0Slowdown = 8,
            Level1Bytes = 256 << 10,
            SegmentBytes = 32L << (10 + random.Next(2)),
            RetiredAge = Number("grace", -1) is >= 0 and var seconds
                ? TimeSpan.FromSeconds(seconds)
                : TimeSpan.FromMilliseconds(random.Next(3) switch { 0 => 0, 1 => 300, _ => 3000 }),
            RetiredBytes = Number("grace", -1) >= 0 ? null : 4L << 20,
        };
    }

    private string? Text(string name) => _values.GetValueOrDefault(name);

    private int Number(string name, int otherwise) =>
        Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
