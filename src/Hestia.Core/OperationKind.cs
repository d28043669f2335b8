namespace Hestia.Core;

/// <summary>What one operation does to its key. The numbers are on disk.</summary>
public enum OperationKind : byte
{
    /// <summary>The key has this value from here on.</summary>
    Put = 0,

    /// <summary>The key is gone from here on (a tombstone).</summary>
    Delete = 1,
}
