using System.Runtime.InteropServices;

namespace Hestia.Bench.Engines;

/// <summary>The part of SQLite's C API that is used (sqlite3.h); as <see cref="RocksDbNative"/>.</summary>
internal static unsafe class SqliteNative
{
    public const int Ok = 0;
    public const int Row = 100;
    public const int Done = 101;
    public const int OpenReadWriteCreateNoMutex = 0x2 | 0x4 | 0x8000;

    private const string Library = NativeLibraries.Sqlite;

    [DllImport(Library)]
    public static extern byte* sqlite3_libversion();

    [DllImport(Library)]
    public static extern int sqlite3_open_v2(byte* path, nint* database, int flags, byte* vfs);

    [DllImport(Library)]
    public static extern int sqlite3_close_v2(nint database);

    [DllImport(Library)]
    public static extern int sqlite3_busy_timeout(nint database, int milliseconds);

    [DllImport(Library)]
    public static extern byte* sqlite3_errmsg(nint database);

    [DllImport(Library)]
    public static extern int sqlite3_exec(nint database, byte* sql, nint callback, nint argument, byte** error);

    [DllImport(Library)]
    public static extern int sqlite3_prepare_v2(nint database, byte* sql, int length, nint* statement, byte** tail);

    [DllImport(Library)]
    public static extern int sqlite3_finalize(nint statement);

    [DllImport(Library)]
    public static extern int sqlite3_step(nint statement);

    [DllImport(Library)]
    public static extern int sqlite3_reset(nint statement);

    /// <summary>With no destructor the bytes are only borrowed: they must stay until the step is done.</summary>
    [DllImport(Library)]
    public static extern int sqlite3_bind_blob(nint statement, int parameter, byte* data, int length, nint destructor);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern byte* sqlite3_column_blob(nint statement, int column);

    [DllImport(Library)]
    [SuppressGCTransition]
    public static extern int sqlite3_column_bytes(nint statement, int column);
}
