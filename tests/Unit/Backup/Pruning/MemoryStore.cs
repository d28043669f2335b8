using System.Collections.Concurrent;
using Hestia.Backup.Stores;

namespace Hestia.Unit.Backup.Pruning;

/// <summary>
/// A store in memory with a clock of its own. Before every call, and between the pages of a list, it asks leave of what it was given.
/// </summary>
internal sealed class MemoryStore(Action step) : RepositoryStore
{
    private const int ListPage = 3;

    private readonly SortedDictionary<string, (byte[] Bytes, DateTime StoredAt)> _items = new(StringComparer.Ordinal);

    public DateTime Now { get; set; } = new(2026, 4, 15, 3, 0, 0, DateTimeKind.Utc);

    /// <summary>Names in the order in which they were deleted.</summary>
    public ConcurrentQueue<string> Deleted { get; } = new();

    public override string Location => "memory";

    /// <summary>Of two that create one name both may win: nothing may rest on that.</summary>
    public override StoreCapabilities Capabilities => new(AtomicCreate: false, DurableWhenStored: true, Remote: false);

    public override void Prepare(CancellationToken cancellationToken)
    {
    }

    /// <summary>In pages, like a service: what comes and goes meanwhile may or may not be among them.</summary>
    public override IEnumerable<StoredItem> List(string prefix, CancellationToken cancellationToken)
    {
        var after = "";
        while (true)
        {
            Step(cancellationToken);
            List<StoredItem> page;
            lock (_items)
            {
                page = _items.Where(i => i.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(i.Key, after) > 0)
                    .Take(ListPage).Select(i => new StoredItem(i.Key, i.Value.Bytes.Length, i.Value.StoredAt)).ToList();
            }

            foreach (var item in page) yield return item;
            if (page.Count < ListPage) yield break;
            after = page[^1].Name;
        }
    }

    public override void GetSizes(ReadOnlySpan<string> names, Span<long> sizes, CancellationToken cancellationToken)
    {
        for (var i = 0; i < names.Length; i++)
        {
            Step(cancellationToken);
            lock (_items) sizes[i] = _items.TryGetValue(names[i], out var item) ? item.Bytes.Length : -1;
        }
    }

    public override bool TryCreate(string name, ReadOnlySpan<byte> content, CancellationToken cancellationToken)
    {
        Step(cancellationToken);
        lock (_items)
        {
            if (_items.ContainsKey(CheckName(name))) return false;
            _items[name] = (content.ToArray(), Now);
            return true;
        }
    }

    public override void Put(string name, ObjectContent content, CancellationToken cancellationToken)
    {
        Step(cancellationToken);
        var bytes = new byte[content.Length];
        content.ReadFull(bytes);
        content.ReadFull(new byte[1]);
        content.Verify();
        lock (_items) _items[CheckName(name)] = (bytes, Now);
    }

    public override void MakeDurable(IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
    }

    public override StoredReader? OpenRead(string name, long offset, long maxBytes, CancellationToken cancellationToken)
    {
        Step(cancellationToken);
        lock (_items) return _items.TryGetValue(name, out var item) ? new Reader(item.Bytes, offset, maxBytes) : null;
    }

    public override void Delete(string name, CancellationToken cancellationToken)
    {
        Step(cancellationToken);
        lock (_items)
            if (_items.Remove(name)) Deleted.Enqueue(name);
    }

    public override DateTime ReadClock(CancellationToken cancellationToken)
    {
        Step(cancellationToken);
        return Now;
    }

    public override int RemoveUnfinished(TimeSpan olderThan, CancellationToken cancellationToken) => 0;

    private void Step(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        step();
    }

    private sealed class Reader(byte[] bytes, long offset, long maxBytes) : StoredReader
    {
        private long _offset = offset;
        private long _left = maxBytes;

        public override long Length => bytes.Length;

        public override int Read(Span<byte> buffer)
        {
            var count = (int)Math.Min(Math.Min(buffer.Length, _left), Math.Max(0, bytes.Length - _offset));
            bytes.AsSpan((int)_offset, count).CopyTo(buffer);
            _offset += count;
            _left -= count;
            return count;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
