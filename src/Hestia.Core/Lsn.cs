using System.Globalization;

namespace Hestia.Core;

/// <summary>
/// Log sequence number: the number of one write (one put or one delete), strictly increasing from 1 in the life of an index.
/// <see cref="None"/> (0) stands for "before the first write"; at the bottom level it also stands for "older than anyone needs to know".
/// </summary>
public readonly record struct Lsn(ulong Value) : IComparable<Lsn>
{
    /// <summary>Before the first write.</summary>
    public static Lsn None => default;

    /// <summary>The number after this one.</summary>
    public Lsn Next => new(Value + 1);

    /// <inheritdoc/>
    public int CompareTo(Lsn other) => Value.CompareTo(other.Value);

    /// <summary>Ordered by number.</summary>
    public static bool operator <(Lsn left, Lsn right) => left.Value < right.Value;

    /// <summary>Ordered by number.</summary>
    public static bool operator >(Lsn left, Lsn right) => left.Value > right.Value;

    /// <summary>Ordered by number.</summary>
    public static bool operator <=(Lsn left, Lsn right) => left.Value <= right.Value;

    /// <summary>Ordered by number.</summary>
    public static bool operator >=(Lsn left, Lsn right) => left.Value >= right.Value;

    /// <summary>The decimal number.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
