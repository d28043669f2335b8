using System.Management.Automation;
using Hestia.Backup.Logical;
using Hestia.Core;
using Hestia.Core.Reading;

namespace HestiaPS.Commands;

/// <summary>Writes the entries of an index as JSON lines, which people and other programs read and Import-HestiaIndex takes back.</summary>
[Cmdlet(VerbsData.Export, "HestiaIndex", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ExportReport))]
public sealed class ExportHestiaIndexCommand : IndexTargetCmdlet
{
    private const string Extension = ".jsonl";
    private const string GzipExtension = ".gz";
    private const int DeepestFolder = 3; // quarantine/, and a folder in it

    /// <summary>The file to write, or a folder, in which it gets the name of the index. Taken as it is written.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = "";

    /// <summary>Only keys that start with this.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? Prefix { get; set; }

    /// <summary>First key, included.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? From { get; set; }

    /// <summary>End key, excluded unless -ToInclusive is given.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? To { get; set; }

    /// <summary>Includes the key -To names.</summary>
    [Parameter]
    public SwitchParameter ToInclusive { get; set; }

    /// <summary>At most so many entries.</summary>
    [Parameter]
    [ValidateRange(1L, long.MaxValue)]
    public long First { get; set; }

    /// <summary>Compresses with gzip, whatever the name of the file; a name that ends in .gz does so too.</summary>
    [Parameter]
    public SwitchParameter Gzip { get; set; }

    /// <summary>Replaces a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        if (!TryItem(target.Path, () => (File: FileOf(target), Options: Options(KeyEncodingOf(target))), out var wanted)) return;
        if (!TryItem(target.Path, () => Explain(target, wanted.File, wanted.Options), out var action) || !ShouldProcess(target.Path, action)) return;
        var done = TryItem(target.Path, () => Run($"Exporting {target.Name}", (progress, token) => WithEntries(
            target, index => IndexExport.Write(index, wanted.File, wanted.Options, progress, token), progress, token)), out var result);
        if (done) WriteObject(new ExportReport(result));
    }

    /// <summary>Reads the session's index, or the closed one, opened read-only for that time. Entries do not go through another process.</summary>
    private static T WithEntries<T>(
        IndexTarget target, Func<HestiaIndex, T> work, IProgress<WorkProgress> progress, CancellationToken cancellationToken)
    {
        if (target.Session is { } session) return work(session.Engine);
        using var index = HestiaIndex.Open(target.Path, new IndexOptions { ReadOnly = true }, progress, cancellationToken);
        return work(index);
    }

    private static DataEncoding KeyEncodingOf(IndexTarget target) =>
        target.Session?.KeyEncoding ?? IndexDescription.Read(target.Path).Settings.KeyEncoding;

    private string FileOf(IndexTarget target)
    {
        var path = ResolveOne(Destination);
        var file = Directory.Exists(path) ? System.IO.Path.Combine(path, target.Name + Extension + (Gzip ? GzipExtension : "")) : path;
        RequireOutside(file, target.Path);
        return file;
    }

    /// <summary>With -Force any file is replaced; none of an index must be, and none must be put among them. The index itself is looked at by the export.</summary>
    private static void RequireOutside(string file, string index)
    {
        var folder = System.IO.Path.GetDirectoryName(file);
        for (var depth = 0; depth < DeepestFolder && !string.IsNullOrEmpty(folder); depth++, folder = System.IO.Path.GetDirectoryName(folder))
        {
            if (folder == index) return;
            var isIndex = IndexDescription.IsIndex(folder);
            if (isIndex || PathFormats.IsHestiaStore(folder))
            {
                throw new HestiaException(
                    HestiaErrorCode.InvalidOption, $"'{file}' lies in {(isIndex ? "another index" : "a directory of HestiaStore")}, '{folder}'.", file,
                    "Export into another folder, best on another disk.");
            }
        }
    }

    private ExportOptions Options(DataView keys) => new()
    {
        Gzip = Gzip || Destination.EndsWith(GzipExtension, StringComparison.OrdinalIgnoreCase),
        Force = Force,
        Range = new ScanOptions
        {
            Prefix = Bound(keys, Prefix),
            From = Bound(keys, From),
            To = Bound(keys, To),
            ToInclusive = ToInclusive,
            Limit = First,
        },
    };

    // Spelled out, because a null array would convert to an empty bound.
    private static ReadOnlyMemory<byte>? Bound(DataView keys, object? bound) =>
        bound is null ? default(ReadOnlyMemory<byte>?) : new ReadOnlyMemory<byte>(keys.EncodeBound(bound));

    private string Explain(IndexTarget target, string file, ExportOptions options)
    {
        if (!WillExplain(ConfirmImpact.Medium)) return $"Export to {file}";
        var plan = Run($"Looking at {target.Name}", (progress, token) => WithEntries(
            target, index => IndexExport.Plan(index, file, options, token), progress, token));
        return $"Export {Display.Count(plan.Entries, "entry", "entries")} ({Display.Size(plan.DataBytes)} of keys and values) as of LSN {plan.Lsn} to {file}"
            + (plan.Replaces ? ", replacing the file that is there" : "");
    }
}
