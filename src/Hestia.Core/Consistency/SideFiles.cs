using Hestia.Core.Archiving;
using Hestia.Core.IO;

namespace Hestia.Core.Consistency;

/// <summary>
/// Looks at the two files that hold no entry: archive.json (how far the log is archived) and backup.json (the last backup). The index opens
/// without them, so their damage is a warning; a state of the archive that a newer version wrote is an error, for opening refuses it.
/// </summary>
internal static class SideFiles
{
    /// <summary>What is wrong with them; nothing of one that is not there, as nobody can tell that it ever was.</summary>
    /// <param name="files">Where the index lies.</param>
    /// <param name="indexPath">The index.</param>
    /// <param name="indexId">Whose files they must be; null if nobody knows.</param>
    public static IEnumerable<Finding> Check(FileSystem files, string indexPath, Guid? indexId)
    {
        if (CheckArchive(files, indexPath, indexId) is { } archive) yield return archive;
        if (CheckLastBackup(files, indexPath, indexId) is { } backup) yield return backup;
    }

    public static Finding? CheckArchive(FileSystem files, string indexPath, Guid? indexId)
    {
        const string Stake = "Opening goes on and keeps all log files, up to 4 GiB, because nobody knows what was shipped. Run Backup-HestiaIndex -Wal, "
            + "which finds it out and writes the file anew, or Repair-HestiaIndex, which puts the file aside and keeps the log until then.";
        try
        {
            if (ArchiveState.Read(files, indexPath) is not { } state || indexId is null || state.IndexId == indexId) return null;
            return new Finding(FindingSeverity.Warning, CheckFindings.ForeignFile,
                $"{FileNames.Archive} belongs to index {state.IndexId}; this index is {indexId}. {Stake}", FileNames.Archive);
        }
        catch (InvalidDataException e)
        {
            return new Finding(FindingSeverity.Warning, CheckFindings.ArchiveStateDamaged, $"{HestiaException.Sentence(e.Message)} {Stake}", FileNames.Archive);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.FormatTooNew)
        {
            return new Finding(FindingSeverity.Error, CheckFindings.FormatTooNew, e.Message, FileNames.Archive);
        }
    }

    public static Finding? CheckLastBackup(FileSystem files, string indexPath, Guid? indexId)
    {
        const string Stake = "No backup is shown for the index until the next one, which writes the file anew; the backups themselves are not touched by it. "
            + "Repair-HestiaIndex puts it aside.";
        try
        {
            if (LastBackup.ReadStrictly(files, indexPath) is not var (id, _) || indexId is null || id == indexId) return null;
            return new Finding(FindingSeverity.Warning, CheckFindings.ForeignFile,
                $"{FileNames.LastBackup} belongs to index {id}; this index is {indexId}. {Stake}", FileNames.LastBackup);
        }
        catch (InvalidDataException e)
        {
            return new Finding(FindingSeverity.Warning, CheckFindings.LastBackupDamaged, $"{HestiaException.Sentence(e.Message)} {Stake}", FileNames.LastBackup);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.FormatTooNew)
        {
            // Nothing depends on it, so nothing is refused for it.
            return new Finding(FindingSeverity.Information, CheckFindings.LastBackupTooNew,
                $"{e.Message} It is left alone, and no backup is shown for the index until the next one.", FileNames.LastBackup);
        }
    }
}
