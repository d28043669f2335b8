using Hestia.Core;
using Hestia.Core.IO;
using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Format;

/// <summary>manifest.txt of a whole index: types, sizes and filters that say how everything else is to be read.</summary>
internal sealed class StoreManifest
{
    public const int SchemaVersion = 2;

    /// <summary>The property with the name of the index.</summary>
    public const string NameProperty = "indexName";

    private const int MaxBlockBytes = 64 << 20;
    private const string SchemaVersionKey = "schema.version";

    private StoreManifest(JavaProperties properties) => Properties = properties;

    public JavaProperties Properties { get; }

    public required string Name { get; init; }

    public required StoreType KeyType { get; init; }

    public required StoreType ValueType { get; init; }

    /// <summary>Bytes of a block of sorted files, header included.</summary>
    public required int BlockBytes { get; init; }

    public required ChunkFilter[] DecodingFilters { get; init; }

    public required ChunkFilter[] EncodingFilters { get; init; }

    public required int BloomHashFunctions { get; init; }

    /// <summary>Bytes of each Bloom filter; 0 or less where there are none.</summary>
    public required int BloomBytes { get; init; }

    public required bool WalEnabled { get; init; }

    /// <summary>Whether HestiaStore refuses to open with a torn log instead of cutting it.</summary>
    public required bool FailsOnTornWal { get; init; }

    /// <summary>Whether properties are those of an index of HestiaStore, of whatever version.</summary>
    public static bool IsOne(JavaProperties properties) =>
        properties.Text("keyTypeDescriptor") is not null && properties.Text("valueTypeDescriptor") is not null && properties.Text(NameProperty) is not null;

    /// <summary>Reads and checks it; what is not understood is refused by name.</summary>
    /// <exception cref="StoreDamageException">ManifestMissing, ManifestDamaged, FormatUnsupported.</exception>
    public static StoreManifest Read(FileSystem files, string directory)
    {
        var path = Path.Combine(directory, StoreFileNames.Manifest);
        if (!files.FileExists(path))
            throw new StoreDamageException(StoreFindings.ManifestMissing, "it is missing; without it nothing says how the segments are to be read.",
                StoreFileNames.Manifest);
        try
        {
            var properties = JavaProperties.Parse(files.ReadAllBytes(path, JavaProperties.MaxFileBytes));
            return Parse(properties);
        }
        catch (InvalidDataException e)
        {
            throw new StoreDamageException(StoreFindings.ManifestDamaged, $"{e.Message}.", StoreFileNames.Manifest);
        }
    }

    private static StoreManifest Parse(JavaProperties properties)
    {
        var version = properties.Number(SchemaVersionKey) ?? throw new InvalidDataException($"it has no {SchemaVersionKey}");
        if (version != SchemaVersion) throw Unsupported($"its {SchemaVersionKey} is {version}; {SchemaVersion} is understood.");
        RequireKeys(properties);
        var blockBytes = properties.Number("diskIoBufferSizeInBytes") ?? throw new InvalidDataException("it has no diskIoBufferSizeInBytes");
        if (blockBytes is < 1024 or > MaxBlockBytes || blockBytes % 1024 != 0)
            throw new InvalidDataException($"its diskIoBufferSizeInBytes is {blockBytes:N0}, which is no multiple of 1,024 up to {MaxBlockBytes:N0}");
        var hashes = properties.Number("bloomFilterNumberOfHashFunctions") ?? 0;
        var bloomBytes = properties.Number("bloomFilterIndexSizeInBytes") ?? 0;
        if (hashes is < -1 or > 1000 || bloomBytes is < -1 or > int.MaxValue)
            throw new InvalidDataException($"its Bloom filters have {hashes:N0} hash functions and {bloomBytes:N0} bytes");
        return new StoreManifest(properties)
        {
            Name = Required(properties, NameProperty),
            KeyType = TypeOf(properties, "keyTypeDescriptor"),
            ValueType = TypeOf(properties, "valueTypeDescriptor"),
            BlockBytes = (int)blockBytes,
            DecodingFilters = ChunkFilters.Parse(properties.Text("decodingChunkFilters") ?? ""),
            EncodingFilters = ChunkFilters.Parse(properties.Text("encodingChunkFilters") ?? ""),
            BloomHashFunctions = (int)hashes,
            BloomBytes = (int)bloomBytes,
            WalEnabled = Flag(properties, "wal.enabled"),
            FailsOnTornWal = properties.Text("wal.corruptionPolicy") == "FAIL_FAST",
        };
    }

    internal static StoreDamageException Unsupported(string message) => new(StoreFindings.FormatUnsupported, message, StoreFileNames.Manifest);

    /// <summary>The file has no checksum: a key that went missing, or a flag that is neither, is the only sign of damage there is.</summary>
    private static void RequireKeys(JavaProperties properties)
    {
        foreach (var key in Required(properties, "schema.requiredKeys").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            if (properties.Text(key) is null) throw new InvalidDataException($"it has no {key}, which it lists as required");
        _ = Flag(properties, "wal.enabled");
    }

    private static bool Flag(JavaProperties properties, string key) => properties.Text(key)?.ToLowerInvariant() switch
    {
        "true" => true,
        "false" => false,
        var other => throw new InvalidDataException($"its {key} is '{other}', neither true nor false"),
    };

    private static string Required(JavaProperties properties, string key) =>
        properties.Text(key) is { Length: > 0 } text ? text : throw new InvalidDataException($"it has no {key}");

    private static StoreType TypeOf(JavaProperties properties, string key)
    {
        var descriptor = Required(properties, key);
        return StoreType.TryFind(descriptor) ?? throw Unsupported(
            $"its {key} is {descriptor}, a type that is not understood; {string.Join(", ", StoreType.All.Select(static t => t.Name))} are.");
    }
}
