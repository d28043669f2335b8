using Hestia.Core;
using Hestia.Core.Control;

namespace HestiaPS;

/// <summary>A change of an index's durability.</summary>
public sealed class DurabilityReport
{
    internal DurabilityReport(string name, string path, DurabilityChange change, IndexVia via)
    {
        IndexName = name;
        Path = path;
        Before = change.Before;
        Durability = change.After;
        Lsn = change.Lsn?.Value;
        Via = via;
    }

    /// <summary>Name of the index.</summary>
    public string IndexName { get; }

    /// <summary>Full path of its directory.</summary>
    public string Path { get; }

    /// <summary>The durability until now.</summary>
    public Durability Before { get; }

    /// <summary>The durability from now on.</summary>
    public Durability Durability { get; }

    /// <summary>Last write under the old durability, which is in segments; null if the index was closed.</summary>
    public ulong? Lsn { get; }

    /// <summary>Whether it is a session of this process, was closed, or its owner did it.</summary>
    public IndexVia Via { get; }
}
