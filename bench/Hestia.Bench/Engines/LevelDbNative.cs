using System.Runtime.InteropServices;

namespace Hestia.Bench.Engines;

/// <summary>The part of LevelDB's C API that is used (leveldb/c.h); as <see cref="RocksDbNative"/>.</summary>
internal static unsafe class LevelDbNative
{
    private const string Library = NativeLibraries.LevelDb;

    [DllImport(Library)]
    public static extern nint leveldb_options_create();

    [DllImport(Library)]
    public static extern void leveldb_options_destroy(nint options);

    [DllImport(Library)]
    public static extern void leveldb_options_set_create_if_missing(nint options, byte value);

    [DllImport(Library)]
    public static extern void leveldb_options_set_write_buffer_size(nint options, nuint bytes);

    [DllImport(Library)]
    public static extern void leveldb_options_set_block_size(nint options, nuint bytes);

    [DllImport(Library)]
    public static extern void leveldb_options_set_compression(nint options, int type);

    [DllImport(Library)]
    public static extern void leveldb_options_set_filter_policy(nint options, nint policy);

    [DllImport(Library)]
    public static extern void leveldb_options_set_cache(nint options, nint cache);

    [DllImport(Library)]
    public static extern nint leveldb_filterpolicy_create_bloom(int bitsPerKey);

    [DllImport(Library)]
    public static extern void leveldb_filterpolicy_destroy(nint policy);

    [DllImport(Library)]
    public static extern nint leveldb_cache_create_lru(nuint bytes);

    [DllImport(Library)]
    public static extern void leveldb_cache_destroy(nint cache);

    [DllImport(Library)]
    public static extern nint leveldb_writeoptions_create();

    [DllImport(Library)]
    public static extern void leveldb_writeoptions_destroy(nint options);

    [DllImport(Library)]
    public static extern void leveldb_writeoptions_set_sync(nint options, byte value);

    [DllImport(Library)]
    public static extern nint leveldb_readoptions_create();

    [DllImport(Library)]
    public static extern void leveldb_readoptions_destroy(nint options);

    [DllImport(Library)]
    public static extern void leveldb_readoptions_set_fill_cache(nint options, byte value);

    [DllImport(Library)]
    public static extern nint leveldb_open(nint options, byte* path, byte** error);

    [DllImport(Library)]
    public static extern void leveldb_close(nint database);

    [DllImport(Library)]
    public static extern void leveldb_put(
        nint database, nint options, byte* key, nuint keyLength, byte* value, nuint valueLength, byte** error);

    [DllImport(Library)]
    public static extern byte* leveldb_get(nint database, nint options, byte* key, nuint keyLength, nuint* valueLength, byte** error);

    [DllImport(Library)]
    public static extern void leveldb_compact_range(nint database, byte* start, nuint startLength, byte* limit, nuint limitLength);

    [DllImport(Library)]
    public static extern byte* leveldb_property_value(nint database, byte* name);

    [DllImport(Library)]
    public static extern nint leveldb_create_iterator(nint database, nint options);

    [DllImport(Library)]
    public static extern void leveldb_iter_destroy(nint iterator);

    [DllImport(Library)]
    public static extern void leveldb_iter_seek_to_first(nint iterator);

    [DllImport(Library)]
    public static extern void leveldb_iter_seek_to_last(nint iterator);

    [DllImport(Library)]
    public static extern void leveldb_iter_seek(nint iterator, byte* key, nuint length);

    [DllImport(Library)]
    public static extern void leveldb_iter_next(nint iterator);

    [DllImport(Library)]
    public static extern void leveldb_iter_prev(nint iterator);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte leveldb_iter_valid(nint iterator);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte* leveldb_iter_key(nint iterator, nuint* length);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte* leveldb_iter_value(nint iterator, nuint* length);

    [DllImport(Library)]
    public static extern void leveldb_iter_get_error(nint iterator, byte** error);

    [DllImport(Library)]
    public static extern void leveldb_free(void* memory);

    [DllImport(Library)]
    public static extern int leveldb_major_version();

    [DllImport(Library)]
    public static extern int leveldb_minor_version();
}
