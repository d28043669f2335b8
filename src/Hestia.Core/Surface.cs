#pragma warning disable CA1065, IDE0161
namespace Hestia.Core.Repair
{
    /// <summary>Salvages everything readable; moves the rest to quarantine/, deletes nothing.</summary>
    public static class IndexRepairer
    {
        public static RepairReport Repair(string path, RepairOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();
    }
}
