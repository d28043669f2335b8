using System.Text;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Wal;

namespace Hestia.Unit.Wal;

/// <summary>Writes a log the way the engine does and remembers what it wrote.</summary>
internal sealed class WalTestLog
{
    public static readonly string Root = Path.Combine(Path.GetTempPath(), "memory");
    public static readonly string Wal = Path.Combine(Root, FileNames.Wal);
    public static readonly Guid Index = new("11111111-2222-3333-4444-555555555555");
    public static readonly Guid Timeline = new("aaaaaaaa-2222-3333-4444-555555555555");

    private readonly WalRecordBuilder _builder = new();
    private ulong _next = 1;
    private ulong _salt = 42;

    public WalTestFiles Files { get; } = new();

    public WalWriter Writer { get; private set; } = null!;

    /// <summary>Offset, end, first and last LSN and synced offset of every record, per file path.</summary>
    public List<(string Path, long Offset, long End, ulong First, ulong Last, long Synced)> Records { get; } = [];

    public ulong LastLsn => _next - 1;

    public WalTestLog Rotate(bool syncBefore = true, long preallocate = 4096)
    {
        var predecessor = default(WalPredecessor);
        if (Writer is not null)
        {
            if (syncBefore) Writer.SyncData();
            predecessor = Writer.AsPredecessor;
        }

        Writer = WalWriter.Create(Files, Wal, Header(_next, predecessor), preallocate);
        return this;
    }

    public WalFileHeader Header(ulong first, WalPredecessor predecessor = default) => new()
    {
        IndexId = Index,
        TimelineId = Timeline,
        FirstLsn = new Lsn(first),
        Salt = _salt += 0x9E3779B97F4A7C15,
        CreatedMicroseconds = 1,
        Predecessor = predecessor,
    };

    public WalTestLog Add(int operations = 1, byte[]? value = null, bool sync = false)
    {
        var offset = Writer.AppendOffset;
        var synced = Writer.SyncedOffset;
        _builder.Start(offset, Writer.Seed);
        _builder.BeginRecord();
        for (var i = 0UL; i < (ulong)operations; i++) _builder.AddOperation(OperationKind.Put, Key(_next + i), value ?? Value(_next + i));
        _builder.EndRecord(new Lsn(_next), operations, (long)_next * 1000, synced);
        Writer.Append(_builder.Records);
        Records.Add((Writer.Path, offset, Writer.AppendOffset, _next, _next + (ulong)operations - 1, synced));
        _next += (ulong)operations;
        if (sync) Writer.SyncData();
        return this;
    }

    /// <summary>What a record would be if it were appended now; nothing is.</summary>
    public byte[] Build(ulong lsn, byte[] value)
    {
        _builder.Start(Writer.AppendOffset, Writer.Seed);
        _builder.BeginRecord();
        _builder.AddOperation(OperationKind.Put, Key(lsn), value);
        _builder.EndRecord(new Lsn(lsn), 1, 5, Writer.SyncedOffset);
        return _builder.Records.ToArray();
    }

    public void SkipLsns(ulong count) => _next += count;

    public static byte[] Key(ulong lsn) => Encoding.ASCII.GetBytes("key" + lsn);

    public static byte[] Value(ulong lsn) => Encoding.ASCII.GetBytes("value" + lsn * 7);

    public WalScanResult Scan(ulong? checkpoint = 0, bool all = false, WalTestFiles? files = null) =>
        WalScan.Run(files ?? Files, Wal, new WalScanOptions(Index, Timeline, checkpoint is { } c ? new Lsn(c) : null, all));

    /// <summary>Replays and checks that nothing but what was written comes, in order.</summary>
    public static ulong[] Replay(WalTestFiles files, WalScanResult scan, ulong after = 0, bool checkValues = true)
    {
        var visitor = new Collector { CheckValues = checkValues };
        WalReplay.Run(files, scan, new Lsn(after), ref visitor);
        return [.. visitor.Lsns ?? []];
    }

    /// <summary>A second file system with the same files.</summary>
    public WalTestFiles Copy()
    {
        var copy = new WalTestFiles();
        foreach (var name in Files.Names) copy[name] = Files[name];
        return copy;
    }

    private struct Collector : IWalVisitor
    {
        public List<ulong>? Lsns;
        public bool CheckValues;

        public void Apply(ulong lsn, OperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            Assert.Equal(OperationKind.Put, kind);
            Assert.Equal(Key(lsn), key.ToArray());
            if (CheckValues) Assert.Equal(Value(lsn), value.ToArray());
            (Lsns ??= []).Add(lsn);
        }

        public readonly void EndRecord(ulong lastLsn, long commitMicroseconds) => Assert.Equal(lastLsn, Lsns![^1]);
    }
}
