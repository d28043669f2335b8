using Hestia.Core.IO;
using Hestia.Core.Writing;

namespace Hestia.Core.Wal;

/// <summary>The records and the damage of one file, as entries for people. Separate, as an iterator cannot hold spans or catch.</summary>
internal sealed class WalFileWalk : IDisposable
{
    private readonly string _path;
    private readonly WalReadOptions _options;
    private readonly CancellationToken _cancellationToken;
    private readonly StorageFile _file;
    private readonly WalReader? _reader;
    private readonly Queue<WalRecord> _waiting = new();
    private ulong _expected;
    private bool _ended;

    private WalFileWalk(string path, StorageFile file, Lsn nameLsn, WalReadOptions options, CancellationToken cancellationToken)
    {
        _path = path;
        _file = file;
        _options = options;
        _cancellationToken = cancellationToken;
        _expected = nameLsn.Value;
        var window = new WalWindow(file);
        try
        {
            var status = WalFileHeader.Read(window.Get(0, WalFormat.MaxLaterHeaderBytes), out var header);
            var headerBytes = Math.Min(window.Length, WalFormat.FileHeaderBytes);
            uint seed = 0;
            if (status == WalHeaderStatus.TooNew)
            {
                _waiting.Enqueue(DamageEntry(0, window.Length, Lsn.None, "the file was written by a newer version of Hestia"));
            }
            else if (header is not null)
            {
                seed = header.Seed;
                _expected = header.FirstLsn.Value;
                _reader = new WalReader(window, seed);
            }
            else if (WalSeedRecovery.TryFind(window, nameLsn == Lsn.None ? new Lsn(1) : nameLsn, cancellationToken, out seed))
            {
                _waiting.Enqueue(DamageEntry(
                    0,
                    headerBytes,
                    Lsn.None,
                    "the file's header is damaged; its records are readable all the same"));
                _reader = new WalReader(window, seed);
            }
            else if (status == WalHeaderStatus.Damaged)
            {
                _waiting.Enqueue(DamageEntry(0, window.Length, Lsn.None, "the file's header is damaged and no record was found behind it"));
            }
        }
        finally
        {
            if (_reader is null) window.Dispose();
        }
    }

    /// <summary>Null if the file has gone.</summary>
    public static WalFileWalk? Open(FileSystem files, string path, Lsn nameLsn, WalReadOptions options, CancellationToken cancellationToken)
    {
        StorageFile? file = null;
        try
        {
            file = files.Open(path, FileOpenMode.ReadSequential);
            return new WalFileWalk(path, file, nameLsn, options, cancellationToken);
        }
        catch (FileNotFoundException)
        {
            return null; // pruned by the owner meanwhile
        }
        catch (Exception e)
        {
            file?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw HestiaException.FromIO(e, path, "reading");
            throw;
        }
    }

    /// <summary>The next entry that was asked for, or null at the end.</summary>
    public WalRecord? Next()
    {
        try
        {
            while (true)
            {
                if (_waiting.TryDequeue(out var waiting)) return waiting;
                if (_ended || _reader is null) return null;
                _cancellationToken.ThrowIfCancellationRequested();
                if (_reader.TryReadNext())
                {
                    Take(_reader);
                    continue;
                }

                if (_reader.Damage is { } damage)
                {
                    var found = _reader.Resynchronise(_cancellationToken);
                    var end = found ? _reader.NextOffset : _reader.FileLength;
                    var last = Lsn.None;
                    if (found && _reader.TryReadNext())
                    {
                        if (_reader.Header.FirstLsn > _expected) last = new Lsn(_reader.Header.FirstLsn - 1);
                        _waiting.Enqueue(DamageEntry(damage.Offset, end - damage.Offset, last, damage.Description));
                        _expected = _reader.Header.FirstLsn; // the gap is told; it is not an LSN mismatch as well
                        Take(_reader);
                        continue;
                    }

                    _waiting.Enqueue(DamageEntry(damage.Offset, end - damage.Offset, last, damage.Description));
                }

                _ended = true;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, _path, "reading");
        }
    }

    public void Dispose()
    {
        _reader?.Dispose();
        _file.Dispose();
    }

    private void Take(WalReader reader)
    {
        var header = reader.Header;
        var payload = reader.Payload;
        if (!WalOperations.AreWellFormed(payload, header.Operations))
        {
            var malformed = new WalDamage(reader.Offset, WalDamageKind.Malformed);
            _waiting.Enqueue(DamageEntry(reader.Offset, header.TotalBytes, new Lsn(header.LastLsn), malformed.Description));
            _expected = header.LastLsn + 1;
            return;
        }

        if (_expected != 0 && header.FirstLsn != _expected)
        {
            var last = header.FirstLsn > _expected ? new Lsn(header.FirstLsn - 1) : Lsn.None;
            _waiting.Enqueue(DamageEntry(reader.Offset, 0, last, new WalDamage(reader.Offset, WalDamageKind.LsnMismatch).Description));
        }

        _expected = header.LastLsn + 1;
        if (header.LastLsn < _options.FromLsn?.Value || header.FirstLsn > _options.ToLsn?.Value) return;
        var operations = Operations(payload, header);
        if (operations.Count == 0) return; // none on the key asked for
        _waiting.Enqueue(new WalRecord
        {
            File = _path,
            Offset = reader.Offset,
            Bytes = header.TotalBytes,
            FirstLsn = new Lsn(header.FirstLsn),
            LastLsn = new Lsn(header.LastLsn),
            CommitTime = WalFormat.FromMicroseconds(header.CommitMicroseconds),
            SyncedOffset = header.SyncedOffset,
            Operations = operations,
        });
    }

    private List<WalOperation> Operations(ReadOnlySpan<byte> payload, in WalRecordHeader header)
    {
        var operations = new List<WalOperation>();
        var lsn = header.FirstLsn;
        while (OperationEncoding.TryRead(payload, out var kind, out var key, out var value, out var size))
        {
            if (_options.Key is not { } wanted || key.SequenceEqual(wanted))
            {
                operations.Add(new WalOperation(new Lsn(lsn), kind, key.ToArray(), value.Length, value.ToArray()));
            }

            payload = payload[size..];
            lsn++;
        }

        return operations;
    }

    private WalRecord DamageEntry(long offset, long bytes, Lsn last, string description) => new()
    {
        File = _path,
        Offset = offset,
        Bytes = bytes,
        FirstLsn = new Lsn(_expected),
        LastLsn = last,
        Damage = description,
    };
}
