using System.Security.Cryptography;
using System.Text;
using Hestia.Backup;
using Hestia.Backup.Encryption;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Core;
using Hestia.Core.IO;

namespace Hestia.Unit.Backup.Encryption;

/// <summary>Encrypted repositories as their users meet them.</summary>
public sealed class EncryptedRepositoryTests : IDisposable
{
    private readonly IndexFixture _fixture = new();
    private readonly string _path;
    private readonly RepositoryKey _key = Key("open sesame");

    public EncryptedRepositoryTests()
    {
        _path = _fixture.Folder["encrypted"];
        BackupRepository.Create(_path, null, _key, null).Dispose();
    }

    public void Dispose()
    {
        _key.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void Backup_increment_list_verify_and_restore()
    {
        using var repository = Open();
        Assert.True(repository.Encrypted);
        using var index = _fixture.Create(5000);
        var first = repository.Backup(index);
        Assert.Equal(first.Bytes, first.BytesSent);
        IndexFixture.Fill(index, 5000, 5100);
        var second = repository.Backup(index);
        Assert.InRange(second.SegmentsReused, 1, int.MaxValue);
        var nothing = repository.Backup(index);
        Assert.Equal((0L, 0), (nothing.BytesSent, nothing.SegmentsSent));

        using var again = Open(); // names and contents are found with the key alone
        Assert.Equal([first.BackupId, second.BackupId, nothing.BackupId], again.List().Select(b => b.BackupId));
        foreach (var backup in again.List())
        {
            Assert.True(again.Verify(backup.BackupId).Healthy);
            Assert.True(again.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
        }

        var target = _fixture.Folder["restored"];
        Assert.Equal(5100, again.Restore(second.BackupId, target).Entries);
        Assert.Equal(IndexFixture.Read(index), IndexFixture.Read(target));
        Assert.Empty(Directory.GetFiles(Path.Combine(_path, "locks"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void Nothing_in_it_and_no_name_says_what_it_holds()
    {
        using (var repository = Open())
        using (var index = _fixture.Create(3000))
        {
            var backup = repository.Backup(index);
            string[] secrets =
            [
                backup.BackupId, index.Id.ToString(), "orders", IndexFixture.Key(7)[..6], "value-", _fixture.IndexPath,
                "hestia-backup", "segments",
                .. Environment.MachineName.Length > 5 ? [Environment.MachineName] : Array.Empty<string>(), // shorter ones come by chance
            ];
            var descriptor = Path.Combine(_path, RepositoryNames.Descriptor);
            foreach (var file in Directory.GetFiles(_path, "*", SearchOption.AllDirectories))
            {
                var bytes = File.ReadAllBytes(file);
                foreach (var secret in secrets)
                {
                    Assert.DoesNotContain(secret, Path.GetRelativePath(_path, file), StringComparison.OrdinalIgnoreCase);
                    Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)) < 0, $"{secret} in {file}");
                }

                if (file != descriptor) Assert.True(bytes.AsSpan().StartsWith(EncryptionFormat.Magic), file);
            }

            // Names of objects are not the hashes of what the index holds.
            var segments = Directory.GetFiles(Path.Combine(_fixture.IndexPath, "segments"))
                .Select(f => Convert.ToHexString(SHA256.HashData(Read(f))).ToLowerInvariant()).ToHashSet();
            var objects = Directory.GetFiles(Path.Combine(_path, "objects"), "*", SearchOption.AllDirectories);
            Assert.NotEmpty(objects);
            foreach (var file in objects) Assert.DoesNotContain(Path.GetFileName(file), segments);
        }

        static byte[] Read(string file)
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
    }

    [Fact]
    public void A_wrong_key_none_and_one_too_many_are_told_apart_and_from_damage()
    {
        using var wrong = Key("open sesam");
        AssertCode(HestiaErrorCode.KeyRejected, () => BackupRepository.Open(_path, null, wrong).Dispose());
        AssertCode(HestiaErrorCode.KeyMissing, () => BackupRepository.Open(_path).Dispose());
        AssertCode(HestiaErrorCode.RepositoryNotEncrypted, () => BackupRepository.Open(_fixture.RepositoryPath, null, _key).Dispose());
        using var file = RepositoryKey.FromKeyFile(KeyFile());
        AssertCode(HestiaErrorCode.KeyRejected, () => BackupRepository.Open(_path, null, file).Dispose());

        var descriptor = Path.Combine(_path, RepositoryNames.Descriptor);
        var bytes = File.ReadAllBytes(descriptor);
        var at = bytes.AsSpan().IndexOf("\"key\":\""u8) + 12;
        bytes[at] = bytes[at] == (byte)'A' ? (byte)'B' : (byte)'A';
        File.WriteAllBytes(descriptor, bytes);
        AssertCode(HestiaErrorCode.RepositoryDamaged, () => BackupRepository.Open(_path, null, _key).Dispose());
    }

    [Fact]
    public void Somebody_who_replaces_the_descriptor_by_a_plain_one_gets_nothing_in_the_clear()
    {
        using var repository = Open();
        using var index = _fixture.Create(100);
        var plain = new RepositoryDescriptor(repository.Id, repository.Created).Serialize();
        File.WriteAllBytes(Path.Combine(_path, RepositoryNames.Descriptor), plain);
        AssertCode(HestiaErrorCode.RepositoryNotEncrypted, () => Open().Dispose());
        AssertCode(HestiaErrorCode.RepositoryDamaged, () => repository.Backup(index)); // one that is open already
    }

    [Fact]
    public void Damage_is_named_and_refused_and_the_next_backup_mends_what_it_can_see()
    {
        using var repository = Open();
        using var index = _fixture.Create(5000);
        var backup = repository.Backup(index);
        var objects = Directory.GetFiles(Path.Combine(_path, "objects"), "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).ToArray();
        Assert.InRange(objects.Length, 3, int.MaxValue);
        var before = File.ReadAllBytes(objects[0]);

        Change(objects[0], bytes => bytes[bytes.Length / 2] ^= 1);
        Assert.True(repository.Verify(backup.BackupId).Healthy); // present, and of the right size
        var deep = repository.Verify(backup.BackupId, new VerifyOptions { Deep = true });
        Assert.Equal(nameof(HestiaErrorCode.ObjectDamaged), Assert.Single(deep.Findings).Code);
        Assert.EndsWith(Path.GetFileName(objects[0]), deep.Findings[0].File, StringComparison.Ordinal);
        AssertCode(HestiaErrorCode.ObjectDamaged, () => repository.Restore(backup.BackupId, _fixture.Folder["restored"]));

        File.WriteAllBytes(objects[0], File.ReadAllBytes(objects[1])); // another intact object under its name
        Assert.Contains(
            repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Findings,
            f => f.Code == nameof(HestiaErrorCode.ObjectDamaged));

        File.WriteAllBytes(objects[0], before[..^1]);
        Assert.Equal(nameof(HestiaErrorCode.ObjectDamaged), Assert.Single(repository.Verify(backup.BackupId).Findings).Code);
        File.Delete(objects[1]);
        Assert.Equal(2, repository.Verify(backup.BackupId).Findings.Count);
        Assert.Equal(2, repository.Backup(index).SegmentsSent);
        Assert.True(repository.Verify(backup.BackupId, new VerifyOptions { Deep = true }).Healthy);
    }

    [Fact]
    public void A_damaged_manifest_is_named_and_the_others_are_listed()
    {
        using var repository = Open();
        using var index = _fixture.Create(500);
        repository.Backup(index);
        var manifest = Directory.GetFiles(Path.Combine(_path, "backups"), "*", SearchOption.AllDirectories).Single();
        var second = repository.Backup(index);
        Change(manifest, bytes => bytes[100] ^= 1);
        var listing = repository.ListAll();
        Assert.Equal(second.BackupId, Assert.Single(listing.Backups).BackupId);
        Assert.Equal(nameof(HestiaErrorCode.BackupDamaged), Assert.Single(listing.Findings).Code);
    }

    [Fact]
    public void Keys_are_added_changed_and_removed_and_no_object_changes()
    {
        using var repository = Open();
        using var index = _fixture.Create(1000);
        var backup = repository.Backup(index);
        var before = Contents();
        using var second = Key("second");
        using var changed = Key("changed");
        using var file = RepositoryKey.FromKeyFile(KeyFile());
        Assert.Equal(["default", "alice"], repository.SetKey("alice", _key, second).Select(k => k.Name));
        repository.SetKey("robot", second, file);
        repository.SetKey("DEFAULT", second, changed); // by its own name, whatever the case
        AssertCode(HestiaErrorCode.KeyRejected, () => Open().Dispose());
        foreach (var key in new[] { second, changed, file })
        {
            using var other = BackupRepository.Open(_path, null, key);
            Assert.Equal(backup.BackupId, Assert.Single(other.List()).BackupId);
            Assert.Equal(["default", "alice", "robot"], other.Keys.Select(k => k.Name));
        }

        Assert.Equal(RepositoryKeyKind.KeyFile, BackupRepository.ReadKeys(_path)[2].Kind);
        AssertCode(HestiaErrorCode.KeyNotFound, () => repository.RemoveKey("bob", file));
        AssertCode(HestiaErrorCode.KeyRejected, () => repository.RemoveKey("alice", _key));
        AssertCode(HestiaErrorCode.InvalidOption, () => repository.SetKey("no name", file, second));
        repository.RemoveKey("alice", file);
        repository.RemoveKey("default", file);
        AssertCode(HestiaErrorCode.InvalidOption, () => repository.RemoveKey("robot", file));
        AssertCode(HestiaErrorCode.KeyRejected, () => BackupRepository.Open(_path, null, second).Dispose());
        Assert.Equal(before, Contents());
        Assert.Equal(0, repository.Backup(index).SegmentsSent); // one that is open goes on
        Assert.Empty(Directory.GetFiles(Path.Combine(_path, "locks"), "*", SearchOption.AllDirectories));

        Dictionary<string, string> Contents() => Directory.GetFiles(_path, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f) != RepositoryNames.Descriptor)
            .ToDictionary(f => f, f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))));
    }

    [Fact]
    public void One_change_of_keys_at_a_time_and_one_that_died_counts_no_more_after_a_while()
    {
        using var repository = Open();
        using var second = Key("second");
        var marker = Path.Combine(_path, "locks", "keys.json");
        Directory.CreateDirectory(Path.GetDirectoryName(marker)!);
        File.WriteAllText(marker, "{}");
        AssertCode(HestiaErrorCode.TimedOut, () => repository.SetKey("alice", _key, second));
        File.SetLastWriteTimeUtc(marker, DateTime.UtcNow.AddMinutes(-11));
        Assert.Equal(2, repository.SetKey("alice", _key, second).Count);
        Assert.False(File.Exists(marker));
    }

    [Fact]
    public void Repository_json_has_the_parameters_and_no_key()
    {
        using var standard = RepositoryKey.FromPassphrase("a real one");
        var path = _fixture.Folder["standard"];
        BackupRepository.Create(path, null, standard, "ops").Dispose();
        var text = File.ReadAllText(Path.Combine(path, RepositoryNames.Descriptor));
        Assert.Contains("\"method\":\"aes-256-gcm\",\"chunkBytes\":65536", text, StringComparison.Ordinal);
        Assert.Contains(
            "\"name\":\"ops\",\"kind\":\"passphrase\",\"kdf\":\"pbkdf2-sha256\",\"rounds\":600000,", text, StringComparison.Ordinal);
        BackupRepository.Open(path, null, standard).Dispose();
    }

    [Fact]
    public void A_descriptor_that_was_written_wrongly_is_refused_before_it_costs_anything()
    {
        var descriptor = RepositoryDescriptor.Parse(File.ReadAllBytes(Path.Combine(_path, RepositoryNames.Descriptor)));
        var slot = descriptor.Encryption!.Slots[0];
        AssertDamaged(slot with { Rounds = int.MaxValue });
        AssertDamaged(slot with { Rounds = 0 });
        AssertDamaged(slot with { Salt = new byte[5] });
        AssertDamaged(slot with { Nonce = new byte[13] });
        AssertDamaged(slot with { WrappedKey = new byte[47] });
        AssertDamaged(slot with { Name = "a\nb" });
        Assert.Throws<InvalidDataException>(() =>
            RepositoryDescriptor.Parse((descriptor with { Encryption = new EncryptionParameters([]) }).Serialize()));
        Assert.Throws<InvalidDataException>(() => RepositoryDescriptor.Parse(
            (descriptor with { Encryption = new EncryptionParameters([.. Enumerable.Repeat(slot, 33)]) }).Serialize()));

        // Bound to the repository and to its own name and parameters.
        foreach (var other in new[] { slot with { Name = "other" }, slot with { Rounds = slot.Rounds + 1 } })
            AssertRejected(descriptor with { Encryption = new EncryptionParameters([other]) });
        AssertRejected(descriptor with { Id = Guid.NewGuid() });

        void AssertDamaged(KeySlot wrong) => Assert.Throws<InvalidDataException>(() =>
            RepositoryDescriptor.Parse((descriptor with { Encryption = new EncryptionParameters([wrong]) }).Serialize()));

        void AssertRejected(RepositoryDescriptor wrong) =>
            AssertCode(HestiaErrorCode.KeyRejected, () => Unlocking.Unlock(wrong, _key, "here"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData((1 << 20) + 1)]
    public void A_key_file_of_a_wrong_size_is_refused(int size) =>
        AssertCode(HestiaErrorCode.InvalidOption, () => RepositoryKey.FromKeyFile(KeyFile(size)).Dispose());

    [Fact]
    public void A_key_file_that_is_missing_and_an_empty_passphrase_are_refused()
    {
        AssertCode(HestiaErrorCode.PathNotFound, () => RepositoryKey.FromKeyFile(_fixture.Folder["none"]).Dispose());
        AssertCode(HestiaErrorCode.InvalidOption, () => RepositoryKey.FromPassphrase("").Dispose());
    }

    [Fact]
    public void Markers_of_another_backup_are_seen_through_the_encryption()
    {
        using var repository = Open();
        using var other = Open();
        using var index = _fixture.Create(2000);
        // The store is the same kind of thing for everybody: what one writes under a name the other finds under it.
        var descriptor = RepositoryContext.ReadDescriptor(new Hestia.Backup.Stores.DirectoryStore(FileSystem.Physical, _path), default);
        var context = new RepositoryContext(
            new Hestia.Backup.Stores.DirectoryStore(FileSystem.Physical, _path), descriptor, FileSystem.Physical,
            Unlocking.Unlock(descriptor, _key, _path));
        Assert.True(context.Store.TryCreate(RepositoryNames.BackupMarker("bk-2026-04-15T03-00-00Z-7f3a91"), "{}"u8, default));
        Assert.True(repository.Verify(other.Backup(index).BackupId).Healthy);
        Assert.Equal("locks/backup-bk-2026-04-15T03-00-00Z-7f3a91.json", Assert.Single(context.Store.List("locks/", default)).Name);
        context.Store.ProbeWrite(default);
        context.Store.Dispose();
    }

    internal static RepositoryKey Key(string passphrase) => RepositoryKey.FromPassphrase(passphrase, rounds: 1000);

    private static void Change(string path, Action<byte[]> change)
    {
        var bytes = File.ReadAllBytes(path);
        change(bytes);
        File.WriteAllBytes(path, bytes);
    }

    private static void AssertCode(HestiaErrorCode code, Action action) => Assert.Equal(code, Assert.Throws<HestiaException>(action).Code);

    private string KeyFile(int size = 32)
    {
        var path = _fixture.Folder["key-" + size];
        File.WriteAllBytes(path, RandomNumberGenerator.GetBytes(size));
        return path;
    }

    private BackupRepository Open() => BackupRepository.Open(_path, null, _key);
}
