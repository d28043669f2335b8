using Hestia.Backup.Format;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Segments;

namespace Hestia.Backup.Jobs;

/// <summary>Brings objects of a repository back into files, each verified on its way; what a restore of any kind needs.</summary>
internal sealed class ObjectFetch(RepositoryContext repository, int parallelism)
{
    /// <summary>Room for the small files beside what is fetched.</summary>
    private const long Overhead = 1 << 20;

    /// <summary>
    /// Before anything is fetched: every object is there and has its size. Objects of reused segments too, as those may turn out
    /// damaged.
    /// </summary>
    public void RefuseIncomplete(BackupManifest manifest, CancellationToken cancellationToken)
    {
        var ids = new SegmentId[manifest.Segments.Count];
        for (var i = 0; i < ids.Length; i++) ids[i] = manifest.Segments[i].Id;
        var sizes = repository.ObjectSizes(ids, parallelism, cancellationToken);
        for (var i = 0; i < sizes.Length; i++)
        {
            var name = repository.ObjectName(ids[i]);
            if (sizes[i] < 0) throw Missing(name);
            if (sizes[i] != manifest.Segments[i].Size)
                throw Damaged(name, $"is {sizes[i]:N0} bytes long instead of {manifest.Segments[i].Size:N0}");
        }
    }

    public void RefuseIfFull(string path, long bytes)
    {
        var available = Available(path);
        if (available >= bytes + Overhead) return;
        throw new HestiaException(
            HestiaErrorCode.DiskFull,
            $"The restore needs {bytes + Overhead:N0} bytes beside '{path}' and {available:N0} are free there. Nothing was changed.",
            path,
            "Free space there, or restore to another file system.");
    }

    public long Available(string path)
    {
        try
        {
            return repository.Files.AvailableBytes(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "asking for the free space of");
        }
    }

    public void RefuseOverlap(string targetPath)
    {
        if (!repository.Store.Overlaps(targetPath) && !repository.Store.Overlaps(RestoreTarget.Resolve(repository.Files, targetPath))) return;
        throw new HestiaException(
            HestiaErrorCode.InvalidOption,
            $"The target '{targetPath}' and the repository '{repository.Location}' lie one inside the other.",
            targetPath,
            "Restore to another folder.");
    }

    /// <summary>Fetches one object into a new file, and syncs it; <paramref name="examine"/> is done while the device still writes.</summary>
    /// <exception cref="HestiaException">ObjectMissing, ObjectDamaged, DiskFull, AccessDenied, IoError.</exception>
    public void Fetch(SegmentId id, long size, string path, ProgressMeter meter, Action? examine, CancellationToken token)
    {
        var name = repository.ObjectName(id);
        using var reader = repository.Store.OpenRead(name, 0, token) ?? throw Missing(name);
        try
        {
            using var file = repository.Files.Open(path, FileOpenMode.CreateNew);
            if (VerifiedCopy.Run((_, buffer) => reader.Read(buffer), file, id, size, meter.AddBytes, token) is { } wrong)
            {
                Pruning.DamageNotes.Add(repository, name, token);
                throw Damaged(name, wrong);
            }

            examine?.Invoke();
            file.Sync();
        }
        catch (InvalidDataException e)
        {
            Pruning.DamageNotes.Add(repository, name, token);
            throw Damaged(name, "does not hold what was written into it: " + e.Message.TrimEnd('.'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, path, "writing");
        }
    }

    private HestiaException Missing(string name) => new(
        HestiaErrorCode.ObjectMissing,
        $"Object {name} is missing from the repository '{repository.Location}', so this backup cannot be restored. Nothing was changed.",
        name,
        "Test-HestiaBackup names the backups that are whole; back up the index again if it still exists.");

    private HestiaException Damaged(string name, string what) => new(
        HestiaErrorCode.ObjectDamaged,
        $"Object {name} of the repository '{repository.Location}' {what}, so this backup cannot be restored. Nothing was changed.",
        name,
        "Test-HestiaBackup -Deep names the backups that are whole; back up the index again if it still exists.");
}
