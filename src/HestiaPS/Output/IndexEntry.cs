namespace HestiaPS;

/// <summary>One entry of an index.</summary>
public sealed class IndexEntry
{
    internal IndexEntry(object key, object value, ulong lsn)
    {
        Key = key;
        Value = value;
        Lsn = lsn;
    }

    /// <summary>The key in the index's key encoding: string, Int64, Guid, or bytes.</summary>
    public object Key { get; }

    /// <summary>The value in the index's value encoding: string, Int64, Guid, or bytes.</summary>
    public object Value { get; }

    /// <summary>Number of the write that set it; 0 where it is older than anyone needs to know.</summary>
    public ulong Lsn { get; internal set; }
}
