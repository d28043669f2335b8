using Hestia.Core.IO;

namespace Hestia.Core.Wal;

/// <summary>
/// Appends to one log file. <see cref="Append"/> and <see cref="Seal"/> belong to one thread at a time (the commit leader);
/// <see cref="SyncData"/> may run beside them on another.
/// <para>
/// Invariants. What lies below <see cref="SyncedOffset"/> survives a power loss. Behind <see cref="AppendOffset"/> the file holds zeros or
/// ends, except while an append runs: a refused append is wiped, and the wipe synced, before the refusal is told, because a whole
/// record left behind would come back at recovery. Whatever breaks one of them makes the writer fail for good.
/// </para>
/// </summary>
internal sealed class WalWriter : IDisposable
{
    private const long MaxStepBytes = 64L << 20;
    private const long MinStepBytes = 1L << 20;

    private readonly StorageFile _file;
    private readonly long _step; // 0: the file grows with each append
    private readonly object _syncGate = new();
    private readonly WorkScheduler _scheduler;
    private long _appendOffset = WalFormat.FileHeaderBytes;
    private long _syncedOffset = WalFormat.FileHeaderBytes;
    private long _allocated;
    private long _syncs;
    private volatile Exception? _failure;

    private WalWriter(StorageFile file, string path, WalFileHeader header, long allocated, long preallocateBytes, WorkScheduler? scheduler)
    {
        _file = file;
        Path = path;
        Header = header;
        Seed = header.Seed;
        _scheduler = scheduler ?? WorkScheduler.Threads;
        _allocated = allocated;
        _step = preallocateBytes <= 0 ? 0 : Math.Clamp(preallocateBytes, MinStepBytes, MaxStepBytes);
    }

    public string Path { get; }

    public WalFileHeader Header { get; }

    /// <summary>What the checksums of this file's records continue from.</summary>
    public uint Seed { get; }

    /// <summary>Where the next record will stand.</summary>
    public long AppendOffset => Volatile.Read(ref _appendOffset);

    /// <summary>The file is durable up to here.</summary>
    public long SyncedOffset => Volatile.Read(ref _syncedOffset);

    /// <summary>LSN of the last operation appended; None if there is none.</summary>
    public Lsn LastLsn { get; private set; }

    /// <summary>Header checksum of the last record appended, for the successor's header; 0 if there is none.</summary>
    public uint LastRecordHeaderCrc { get; private set; }

    /// <summary>What the successor's header says of this file.</summary>
    public WalPredecessor AsPredecessor =>
        LastLsn == Lsn.None ? default : new WalPredecessor(Header.FirstLsn, LastLsn, LastRecordHeaderCrc);

    /// <summary>Why every further call is refused, or null.</summary>
    public Exception? Failure => _failure;

    /// <summary>Syncs that returned, for the statistics.</summary>
    public long Syncs => Volatile.Read(ref _syncs);

    /// <summary>
    /// Creates the file under its final name, durable when this returns; on failure nothing is left. Where the disk is too full for the space
    /// to be reserved, a little of it will do.
    /// </summary>
    public static WalWriter Create(
        FileSystem files, string walDirectory, WalFileHeader header, long preallocateBytes, WorkScheduler? scheduler = null)
    {
        var path = System.IO.Path.Combine(walDirectory, WalFormat.FileName(header.FirstLsn));
        StorageFile? file = null;
        try
        {
            file = files.Open(path, FileOpenMode.CreateNew);
            files.CopyOwnership(walDirectory, path);
            var length = preallocateBytes > 0 ? PreallocateWhatFits(file, Math.Max(preallocateBytes, WalFormat.FileHeaderBytes)) : WalFormat.FileHeaderBytes;
            WriteHeader(file, header);
            file.Sync();
            files.SyncDirectory(walDirectory);
            return new WalWriter(file, path, header, length, preallocateBytes, scheduler);
        }
        catch
        {
            file?.Dispose();
            if (file is not null) WalPreparedFile.TryDelete(files, path);
            throw;
        }
    }

    /// <summary>Gives a prepared file its header and name, durable when this returns; on failure nothing is left of it.</summary>
    public static WalWriter Activate(FileSystem files, WalPreparedFile prepared, WalFileHeader header, WorkScheduler? scheduler = null)
    {
        var path = System.IO.Path.Combine(prepared.Directory, WalFormat.FileName(header.FirstLsn));
        // Renaming replaces, and nothing may ever replace a log file.
        if (files.FileExists(path))
        {
            prepared.Dispose();
            throw new IOException($"The log file '{path}' is there already.");
        }

        var file = prepared.Take();
        var current = prepared.Path;
        try
        {
            WriteHeader(file, header);
            file.SyncData();
            files.RenameFile(prepared.Path, path);
            current = path;
            files.SyncDirectory(prepared.Directory);
            return new WalWriter(file, path, header, prepared.Length, prepared.Length, scheduler);
        }
        catch
        {
            file.Dispose();
            WalPreparedFile.TryDelete(files, current);
            throw;
        }
    }

    /// <summary>
    /// Writes whole records, built for <see cref="AppendOffset"/>, with one call; returns the offset behind them. If it throws, nothing
    /// was appended and the next append goes to the same place, unless <see cref="Failure"/> says that there is no next one.
    /// </summary>
    public long Append(ReadOnlySpan<byte> encodedRecords)
    {
        ThrowIfFailed();
        var offset = _appendOffset;
        var (lastLsn, lastCrc) = Inspect(encodedRecords, offset);
        var end = offset + encodedRecords.Length;
        if (end > _allocated && _step > 0) Grow(end);
        try
        {
            _file.Write(offset, encodedRecords);
        }
        catch (Exception cause)
        {
            Wipe(offset, cause);
            throw;
        }

        _allocated = Math.Max(_allocated, end);
        LastLsn = lastLsn;
        LastRecordHeaderCrc = lastCrc;
        Volatile.Write(ref _appendOffset, end); // after the write, so that a sync which sees it covers it
        return end;
    }

    /// <summary>
    /// Makes durable what was appended before the call. The first failure is final. One sync at a time: the kernel tells an error to one
    /// caller only, and the other would take its own sync for good.
    /// </summary>
    public long SyncData()
    {
        using (_scheduler.Hold(_syncGate))
        {
            ThrowIfFailed();
            var appended = AppendOffset;
            if (appended == _syncedOffset) return appended;
            try
            {
                _file.SyncData();
            }
            catch (Exception cause)
            {
                _failure = cause;
                throw;
            }

            Volatile.Write(ref _syncs, _syncs + 1);
            Volatile.Write(ref _syncedOffset, appended);
            return appended;
        }
    }

    /// <summary>
    /// Ends the file: syncs it and gives back the space reserved behind the last record. Nothing may be appended afterwards.
    /// </summary>
    public void Seal()
    {
        SyncData();
        using (_scheduler.Hold(_syncGate))
        {
            ThrowIfFailed();
            if (_allocated == _appendOffset) return;
            try
            {
                _file.SetLength(_appendOffset);
                _file.Sync();
                _allocated = _appendOffset;
            }
            catch (Exception cause)
            {
                _failure = cause;
                throw;
            }
        }
    }

    public void Dispose() => _file.Dispose();

    private static long PreallocateWhatFits(StorageFile file, long length)
    {
        try
        {
            file.Preallocate(length);
            return length;
        }
        catch (Exception e) when (IOErrors.IsDiskFull(e) && length > MinStepBytes)
        {
            file.SetLength(0); // some of it may have been reserved
            file.Preallocate(MinStepBytes);
            return MinStepBytes;
        }
    }

    private static void WriteHeader(StorageFile file, WalFileHeader header)
    {
        Span<byte> bytes = stackalloc byte[WalFormat.FileHeaderBytes];
        header.Write(bytes);
        file.Write(0, bytes);
    }

    /// <summary>
    /// Refuses bytes that are not the records that belong here: each is about to be promised. Headers only; a payload was summed a
    /// moment ago. A synced offset beyond the truth would make an honest crash look like damage, so it is checked as well.
    /// </summary>
    private (Lsn LastLsn, uint LastCrc) Inspect(ReadOnlySpan<byte> records, long offset)
    {
        var expected = LastLsn == Lsn.None ? Header.FirstLsn.Value : LastLsn.Value + 1;
        var synced = SyncedOffset;
        uint crc = 0;
        var at = 0;
        do
        {
            if (records.Length - at < WalFormat.RecordHeaderBytes
                || !WalRecordHeader.TryRead(records[at..], offset + at, Seed, out var header)
                || header.TotalBytes > records.Length - at
                || header.FirstLsn != expected
                || header.SyncedOffset > synced)
            {
                throw new ArgumentException(
                    $"The bytes at {at} are not the record with LSN {expected} for offset {offset + at} of '{Path}'.",
                    nameof(records));
            }

            expected = header.LastLsn + 1;
            crc = header.HeaderCrc;
            at += header.TotalBytes;
        }
        while (at < records.Length);
        return (new Lsn(expected - 1), crc);
    }

    /// <summary>
    /// Reserves space in steps; if the disk is too full for a step, for what is needed now. A refusal leaves the log as it was.
    /// </summary>
    private void Grow(long end)
    {
        var target = (end + _step - 1) / _step * _step;
        try
        {
            _file.Preallocate(target);
        }
        catch (Exception e) when (IOErrors.IsDiskFull(e) && target > end)
        {
            target = end;
            _file.Preallocate(target);
        }

        _allocated = target;
    }

    /// <summary>
    /// After a failed write: cuts the file at the append offset, which needs no space and leaves no byte of what was refused, and syncs
    /// that. Only then may the writer go on; the space is reserved again by the next append.
    /// </summary>
    private void Wipe(long offset, Exception cause)
    {
        using (_scheduler.Hold(_syncGate))
        {
            if (_failure is not null) return;
            try
            {
                _file.SetLength(offset);
                _file.Sync();
                Volatile.Write(ref _syncs, _syncs + 1);
                Volatile.Write(ref _syncedOffset, offset); // nothing was appended since
                _allocated = offset;
            }
            catch (Exception e)
            {
                _failure = new AggregateException("An append failed, and what it left could not be wiped.", cause, e);
            }
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } cause)
            throw new IOException($"The log file '{Path}' failed before and takes nothing more: {cause.Message}", cause);
    }
}
