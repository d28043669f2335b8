namespace Hestia.Bench.Workloads;

/// <summary>
/// Numbers 0 to n - 1 of which the k-th comes up in proportion to 1/k^skew: by the closed form of Gray et al. (1994), which needs the
/// harmonic sum once and nothing per number.
/// </summary>
internal sealed class ZipfNumbers
{
    private readonly long _count;
    private readonly double _alpha;
    private readonly double _zeta;
    private readonly double _eta;
    private readonly double _second;

    public ZipfNumbers(long count, double skew)
    {
        _count = count;
        _zeta = Zeta(count, skew);
        _alpha = 1 / (1 - skew);
        _second = Math.Pow(0.5, skew);
        _eta = (1 - Math.Pow(2.0 / count, 1 - skew)) / (1 - Zeta(2, skew) / _zeta);
    }

    /// <summary>The number that belongs to 64 random bits.</summary>
    public long Next(ulong random)
    {
        var u = (random >> 11) * (1.0 / (1UL << 53));
        var z = u * _zeta;
        if (z < 1) return 0;
        if (z < 1 + _second) return 1;
        return Math.Min((long)(_count * Math.Pow(_eta * u - _eta + 1, _alpha)), _count - 1);
    }

    private static double Zeta(long count, double skew)
    {
        var sum = 0.0;
        for (var i = 1L; i <= count; i++) sum += Math.Pow(i, -skew);
        return sum;
    }
}
