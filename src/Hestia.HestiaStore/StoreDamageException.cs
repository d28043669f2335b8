using Hestia.Core;

namespace Hestia.HestiaStore;

/// <summary>
/// What a reader met that cannot be right. Checks turn it into a finding; everybody else gets the <see cref="HestiaException"/> it makes.
/// </summary>
/// <param name="code">One of <see cref="StoreFindings"/>.</param>
/// <param name="message">What is wrong.</param>
/// <param name="file">The file, relative to the directory.</param>
/// <param name="offset">Where in it, or null.</param>
internal sealed class StoreDamageException(string code, string message, string file, long? offset = null) : Exception(message)
{
    /// <summary>The way out where nothing is wrong but that it is not understood here.</summary>
    public const string NotUnderstoodAction =
        "Use it with the version of HestiaStore that wrote it; what that exports, as a bundle or JSON lines of types that are understood, Import-HestiaIndex takes.";

    public string Code { get; } = code;

    public string File { get; } = file;

    public long? Offset { get; } = offset;

    public Finding ToFinding() => new(FindingSeverity.Error, Code, Message, File, Offset);

    public HestiaException ToHestiaException(string directory)
    {
        var place = Offset is { } offset ? $"{File} at offset {offset:N0}" : File;
        if (Code == StoreFindings.FormatUnsupported)
            return new HestiaException(
                HestiaErrorCode.FormatUnsupported, $"The HestiaStore directory '{directory}' is of a form that is not understood here: {place}: {Message}",
                directory, NotUnderstoodAction, this);
        var errorCode = Code switch
        {
            StoreFindings.ManifestDamaged or StoreFindings.SegmentManifestDamaged or StoreFindings.RouteMapDamaged => HestiaErrorCode.ManifestDamaged,
            StoreFindings.ManifestMissing or StoreFindings.RouteMapMissing => HestiaErrorCode.ManifestMissing,
            StoreFindings.SegmentMissing => HestiaErrorCode.SegmentMissing,
            StoreFindings.WalDamaged or StoreFindings.WalCheckpointDamaged or StoreFindings.WalFormatDamaged or StoreFindings.WalCheckpointAhead
                or StoreFindings.WalMissing or StoreFindings.WalFileName or StoreFindings.WalTornTail
                => HestiaErrorCode.WalDamaged,
            StoreFindings.WalGap => HestiaErrorCode.WalGap,
            _ => HestiaErrorCode.SegmentDamaged,
        };
        return new HestiaException(
            errorCode,
            $"The HestiaStore directory '{directory}' cannot be read whole: {place}: {Message}",
            directory,
            "Test-HestiaIndex lists everything that is wrong, Repair-HestiaIndex with -WhatIf says what can be saved.",
            this);
    }
}
