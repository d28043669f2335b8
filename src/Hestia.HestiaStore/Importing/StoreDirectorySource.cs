using Hestia.Core;
using Hestia.HestiaStore.Reading;
using LogicalSource = Hestia.Backup.Logical.EntrySource;

namespace Hestia.HestiaStore.Importing;

/// <summary>The live entries of a HestiaStore directory, the log that a crash left over them included. Changes nothing there.</summary>
internal sealed class StoreDirectorySource : LogicalSource
{
    private readonly StoreDirectory _directory;
    private readonly StoreEntryReader _reader;
    private readonly TypeMapping _keys;
    private readonly TypeMapping _values;
    private readonly CancellationToken _token;

    /// <exception cref="HestiaException">As <see cref="StoreDirectory.ReadEntries"/>.</exception>
    public StoreDirectorySource(string path, bool allowUnknownOwner, CancellationToken token)
    {
        _token = token;
        _directory = StoreDirectory.Open(path);
        _keys = new TypeMapping(_directory.KeyType, isKey: true);
        _values = new TypeMapping(_directory.ValueType, isKey: false);
        _reader = _directory.ReadEntries(new StoreReadOptions { AllowUnknownOwner = allowUnknownOwner }, token);
    }

    public override string Kind => "HestiaStore directory";

    public override string Path => _directory.Path;

    public override string? IndexName => _directory.Name;

    public override DataEncoding KeyEncoding => _keys.Encoding;

    public override DataEncoding ValueEncoding => _values.Encoding;

    public override long BytesTotal => _reader.BytesTotal;

    public override long BytesRead => _reader.BytesRead;

    public override ReadOnlySpan<byte> Key => _keys.Map(_reader.Key);

    public override ReadOnlySpan<byte> Value => _values.Map(_reader.Value);

    public override IReadOnlyList<Finding> Findings => _reader.ReplayedOperations == 0
        ? _reader.Warnings
        :
        [
            new Finding(
                FindingSeverity.Information, "LogReplayed",
                $"'{Path}' was not closed: {_reader.ReplayedOperations:N0} operations were taken from its log.", Path),
            .. _reader.Warnings,
        ];

    public override bool MoveNext() => _reader.Read(_token);

    protected override void Dispose(bool disposing) => _reader.Dispose();
}
