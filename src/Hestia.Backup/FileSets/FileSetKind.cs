using Hestia.Core;

namespace Hestia.Backup.FileSets;

/// <summary>What a folder of another system calls itself.</summary>
/// <param name="IndexName">Name of the index in it.</param>
public sealed record FileSetDescription(string IndexName);

/// <summary>What the check of a folder of another system found.</summary>
/// <param name="Healthy">Whether nothing worse than a warning was found.</param>
/// <param name="Entries">Live entries counted; 0 where they could not be.</param>
/// <param name="Findings">What was found.</param>
public sealed record FileSetCheck(bool Healthy, long Entries, IReadOnlyList<Finding> Findings);

/// <summary>
/// A kind of folder that is backed up as the files it is, such as the directory of another system's index. Backup and restore know nothing of its
/// format; what they have to know is asked here. Implementations are thread-safe, and change nothing.
/// </summary>
public abstract class FileSetKind
{
    /// <summary>How backups name it: lower-case letters, digits and hyphens. Never changed.</summary>
    public abstract string Name { get; }

    /// <summary>How people name it, such as "HestiaStore".</summary>
    public abstract string Title { get; }

    /// <summary>Whether a folder is one of this kind, damaged or not.</summary>
    /// <param name="path">Full path of a folder.</param>
    /// <exception cref="HestiaException">IoError, AccessDenied.</exception>
    public abstract bool Recognizes(string path);

    /// <summary>Reads what a folder says of itself.</summary>
    /// <param name="path">Full path of a folder of this kind.</param>
    /// <exception cref="HestiaException">It cannot be read, or is of a version that is not understood.</exception>
    public abstract FileSetDescription Describe(string path);

    /// <summary>Refuses a folder that somebody has open, or may have: cold backups and replacements need it closed.</summary>
    /// <param name="path">Full path of a folder of this kind.</param>
    /// <param name="allowUnknownOwner">Go on where it cannot be told whether the owner still runs. A living one is refused all the same.</param>
    /// <exception cref="HestiaException">IndexInUse, naming the owner.</exception>
    public abstract void RefuseIfInUse(string path, bool allowUnknownOwner);

    /// <summary>Whether a file belongs into a backup. Locks do not: they name a process that will not be there any more.</summary>
    /// <param name="relativePath">Its path below the folder, with <c>/</c>.</param>
    public abstract bool Includes(string relativePath);

    /// <summary>Whether a file has a name that this system itself gives, so that it may go with a folder that was replaced.</summary>
    /// <param name="relativePath">Its path below the folder, with <c>/</c>.</param>
    public abstract bool IsOwnName(string relativePath);

    /// <summary>Checks a folder as a whole, read-only.</summary>
    /// <param name="path">Full path of a folder of this kind.</param>
    /// <param name="progress">Reports how far it is, or null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">IoError, AccessDenied.</exception>
    public abstract FileSetCheck Check(string path, IProgress<WorkProgress>? progress, CancellationToken cancellationToken);

    /// <summary>As <see cref="Check"/>, where nobody asks how many entries there are: a kind for which counting them is another reading leaves that out.</summary>
    /// <param name="path">Full path of a folder of this kind.</param>
    /// <param name="progress">Reports how far it is, or null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="HestiaException">IoError, AccessDenied.</exception>
    public virtual FileSetCheck CheckBeforeBackup(string path, IProgress<WorkProgress>? progress, CancellationToken cancellationToken) =>
        Check(path, progress, cancellationToken);
}

/// <summary>The kinds that are known in this process. Thread-safe.</summary>
public static class FileSetKinds
{
    private static readonly object s_gate = new();
    private static FileSetKind[] s_kinds = [];

    /// <summary>Makes a kind known; one of the same name takes the place of the earlier one.</summary>
    /// <param name="kind">The kind.</param>
    public static void Register(FileSetKind kind)
    {
        ArgumentNullException.ThrowIfNull(kind);
        lock (s_gate) s_kinds = [.. Array.FindAll(s_kinds, k => k.Name != kind.Name), kind];
    }

    /// <summary>The kind of that name, or null.</summary>
    /// <param name="name">Its name.</param>
    public static FileSetKind? Find(string name) => Array.Find(Volatile.Read(ref s_kinds), k => k.Name == name);

    /// <summary>The kind that recognises a folder, or null.</summary>
    /// <param name="path">Full path of a folder.</param>
    /// <exception cref="HestiaException">IoError, AccessDenied.</exception>
    public static FileSetKind? Of(string path) => Array.Find(Volatile.Read(ref s_kinds), k => k.Recognizes(path));
}
