using Hestia.Core;
using Hestia.Core.IO;
using LogicalSource = Hestia.Backup.Logical.EntrySource;

namespace Hestia.HestiaStore.Importing;

/// <summary>Opens what HestiaStore wrote as a source of entries: a directory, or a folder that its export tool wrote. Changes nothing there.</summary>
public static class StoreImport
{
    /// <summary>Whether a folder holds a HestiaStore directory or export, damaged or not. Never throws.</summary>
    /// <param name="path">Full path of a folder.</param>
    public static bool Recognizes(string path) => StoreExport.IsOne(FileSystem.Physical, path) || StoreDirectory.IsStoreDirectory(path);

    /// <summary>Opens a source.</summary>
    /// <param name="path">Full path of a folder.</param>
    /// <param name="allowUnknownOwner">Read a directory although whether the owner of its lock still runs cannot be told from here.</param>
    /// <param name="cancellationToken">Ends reading too.</param>
    /// <exception cref="HestiaException">
    /// NotAnIndex (it is neither), FormatUnsupported (a version, type or filter, by name), ExportDamaged, IndexInUse (the owner is named), and what is
    /// damaged in a directory, by name.
    /// </exception>
    public static LogicalSource Open(string path, bool allowUnknownOwner = false, CancellationToken cancellationToken = default)
    {
        if (!StoreExport.IsOne(FileSystem.Physical, path)) return new StoreDirectorySource(path, allowUnknownOwner, cancellationToken);
        var export = StoreExport.Read(FileSystem.Physical, path);
        return export.IsBundle ? new StoreBundleSource(export, cancellationToken) : new StoreJsonLinesSource(export, cancellationToken);
    }
}
