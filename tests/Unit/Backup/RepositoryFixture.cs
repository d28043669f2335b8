using System.Security.Cryptography;
using Hestia.Backup;
using Hestia.Backup.Format;
using Hestia.Backup.Jobs;
using Hestia.Backup.Stores;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Core.Segments;

namespace Hestia.Unit.Backup;

/// <summary>A repository with backups made by hand, for what can be tested without an index.</summary>
internal sealed class RepositoryFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public RepositoryFixture()
    {
        Path = _folder["repository"];
        Repository = BackupRepository.Create(Path);
        Store = new DirectoryStore(FileSystem.Physical, Path);
        Context = new RepositoryContext(Store, new RepositoryDescriptor(Repository.Id, Repository.Created), FileSystem.Physical);
    }

    public TemporaryFolder Folder => _folder;

    public string Path { get; }

    public BackupRepository Repository { get; }

    public DirectoryStore Store { get; }

    public RepositoryContext Context { get; }

    public static BackupSummary Summary(ManifestDocument document, string id, string name = "orders") => new()
    {
        BackupId = id,
        Nonce = Guid.NewGuid(),
        IndexId = document.IndexId,
        IndexName = name,
        Timeline = document.Timeline.Id,
        SourcePath = "/data/ordérs",
        Host = "db1",
        Tool = "Hestia test",
        Started = new DateTimeOffset(2026, 4, 15, 3, 0, 0, TimeSpan.Zero),
        Completed = new DateTimeOffset(2026, 4, 15, 3, 0, 7, TimeSpan.Zero).AddTicks(10),
        Lsn = document.Checkpoint,
        CheckpointTime = document.LastCommitTime,
        Entries = document.Segments.Sum(s => s.Entries),
        Segments = document.Segments.Count,
        Bytes = document.SegmentBytes,
        BytesSent = 5,
        SegmentsSent = 1,
        SettingsBytes = Settings(document.IndexId, name),
        BodyBytes = 0,
    };

    public static byte[] Settings(Guid indexId, string name) =>
        new IndexSettingsFile(
            indexId, DateTimeOffset.UnixEpoch, new IndexSettings { Name = name, KeyEncoding = DataEncoding.Utf8 }).Serialize();

    public static ManifestDocument Document(IReadOnlyList<byte[]> segments, Guid? indexId = null)
    {
        var list = new List<ManifestSegment>();
        foreach (var bytes in segments)
        {
            var id = new SegmentId(SHA256.HashData(bytes));
            list.Add(new ManifestSegment(id, 2, bytes.Length, 10, 1, [1], [9], new Lsn(3), new Lsn(40), BlockCodec.Snappy));
        }

        return new ManifestDocument
        {
            Number = 7,
            IndexId = indexId ?? Guid.NewGuid(),
            Timeline = Timeline.First(),
            Checkpoint = new Lsn(41),
            NextLsn = new Lsn(50),
            LastCommitTime = 1_770_000_000_000_000,
            Segments = list,
        };
    }

    public static byte[] Serialize(ManifestDocument document, string id, string name = "orders") => BackupManifest.Serialize(
        Summary(document, id, name),
        document.Serialize(),
        document.Segments.Select(s => new BackupSegment(s.Id, s.Size, s.Level)).ToList());

    /// <summary>Puts a backup of random segments of the given sizes; returns the paths of its objects.</summary>
    public IReadOnlyList<string> Put(string id, params int[] sizes) => Put(id, null, sizes);

    public IReadOnlyList<string> Put(string id, Guid? indexId, int[] sizes)
    {
        var segments = sizes.Select(n => RandomNumberGenerator.GetBytes(n)).ToList();
        var document = Document(segments, indexId);
        var paths = new List<string>();
        for (var i = 0; i < segments.Count; i++)
        {
            using var content = new BytesContent(segments[i]);
            var name = Context.ObjectName(document.Segments[i].Id);
            Store.Put(name, content, TestContext.Current.CancellationToken);
            paths.Add(System.IO.Path.Combine(Path, name));
        }

        Assert.True(Store.TryCreate(RepositoryNames.Backup(document.IndexId, id), Serialize(document, id), default));
        return paths;
    }

    /// <summary>The manifest file of a backup.</summary>
    public string ManifestPath(string id) =>
        Directory.GetFiles(System.IO.Path.Combine(Path, "backups"), id + ".json", SearchOption.AllDirectories).Single();

    public void Dispose()
    {
        Repository.Dispose();
        Store.Dispose();
        _folder.Dispose();
    }
}

/// <summary>Bytes on their way into a store.</summary>
internal sealed class BytesContent(byte[] bytes, bool sound = true) : ObjectContent
{
    private int _offset;

    public override long Length => bytes.Length;

    public override int Read(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, bytes.Length - _offset);
        bytes.AsSpan(_offset, count).CopyTo(buffer);
        _offset += count;
        return count;
    }

    public override void Rewind() => _offset = 0;

    public override void Verify()
    {
        if (!sound) throw new HestiaException(HestiaErrorCode.SourceDamaged, "not what it should be");
    }

    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>Bytes on their way into a store, with something that happens once so many have been read.</summary>
internal sealed class HookedContent(byte[] bytes, long at, Action hook) : ObjectContent
{
    private readonly BytesContent _content = new(bytes);
    private Action? _hook = hook;
    private long _read;

    public override long Length => bytes.Length;

    public override int Read(Span<byte> buffer)
    {
        if (_read >= at) Interlocked.Exchange(ref _hook, null)?.Invoke();
        var read = _content.Read(buffer);
        _read += read;
        return read;
    }

    public override void Rewind() => _content.Rewind();

    public override void Verify() => _content.Verify();

    protected override void Dispose(bool disposing) => _content.Dispose();
}
