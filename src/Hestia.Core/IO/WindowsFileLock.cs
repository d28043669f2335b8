using System.Runtime.Versioning;

namespace Hestia.Core.IO;

/// <summary>LockFileEx on one byte far beyond the body, so that the body stays readable for everyone.</summary>
[SupportedOSPlatform("windows")]
internal sealed class WindowsFileLock : FileLock
{
    private const long LockedByte = 0x7FFF_FFFF_0000_0000;

    private readonly FileStream _stream;

    private WindowsFileLock(FileStream stream) => _stream = stream;

    public static WindowsFileLock? TryTake(string path, bool shared)
    {
        var stream = new FileStream(
            path,
            shared ? FileMode.Open : FileMode.OpenOrCreate,
            shared ? FileAccess.Read : FileAccess.ReadWrite,
            Platform.ShareAll,
            bufferSize: 0);
        try
        {
            // Not FileStream.Lock, which knows exclusive locks only.
            if (Platform.TryLockByte(stream.SafeFileHandle, path, LockedByte, shared)) return new WindowsFileLock(stream);
        }
        catch
        {
            stream.Dispose();
            throw;
        }

        stream.Dispose();
        return null;
    }

    public override void WriteBody(ReadOnlySpan<byte> body)
    {
        _stream.Position = 0;
        _stream.Write(body);
        _stream.SetLength(body.Length);
        _stream.Flush();
    }

    public override void Dispose() => _stream.Dispose();
}
