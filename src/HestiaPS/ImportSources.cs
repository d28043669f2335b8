using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.HestiaStore.Importing;

namespace HestiaPS;

/// <summary>Tells what a path is that entries are to be imported from, and opens it.</summary>
internal static class ImportSources
{
    public static EntrySource Open(string path, bool allowUnknownOwner, CancellationToken cancellationToken)
    {
        if (File.Exists(path)) return new ExportFileSource(path);
        if (!Directory.Exists(path))
            throw new HestiaException(HestiaErrorCode.PathNotFound, $"There is nothing at '{path}'.", path, "Check the path.");
        if (StoreImport.Recognizes(path)) return StoreImport.Open(path, allowUnknownOwner, cancellationToken);
        throw IndexDescription.IsIndex(path)
            ? new HestiaException(
                HestiaErrorCode.NotAnExport, $"'{path}' is an index itself, and no export of one.", path,
                "Open it with Open-HestiaIndex, or export it with Export-HestiaIndex first.")
            : new HestiaException(
                HestiaErrorCode.NotAnExport, $"'{path}' holds nothing that can be imported.", path,
                "Give a file that Export-HestiaIndex wrote, a HestiaStore directory, or a folder that HestiaStore's export wrote.");
    }
}
