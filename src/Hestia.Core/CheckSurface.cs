namespace Hestia.Core;

public sealed partial class HestiaIndex
{
    /// <summary>Temporary signature, to be removed when the checker lands.</summary>
    public CheckReport Check(CheckOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException($"{Path} {options} {progress} {cancellationToken}");
}
