#pragma warning disable CA1822, IDE0060, CA1801, CA1065, CA2201, CS9113, IDE0290
using System.Runtime.CompilerServices;
using Hestia.Core.Locking;
using Hestia.Core.Segments;
namespace Hestia.Core
{
    /// <summary>An embedded, ordered key-value index in one directory. Thread-safe.</summary>
    public sealed class HestiaIndex : IDisposable
    {
        /// <summary>Creates an empty index in a directory that does not exist yet or is empty, and opens it.</summary>
        public static HestiaIndex Create(string path, IndexSettings? settings = null, IndexOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
        /// <summary>Opens an index, recovering what a crash left.</summary>
        public static HestiaIndex Open(string path, IndexOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
        /// <summary>Full path of the directory.</summary>
        public string Path => throw new NotImplementedException();
        /// <summary>Name for people (index.json), never null.</summary>
        public string Name => throw new NotImplementedException();
        /// <summary>Identity, fixed at creation.</summary>
        public Guid Id => throw new NotImplementedException();
        public IndexSettings Settings => throw new NotImplementedException();
        /// <summary>Durability in force in this session.</summary>
        public Durability Durability => throw new NotImplementedException();
        public IndexState State => throw new NotImplementedException();
        public bool IsReadOnly => throw new NotImplementedException();
        public RecoveryReport Recovery => throw new NotImplementedException();
        /// <summary>Last LSN visible to readers.</summary>
        public Lsn LastLsn => throw new NotImplementedException();
        public Lsn DurableLsn => throw new NotImplementedException();
        public Lsn Checkpoint => throw new NotImplementedException();
        public Lsn Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => throw new NotImplementedException();
        public Lsn Delete(ReadOnlySpan<byte> key) => throw new NotImplementedException();
        /// <summary>Applies a batch as one; returns the LSN of its last operation.</summary>
        public Lsn Write(WriteBatch batch) => throw new NotImplementedException();
        /// <summary>The value of a key, or null.</summary>
        public byte[]? Get(ReadOnlySpan<byte> key) => throw new NotImplementedException();
        public byte[]? Get(ReadOnlySpan<byte> key, out Lsn lsn) => throw new NotImplementedException();
        /// <summary>Copies the value into a caller's span; valueLength tells the size needed if it did not fit (then nothing is copied and GetStatus.DestinationTooSmall).</summary>
        public GetStatus TryGet(ReadOnlySpan<byte> key, Span<byte> destination, out int valueLength, out Lsn lsn) => throw new NotImplementedException();
        public IndexSnapshot CreateSnapshot() => throw new NotImplementedException();
        /// <summary>A cursor over a snapshot of now.</summary>
        public IndexCursor Scan(ScanOptions options = default) => throw new NotImplementedException();
        public FlushResult Flush(CancellationToken cancellationToken = default) => throw new NotImplementedException();
        /// <summary>Full compaction on demand; skips bottom segments that are clean already.</summary>
        public CompactionResult Compact(IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
        /// <summary>Promises not to delete the files of the current manifest until the pin is disposed.</summary>
        public IndexPin Pin() => throw new NotImplementedException();
        public IndexStatistics GetStatistics() => throw new NotImplementedException();
        /// <summary>Checks the open index (segments of a pinned manifest, the log, memtables against LSNs).</summary>
        public CheckReport Check(CheckOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
        /// <summary>Flushes and closes. Throws if the flush fails (the index is closed all the same, and recovers at the next open).</summary>
        public void Close() => throw new NotImplementedException();
        public void Dispose() => throw new NotImplementedException();
    }
    public enum GetStatus { Found, NotFound, DestinationTooSmall }
    /// <summary>Which entries a scan shows. All null: everything.</summary>
    public readonly record struct ScanOptions
    {
        /// <summary>Only keys that start with this.</summary>
        public ReadOnlyMemory<byte>? Prefix { get; init; }
        /// <summary>First key, included.</summary>
        public ReadOnlyMemory<byte>? From { get; init; }
        /// <summary>End key, excluded unless ToInclusive.</summary>
        public ReadOnlyMemory<byte>? To { get; init; }
        public bool ToInclusive { get; init; }
        /// <summary>From the largest key to the smallest.</summary>
        public bool Reverse { get; init; }
        /// <summary>At most so many entries; 0 = no limit.</summary>
        public long Limit { get; init; }
    }
    /// <summary>A stable view. Dispose it soon: it keeps memtables and files.</summary>
    public sealed class IndexSnapshot : IDisposable
    {
        public Lsn Lsn => throw new NotImplementedException();
        public byte[]? Get(ReadOnlySpan<byte> key, out Lsn lsn) => throw new NotImplementedException();
        public IndexCursor Scan(ScanOptions options = default) => throw new NotImplementedException();
        public void Dispose() => throw new NotImplementedException();
    }
    /// <summary>Forward-only (in scan order) cursor: while (c.MoveNext()) use c.Key, c.Value. Allocates nothing per entry. Not thread-safe.</summary>
    public sealed class IndexCursor : IDisposable
    {
        public bool MoveNext() => throw new NotImplementedException();
        public ReadOnlySpan<byte> Key => throw new NotImplementedException();
        public ReadOnlySpan<byte> Value => throw new NotImplementedException();
        public Lsn Lsn => throw new NotImplementedException();
        /// <summary>LSN of the snapshot it reads.</summary>
        public Lsn SnapshotLsn => throw new NotImplementedException();
        public void Dispose() => throw new NotImplementedException();
    }
    /// <summary>One live segment of a pinned manifest.</summary>
    public sealed record PinnedSegment(SegmentId Id, int Level, long Size, string FilePath);
    /// <summary>Holds the files of one manifest. Dispose releases. Thread-safe.</summary>
    public sealed class IndexPin : IDisposable
    {
        public Lsn Checkpoint => throw new NotImplementedException();
        public DateTimeOffset CheckpointTime => throw new NotImplementedException();
        public IReadOnlyList<PinnedSegment> Segments => throw new NotImplementedException();
        /// <summary>The manifest's and index.json's exact bytes, for a backup.</summary>
        public ReadOnlyMemory<byte> ManifestBytes => throw new NotImplementedException();
        public ReadOnlyMemory<byte> SettingsBytes => throw new NotImplementedException();
        public void Dispose() => throw new NotImplementedException();
    }
    /// <summary>Who holds the lock, as .lock says.</summary>
    /// <summary>What can be known of an index without opening it.</summary>
    public sealed record IndexDescription
    {
        public required string Path { get; init; }
        public required string Name { get; init; }
        public required Guid Id { get; init; }
        public required IndexSettings Settings { get; init; }
        public required DateTimeOffset Created { get; init; }
        /// <summary>Whether a live process holds the lock now.</summary>
        public required bool InUse { get; init; }
        public LockOwner? Owner { get; init; }
        public required Lsn Checkpoint { get; init; }
        public required int Segments { get; init; }
        public required long SegmentBytes { get; init; }
        public required long EntriesUpperBound { get; init; }
        public required long WalBytes { get; init; }
        public required IReadOnlyList<LevelStatistics> Levels { get; init; }
        /// <summary>Reads index.json, the newest manifest and the lock without opening or changing anything.</summary>
        public static IndexDescription Read(string path) => throw new NotImplementedException();
        /// <summary>Whether the path looks like a Hestia index (has an index.json of ours).</summary>
        public static bool IsIndex(string path) => throw new NotImplementedException();
    }
    /// <summary>Order-preserving encodings between bytes and what people write.</summary>
    public static class DataEncoder
    {
        /// <summary>Bytes of text/number/guid/byte[]; EncodingMismatch if it does not fit.</summary>
        public static byte[] Encode(DataEncoding encoding, object value) => throw new NotImplementedException();
        /// <summary>string, long, Guid or byte[]; bytes that don't fit the encoding come back as byte[].</summary>
        public static object Decode(DataEncoding encoding, ReadOnlySpan<byte> bytes) => throw new NotImplementedException();
        /// <summary>For messages and tables: text as it is, bytes as 0x…, long ones shortened.</summary>
        public static string Display(DataEncoding encoding, ReadOnlySpan<byte> bytes, int maxLength = 64) => throw new NotImplementedException();
    }
}
namespace Hestia.Core
{
    public sealed record CheckOptions
    {
        /// <summary>Also hash every segment and compare with its name.</summary>
        public bool Deep { get; init; }
    }
    /// <summary>Result of a check.</summary>
    public sealed record CheckReport
    {
        public required string Path { get; init; }
        public required string Name { get; init; }
        public required bool Healthy { get; init; }
        /// <summary>Live entries counted (visible keys).</summary>
        public required long Entries { get; init; }
        public required int Segments { get; init; }
        public required long Bytes { get; init; }
        public required Lsn LastLsn { get; init; }
        public required Lsn Checkpoint { get; init; }
        public required IReadOnlyList<Finding> Findings { get; init; }
        public required TimeSpan Duration { get; init; }
    }
    /// <summary>Checks a closed index without changing a byte; refused (IndexInUse) while another process has it open.</summary>
    public static class IndexChecker
    {
        public static CheckReport Check(string path, CheckOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    }
    public sealed record RepairOptions
    {
        /// <summary>Go on although entries are lost (RepairWouldLoseData otherwise).</summary>
        public bool AllowLoss { get; init; }
        /// <summary>Only say what would be done.</summary>
        public bool PlanOnly { get; init; }
    }
    /// <summary>One thing repair did or would do.</summary>
    public sealed record RepairAction(string Code, string Message, string? File);
    /// <summary>What was lost: an LSN range or key range (nulls where unknown).</summary>
    public sealed record RepairLoss(string Message, Lsn? FirstLsn, Lsn? LastLsn, byte[]? FirstKey, byte[]? LastKey);
    public sealed record RepairReport
    {
        public required string Path { get; init; }
        public required string Name { get; init; }
        /// <summary>False if the index was healthy and nothing was (or would be) done.</summary>
        public required bool Changed { get; init; }
        public required IReadOnlyList<Finding> Findings { get; init; }
        public required IReadOnlyList<RepairAction> Actions { get; init; }
        public required IReadOnlyList<string> Quarantined { get; init; }
        public required IReadOnlyList<RepairLoss> Lost { get; init; }
        public required long EntriesKept { get; init; }
        public required Lsn LastLsn { get; init; }
        public required TimeSpan Duration { get; init; }
    }
    /// <summary>Salvages everything readable; moves the rest to quarantine/, deletes nothing.</summary>
    public static class IndexRepairer
    {
        public static RepairReport Repair(string path, RepairOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    }
}
namespace Hestia.Core.Wal
{
    public sealed record WalReadOptions { public Lsn? FromLsn { get; init; } public Lsn? ToLsn { get; init; } public byte[]? Key { get; init; } public int? Last { get; init; } }
    public sealed record WalReport
    {
        public required string Path { get; init; }
        public required bool Healthy { get; init; }
        public required int Files { get; init; }
        public required long Records { get; init; }
        public required long Operations { get; init; }
        public required long Bytes { get; init; }
        public required Lsn FirstLsn { get; init; }
        public required Lsn LastLsn { get; init; }
        public required IReadOnlyList<Finding> Findings { get; init; }
        public required string OpenWould { get; init; }
    }
    public sealed record WalOperation(Lsn Lsn, OperationKind Kind, byte[] Key, byte[] Value);
    public sealed record WalRecord
    {
        public required string File { get; init; }
        public required long Offset { get; init; }
        public required Lsn FirstLsn { get; init; }
        public required Lsn LastLsn { get; init; }
        public required DateTimeOffset CommitTime { get; init; }
        public required long SyncedOffset { get; init; }
        public required long Bytes { get; init; }
        public required IReadOnlyList<WalOperation> Operations { get; init; }
        public string? Damage { get; init; }
    }
    public static class WalInspector
    {
        public static WalReport Check(string path, CancellationToken cancellationToken = default) => throw new NotImplementedException();
        public static IEnumerable<WalRecord> ReadRecords(string path, WalReadOptions? options = null) => throw new NotImplementedException();
    }
}
