using System.Runtime.InteropServices;
using System.Text;
using Hestia.Core;
using static Hestia.Bench.Engines.SqliteNative;

namespace Hestia.Bench.Engines;

/// <summary>
/// SQLite through its C API: one table WITHOUT ROWID, journal_mode=WAL, prepared statements, a connection for each thread, every put a
/// transaction of its own as in the other engines. Off is synchronous=OFF (nothing is ever synced), Async is NORMAL (the log is written
/// and synced at checkpoints only), Sync and GroupSync are FULL (every commit is synced). The page cache has the whole budget in each
/// connection.
/// </summary>
internal sealed unsafe class SqliteEngine : IEngine
{
    private const int BusyMilliseconds = 60_000;

    private readonly EngineSettings _settings;
    private readonly ThreadLocal<Connection> _connections;

    public SqliteEngine(EngineSettings settings)
    {
        _settings = settings;
        Directory.CreateDirectory(settings.Path);
        _connections = new ThreadLocal<Connection>(() => new Connection(settings), trackAllValues: true);
        Mine.Execute("CREATE TABLE IF NOT EXISTS entry(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID");
    }

    public string Version => Marshal.PtrToStringUTF8((nint)sqlite3_libversion())!;

    private Connection Mine => _connections.Value!;

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Mine.Put(key, value);

    public int Get(ReadOnlySpan<byte> key, Span<byte> destination) => Mine.Get(key, destination);

    public IEngineCursor Scan(bool reverse, ReadOnlySpan<byte> from = default) => new Cursor(Mine, reverse, from);

    public void Flush() => Mine.Execute("PRAGMA wal_checkpoint(TRUNCATE)");

    public void Settle()
    {
        // Nothing runs in the background.
    }

    public void DropRetired()
    {
        // Nothing is kept.
    }

    public IBackupTarget? OpenBackups(string path) => null;

    public IReadOnlyDictionary<string, double> Facts() => new Dictionary<string, double>
    {
        ["segmentBytes"] = new FileInfo(Connection.FileOf(_settings.Path)).Length,
    };

    public void Dispose()
    {
        foreach (var connection in _connections.Values) connection.Dispose();
        _connections.Dispose();
    }

    private sealed class Connection : IDisposable
    {
        private readonly nint _put;
        private readonly nint _get;
        private readonly nint[] _scans = new nint[4];
        private nint _database;

        public Connection(EngineSettings settings)
        {
            nint database;
            fixed (byte* path = Encoding.UTF8.GetBytes(FileOf(settings.Path) + '\0'))
            {
                var result = sqlite3_open_v2(path, &database, OpenReadWriteCreateNoMutex, null);
                _database = database;
                Check(result);
            }

            Check(sqlite3_busy_timeout(_database, BusyMilliseconds));
            Execute("PRAGMA journal_mode=WAL");
            Execute("PRAGMA synchronous=" + settings.Durability switch
            {
                Durability.Off => "OFF",
                Durability.Async => "NORMAL",
                _ => "FULL",
            });
            Execute($"PRAGMA cache_size=-{Math.Max(settings.CacheBytes >> 10, 1)}");
            Execute("CREATE TABLE IF NOT EXISTS entry(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID");
            _put = Prepare("REPLACE INTO entry(k, v) VALUES(?1, ?2)");
            _get = Prepare("SELECT v FROM entry WHERE k = ?1");
        }

        public static string FileOf(string path) => Path.Combine(path, "index.db");

        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            fixed (byte* k = key)
            fixed (byte* v = value)
            {
                sqlite3_bind_blob(_put, 1, k, key.Length, 0);
                sqlite3_bind_blob(_put, 2, v, value.Length, 0);
                var result = sqlite3_step(_put);
                sqlite3_reset(_put);
                if (result != Done) Check(result);
            }
        }

        public int Get(ReadOnlySpan<byte> key, Span<byte> destination)
        {
            fixed (byte* k = key)
            {
                sqlite3_bind_blob(_get, 1, k, key.Length, 0);
                var result = sqlite3_step(_get);
                var length = -1;
                if (result == Row)
                {
                    length = sqlite3_column_bytes(_get, 0);
                    new ReadOnlySpan<byte>(sqlite3_column_blob(_get, 0), length).CopyTo(destination);
                }
                else if (result != Done)
                {
                    Check(result);
                }

                sqlite3_reset(_get);
                return length;
            }
        }

        /// <summary>The statement of such a scan: prepared once, one scan of a kind at a time in a thread.</summary>
        public nint ScanStatement(bool reverse, bool ranged)
        {
            ref var statement = ref _scans[(reverse ? 1 : 0) + (ranged ? 2 : 0)];
            if (statement == 0)
            {
                var where = ranged ? reverse ? "WHERE k <= ?1 " : "WHERE k >= ?1 " : "";
                statement = Prepare($"SELECT k, v FROM entry {where}ORDER BY k{(reverse ? " DESC" : "")}");
            }

            return statement;
        }

        public void Execute(string sql)
        {
            fixed (byte* text = Encoding.UTF8.GetBytes(sql + '\0')) Check(sqlite3_exec(_database, text, 0, 0, null));
        }

        public void Check(int result)
        {
            if (result is Ok) return;
            throw new InvalidOperationException($"SQLite: {Marshal.PtrToStringUTF8((nint)sqlite3_errmsg(_database))} ({result})");
        }

        public void Dispose()
        {
            if (_database == 0) return;
            sqlite3_finalize(_put);
            sqlite3_finalize(_get);
            foreach (var statement in _scans) sqlite3_finalize(statement);
            sqlite3_close_v2(_database);
            _database = 0;
        }

        private nint Prepare(string sql)
        {
            nint statement;
            fixed (byte* text = Encoding.UTF8.GetBytes(sql + '\0')) Check(sqlite3_prepare_v2(_database, text, -1, &statement, null));
            return statement;
        }
    }

    private sealed class Cursor : IEngineCursor
    {
        private readonly Connection _connection;
        private readonly nint _statement;
        private readonly GCHandle _from;

        public Cursor(Connection connection, bool reverse, ReadOnlySpan<byte> from)
        {
            _connection = connection;
            _statement = connection.ScanStatement(reverse, !from.IsEmpty);
            if (from.IsEmpty) return;
            var key = from.ToArray();
            _from = GCHandle.Alloc(key, GCHandleType.Pinned);
            connection.Check(sqlite3_bind_blob(_statement, 1, (byte*)_from.AddrOfPinnedObject(), key.Length, 0));
        }

        public ReadOnlySpan<byte> Key => Column(0);

        public ReadOnlySpan<byte> Value => Column(1);

        public bool MoveNext()
        {
            var result = sqlite3_step(_statement);
            if (result == Row) return true;
            if (result != Done) _connection.Check(result);
            return false;
        }

        public void Dispose()
        {
            sqlite3_reset(_statement);
            if (_from.IsAllocated) _from.Free();
        }

        private ReadOnlySpan<byte> Column(int column)
        {
            var length = sqlite3_column_bytes(_statement, column);
            return new ReadOnlySpan<byte>(sqlite3_column_blob(_statement, column), length);
        }
    }
}
