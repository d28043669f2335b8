using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Hestia.Core;
using static Hestia.Bench.Engines.RocksDbNative;

namespace Hestia.Bench.Engines;

/// <summary>
/// RocksDB through its C API, set up as its guide says: Bloom filters of 10 bits, Snappy, two background threads, dynamic level sizes,
/// files synced as they grow. Memtables are as large and as many, data blocks as large (its own default too) as ours. Filters and indexes
/// stay outside the cache budget, which is its default and what we do; the peak memory shows them. Async promises that a power loss takes a
/// second at most; RocksDB has no such mode, so its log is synced every second from here.
/// </summary>
internal sealed unsafe partial class RocksDbEngine : IEngine
{
    private const int Snappy = 1;
    private const int Threads = 2;
    private const int BloomBits = 10;
    private const ulong BytesPerSync = 1 << 20;

    private static readonly TimeSpan AsyncSyncPeriod = TimeSpan.FromSeconds(1);

    private static readonly IndexSettings OurDefaults = new();

    private readonly nint _options;
    private readonly nint _tableOptions;
    private readonly nint _cache;
    private readonly nint _writeOptions;
    private readonly nint _readOptions;
    private readonly nint _scanOptions;
    private readonly nint _flushOptions;
    private readonly ManualResetEventSlim _closing = new(false);
    private readonly Thread? _syncing;
    private nint _database;

    public RocksDbEngine(EngineSettings settings)
    {
        _options = rocksdb_options_create();
        rocksdb_options_set_create_if_missing(_options, 1);
        rocksdb_options_increase_parallelism(_options, Threads);
        rocksdb_options_set_write_buffer_size(_options, (nuint)settings.MemtableBytes);
        rocksdb_options_set_max_write_buffer_number(_options, settings.MaxMemtables);
        rocksdb_options_set_level_compaction_dynamic_level_bytes(_options, 1);
        rocksdb_options_set_compression(_options, Snappy);
        if (!settings.Compaction) rocksdb_options_set_disable_auto_compactions(_options, 1);
        rocksdb_options_set_bytes_per_sync(_options, BytesPerSync);

        _tableOptions = rocksdb_block_based_options_create();
        rocksdb_block_based_options_set_block_size(_tableOptions, (nuint)OurDefaults.BlockBytes);
        rocksdb_block_based_options_set_filter_policy(_tableOptions, rocksdb_filterpolicy_create_bloom_full(BloomBits));
        if (settings.CacheBytes > 0)
        {
            _cache = rocksdb_cache_create_lru((nuint)settings.CacheBytes);
            rocksdb_block_based_options_set_block_cache(_tableOptions, _cache);
        }
        else
        {
            rocksdb_block_based_options_set_no_block_cache(_tableOptions, 1);
        }

        rocksdb_options_set_block_based_table_factory(_options, _tableOptions);

        _writeOptions = rocksdb_writeoptions_create();
        if (settings.Durability is Durability.Off) rocksdb_writeoptions_disable_WAL(_writeOptions, 1);
        if (settings.Durability is Durability.Sync or Durability.GroupSync) rocksdb_writeoptions_set_sync(_writeOptions, 1);
        _readOptions = rocksdb_readoptions_create();
        // A scan of everything leaves the cache to the point reads, as its guide advises and as ours does.
        _scanOptions = rocksdb_readoptions_create();
        rocksdb_readoptions_set_fill_cache(_scanOptions, 0);
        _flushOptions = rocksdb_flushoptions_create();
        rocksdb_flushoptions_set_wait(_flushOptions, 1);

        byte* error = null;
        fixed (byte* path = Encoding.UTF8.GetBytes(settings.Path + '\0')) _database = rocksdb_open(_options, path, &error);
        ThrowOn(error);
        if (settings.Durability is not Durability.Async) return;
        _syncing = new Thread(SyncEverySecond) { IsBackground = true, Name = "rocksdb-sync" };
        _syncing.Start();
    }

    public string Version
    {
        get
        {
            // The C API does not tell the version; the name of the library that was loaded does.
            var file = NativeLibraries.PathOf(NativeLibraries.RocksDb);
            var digits = VersionPattern().Match(Path.GetFileName(file ?? ""));
            return digits.Success ? digits.Value : "unknown";
        }
    }

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        byte* error = null;
        fixed (byte* k = key)
        fixed (byte* v = value)
        {
            rocksdb_put(_database, _writeOptions, k, (nuint)key.Length, v, (nuint)value.Length, &error);
        }

        if (error != null) ThrowOn(error);
    }

    public int Get(ReadOnlySpan<byte> key, Span<byte> destination)
    {
        byte* error = null;
        nint slice;
        fixed (byte* k = key) slice = rocksdb_get_pinned(_database, _readOptions, k, (nuint)key.Length, &error);
        if (slice == 0)
        {
            if (error != null) ThrowOn(error);
            return -1;
        }

        nuint length;
        var value = rocksdb_pinnableslice_value(slice, &length);
        new ReadOnlySpan<byte>(value, (int)length).CopyTo(destination);
        rocksdb_pinnableslice_destroy(slice);
        return (int)length;
    }

    public IEngineCursor Scan(bool reverse, ReadOnlySpan<byte> from = default) =>
        new Cursor(rocksdb_create_iterator(_database, from.IsEmpty ? _scanOptions : _readOptions), reverse, from);

    public void Flush()
    {
        byte* error = null;
        rocksdb_flush(_database, _flushOptions, &error);
        ThrowOn(error);
    }

    public void Settle()
    {
        // A compaction is scheduled a moment after the one before has ended, hence twice quiet.
        for (var quiet = 0; quiet < 2; Thread.Sleep(10))
        {
            var busy = IntProperty("rocksdb.num-running-compactions") + IntProperty("rocksdb.num-running-flushes")
                + IntProperty("rocksdb.compaction-pending") + IntProperty("rocksdb.mem-table-flush-pending");
            quiet = busy == 0 ? quiet + 1 : 0;
        }
    }

    public void DropRetired()
    {
        // Files no longer needed go at once.
    }

    public IBackupTarget OpenBackups(string path)
    {
        byte* error = null;
        nint backups;
        fixed (byte* text = Encoding.UTF8.GetBytes(path + '\0')) backups = rocksdb_backup_engine_open(_options, text, &error);
        ThrowOn(error);
        return new Backups(this, backups);
    }

    public IReadOnlyDictionary<string, double> Facts()
    {
        var facts = new Dictionary<string, double>
        {
            ["level0Segments"] = double.Parse(Property("rocksdb.num-files-at-level0") ?? "0", CultureInfo.InvariantCulture),
            ["segmentBytes"] = IntProperty("rocksdb.live-sst-files-size"),
            ["compactionDebtBytes"] = IntProperty("rocksdb.estimate-pending-compaction-bytes"),
            ["tableReaderBytes"] = IntProperty("rocksdb.estimate-table-readers-mem"),
        };

        // Kept by the engine without its statistics switched on, which would slow what is measured; to 10 MB.
        var stats = Property("rocksdb.stats") ?? "";
        if (StallPattern().Match(stats) is { Success: true } stall)
        {
            var parts = stall.Groups[1].Value.Split(':');
            facts["writeStallSeconds"] = 3600 * double.Parse(parts[0], CultureInfo.InvariantCulture)
                + 60 * double.Parse(parts[1], CultureInfo.InvariantCulture) + double.Parse(parts[2], CultureInfo.InvariantCulture);
        }

        if (CompactionPattern().Match(stats) is { Success: true } written)
            facts["segmentBytesWritten"] = double.Parse(written.Groups[1].Value, CultureInfo.InvariantCulture) * (1L << 30);
        return facts;
    }

    public void Dispose()
    {
        if (_database == 0) return;
        _closing.Set();
        _syncing?.Join();
        rocksdb_close(_database);
        _database = 0;
        rocksdb_flushoptions_destroy(_flushOptions);
        rocksdb_readoptions_destroy(_scanOptions);
        rocksdb_readoptions_destroy(_readOptions);
        rocksdb_writeoptions_destroy(_writeOptions);
        rocksdb_options_destroy(_options);
        rocksdb_block_based_options_destroy(_tableOptions);
        if (_cache != 0) rocksdb_cache_destroy(_cache);
    }

    private void SyncEverySecond()
    {
        while (!_closing.Wait(AsyncSyncPeriod))
        {
            byte* error = null;
            rocksdb_flush_wal(_database, 1, &error);
            ThrowOn(error); // ends the process, and so the round: what follows would not be the same promise
        }
    }

    internal static void ThrowOn(byte* error)
    {
        if (error == null) return;
        var message = Marshal.PtrToStringUTF8((nint)error);
        rocksdb_free(error);
        throw new InvalidOperationException($"RocksDB: {message}");
    }

    [GeneratedRegex(@"\d+\.\d+(\.\d+)*")]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"Cumulative compaction: ([\d.]+) GB write")]
    private static partial Regex CompactionPattern();

    [GeneratedRegex(@"Cumulative stall: (\d+:\d+:[\d.]+) H:M:S")]
    private static partial Regex StallPattern();

    private ulong IntProperty(string name)
    {
        ulong value = 0;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            if (rocksdb_property_int(_database, text, &value) != 0) throw new InvalidOperationException($"RocksDB has no property {name}.");
        }

        return value;
    }

    private string? Property(string name)
    {
        byte* value;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0')) value = rocksdb_property_value(_database, text);
        if (value == null) return null;
        var result = Marshal.PtrToStringUTF8((nint)value);
        rocksdb_free(value);
        return result;
    }

    private sealed class Backups(RocksDbEngine engine, nint backups) : IBackupTarget
    {
        public void Backup()
        {
            byte* error = null;
            rocksdb_backup_engine_create_new_backup_flush(backups, engine._database, 1, &error);
            ThrowOn(error);
        }

        public void Dispose() => rocksdb_backup_engine_close(backups);
    }

    private sealed class Cursor : IEngineCursor
    {
        private readonly bool _reverse;
        private nint _iterator;
        private bool _started;

        public Cursor(nint iterator, bool reverse, ReadOnlySpan<byte> from)
        {
            _iterator = iterator;
            _reverse = reverse;
            if (from.IsEmpty)
            {
                if (reverse) rocksdb_iter_seek_to_last(iterator);
                else rocksdb_iter_seek_to_first(iterator);
                return;
            }

            fixed (byte* key = from)
            {
                if (reverse) rocksdb_iter_seek_for_prev(iterator, key, (nuint)from.Length);
                else rocksdb_iter_seek(iterator, key, (nuint)from.Length);
            }
        }

        public ReadOnlySpan<byte> Key
        {
            get
            {
                nuint length;
                var data = rocksdb_iter_key(_iterator, &length);
                return new ReadOnlySpan<byte>(data, (int)length);
            }
        }

        public ReadOnlySpan<byte> Value
        {
            get
            {
                nuint length;
                var data = rocksdb_iter_value(_iterator, &length);
                return new ReadOnlySpan<byte>(data, (int)length);
            }
        }

        public bool MoveNext()
        {
            if (_started)
            {
                if (_reverse) rocksdb_iter_prev(_iterator);
                else rocksdb_iter_next(_iterator);
            }

            _started = true;
            if (rocksdb_iter_valid(_iterator) != 0) return true;
            byte* error = null;
            rocksdb_iter_get_error(_iterator, &error);
            ThrowOn(error);
            return false;
        }

        public void Dispose()
        {
            if (_iterator == 0) return;
            rocksdb_iter_destroy(_iterator);
            _iterator = 0;
        }
    }
}
