using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Hestia.Core;
using static Hestia.Bench.Engines.LevelDbNative;

namespace Hestia.Bench.Engines;

/// <summary>
/// LevelDB through its C API: Bloom filters of 10 bits, Snappy, memtable and data blocks as large as ours. It has one background thread
/// and always a log: Off and Async are the same here, a write() without a sync.
/// </summary>
internal sealed unsafe class LevelDbEngine : IEngine
{
    private const int Snappy = 1;
    private const int BloomBits = 10;

    /// <summary>It does not tell when it is idle: unchanged for so long counts.</summary>
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(1);

    private readonly nint _options;
    private readonly nint _filter;
    private readonly nint _cache;
    private readonly nint _writeOptions;
    private readonly nint _readOptions;
    private readonly nint _scanOptions;
    private nint _database;

    public LevelDbEngine(EngineSettings settings)
    {
        _options = leveldb_options_create();
        leveldb_options_set_create_if_missing(_options, 1);
        leveldb_options_set_write_buffer_size(_options, (nuint)settings.MemtableBytes);
        leveldb_options_set_block_size(_options, (nuint)new IndexSettings().BlockBytes);
        leveldb_options_set_compression(_options, Snappy);
        _filter = leveldb_filterpolicy_create_bloom(BloomBits);
        leveldb_options_set_filter_policy(_options, _filter);
        _cache = leveldb_cache_create_lru((nuint)settings.CacheBytes);
        leveldb_options_set_cache(_options, _cache);
        _writeOptions = leveldb_writeoptions_create();
        if (settings.Durability is Durability.Sync or Durability.GroupSync) leveldb_writeoptions_set_sync(_writeOptions, 1);
        _readOptions = leveldb_readoptions_create();
        _scanOptions = leveldb_readoptions_create();
        leveldb_readoptions_set_fill_cache(_scanOptions, 0);

        byte* error = null;
        fixed (byte* path = Encoding.UTF8.GetBytes(settings.Path + '\0')) _database = leveldb_open(_options, path, &error);
        ThrowOn(error);
    }

    public string Version => $"{leveldb_major_version()}.{leveldb_minor_version()}";

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        byte* error = null;
        fixed (byte* k = key)
        fixed (byte* v = value)
        {
            leveldb_put(_database, _writeOptions, k, (nuint)key.Length, v, (nuint)value.Length, &error);
        }

        if (error != null) ThrowOn(error);
    }

    public int Get(ReadOnlySpan<byte> key, Span<byte> destination)
    {
        byte* error = null;
        byte* value;
        nuint length;
        fixed (byte* k = key) value = leveldb_get(_database, _readOptions, k, (nuint)key.Length, &length, &error);
        if (value == null)
        {
            if (error != null) ThrowOn(error);
            return -1;
        }

        new ReadOnlySpan<byte>(value, (int)length).CopyTo(destination);
        leveldb_free(value);
        return (int)length;
    }

    public IEngineCursor Scan(bool reverse, ReadOnlySpan<byte> from = default) =>
        new Cursor(leveldb_create_iterator(_database, from.IsEmpty ? _scanOptions : _readOptions), reverse, from);

    public void Flush()
    {
        // There is no flush, but compacting a range begins with one, and nothing lies in this range.
        byte zero = 0;
        leveldb_compact_range(_database, &zero, 1, &zero, 1);
    }

    public void Settle()
    {
        var seen = "";
        for (var since = DateTime.UtcNow; DateTime.UtcNow - since < QuietTime; Thread.Sleep(50))
        {
            var now = Property("leveldb.stats");
            if (now == seen) continue;
            seen = now;
            since = DateTime.UtcNow;
        }
    }

    public void DropRetired()
    {
        // Files no longer needed go at once.
    }

    public IBackupTarget? OpenBackups(string path) => null;

    public IReadOnlyDictionary<string, double> Facts() => new Dictionary<string, double>
    {
        ["level0Segments"] = double.Parse(Property("leveldb.num-files-at-level0"), CultureInfo.InvariantCulture),
    };

    public void Dispose()
    {
        if (_database == 0) return;
        leveldb_close(_database);
        _database = 0;
        leveldb_readoptions_destroy(_scanOptions);
        leveldb_readoptions_destroy(_readOptions);
        leveldb_writeoptions_destroy(_writeOptions);
        leveldb_options_destroy(_options);
        leveldb_cache_destroy(_cache);
        leveldb_filterpolicy_destroy(_filter);
    }

    private static void ThrowOn(byte* error)
    {
        if (error == null) return;
        var message = Marshal.PtrToStringUTF8((nint)error);
        leveldb_free(error);
        throw new InvalidOperationException($"LevelDB: {message}");
    }

    private string Property(string name)
    {
        byte* value;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0')) value = leveldb_property_value(_database, text);
        if (value == null) throw new InvalidOperationException($"LevelDB has no property {name}.");
        var result = Marshal.PtrToStringUTF8((nint)value)!;
        leveldb_free(value);
        return result;
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
                if (reverse) leveldb_iter_seek_to_last(iterator);
                else leveldb_iter_seek_to_first(iterator);
                return;
            }

            fixed (byte* key = from) leveldb_iter_seek(iterator, key, (nuint)from.Length);
            if (!reverse) return;
            // It seeks upward only: one back if that went past the key, to the end if nothing is there.
            if (leveldb_iter_valid(iterator) == 0) leveldb_iter_seek_to_last(iterator);
            else if (!Key.SequenceEqual(from)) leveldb_iter_prev(iterator);
        }

        public ReadOnlySpan<byte> Key
        {
            get
            {
                nuint length;
                var data = leveldb_iter_key(_iterator, &length);
                return new ReadOnlySpan<byte>(data, (int)length);
            }
        }

        public ReadOnlySpan<byte> Value
        {
            get
            {
                nuint length;
                var data = leveldb_iter_value(_iterator, &length);
                return new ReadOnlySpan<byte>(data, (int)length);
            }
        }

        public bool MoveNext()
        {
            if (_started)
            {
                if (_reverse) leveldb_iter_prev(_iterator);
                else leveldb_iter_next(_iterator);
            }

            _started = true;
            if (leveldb_iter_valid(_iterator) != 0) return true;
            byte* error = null;
            leveldb_iter_get_error(_iterator, &error);
            ThrowOn(error);
            return false;
        }

        public void Dispose()
        {
            if (_iterator == 0) return;
            leveldb_iter_destroy(_iterator);
            _iterator = 0;
        }
    }
}
