using Hestia.Core;

namespace Hestia.Unit;

public sealed class LsnTests
{
    [Fact]
    public void Next_is_one_larger() => Assert.Equal(new Lsn(8), new Lsn(7).Next);
}
