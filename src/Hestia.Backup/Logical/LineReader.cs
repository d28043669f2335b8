using System.Buffers;
using System.Security.Cryptography;

namespace Hestia.Backup.Logical;

/// <summary>
/// Reads a stream line by line, without a copy of each line, and hashes the lines that are said to count. Memory is that of the longest line.
/// </summary>
internal sealed class LineReader(Stream source, int maxLineBytes) : IDisposable
{
    private const int FirstBytes = 256 << 10;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
    private int _hashed;
    private int _next;
    private int _end;
    private bool _atEnd;

    /// <summary>Number of the current line, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Whether the current line ended with a line feed, as every line should.</summary>
    public bool IsTerminated { get; private set; }

    /// <summary>The next line without its line feed; false at the end. It stays valid until the next call.</summary>
    /// <exception cref="InvalidDataException">The line is too long, or the stream is not what it should be.</exception>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        var searched = _next;
        while (true)
        {
            var feed = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                line = _buffer.AsSpan(_next, searched + feed - _next);
                _next = searched + feed + 1;
                IsTerminated = true;
                Number++;
                return true;
            }

            if (_atEnd) break;
            var pending = _end - _next;
            Fill();
            searched = _next + pending;
        }

        line = _buffer.AsSpan(_next, _end - _next);
        IsTerminated = false;
        _next = _end;
        if (line.IsEmpty) return false;
        Number++;
        return true;
    }

    /// <summary>The hash of every line before the current one, line feeds included.</summary>
    public string HashBeforeCurrent(int currentBytes)
    {
        var start = _next - currentBytes - (IsTerminated ? 1 : 0);
        _hash.AppendData(_buffer.AsSpan(_hashed, start - _hashed));
        _hashed = start;
        Span<byte> result = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetCurrentHash(result);
        return Convert.ToHexString(result).ToLowerInvariant();
    }

    public void Dispose()
    {
        _hash.Dispose();
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Makes room behind what is not used up yet, and reads.</summary>
    private void Fill()
    {
        _hash.AppendData(_buffer.AsSpan(_hashed, _next - _hashed));
        var pending = _end - _next;
        if (_next > 0) _buffer.AsSpan(_next, pending).CopyTo(_buffer);
        _hashed = 0;
        _next = 0;
        _end = pending;
        if (_end == _buffer.Length)
        {
            if (pending >= maxLineBytes)
                throw new InvalidDataException($"line {Number + 1:N0} is longer than {maxLineBytes:N0} bytes, which no line is.");
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * _buffer.Length, maxLineBytes));
            _buffer.AsSpan(0, _end).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        var read = source.Read(_buffer, _end, _buffer.Length - _end);
        _atEnd = read == 0;
        _end += read;
    }
}
