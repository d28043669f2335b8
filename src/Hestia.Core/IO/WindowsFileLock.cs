using System.Runtime.Versioning;

namespace Hestia.Core.IO;

/// <summary>LockFileEx (through FileStream.Lock) on one byte far beyond the body, so that the body stays readable for everyone.</summary>
[SupportedOSPlatform("windows")]
internal sealed class WindowsFileLock : FileLock
{
    private const long LockedByte = 0x7FFF_FFFF_0000_0000;

    private readonly FileStream _stream;

    private WindowsFileLock(FileStream stream) => _stream = stream;

    public static WindowsFileLock? TryTake(string path, bool shared)
    {
        // A shared holder opens without sharing write access, an exclusive one locks the byte; either way the second comer is turned away.
        var stream = new FileStream(
            path,
            shared ? FileMode.Open : FileMode.OpenOrCreate,
            shared ? FileAccess.Read : FileAccess.ReadWrite,
            Platform.ShareAll,
            bufferSize: 0);
        try
        {
            stream.Lock(LockedByte, 1);
            return new WindowsFileLock(stream);
        }
        catch (IOException)
        {
            stream.Dispose();
            return null;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
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
