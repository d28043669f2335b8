namespace Hestia.Core.IO;

/// <summary>
/// A sync failed. The kernel reports that once; a second sync of the same file may return normally although the bytes are lost. So the
/// first one is final for whoever relies on the file.
/// </summary>
internal sealed class SyncFailedException(string message, Exception? innerException = null) : IOException(message, innerException);
