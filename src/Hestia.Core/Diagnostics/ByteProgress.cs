namespace Hestia.Core.Diagnostics;

/// <summary>Turns bytes read into reports of progress, not more often than every so many bytes.</summary>
internal sealed class ByteProgress(IProgress<WorkProgress>? target)
{
    private const long Step = 4L << 20;

    private string _activity = "";
    private long _total;
    private long _items;
    private long _itemsTotal;
    private long _reported;

    public long Bytes { get; private set; }

    public void Begin(string activity, long bytesTotal, long itemsTotal)
    {
        (_activity, _total, _itemsTotal) = (activity, bytesTotal, itemsTotal);
        (Bytes, _items, _reported) = (0, 0, 0);
        Report();
    }

    public void AddBytes(long bytes)
    {
        Bytes += bytes;
        if (Bytes - _reported >= Step) Report();
    }

    public void AddItem()
    {
        _items++;
        if (_items == _itemsTotal) Report();
    }

    private void Report()
    {
        _reported = Bytes;
        target?.Report(new WorkProgress(_activity, Math.Min(Bytes, _total), _total, _items, _itemsTotal));
    }
}
