using Hestia.Core;
using LogicalSource = Hestia.Backup.Logical.EntrySource;

namespace Hestia.HestiaStore.Importing;

/// <summary>What the two kinds of HestiaStore's exports have in common.</summary>
internal abstract class StoreExportSource : LogicalSource
{
    private readonly TypeMapping _keys;
    private readonly TypeMapping _values;
    private readonly CancellationToken _token;
    private long _entries;
    private bool _ended;

    protected StoreExportSource(StoreExport export, CancellationToken token)
    {
        Export = export;
        _token = token;
        _keys = new TypeMapping(export.KeyType, isKey: true);
        _values = new TypeMapping(export.ValueType, isKey: false);
    }

    public override string Kind => Export.IsBundle ? "HestiaStore bundle" : "HestiaStore JSON lines";

    public override string Path => Export.Path;

    public override string? IndexName => Export.IndexName;

    public override DataEncoding KeyEncoding => _keys.Encoding;

    public override DataEncoding ValueEncoding => _values.Encoding;

    public override ReadOnlySpan<byte> Key => _keys.Map(StoredKey);

    public override ReadOnlySpan<byte> Value => _values.Map(StoredValue);

    public override IReadOnlyList<Finding> Findings => Export.IsPartial
        ? [new Finding(FindingSeverity.Warning, "Partial", $"'{Path}' is an export of a part of its index: a range or a limit was asked for.", Path)]
        : [];

    protected StoreExport Export { get; }

    /// <summary>The current key as its type encodes it.</summary>
    protected abstract ReadOnlySpan<byte> StoredKey { get; }

    /// <summary>The current value as its type encodes it.</summary>
    protected abstract ReadOnlySpan<byte> StoredValue { get; }

    public override bool MoveNext()
    {
        if (_ended) return false;
        if ((_entries & 0x3FF) == 0) _token.ThrowIfCancellationRequested();
        try
        {
            if (MoveNextStored())
            {
                if (!Export.KeyType.IsValid(StoredKey) || !Export.ValueType.IsValid(StoredValue))
                    throw new InvalidDataException($"entry {_entries + 1:N0} is no {Export.KeyType} and {Export.ValueType}");
                _entries++;
                return true;
            }

            if (_entries != Export.Records) throw new InvalidDataException($"it holds {_entries:N0} entries, and its manifest says {Export.Records:N0}");
            _ended = true;
            return false;
        }
        catch (InvalidDataException e)
        {
            throw Export.Damaged(e.Message, e);
        }
        catch (EndOfStreamException e)
        {
            throw Export.Damaged("a file of it ends in the middle of an entry", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, Path, "reading");
        }
    }

    /// <summary>Moves to the next entry; false at the end, and only after every checksum was compared.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    /// <exception cref="EndOfStreamException">It is cut short.</exception>
    protected abstract bool MoveNextStored();
}
