namespace Hestia.Backup.Archive;

/// <summary>What is restored: one backup, or an index by name or id from whatever leads to the point.</summary>
internal readonly record struct RestoreSource(string? BackupId, string? Index);
