using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Hestia.Backup.Logical;

/// <summary>
/// A digest of a set of entries that does not depend on their order, and from which an entry can be taken out again: the sum, modulo 2^256, of the
/// SHA-256 of each entry. It proves an import whose source is not in key order, where one pass cannot give a <see cref="LogicalFingerprint"/>. A
/// guard against loss and defects, not against somebody who chooses entries so that their sums agree.
/// </summary>
internal sealed class EntrySetDigest : IEquatable<EntrySetDigest>
{
    private const int Words = SHA256.HashSizeInBytes / sizeof(ulong);
    private const int LengthBytes = 4;
    private const int StackBytes = 512;

    private readonly ulong[] _sum = new ulong[Words];

    public long Entries { get; private set; }

    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        HashEntry(key, value, hash);
        ulong carry = 0;
        for (var i = 0; i < Words; i++)
        {
            var sum = (UInt128)_sum[i] + BinaryPrimitives.ReadUInt64LittleEndian(hash[(i * sizeof(ulong))..]) + carry;
            _sum[i] = (ulong)sum;
            carry = (ulong)(sum >> 64);
        }

        Entries++;
    }

    /// <summary>Takes an entry out that was added.</summary>
    public void Remove(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        HashEntry(key, value, hash);
        ulong borrow = 0;
        for (var i = 0; i < Words; i++)
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(hash[(i * sizeof(ulong))..]);
            var less = (UInt128)word + borrow;
            borrow = _sum[i] < less ? 1UL : 0UL;
            _sum[i] = unchecked(_sum[i] - (ulong)less);
        }

        Entries--;
    }

    public bool Equals(EntrySetDigest? other) => other is not null && Entries == other.Entries && _sum.AsSpan().SequenceEqual(other._sum);

    public override bool Equals(object? obj) => Equals(obj as EntrySetDigest);

    public override int GetHashCode() => _sum[0].GetHashCode();

    private static void HashEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Span<byte> hash)
    {
        var length = LengthBytes + key.Length + value.Length; // where the value begins shows from the key's length
        var rented = length > StackBytes ? ArrayPool<byte>.Shared.Rent(length) : null;
        var buffer = rented is null ? stackalloc byte[StackBytes] : rented;
        BinaryPrimitives.WriteInt32BigEndian(buffer, key.Length);
        key.CopyTo(buffer[LengthBytes..]);
        value.CopyTo(buffer[(LengthBytes + key.Length)..]);
        SHA256.HashData(buffer[..length], hash);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
    }
}
