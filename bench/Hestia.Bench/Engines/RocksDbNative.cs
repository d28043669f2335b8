using System.Runtime.InteropServices;

namespace Hestia.Bench.Engines;

/// <summary>
/// The part of RocksDB's C API that is used (rocksdb/c.h). Blittable signatures, so that a call is a plain one. The transition that lets a
/// collection run meanwhile is left out only where the call reads a field or two: never where it may wait, lock or touch the disk.
/// </summary>
internal static unsafe class RocksDbNative
{
    private const string Library = NativeLibraries.RocksDb;

    [DllImport(Library)]
    public static extern nint rocksdb_options_create();

    [DllImport(Library)]
    public static extern void rocksdb_options_destroy(nint options);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_create_if_missing(nint options, byte value);

    [DllImport(Library)]
    public static extern void rocksdb_options_increase_parallelism(nint options, int threads);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_write_buffer_size(nint options, nuint bytes);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_max_write_buffer_number(nint options, int number);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_level_compaction_dynamic_level_bytes(nint options, byte value);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_compression(nint options, int type);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_bytes_per_sync(nint options, ulong bytes);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_block_based_table_factory(nint options, nint tableOptions);

    [DllImport(Library)]
    public static extern nint rocksdb_block_based_options_create();

    [DllImport(Library)]
    public static extern void rocksdb_block_based_options_destroy(nint options);

    [DllImport(Library)]
    public static extern void rocksdb_block_based_options_set_block_size(nint options, nuint bytes);

    [DllImport(Library)]
    public static extern void rocksdb_block_based_options_set_filter_policy(nint options, nint policy);

    [DllImport(Library)]
    public static extern void rocksdb_block_based_options_set_block_cache(nint options, nint cache);

    [DllImport(Library)]
    public static extern void rocksdb_block_based_options_set_no_block_cache(nint options, byte value);

    [DllImport(Library)]
    public static extern nint rocksdb_filterpolicy_create_bloom_full(double bitsPerKey);

    [DllImport(Library)]
    public static extern nint rocksdb_cache_create_lru(nuint bytes);

    [DllImport(Library)]
    public static extern void rocksdb_cache_destroy(nint cache);

    [DllImport(Library)]
    public static extern nint rocksdb_writeoptions_create();

    [DllImport(Library)]
    public static extern void rocksdb_writeoptions_destroy(nint options);

    [DllImport(Library)]
    public static extern void rocksdb_writeoptions_set_sync(nint options, byte value);

    [DllImport(Library)]
    public static extern void rocksdb_writeoptions_disable_WAL(nint options, int value);

    [DllImport(Library)]
    public static extern nint rocksdb_readoptions_create();

    [DllImport(Library)]
    public static extern void rocksdb_readoptions_destroy(nint options);

    [DllImport(Library)]
    public static extern void rocksdb_readoptions_set_fill_cache(nint options, byte value);

    [DllImport(Library)]
    public static extern nint rocksdb_flushoptions_create();

    [DllImport(Library)]
    public static extern void rocksdb_flushoptions_destroy(nint options);

    [DllImport(Library)]
    public static extern void rocksdb_flushoptions_set_wait(nint options, byte value);

    [DllImport(Library)]
    public static extern nint rocksdb_open(nint options, byte* path, byte** error);

    [DllImport(Library)]
    public static extern void rocksdb_close(nint database);

    [DllImport(Library)]
    public static extern void rocksdb_put(
        nint database, nint options, byte* key, nuint keyLength, byte* value, nuint valueLength, byte** error);

    [DllImport(Library)]
    public static extern nint rocksdb_get_pinned(nint database, nint options, byte* key, nuint keyLength, byte** error);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte* rocksdb_pinnableslice_value(nint slice, nuint* length);

    /// <summary>Gives a block back to the cache and may free it.</summary>
    [DllImport(Library)]
    public static extern void rocksdb_pinnableslice_destroy(nint slice);

    [DllImport(Library)]
    public static extern void rocksdb_flush(nint database, nint options, byte** error);

    [DllImport(Library)]
    public static extern void rocksdb_flush_wal(nint database, byte sync, byte** error);

    [DllImport(Library)]
    public static extern nint rocksdb_create_iterator(nint database, nint options);

    [DllImport(Library)]
    public static extern void rocksdb_iter_destroy(nint iterator);

    [DllImport(Library)]
    public static extern void rocksdb_iter_seek_to_first(nint iterator);

    [DllImport(Library)]
    public static extern void rocksdb_iter_seek_to_last(nint iterator);

    [DllImport(Library)]
    public static extern void rocksdb_iter_seek(nint iterator, byte* key, nuint length);

    [DllImport(Library)]
    public static extern void rocksdb_iter_seek_for_prev(nint iterator, byte* key, nuint length);

    [DllImport(Library)]
    public static extern void rocksdb_iter_next(nint iterator);

    [DllImport(Library)]
    public static extern void rocksdb_iter_prev(nint iterator);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte rocksdb_iter_valid(nint iterator);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte* rocksdb_iter_key(nint iterator, nuint* length);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte* rocksdb_iter_value(nint iterator, nuint* length);

    [DllImport(Library)]
    public static extern void rocksdb_iter_get_error(nint iterator, byte** error);

    [DllImport(Library)]
    public static extern int rocksdb_property_int(nint database, byte* name, ulong* value);

    [DllImport(Library)]
    public static extern byte* rocksdb_property_value(nint database, byte* name);

    [DllImport(Library)]
    public static extern void rocksdb_free(void* memory);

    [DllImport(Library)]
    public static extern void rocksdb_options_set_disable_auto_compactions(nint options, int value);

    [DllImport(Library)]
    public static extern nint rocksdb_backup_engine_open(nint options, byte* path, byte** error);

    [DllImport(Library)]
    public static extern void rocksdb_backup_engine_create_new_backup_flush(nint engine, nint database, byte flush, byte** error);

    [DllImport(Library)]
    public static extern void rocksdb_backup_engine_close(nint engine);
}
