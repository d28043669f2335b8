namespace Hestia.Core.IO;

/// <summary>Names of files and folders that more than one part of Hestia has to know.</summary>
internal static class FileNames
{
    /// <summary>Ends the name of every file that is not complete yet. Such a file is never read and may be removed at open.</summary>
    public const string TemporarySuffix = ".tmp";

    public const string Lock = ".lock";
    /// <summary>The socket through which other processes reach the owner of an index; never part of what it holds.</summary>
    public const string ControlSocket = ".control";

    public const string Settings = "index.json";
    public const string Archive = "archive.json";
    public const string LastBackup = "backup.json";
    public const string Manifests = "manifest";
    public const string Segments = "segments";
    public const string Wal = "wal";
    public const string Quarantine = "quarantine";
    public const string SegmentExtension = ".seg";
    public const string WalExtension = ".wal";
    public const string ManifestExtension = ".json";
}
