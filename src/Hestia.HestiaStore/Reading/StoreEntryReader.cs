using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Types;
using Hestia.HestiaStore.Wal;

namespace Hestia.HestiaStore.Reading;

/// <summary>
/// The live entries of a HestiaStore directory one by one, in the order of its key type. Everything is checked on the way; what is damaged ends
/// the reading with an error, and so does a directory that changed meanwhile. Not thread-safe.
/// </summary>
public sealed class StoreEntryReader : IDisposable
{
    private readonly StoreDirectory _directory;
    private readonly EntrySource _entries;
    private readonly IReadOnlyList<StoreFile> _listing;
    private long _bytesRead;
    private bool _ended;

    private StoreEntryReader(StoreDirectory directory, IReadOnlyList<StoreFile> listing, WalOverlay overlay, RouteMap map, Action<long>? onRead)
    {
        _directory = directory;
        _listing = listing;
        foreach (var file in listing) BytesTotal += IsSorted(file) ? file.Length : 0;
        List<EntrySource> sources =
        [
            new RoutedSource(directory.Files, directory.Path, directory.Manifest, map, bytes =>
            {
                Interlocked.Add(ref _bytesRead, bytes);
                onRead?.Invoke(bytes);
            }),
            .. overlay.TakeSources(),
        ];
        _entries = new MergedSource(directory.KeyType, sources);
    }

    /// <summary>Type of the keys.</summary>
    public StoreType KeyType => _directory.KeyType;

    /// <summary>Type of the values.</summary>
    public StoreType ValueType => _directory.ValueType;

    /// <summary>The current key as its type encodes it. Valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Key => _entries.Key;

    /// <summary>The current value as its type encodes it, without the length a file stores before it. Valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Value => _entries.Value;

    /// <summary>Entries given so far.</summary>
    public long Entries { get; private set; }

    /// <summary>Operations of the log that segments did not hold yet; they are among the entries.</summary>
    public long ReplayedOperations { get; private set; }

    /// <summary>What of the log is not among the entries although nothing is damaged by what can be told: a torn end, records of a log that is off.</summary>
    internal IReadOnlyList<Finding> Warnings { get; private init; } = [];

    /// <summary>Bytes of segments read so far; may be asked by another thread.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Bytes of segments there are to read, about.</summary>
    public long BytesTotal { get; }

    /// <summary>Moves to the next entry; false at the end, which is reached only if everything was whole.</summary>
    /// <exception cref="HestiaException">ManifestDamaged, SegmentMissing, SegmentDamaged, SourceDamaged (changed meanwhile), AccessDenied,
    /// IoError.</exception>
    public bool Read(CancellationToken cancellationToken = default)
    {
        if (_ended) return false;
        try
        {
            if (Entries % 1024 == 0) cancellationToken.ThrowIfCancellationRequested();
            while (_entries.MoveNext())
            {
                if (_entries.IsTombstone) continue;
                Entries++;
                return true;
            }

            _ended = true;
        }
        catch (Exception e) when (Translate(_directory, e) is { } translated)
        {
            throw translated;
        }

        RequireUnchanged();
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _entries.Dispose();

    internal static StoreEntryReader Open(StoreDirectory directory, StoreReadOptions options, CancellationToken cancellationToken)
    {
        directory.RequireNotInUse(options.AllowUnknownOwner);
        return OpenUnlocked(directory, options, null, cancellationToken);
    }

    /// <summary>As <see cref="Open"/>, whoever has the directory open: for checks, which say so.</summary>
    internal static StoreEntryReader OpenUnlocked(StoreDirectory directory, StoreReadOptions options, Action<long>? onRead,
        CancellationToken cancellationToken)
    {
        var listing = directory.ListFiles();
        using var overlay = new WalOverlay(directory.KeyType, options.ScratchDirectory);
        try
        {
            List<Finding> warnings = [];
            var replayed = ReadLog(directory, overlay, warnings, cancellationToken);
            var map = RequireRouteMap(directory);
            return new StoreEntryReader(directory, listing, overlay, map, onRead) { ReplayedOperations = replayed, Warnings = warnings };
        }
        catch (Exception e) when (Translate(directory, e) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>index.map, with no segment beside it that it does not name: what is lost of it would be lost without a word.</summary>
    private static RouteMap RequireRouteMap(StoreDirectory directory)
    {
        var map = RouteMap.Read(directory.Files, directory.Path, directory.KeyType);
        var named = new HashSet<int>();
        if (map is not null)
            foreach (var route in map.Routes) named.Add(route.Segment);
        foreach (var entry in directory.Files.List(directory.Path))
        {
            if (!entry.IsDirectory || StoreFileNames.SegmentId(entry.Name) is not { } segment || named.Contains(segment)) continue;
            if (SegmentSurvey.IsEmpty(directory.Files, directory.Path, segment)) continue;
            if (map is null) throw new StoreDamageException(StoreFindings.RouteMapMissing,
                "it is missing; without it HestiaStore deletes every segment but the first.", StoreFileNames.RouteMap);
            throw new StoreDamageException(
                StoreFindings.OrphanSegment, "index.map does not name this segment, and it holds entries; HestiaStore deletes it when it opens "
                    + "the index.", entry.Name);
        }

        return map ?? new RouteMap([]);
    }

    private static long ReadLog(StoreDirectory directory, WalOverlay overlay, List<Finding> warnings, CancellationToken cancellationToken)
    {
        var wal = Path.Combine(directory.Path, StoreFileNames.Wal);
        if (!directory.WalEnabled)
        {
            // HestiaStore does not look at what an earlier setting left there.
            if (!directory.Files.DirectoryExists(wal)) return 0;
            var left = WalDirectoryScan.Run(directory.Files, wal, null, null, cancellationToken).PendingRecords;
            if (left > 0)
                warnings.Add(new Finding(FindingSeverity.Warning, StoreFindings.WalDisabled,
                    $"The manifest says that there is no log, and {left:N0} operations above its checkpoint are there: they are not read, as HestiaStore "
                        + "would not replay them.", StoreFileNames.Wal));
            return 0;
        }

        if (!directory.Files.DirectoryExists(wal))
            throw new StoreDamageException(StoreFindings.WalMissing, "the manifest says that writes go to a log, and its folder is missing.",
                StoreFileNames.Wal);
        var checkpoint = WalMetadata.ReadCheckpoint(directory.Files, wal);
        var types = WalTypes.Check(directory.KeyType, directory.ValueType);
        long replayed = 0;
        var scan = WalDirectoryScan.Run(directory.Files, wal, types, (_, record) =>
        {
            if (record.Lsn <= checkpoint) return;
            // A put of the tombstone value deletes, as it does once it is in a segment.
            var isDelete = record.IsDelete || directory.ValueType.IsTombstone(record.Value);
            overlay.Add(record.Key, isDelete ? [] : record.Value, isDelete);
            replayed++;
        }, cancellationToken);
        foreach (var finding in scan.Findings)
        {
            // What a crash leaves at the end was never acknowledged; HestiaStore cuts it as well. It makes a missing format.meta anew.
            if (finding.Code == StoreFindings.WalTornTail)
                warnings.Add(finding with { Severity = FindingSeverity.Warning, File = Path.Combine(StoreFileNames.Wal, finding.File ?? "") });
            if (finding.Severity != FindingSeverity.Error || finding.Code == StoreFindings.WalTornTail) continue;
            if (finding.Code == StoreFindings.WalFormatDamaged && scan.Files.Count == 0) continue;
            throw new StoreDamageException(finding.Code, finding.Message, Path.Combine(StoreFileNames.Wal, finding.File ?? ""), finding.Offset);
        }

        return replayed;
    }

    private static HestiaException? Translate(StoreDirectory directory, Exception e) => e switch
    {
        StoreDamageException damage => damage.ToHestiaException(directory.Path),
        FileNotFoundException or DirectoryNotFoundException => Changed(directory, e.Message),
        IOException or UnauthorizedAccessException => HestiaException.FromIO(e, directory.Path, "reading"),
        _ => null,
    };

    internal static bool IsSorted(StoreFile file) => file.RelativePath.StartsWith("segment-", StringComparison.Ordinal)
        && (file.RelativePath.EndsWith("-index.sst", StringComparison.Ordinal) || file.RelativePath.EndsWith(".cache", StringComparison.Ordinal));

    private void RequireUnchanged()
    {
        var now = _directory.ListFiles();
        for (var i = 0; i < Math.Max(now.Count, _listing.Count); i++)
        {
            if (i < now.Count && i < _listing.Count && now[i] == _listing[i]) continue;
            throw Changed(_directory, $"'{(i < now.Count ? now[i] : _listing[i]).RelativePath}' is not what it was when reading began.");
        }
    }

    private static HestiaException Changed(StoreDirectory directory, string what) => new(
        HestiaErrorCode.SourceDamaged, $"The HestiaStore directory '{directory.Path}' changed while it was read: {what}", directory.Path,
            "Close the index in HestiaStore, then read it again.");
}
