namespace Hestia.Unit.Simulation;

/// <summary>One operation: a put, or with no value a delete.</summary>
internal readonly record struct Change(string Key, byte[]? Value);

/// <summary>A batch and the LSNs it got.</summary>
internal sealed record WrittenBatch(ulong First, IReadOnlyList<Change> Changes)
{
    public ulong Last => First + (ulong)Changes.Count - 1;
}

/// <summary>An entry as it must be shown, with the LSN of the write that made it; 0 where that was dropped.</summary>
internal readonly record struct ModelEntry(byte[] Value, ulong Lsn)
{
    public bool Equals(ModelEntry other) => (Lsn == 0 || other.Lsn == 0 || Lsn == other.Lsn) && Value.AsSpan().SequenceEqual(other.Value);

    public override int GetHashCode() => Value.Length;
}

/// <summary>
/// What was written, in order of LSN, and what an index that holds the writes up to some point has to show. Beside it, the batches nobody
/// knows the fate of: written by several writers at once when the power went or a sync failed, each there or not, in any order.
/// </summary>
internal sealed class WriteHistory
{
    private readonly List<WrittenBatch> _batches = [];
    private readonly List<IReadOnlyList<Change>> _doubtful = [];
    private SortedDictionary<string, ModelEntry> _model = new(StringComparer.Ordinal);
    private int _modelled; // batches in the model

    /// <summary>LSN of the last write whose number is known.</summary>
    public ulong Last => _batches.Count == 0 ? 0 : _batches[^1].Last;

    public int DoubtfulCount => _doubtful.Count;

    public void Add(WrittenBatch batch) => _batches.Add(batch);

    public void AddDoubtful(IReadOnlyList<Change> batch) => _doubtful.Add(batch);

    /// <summary>Forgets what has this LSN or a later one.</summary>
    public void ForgetFrom(ulong lsn)
    {
        _batches.RemoveAll(batch => batch.First >= lsn);
        if (_modelled > _batches.Count) Restart();
    }

    /// <summary>How many batches came after this LSN.</summary>
    public int CountAfter(ulong lsn) => _batches.Count(batch => batch.First > lsn);

    /// <summary>Whether a batch ends with this LSN, or it is before all of them.</summary>
    public bool EndsAt(ulong lsn) => lsn == 0 || _batches.Exists(batch => batch.Last == lsn);

    /// <summary>
    /// An index came back with this last LSN and this content: settles which of the doubtful batches are there, and forgets what is not.
    /// Returns what is wrong with it, or null.
    /// </summary>
    public string? CameBack(ulong last, Func<SortedDictionary<string, ModelEntry>> content)
    {
        if (last > Last)
        {
            if (_doubtful.Count == 0) return $"{last} is there, and {Last} was the last written";
            var first = Last + 1;
            var shown = content();
            var basis = Copy(ModelAt(Last));
            var order = new List<int>();
            var sums = false;
            if (!Search(order, first, last, basis, shown, ref sums))
                return sums ? $"what came back up to {last} is none of the orders that the writers at once can have had" : $"a part of a batch came back: the last write is {last}";
            foreach (var at in order)
            {
                Add(new WrittenBatch(first, _doubtful[at]));
                first += (ulong)_doubtful[at].Count;
            }
        }
        else if (!EndsAt(last))
        {
            return $"a part of a batch came back: the last write is {last}";
        }

        _doubtful.Clear();
        ForgetFrom(last + 1);
        return null;
    }

    /// <summary>What an index shows that holds everything up to this LSN. Valid until the next call.</summary>
    /// <exception cref="InvalidOperationException">The LSN is inside a batch.</exception>
    public SortedDictionary<string, ModelEntry> ModelAt(ulong last)
    {
        if (_modelled > 0 && _batches[_modelled - 1].Last > last) Restart();
        for (; _modelled < _batches.Count && _batches[_modelled].First <= last; _modelled++)
        {
            var batch = _batches[_modelled];
            if (batch.Last > last) throw new InvalidOperationException($"a part of the batch {batch.First} to {batch.Last} is shown at {last}");
            Apply(_model, batch.First, batch.Changes);
        }

        return _model;
    }

    public static SortedDictionary<string, ModelEntry> Copy(SortedDictionary<string, ModelEntry> model) => new(model, StringComparer.Ordinal);

    public static bool Same(SortedDictionary<string, ModelEntry> expected, SortedDictionary<string, ModelEntry> shown)
    {
        if (expected.Count != shown.Count) return false;
        using var other = shown.GetEnumerator();
        foreach (var (key, entry) in expected)
            if (!other.MoveNext() || other.Current.Key != key || !other.Current.Value.Equals(entry)) return false;
        return true;
    }

    private static void Apply(SortedDictionary<string, ModelEntry> model, ulong lsn, IReadOnlyList<Change> changes)
    {
        foreach (var (key, value) in changes)
        {
            if (value is null) model.Remove(key);
            else model[key] = new ModelEntry(value, lsn);
            lsn++;
        }
    }

    private bool Search(
        List<int> order, ulong next, ulong last, SortedDictionary<string, ModelEntry> model, SortedDictionary<string, ModelEntry> shown, ref bool sums)
    {
        if (next == last + 1)
        {
            sums = true;
            return Same(model, shown);
        }

        for (var i = 0; i < _doubtful.Count; i++)
        {
            if (order.Contains(i) || next + (ulong)_doubtful[i].Count > last + 1) continue;
            var with = Copy(model);
            Apply(with, next, _doubtful[i]);
            order.Add(i);
            if (Search(order, next + (ulong)_doubtful[i].Count, last, with, shown, ref sums)) return true;
            order.RemoveAt(order.Count - 1);
        }

        return false;
    }

    private void Restart()
    {
        _model = new SortedDictionary<string, ModelEntry>(StringComparer.Ordinal);
        _modelled = 0;
    }
}
