using System.Management.Automation;
using Hestia.Backup.Logical;
using Hestia.Core;

namespace HestiaPS.Commands;

/// <summary>
/// Imports entries: of a file that Export-HestiaIndex wrote, of a HestiaStore directory, or of a HestiaStore export; into a new index or an open one.
/// </summary>
[Cmdlet(VerbsData.Import, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ImportReport))]
public sealed class ImportHestiaIndexCommand : HestiaCmdlet
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string IndexSet = "Index";

    /// <summary>What to import: a file or a folder, taken as it is written.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string Source { get; set; } = "";

    /// <summary>Directory of the new index, empty or not there yet (or with -Force an index), taken as it is written.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Directory of the new index, taken as it is written.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string LiteralPath { get; set; } = "";

    /// <summary>A session from Open-HestiaIndex: the entries are added to that index.</summary>
    [Parameter(Mandatory = true, ParameterSetName = IndexSet)]
    [IndexSessionTransformation]
    [ArgumentCompleter(typeof(Completion.SessionCompleter))]
    [ValidateNotNull]
    public IndexSession Index { get; set; } = null!;

    /// <summary>Name of the new index; the folder's name by default.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>
    /// Replaces an index that is at -Path, or overwrites entries of -Index; and reads a HestiaStore directory whose lock names another machine.
    /// </summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var place = Require(Source, () => ResolveOne(Source));
        var target = Require(Source, () => ParameterSetName == IndexSet ? Index.Path : ResolveOne(ParameterSetName == PathSet ? Path : LiteralPath));
        using var source = Require(place, () => Run($"Opening {place}", (_, token) => ImportSources.Open(place, Force, StopToken)));
        var options = new ImportOptions { Force = Force, Name = Name };
        if (!ShouldProcess(target, Require(place, () => Explain(source, target, options)))) return;
        var result = Require(place, () => Run($"Importing {place}", (progress, token) => ParameterSetName == IndexSet
            ? IndexImport.Into(source, Index.Engine, options, progress, token)
            : IndexImport.Create(source, target, options, progress, token)));
        if (ParameterSetName == IndexSet) Index.Committed(result.Lsn);
        foreach (var finding in result.Findings)
        {
            if (finding.Severity == FindingSeverity.Information) WriteVerbose(finding.Message);
            else WriteWarning(finding.Message);
        }

        if (!result.FingerprintsAgree)
            WriteWarning($"Some of the imported keys have other values in '{result.Path}' than were imported: somebody else wrote to them meanwhile.");
        WriteObject(new ImportReport(result));
    }

    private string Explain(EntrySource source, string target, ImportOptions options)
    {
        var what = $"Import the {source.Kind} '{source.Path}' ({Display.Size(source.BytesTotal)}, {source.KeyEncoding} keys, {source.ValueEncoding} values)";
        if (ParameterSetName == IndexSet) return what + (Force ? ", overwriting what differs" : "");
        return what + (IndexImport.Replaces(source, target, options) ? ", replacing the index that is there" : " into a new index");
    }
}
