using Hestia.Core.IO;

namespace Hestia.Unit.Simulation;

/// <summary>The machine is off: every call ends like this from the crash on.</summary>
internal sealed class PowerLossException() : Exception("The simulated machine has lost power.");

/// <summary>What a call does to the disk, for choosing faults.</summary>
internal enum DiskCall
{
    Read,
    Write,
    Resize,
    Sync,
    SyncDirectory,
    Create,
    Rename,
    Delete,
    CreateDirectory,
    Open,
    List,
}

/// <summary>
/// A disk as bad as the standards allow. Until a file is synced, any subset of the 512-byte sectors written since its last sync, and any of the
/// lengths it had, may be what a power loss leaves; until a directory is synced, any subset of the creations, renames and deletions in
/// it. Chosen calls fail with EIO or ENOSPC, or are the last before the power goes. Everything follows from the seed.
/// </summary>
internal sealed class SimulatedDisk
{
    public const int SectorBytes = 512;

    private readonly Random _random;
    private readonly Node _root = new(isDirectory: true);

    public SimulatedDisk(int seed) => _random = new Random(seed);

    /// <summary>Calls so far, reads left out.</summary>
    public int Calls { get; private set; }

    /// <summary>The call at which the power goes, or none.</summary>
    public int? CrashAt { get; set; }

    /// <summary>Decides which calls fail, and how.</summary>
    public Func<DiskCall, string, Exception?>? Fault { get; set; }

    /// <summary>Looks on before each changing call; may do work of its own.</summary>
    public Action<DiskCall, string>? Observer { get; set; }

    /// <summary>How many sectors and directory changes the next crash keeps: 0 none to 1 all, by chance.</summary>
    public double Survival { get; set; } = 0.5;

    public bool IsOff { get; private set; }

    public long Generation { get; private set; }

    public DateTimeOffset Now { get; set; } = new(2026, 4, 15, 3, 0, 0, TimeSpan.Zero);

    /// <summary>Cuts the power now.</summary>
    public void PowerOff() => IsOff = true;

    /// <summary>Starts the machine again: what was not synced is decided now. Handles from before are dead.</summary>
    public void PowerOn()
    {
        Generation++;
        IsOff = false;
        CrashAt = null;
        Fault = null;
        var survivors = new HashSet<Node>();
        Settle(_root, survivors);
    }

    /// <summary>A process was killed, the machine stays on: everything written is still there; handles and locks are gone.</summary>
    public void KillProcess(bool keepPlans = false)
    {
        Generation++;
        IsOff = false;
        if (!keepPlans)
        {
            CrashAt = null;
            Fault = null;
        }

        ReleaseLocks(_root);
    }

    /// <summary>Counts a call, and fails it or cuts the power where that was chosen.</summary>
    public void Enter(DiskCall call, string path)
    {
        if (IsOff) throw new PowerLossException();
        if (call is DiskCall.Read or DiskCall.Open or DiskCall.List)
        {
            if (Fault?.Invoke(call, path) is { } readFailure) throw readFailure;
            return;
        }

        Observer?.Invoke(call, path);
        if (CrashAt is { } at && Calls >= at)
        {
            IsOff = true;
            throw new PowerLossException();
        }

        Calls++;
        if (Fault?.Invoke(call, path) is { } failure) throw failure;
    }

    /// <summary>A sync failed: of what was dirty some sectors or none have reached the platters, and no later sync writes the rest.</summary>
    public void FailSync(Node node) => node.FailSync(_random, _random.Next(2) == 0 ? 0 : _random.NextDouble());

    public Node Root => _root;

    public Node? Find(string path)
    {
        var node = _root;
        foreach (var part in Parts(path))
        {
            if (!node.IsDirectory || !node.Names.TryGetValue(part, out var next)) return null;
            node = next;
        }

        return node;
    }

    public (Node Parent, string Name) FindParent(string path)
    {
        var parent = Find(Path.GetDirectoryName(path)!) ?? throw new DirectoryNotFoundException(path);
        return (parent, Path.GetFileName(path));
    }

    private static string[] Parts(string path) => path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries);

    private void Settle(Node directory, HashSet<Node> seen)
    {
        // Any subset of the unsynced changes, in order; one whose ground is missing then is skipped.
        var names = new SortedDictionary<string, Node>(directory.DurableNames, StringComparer.Ordinal);
        foreach (var change in directory.Changes)
            if (_random.NextDouble() < Survival) change(names);
        directory.Names = names;
        directory.DurableNames = new SortedDictionary<string, Node>(names, StringComparer.Ordinal);
        directory.Changes.Clear();
        directory.LockHolders = 0;
        foreach (var node in names.Values)
        {
            if (!seen.Add(node)) continue;
            if (node.IsDirectory) Settle(node, seen);
            else node.SettleContent(_random, Survival);
            node.LockHolders = 0;
        }
    }

    private static void ReleaseLocks(Node node)
    {
        node.LockHolders = 0;
        foreach (var child in node.Names.Values)
            if (child.IsDirectory) ReleaseLocks(child);
            else child.LockHolders = 0;
    }
}

/// <summary>A file or a directory, as the running system sees it and as the platters have it.</summary>
internal sealed class Node(bool isDirectory)
{
    private readonly List<(long Offset, byte[] Bytes)> _pending = [];
    private readonly List<long> _pendingLengths = [];
    private byte[] _durable = [];
    private long _durableLength;
    private bool _lost; // a sync failed: what is seen is not all on its way to the platters

    public bool IsDirectory { get; } = isDirectory;

    public SortedDictionary<string, Node> Names { get; set; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, Node> DurableNames { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Directory changes since its last sync, as they apply to a set of names.</summary>
    public List<Action<SortedDictionary<string, Node>>> Changes { get; } = [];

    public byte[] Content { get; private set; } = [];

    public long Length { get; private set; }

    /// <summary>-1 exclusive, otherwise the number of shared holders.</summary>
    public int LockHolders { get; set; }

    public DateTime LastWrite { get; set; }

    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return; // torn before its first byte; an empty one stands for a cut
        Ensure(offset + bytes.Length);
        bytes.CopyTo(Content.AsSpan((int)offset));
        if (offset + bytes.Length > Length) SetLengthOnly(offset + bytes.Length);
        _pending.Add((offset, bytes.ToArray()));
    }

    public void SetLength(long length)
    {
        if (length < Length) Content.AsSpan((int)length, (int)(Length - length)).Clear();
        Ensure(length);
        SetLengthOnly(length);
        // What is cut off is zeros if the file grows again; in order with the writes around it.
        if (length < int.MaxValue) _pending.Add((length, []));
    }

    /// <summary>
    /// What was written since the last sync is durable. After a failed one that is not all that is seen: the kernel took those bytes for written,
    /// through whichever handle the next sync comes.
    /// </summary>
    public void Sync()
    {
        if (_lost) _durable = Apply(Length, _ => true).AsSpan(0, (int)Length).ToArray();
        else _durable = Content.AsSpan(0, (int)Length).ToArray();
        _pending.Clear();
        _pendingLengths.Clear();
        _durableLength = Length;
    }

    /// <summary>
    /// The kernel reports a failed write-back once and calls its pages clean: they are seen until the power goes, and never written unless
    /// someone writes them again. Lengths are the file system's own and wait in its journal.
    /// </summary>
    public void FailSync(Random random, double survival)
    {
        _durable = Apply(_durable.Length, isCut => isCut || random.NextDouble() < survival);
        _pending.Clear();
        _lost = true;
    }

    /// <summary>What is durable, with those of the pending sectors and cuts that are chosen.</summary>
    private byte[] Apply(long end, Func<bool, bool> isWritten)
    {
        end = Math.Max(end, _durable.Length);
        foreach (var (offset, bytes) in _pending) end = Math.Max(end, offset + bytes.Length);
        var content = new byte[end];
        _durable.CopyTo(content, 0);
        foreach (var (offset, bytes) in _pending)
        {
            // A cut: what was behind it is zeros from then on.
            if (bytes.Length == 0 && isWritten(true)) content.AsSpan((int)Math.Min(offset, end)).Clear();
            for (var at = 0; at < bytes.Length;)
            {
                var sectorEnd = ((offset + at) / SimulatedDisk.SectorBytes + 1) * SimulatedDisk.SectorBytes;
                var count = (int)Math.Min(bytes.Length - at, sectorEnd - offset - at);
                if (isWritten(false)) bytes.AsSpan(at, count).CopyTo(content.AsSpan((int)(offset + at)));
                at += count;
            }
        }

        return content;
    }

    /// <summary>What a power loss leaves of the content: of what was written since the last sync any subset of sectors, in order.</summary>
    public void SettleContent(Random random, double survival)
    {
        var length = _pendingLengths.Count == 0 ? _durableLength : random.NextDouble() < survival ? _pendingLengths[^1] : _pendingLengths[random.Next(_pendingLengths.Count)];
        if (_pendingLengths.Count > 0 && random.NextDouble() > survival) length = _durableLength;
        var content = Apply(length, _ => random.NextDouble() < survival);
        Content = content.AsSpan(0, (int)length).ToArray();
        Length = length;
        _lost = false;
        Sync();
    }

    private void SetLengthOnly(long length)
    {
        Length = length;
        _pendingLengths.Add(length);
    }

    private void Ensure(long length)
    {
        if (Content.Length >= length) return;
        var larger = new byte[Math.Max(length, Math.Min(2L * Content.Length, 1 << 30))];
        Content.CopyTo(larger, 0);
        Content = larger;
    }
}
