namespace Hestia.Core.Archiving;

/// <summary>One repository that the log of an index is shipped to, and how far it has come.</summary>
/// <param name="RepositoryId">Identity of the repository.</param>
/// <param name="Timeline">Timeline of the last record shipped.</param>
/// <param name="Shipped">LSN of the last operation shipped; everything up to it need not be kept for this repository.</param>
/// <param name="CommitTime">Commit time of that record, UTC microseconds; 0 if it is not known.</param>
/// <param name="RecordCrc">Header checksum of that record, or null if it is not known.</param>
internal sealed record ArchiveTarget(Guid RepositoryId, Guid Timeline, Lsn Shipped, long CommitTime, uint? RecordCrc);
