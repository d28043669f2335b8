using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Checking;

/// <summary>What is known of a segment after its check.</summary>
internal sealed class StoreSegment
{
    /// <summary>Nobody has more delta files; a manifest that says so is damaged.</summary>
    public const int MaxDeltas = 100_000;

    public required int Id { get; init; }

    /// <summary>Its manifest as it is, or null where it cannot be read.</summary>
    public SegmentManifest? Manifest { get; set; }

    public long Version { get; set; } = 1;

    /// <summary>Every name in its folder with its length; null if there is no folder.</summary>
    public IReadOnlyDictionary<string, long>? Present { get; set; }

    /// <summary>The main file; null if it is missing.</summary>
    public SortedFileResult? Main { get; set; }

    /// <summary>Delta files that are there, by number, counted by the manifest or not.</summary>
    public SortedDictionary<int, SortedFileResult> Deltas { get; } = [];

    /// <summary>Whether its manifest or a file of it is of a version that is not understood: then nothing can be said of what it holds.</summary>
    public bool IsUnsupported { get; set; }

    public long ScarceEntries { get; set; }

    public bool ScarceIsWrong { get; set; }

    public bool BloomIsWrong { get; set; }

    /// <summary>Whether every sorted file that is there was read to its end.</summary>
    public bool FilesAreWhole => Main is { IsWhole: true } && Deltas.Values.All(static d => d.IsWhole);

    /// <summary>Delta files the manifest counts and that are not there.</summary>
    public IEnumerable<int> MissingDeltas => Enumerable.Range(0, Math.Min(Manifest?.DeltaFiles ?? 0, MaxDeltas)).Where(n => !Deltas.ContainsKey(n));

    public long Entries => (Main?.Entries ?? 0) + Deltas.Values.Sum(static d => d.Entries);

    public string Folder => StoreFileNames.Segment(Id);

    /// <summary>Lowest and highest key of all its files that could be read, tombstones too.</summary>
    public (byte[] First, byte[] Last)? Range(StoreType type)
    {
        (byte[] First, byte[] Last)? range = null;
        foreach (var file in Deltas.Values.Prepend(Main ?? default))
        {
            if (file.FirstKey is null) continue;
            if (range is not { } known) range = (file.FirstKey, file.LastKey!);
            else range = (type.Compare(file.FirstKey, known.First) < 0 ? file.FirstKey : known.First, type.Compare(file.LastKey,
                known.Last) > 0 ? file.LastKey! : known.Last);
        }

        return range;
    }
}
