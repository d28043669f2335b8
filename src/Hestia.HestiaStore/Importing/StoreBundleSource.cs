using System.Buffers.Binary;
using Hestia.Core;

namespace Hestia.HestiaStore.Importing;

/// <summary>The entries of a bundle: parts one after the other, each entry as key length, value length (32 bits, big-endian), key and value.</summary>
internal sealed class StoreBundleSource(StoreExport export, CancellationToken token) : StoreExportSource(export, token)
{
    private const int HeaderBytes = 2 * sizeof(int);
    private const int BufferBytes = 64 << 10;

    private byte[] _entry = new byte[4 << 10];
    private int _keyLength;
    private int _valueLength;
    private VerifiedFile? _file;
    private BufferedStream? _content;
    private int _next;
    private long _bytesBefore;
    private long _records;
    private long _bytes;

    public override long BytesTotal => Export.Parts.Sum(static p => p.FileBytes);

    public override long BytesRead => _bytesBefore + (_file?.BytesRead ?? 0);

    protected override ReadOnlySpan<byte> StoredKey => _entry.AsSpan(0, _keyLength);

    protected override ReadOnlySpan<byte> StoredValue => _entry.AsSpan(_keyLength, _valueLength);

    protected override bool MoveNextStored()
    {
        while (true)
        {
            if (_file is null)
            {
                if (_next == Export.Parts.Count) return false;
                _file = new VerifiedFile(Export, Export.Parts[_next].FileName);
                _content = new BufferedStream(_file.Content, BufferBytes);
                _records = _bytes = 0;
            }

            if (TryReadEntry()) return true;
            EndPart();
        }
    }

    protected override void Dispose(bool disposing) => _file?.Dispose();

    private bool TryReadEntry()
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        var read = _content!.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        if (read == 0) return false;
        if (read < HeaderBytes) throw new EndOfStreamException();
        _keyLength = BinaryPrimitives.ReadInt32BigEndian(header);
        _valueLength = BinaryPrimitives.ReadInt32BigEndian(header[sizeof(int)..]);
        if (_keyLength is < 0 or > Limits.MaxKeyBytes || _valueLength is < 0 or > Limits.MaxValueBytes)
        {
            throw new InvalidDataException(
                $"entry {_records + 1:N0} of {Export.Parts[_next].FileName} says it has a key of {_keyLength:N0} and a value of {_valueLength:N0} bytes");
        }

        var length = _keyLength + _valueLength;
        // As much as is there decides what is taken, not what the entry claims.
        for (var have = 0; have < length;)
        {
            if (have == _entry.Length) Array.Resize(ref _entry, (int)Math.Min(length, 2L * have));
            var got = _content.Read(_entry, have, Math.Min(_entry.Length, length) - have);
            if (got == 0) throw new EndOfStreamException();
            have += got;
        }

        _records++;
        _bytes += HeaderBytes + length;
        return true;
    }

    private void EndPart()
    {
        var part = Export.Parts[_next];
        _file!.Complete();
        if (_records != part.Records || _bytes != part.EncodedBytes || _file.BytesRead != part.FileBytes)
        {
            throw new InvalidDataException(
                $"{part.FileName} holds {_records:N0} entries in {_bytes:N0} bytes, and the manifest says {part.Records:N0} in {part.EncodedBytes:N0}");
        }

        _bytesBefore += _file.BytesRead;
        _file.Dispose();
        _file = null;
        _next++;
    }
}
