using Hestia.Core.IO;
using Hestia.Core.Manifest;

namespace Hestia.Core.Consistency;

/// <summary>One file of the manifest folder.</summary>
/// <param name="File">By its name.</param>
/// <param name="Document">What it holds, also where it stands under another's name; null if it cannot be read.</param>
/// <param name="Bytes">Its exact bytes, if it was read.</param>
/// <param name="Code">Null if it is what its name says; otherwise the finding.</param>
/// <param name="Problem">What is wrong with it.</param>
internal sealed record ManifestEvidence(ManifestFile File, ManifestDocument? Document, byte[] Bytes, string? Code, string Problem)
{
    public string RelativePath => Path.Combine(FileNames.Manifests, Path.GetFileName(File.Path));
}

/// <summary>All manifests of an index, readable or not. Reports instead of throwing.</summary>
internal sealed class ManifestSurvey
{
    private ManifestSurvey(List<ManifestEvidence> all) => All = all;

    /// <summary>Newest first, by the number in the name.</summary>
    public IReadOnlyList<ManifestEvidence> All { get; }

    /// <summary>Reads every manifest; one that vanishes meanwhile was pruned by the index's owner and is left out.</summary>
    public static ManifestSurvey Make(FileSystem files, string indexPath)
    {
        var store = new ManifestStore(files, indexPath);
        var all = new List<ManifestEvidence>();
        if (!files.DirectoryExists(store.DirectoryPath)) return new ManifestSurvey(all);
        foreach (var file in store.List())
        {
            if (Read(files, file) is { } evidence) all.Add(evidence);
        }

        return new ManifestSurvey(all);
    }

    /// <summary>The newest one that is what its name says and belongs to the index; null id: of whichever index it is.</summary>
    public ManifestEvidence? Newest(Guid? indexId)
    {
        foreach (var evidence in All)
        {
            if (evidence.Code is null && (indexId is null || evidence.Document!.IndexId == indexId)) return evidence;
        }

        return null;
    }

    private static ManifestEvidence? Read(FileSystem files, ManifestFile file)
    {
        byte[] bytes = [];
        var name = Path.GetFileName(file.Path);
        try
        {
            bytes = files.ReadAllBytes(file.Path, ManifestFormat.MaxFileBytes);
            var document = ManifestDocument.Parse(bytes, name);
            if (document.Number == file.Number && document.Checkpoint == file.Checkpoint)
                return new ManifestEvidence(file, document, bytes, null, "");
            return new ManifestEvidence(
                file,
                document,
                bytes,
                CheckFindings.ManifestDamaged,
                $"{name} says it is number {document.Number} with checkpoint {document.Checkpoint}: it was renamed or replaced.");
        }
        catch (InvalidDataException e)
        {
            return new ManifestEvidence(file, null, bytes, CheckFindings.ManifestDamaged, e.Message);
        }
        catch (HestiaException e) when (e.Code == HestiaErrorCode.FormatTooNew)
        {
            return new ManifestEvidence(file, null, bytes, CheckFindings.FormatTooNew, e.Message);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ManifestEvidence(file, null, bytes, CheckFindings.ManifestUnreadable, $"{name} cannot be read: {e.Message}");
        }
    }
}
