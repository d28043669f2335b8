using Hestia.Core.Archiving;
using Hestia.Core.Locking;

namespace Hestia.Core;

/// <summary>An open index at one moment: what it is, who has it open, and its numbers.</summary>
public sealed record IndexStatus
{
    /// <summary>Identity, fixed at creation.</summary>
    public required Guid Id { get; init; }

    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Full path of the directory, as its owner sees it.</summary>
    public required string Path { get; init; }

    /// <summary>When it was created, UTC.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>Settings from index.json.</summary>
    public required IndexSettings Settings { get; init; }

    /// <summary>Durability in force.</summary>
    public required Durability Durability { get; init; }

    /// <summary>Whether it is open read-only.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The process that has it open, and since when.</summary>
    public required LockOwner Owner { get; init; }

    /// <summary>Its numbers.</summary>
    public required IndexStatistics Statistics { get; init; }

    /// <summary>The last backup made of it, or null if none is known.</summary>
    public LastBackup? LastBackup { get; init; }
}
