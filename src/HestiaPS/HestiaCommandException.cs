using System.Management.Automation;

namespace HestiaPS;

/// <summary>What only the cmdlets can know is wrong (the engine has its own <see cref="Hestia.Core.HestiaException"/>).</summary>
public sealed class HestiaCommandException : Exception
{
    /// <summary>Creates the failure.</summary>
    /// <param name="errorId">Stable name; becomes the ErrorId.</param>
    /// <param name="category">Category of the error record.</param>
    /// <param name="message">What is wrong with what.</param>
    /// <param name="target">What it is about, or null.</param>
    /// <param name="action">What the reader can do now.</param>
    public HestiaCommandException(string errorId, ErrorCategory category, string message, object? target, string action)
        : base(message + " " + action)
    {
        ErrorId = errorId;
        Category = category;
        Target = target;
        RecommendedAction = action;
    }

    /// <summary>Stable name, one of <see cref="CommandErrors"/>.</summary>
    public string ErrorId { get; }

    /// <summary>Category of the error record.</summary>
    public ErrorCategory Category { get; }

    /// <summary>What it is about, or null.</summary>
    public object? Target { get; }

    /// <summary>What the reader can do now; also the end of the message.</summary>
    public string RecommendedAction { get; }
}

/// <summary>ErrorIds of the cmdlets' own; those of the engine are the names of <see cref="Hestia.Core.HestiaErrorCode"/>.</summary>
public static class CommandErrors
{
    /// <summary>The session was closed, or is a copy that came out of another process.</summary>
    public const string SessionNotLive = nameof(SessionNotLive);

    /// <summary>The index holds no such key.</summary>
    public const string EntryNotFound = nameof(EntryNotFound);

    /// <summary>An object of the pipeline has no key and value that could be written.</summary>
    public const string EntryNotUnderstood = nameof(EntryNotUnderstood);

    /// <summary>What needs an index that somebody has open was asked of one that nobody has open.</summary>
    public const string IndexNotOpen = nameof(IndexNotOpen);

    /// <summary>Test-HestiaIndex found damage.</summary>
    public const string IndexUnhealthy = nameof(IndexUnhealthy);

    /// <summary>Test-HestiaWal found damage.</summary>
    public const string WalUnhealthy = nameof(WalUnhealthy);

    /// <summary>Test-HestiaBackup found damage.</summary>
    public const string BackupUnhealthy = nameof(BackupUnhealthy);

    /// <summary>Test-HestiaBackup could not restore a backup into the scratch folder for want of room or permission there.</summary>
    public const string DrillSkipped = nameof(DrillSkipped);

    /// <summary>Test-HestiaRepository found something wrong.</summary>
    public const string RepositoryUnhealthy = nameof(RepositoryUnhealthy);

    /// <summary>The path is on a drive that is no file system.</summary>
    public const string NotAFileSystemPath = nameof(NotAFileSystemPath);

    /// <summary>A wildcard stands for several where one is wanted.</summary>
    public const string PathAmbiguous = nameof(PathAmbiguous);

    /// <summary>No repository is registered under that name.</summary>
    public const string RepositoryNotRegistered = nameof(RepositoryNotRegistered);

    /// <summary>A repository is registered under that name already.</summary>
    public const string RegistrationExists = nameof(RegistrationExists);

    /// <summary>Credentials are in a vault and there is no module to read it with.</summary>
    public const string SecretModuleMissing = nameof(SecretModuleMissing);

    /// <summary>The vault did not give the credentials.</summary>
    public const string SecretUnavailable = nameof(SecretUnavailable);

    /// <summary>No open session has that name.</summary>
    public const string SessionNotFound = nameof(SessionNotFound);
}
