using System.Globalization;
using System.Text;
using Hestia.Core.IO;

namespace Hestia.HestiaStore.Format;

/// <summary>manifest.txt of one segment. HestiaStore overwrites it in place, so that a crash can leave half of it.</summary>
internal sealed record SegmentManifest
{
    public const int SchemaVersion = 1;

    private const string DeltaKeysKey = "numberOfKeysInDeltaCache";
    private const string MainKeysKey = "numberOfKeysInMainIndex";
    private const string ScarceKeysKey = "numberOfKeysInScarceIndex";
    private const string DeltaFilesKey = "numberOfSegmentDeltaFiles";
    private const string VersionKey = "segmentVersion";
    private const string SchemaKey = "schema.version";

    /// <summary>Entries of all delta files together; one key in two of them counts twice.</summary>
    public required long DeltaKeys { get; init; }

    public required long MainKeys { get; init; }

    public required long ScarceKeys { get; init; }

    public required int DeltaFiles { get; init; }

    /// <summary>Version in the names of its files; 0 means 1.</summary>
    public required long Version { get; init; }

    /// <exception cref="StoreDamageException">SegmentManifestDamaged, FormatUnsupported.</exception>
    public static SegmentManifest Read(FileSystem files, string directory, int segment)
    {
        var name = Path.Combine(StoreFileNames.Segment(segment), StoreFileNames.Manifest);
        try
        {
            var path = Path.Combine(directory, name);
            if (!files.FileExists(path)) throw new InvalidDataException("it is missing");
            var properties = JavaProperties.Parse(files.ReadAllBytes(path, JavaProperties.MaxFileBytes));
            var schema = properties.Number(SchemaKey) ?? throw new InvalidDataException($"it has no {SchemaKey}");
            if (schema != SchemaVersion)
                throw new StoreDamageException(StoreFindings.FormatUnsupported, $"its {SchemaKey} is {schema}; {SchemaVersion} is understood.", name);
            return new SegmentManifest
            {
                DeltaKeys = Count(properties, DeltaKeysKey, long.MaxValue),
                MainKeys = Count(properties, MainKeysKey, long.MaxValue),
                ScarceKeys = Count(properties, ScarceKeysKey, long.MaxValue),
                DeltaFiles = (int)Count(properties, DeltaFilesKey, int.MaxValue),
                Version = Count(properties, VersionKey, long.MaxValue),
            };
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamageException(StoreFindings.SegmentManifestDamaged, $"{e.Message}.", name);
        }
    }

    /// <summary>Its bytes, as HestiaStore would write them.</summary>
    public byte[] Serialize(DateTimeOffset time)
    {
        string[] keys = [DeltaKeysKey, MainKeysKey, ScarceKeysKey, DeltaFilesKey, VersionKey];
        var text = new StringBuilder();
        text.Append("#HestiaStore metadata. Numeric format: underscore (_) is thousands separator; dot (.) is decimal separator.\n");
        text.Append('#').Append(time.UtcDateTime.ToString("ddd MMM dd HH:mm:ss 'UTC' yyyy", CultureInfo.InvariantCulture)).Append('\n');
        long[] values = [DeltaKeys, MainKeys, ScarceKeys, DeltaFiles, Version];
        for (var i = 0; i < keys.Length; i++) text.Append(keys[i]).Append('=').Append(JavaProperties.Grouped(values[i])).Append('\n');
        text.Append(SchemaKey).Append('=').Append(SchemaVersion).Append('\n');
        text.Append("schema.requiredKeys=").Append(string.Join(',', keys)).Append('\n');
        return Encoding.Latin1.GetBytes(text.ToString());
    }

    private static long Count(JavaProperties properties, string key, long max)
    {
        var value = properties.Number(key) ?? throw new InvalidDataException($"it has no {key}");
        return value >= 0 && value <= max ? value : throw new InvalidDataException($"its {key} is {value}");
    }
}
