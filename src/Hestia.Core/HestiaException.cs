using Hestia.Core.IO;

namespace Hestia.Core;

/// <summary>
/// Every failure Hestia reports: a stable <see cref="Code"/>, a message that names the thing and the place, and the way out.
/// </summary>
public sealed class HestiaException : Exception
{
    /// <summary>Creates the failure.</summary>
    /// <param name="code">Stable name of what went wrong.</param>
    /// <param name="message">What is wrong with what; one sentence or two.</param>
    /// <param name="target">The path, key or id it is about, or null.</param>
    /// <param name="action">What the reader can do now: an imperative sentence, or null.</param>
    /// <param name="innerException">The cause, or null.</param>
    public HestiaException(HestiaErrorCode code, string message, string? target = null, string? action = null, Exception? innerException = null)
        : base(action is null ? message : message + " " + action, innerException)
    {
        Code = code;
        Target = target;
        RecommendedAction = action;
    }

    /// <summary>Stable name of what went wrong.</summary>
    public HestiaErrorCode Code { get; }

    /// <summary>The path, key or id it is about, or null.</summary>
    public string? Target { get; }

    /// <summary>What the reader can do now, or null. Also the end of <see cref="Exception.Message"/>.</summary>
    public string? RecommendedAction { get; }

    /// <summary>Turns a failure of the operating system on <paramref name="path"/> into one that names the path and the way out.</summary>
    internal static HestiaException FromIO(Exception cause, string path, string doing)
    {
        if (cause is HestiaException already) return already;
        if (IOErrors.IsDiskFull(cause))
        {
            return new HestiaException(
                HestiaErrorCode.DiskFull,
                $"No space is left on the device while {doing} '{path}'.",
                path,
                "Free space on that file system, then try again; nothing written before is lost.",
                cause);
        }

        if (cause is UnauthorizedAccessException || IOErrors.IsReadOnlyFileSystem(cause))
        {
            return new HestiaException(
                HestiaErrorCode.AccessDenied,
                $"Access was refused while {doing} '{path}': {Sentence(cause.Message)}",
                path,
                "Run as a user that may read and write there, or correct the permissions.",
                cause);
        }

        if (cause is FileNotFoundException or DirectoryNotFoundException)
        {
            return new HestiaException(HestiaErrorCode.PathNotFound, $"'{path}' was not found while {doing} it.", path, "Check the path.", cause);
        }

        return new HestiaException(
            HestiaErrorCode.IoError,
            $"The operating system reported an error while {doing} '{path}': {Sentence(cause.Message)}",
            path,
            "Check the device and the system log, then open the index again.",
            cause);
    }

    /// <summary>What the system says, ended like a sentence: advice may follow.</summary>
    internal static string Sentence(string text) => text.TrimEnd() is { Length: > 0 } said && said[^1] is not ('.' or '!' or '?') ? said + "." : text;
}
