namespace Hestia.HestiaStore.Reading;

/// <summary>How entries of a HestiaStore directory are read.</summary>
public sealed record StoreReadOptions
{
    /// <summary>Read although whether the owner of the lock still runs cannot be told from here. A living owner is refused all the same.</summary>
    public bool AllowUnknownOwner { get; init; }

    /// <summary>Folder for what does not fit into memory of a long log; null for the system's.</summary>
    public string? ScratchDirectory { get; init; }
}
