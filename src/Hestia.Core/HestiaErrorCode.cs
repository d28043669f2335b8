namespace Hestia.Core;

/// <summary>
/// Stable names of everything that can go wrong; PowerShell shows the name as the ErrorId, so a name is never changed or reused.
/// </summary>
public enum HestiaErrorCode
{
    /// <summary>A defect of Hestia itself; please report it.</summary>
    InternalError = 0,

    /// <summary>The path does not exist.</summary>
    PathNotFound,

    /// <summary>The path exists but is no Hestia index (no index.json).</summary>
    NotAnIndex,

    /// <summary>The path holds something already, so no index can be created or restored there.</summary>
    TargetNotEmpty,

    /// <summary>An index is there already.</summary>
    IndexExists,

    /// <summary>Another process, or another session of this process, owns the index.</summary>
    IndexInUse,

    /// <summary>The file system has no locks that the index could rely on.</summary>
    LockUnsupported,

    /// <summary>The files were written by a newer version of Hestia.</summary>
    FormatTooNew,

    /// <summary>A file belongs to another index.</summary>
    ForeignFile,

    /// <summary>index.json cannot be understood.</summary>
    SettingsDamaged,

    /// <summary>The newest manifest is damaged and no older one with the log can stand in for it.</summary>
    ManifestDamaged,

    /// <summary>No manifest was found.</summary>
    ManifestMissing,

    /// <summary>The write-ahead log is damaged below what had been synced.</summary>
    WalDamaged,

    /// <summary>Log sequence numbers are missing between two log files, or between checkpoint and log.</summary>
    WalGap,

    /// <summary>A live segment is missing.</summary>
    SegmentMissing,

    /// <summary>A segment does not hold what was written into it.</summary>
    SegmentDamaged,

    /// <summary>A key is empty.</summary>
    KeyEmpty,

    /// <summary>A key is longer than <see cref="Limits.MaxKeyBytes"/>.</summary>
    KeyTooLong,

    /// <summary>A key or value does not fit the encoding the index was created with.</summary>
    EncodingMismatch,

    /// <summary>A value is longer than <see cref="Limits.MaxValueBytes"/>.</summary>
    ValueTooLarge,

    /// <summary>A batch is larger than <see cref="Limits.MaxBatchBytes"/>.</summary>
    BatchTooLarge,

    /// <summary>An option has a value outside its range.</summary>
    InvalidOption,

    /// <summary>The index met a failed sync or an unusable log and refuses writes; reads of durable entries go on.</summary>
    IndexFailed,

    /// <summary>The index is closed.</summary>
    IndexClosed,

    /// <summary>The index was opened read-only.</summary>
    IndexReadOnly,

    /// <summary>Too much memory is held by open snapshots.</summary>
    SnapshotLimit,

    /// <summary>The index holds as many segments as it may.</summary>
    SegmentLimit,

    /// <summary>No space is left on the device.</summary>
    DiskFull,

    /// <summary>The operating system, or the store of a repository, refused access.</summary>
    AccessDenied,

    /// <summary>The operating system reported an error on a file.</summary>
    IoError,

    /// <summary>A wait ended before what was waited for came.</summary>
    TimedOut,

    /// <summary>Repair would lose data and was not told to go on.</summary>
    RepairWouldLoseData,

    /// <summary>Nothing that could be repaired was found.</summary>
    NotRepairable,

    /// <summary>The path or URL holds no repository.</summary>
    RepositoryNotFound,

    /// <summary>A repository is there already.</summary>
    RepositoryExists,

    /// <summary>The repository's own files cannot be understood.</summary>
    RepositoryDamaged,

    /// <summary>No backup has that id.</summary>
    BackupNotFound,

    /// <summary>A backup's manifest cannot be understood.</summary>
    BackupDamaged,

    /// <summary>An object the backup needs is missing from the repository.</summary>
    ObjectMissing,

    /// <summary>An object of the repository does not hold what was written into it.</summary>
    ObjectDamaged,

    /// <summary>The source changed or is damaged: what was read does not match its name.</summary>
    SourceDamaged,

    /// <summary>A pin expired or was released while still needed.</summary>
    PinExpired,

    /// <summary>The log archive holds another history than this index under the same timeline: one of the two is a copy.</summary>
    ArchiveDiverged,

    /// <summary>A piece of the log archive is missing, or does not hold what was written into it.</summary>
    ArchiveDamaged,

    /// <summary>The LSN or moment asked for cannot be restored: nothing reaches it, or it lies within a batch.</summary>
    PointNotReachable,

    /// <summary>The bucket or container a repository should be in does not exist.</summary>
    ContainerNotFound,

    /// <summary>No credentials for the store were given, and none were found in the environment.</summary>
    CredentialsMissing,

    /// <summary>The store does not know the credentials, or they have expired.</summary>
    CredentialsRejected,

    /// <summary>The clocks of this machine and of the store are too far apart for a signed request.</summary>
    ClockSkew,

    /// <summary>The certificate of the store is not trusted.</summary>
    TlsUntrusted,

    /// <summary>The store could not be reached, or did not answer in time.</summary>
    StoreUnavailable,

    /// <summary>The store asked to slow down for longer than was waited for.</summary>
    StoreThrottled,

    /// <summary>The repository is encrypted, and neither a passphrase nor a key file was given.</summary>
    KeyMissing,

    /// <summary>The passphrase or key file is not one of those the repository was set up with. It says nothing about damage.</summary>
    KeyRejected,

    /// <summary>The repository has no key of that name.</summary>
    KeyNotFound,

    /// <summary>A passphrase or key file was given for a repository that is not encrypted.</summary>
    RepositoryNotEncrypted,

    /// <summary>The destination of a copy has another backup with the same id.</summary>
    BackupDiffers,

    /// <summary>Work that is marked as running in the repository has to end first.</summary>
    RepositoryBusy,

    /// <summary>The removal would leave an index without any backup that can be restored.</summary>
    LastRestorableBackup,

    /// <summary>A version, type or filter of another format's files is not understood.</summary>
    FormatUnsupported,

    /// <summary>The path holds an index or database of another format, which the command cannot serve.</summary>
    ForeignFormat,

    /// <summary>The process that has the index open ended, or broke the connection, before it had answered.</summary>
    OwnerLost,

    /// <summary>The process that has the index open does not understand the request, or gives an answer that is not understood.</summary>
    ControlUnsupported,

    /// <summary>The index is suspended already, for a snapshot taken from outside.</summary>
    IndexSuspended,

    /// <summary>The index is not suspended, so there is nothing to resume.</summary>
    IndexNotSuspended,
}
