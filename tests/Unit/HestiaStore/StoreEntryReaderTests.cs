using Hestia.Core;
using Hestia.HestiaStore;
using Hestia.HestiaStore.Locking;
using Hestia.HestiaStore.Reading;

namespace Hestia.Unit.HestiaStore;

/// <summary>Reading the directories of HestiaStore 1.0.</summary>
public sealed class StoreEntryReaderTests
{
    [Theory]
    [InlineData(StoreFixture.Closed)]
    [InlineData(StoreFixture.Split)]
    [InlineData(StoreFixture.LongSnappy)]
    [InlineData(StoreFixture.WalClosed)]
    [InlineData(StoreFixture.WalCrashed)]
    public void Every_fixture_gives_exactly_its_entries(string name)
    {
        using var fixture = new StoreFixture(name);
        var store = StoreDirectory.Open(fixture.Path);
        var expected = StoreFixture.Expected(name);
        using var reader = store.ReadEntries(new StoreReadOptions { AllowUnknownOwner = true });
        foreach (var (key, value) in expected)
        {
            Assert.True(reader.Read());
            Assert.True(reader.Key.SequenceEqual(key), $"{store.KeyType.Decode(reader.Key)} instead of {store.KeyType.Decode(key)}");
            Assert.True(reader.Value.SequenceEqual(value), $"{store.ValueType.Decode(reader.Value)} instead of {store.ValueType.Decode(value)}");
        }

        Assert.False(reader.Read());
        Assert.False(reader.Read());
        Assert.Equal(expected.Count, reader.Entries);
        Assert.Equal(name == StoreFixture.WalCrashed ? 2_000 : 0, reader.ReplayedOperations);
        Assert.Equal(reader.BytesTotal, reader.BytesRead);
        Assert.Equal("sample", store.Name);
    }

    [Fact]
    public void The_owner_of_a_lock_is_named_and_known_to_live_or_not()
    {
        using var fixture = new StoreFixture(StoreFixture.Closed);
        var store = StoreDirectory.Open(fixture.Path);
        Assert.Equal(StoreLockState.None, store.ReadLock().State);

        var start = System.Diagnostics.Process.GetCurrentProcess().StartTime;
        File.WriteAllBytes(fixture[".lock"], StoreLock.Serialize(Environment.ProcessId, start, StoreLock.HostName(), "s"));
        Assert.Equal(StoreLockState.Alive, store.ReadLock().State);
        var refused = Assert.Throws<HestiaException>(() => store.ReadEntries(new StoreReadOptions { AllowUnknownOwner = true }));
        Assert.Equal(HestiaErrorCode.IndexInUse, refused.Code);
        Assert.Contains($"pid {Environment.ProcessId}", refused.Message, StringComparison.Ordinal);

        File.WriteAllBytes(fixture[".lock"], StoreLock.Serialize(int.MaxValue - 1, start, StoreLock.HostName(), "s"));
        Assert.Equal(StoreLockState.Dead, store.ReadLock().State);
        store.ReadEntries().Dispose();

        File.WriteAllBytes(fixture[".lock"], StoreLock.Serialize(Environment.ProcessId, start, "another-machine", "s"));
        Assert.Equal(StoreLockState.Unknown, store.ReadLock().State);
        Assert.Equal(HestiaErrorCode.IndexInUse, Assert.Throws<HestiaException>(() => store.ReadEntries()).Code);
        store.ReadEntries(new StoreReadOptions { AllowUnknownOwner = true }).Dispose();

        File.WriteAllText(fixture[".lock"], "");
        Assert.Equal(StoreLockState.Unknown, store.ReadLock().State);
    }

    [Fact]
    public void A_directory_that_changes_meanwhile_is_no_source()
    {
        using var fixture = new StoreFixture(StoreFixture.Closed);
        using var reader = StoreDirectory.Open(fixture.Path).ReadEntries();
        Assert.True(reader.Read());
        File.AppendAllText(fixture["index.map"], "x");
        var failure = Assert.Throws<HestiaException>(() =>
        {
            while (reader.Read())
            {
            }
        });
        Assert.Equal(HestiaErrorCode.SourceDamaged, failure.Code);
    }
}
