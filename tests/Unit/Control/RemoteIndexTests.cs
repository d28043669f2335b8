using Hestia.Core;
using Hestia.Core.Control;
using Hestia.Core.Consistency;
using Hestia.Unit.Backup;

namespace Hestia.Unit.Control;

/// <summary>An index through its own endpoint: what it answers, and what it says where it cannot be reached.</summary>
public sealed class RemoteIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string IndexPath => _folder["index"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Nobody_has_a_closed_index_open()
    {
        HestiaIndex.Create(IndexPath).Close();
        Assert.Null(RemoteIndex.Find(IndexPath));
        Assert.Empty(Directory.GetFiles(IndexPath, ".control"));
    }

    [Fact]
    public void Status_flush_compaction_and_check_go_through_the_endpoint()
    {
        using var index = HestiaIndex.Create(IndexPath);
        for (var i = 0; i < 1000; i++) index.Put(BitConverter.GetBytes(i), new byte[100]);
        var remote = RemoteIndex.Find(IndexPath);
        Assert.NotNull(remote);
        Assert.Equal((index.Id, index.Name, index.Path), (remote.Id, remote.Name, remote.Path));
        Assert.Equal(Environment.ProcessId, remote.Owner.ProcessId);

        var status = remote.GetStatus();
        Assert.Equal(1000UL, status.Statistics.LastLsn.Value);
        Assert.Equal(0UL, status.Statistics.Checkpoint.Value);
        Assert.Equal(Environment.ProcessId, status.Owner.ProcessId);
        Assert.Equal(index.ControlEndpoint, status.Owner.Endpoint);

        var flush = remote.Flush();
        Assert.Equal(1, flush.SegmentsWritten);
        Assert.Equal(1000UL, flush.Checkpoint.Value);
        Assert.Equal(index.Checkpoint, flush.Checkpoint);
        Assert.Equal(1, remote.Compact().SegmentsAfter);

        var check = remote.Check(new CheckOptions { Deep = true });
        Assert.True(check.Healthy);
        Assert.Equal((1000L, index.LastLsn), (check.Entries, check.LastLsn));
        Assert.Empty(check.Findings); // the socket is no stray file
    }

    [Fact]
    public void A_failure_of_the_owner_is_the_failure_of_the_call()
    {
        var index = HestiaIndex.Create(IndexPath);
        var remote = RemoteIndex.Find(IndexPath)!;
        index.Close();
        Assert.Equal(HestiaErrorCode.OwnerLost, Assert.Throws<HestiaException>(() => remote.Flush()).Code);
    }
}
