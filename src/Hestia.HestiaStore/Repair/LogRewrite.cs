using System.Buffers.Binary;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Recovery;
using Hestia.HestiaStore.Format;
using Hestia.HestiaStore.Wal;

namespace Hestia.HestiaStore.Repair;

/// <summary>
/// The good records of a damaged log above its checkpoint, in order and without a gap in their LSNs, as a new log. HestiaStore knows LSNs nowhere else, so
/// they may be given anew. The new folder is written whole beside the old one; then the old one goes to quarantine and the new one takes its name. Killed in
/// between, the next repair ends it.
/// </summary>
internal sealed class LogRewrite(FileSystem files, string directory, CancellationToken cancellation)
{
    /// <summary>A folder that is being written; not relied on.</summary>
    public const string Unfinished = "wal.repairing";

    /// <summary>A folder that is complete and has only to take its place.</summary>
    public const string Finished = "wal.repaired";

    private string Wal => Path.Combine(directory, StoreFileNames.Wal);

    /// <summary>Whether a repair was killed after the old log had gone and before the new one had its place.</summary>
    public static bool IsHalfDone(FileSystem files, string directory) =>
        files.DirectoryExists(Path.Combine(directory, Finished)) && !files.DirectoryExists(Path.Combine(directory, StoreFileNames.Wal));

    /// <summary>Rewrites; returns where the old log is now.</summary>
    public string Run(long checkpoint, Quarantine quarantine)
    {
        var unfinished = Path.Combine(directory, Unfinished);
        foreach (var left in new[] { Unfinished, Finished })
            if (files.DirectoryExists(Path.Combine(directory, left))) quarantine.Move(Path.Combine(directory, left));
        files.CreateDirectory(unfinished);
        files.CopyOwnership(Wal, unfinished);
        files.WriteAtomically(Path.Combine(unfinished, StoreFileNames.WalFormat), WalMetadata.SerializeFormat(), unfinished);
        files.WriteAtomically(Path.Combine(unfinished, StoreFileNames.WalCheckpoint), WalMetadata.SerializeCheckpoint(checkpoint), unfinished);
        Write(Path.Combine(unfinished, StoreFileNames.WalFile(checkpoint + 1)), checkpoint, unfinished);
        files.SyncDirectory(unfinished);
        files.RenameDirectory(unfinished, Path.Combine(directory, Finished));
        files.SyncDirectory(directory);
        var old = quarantine.Move(Wal);
        PutInPlace();
        return old;
    }

    /// <summary>Gives a complete new log its place.</summary>
    public void PutInPlace()
    {
        files.RenameDirectory(Path.Combine(directory, Finished), Wal);
        files.SyncDirectory(directory);
    }

    private void Write(string path, long checkpoint, string ownerModel)
    {
        var lsn = checkpoint;
        var written = checkpoint;
        long at = 0;
        var buffer = new byte[1 << 20];
        var used = 0;
        using var target = files.Open(path, FileOpenMode.CreateNew);
        foreach (var record in StoreWalInspector.ReadRecords(files, Wal, new Core.Wal.WalReadOptions(), cancellation))
        {
            if (record.Damage is not null || (long)record.FirstLsn.Value <= lsn) continue;
            lsn = (long)record.FirstLsn.Value;
            var operation = record.Operations[0];
            var body = WalFileReader.MinBodyBytes + operation.Key.Length + operation.Value.Length;
            if (used + sizeof(int) + body > buffer.Length) Flush();
            if (buffer.Length < sizeof(int) + body) buffer = new byte[sizeof(int) + body];
            var bytes = buffer.AsSpan(used, sizeof(int) + body);
            BinaryPrimitives.WriteInt32BigEndian(bytes, body);
            BinaryPrimitives.WriteInt64BigEndian(bytes[8..], ++written);
            bytes[16] = operation.Kind == OperationKind.Delete ? WalFileReader.Delete : WalFileReader.Put;
            BinaryPrimitives.WriteInt32BigEndian(bytes[17..], operation.Key.Length);
            BinaryPrimitives.WriteInt32BigEndian(bytes[21..], operation.Value.Length);
            operation.Key.CopyTo(bytes[25..]);
            operation.Value.CopyTo(bytes[(25 + operation.Key.Length)..]);
            BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], Crc32.Compute(bytes[8..]));
            used += bytes.Length;
        }

        Flush();
        target.Sync();
        files.CopyOwnership(ownerModel, path);

        void Flush()
        {
            target.Write(at, buffer.AsSpan(0, used));
            at += used;
            used = 0;
        }
    }
}
