using System.Management.Automation;
using Hestia.Core;
using Hestia.Core.Wal;
using Hestia.HestiaStore.Wal;

namespace HestiaPS.Commands;

/// <summary>Reads the records of a write-ahead log one by one, past damage, which is marked.</summary>
[Cmdlet(VerbsCommon.Get, "HestiaWalRecord", DefaultParameterSetName = PathSet)]
[OutputType(typeof(WalRecordInfo))]
public sealed class GetHestiaWalRecordCommand : IndexTargetCmdlet
{
    /// <summary>Only records that reach this LSN or later ones.</summary>
    [Parameter]
    public ulong FromLsn { get; set; }

    /// <summary>Only records that begin at this LSN or earlier ones.</summary>
    [Parameter]
    public ulong ToLsn { get; set; } = ulong.MaxValue;

    /// <summary>Only records with an operation on this key.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public object? Key { get; set; }

    /// <summary>Only so many records, the last ones.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Last { get; set; }

    private protected override void ProcessTarget(IndexTarget target)
    {
        var (keys, values) = target.Encodings();
        if (!TryItem(target.Path, () => Read(target.Path, Options(keys)).GetEnumerator(), out var records)) return;
        using (records)
        {
            while (TryItem(target.Path, records.MoveNext, out var more) && more)
            {
                if (StopToken.IsCancellationRequested) throw new PipelineStoppedException();
                WriteObject(new WalRecordInfo(records.Current, keys, values));
            }
        }
    }

    private IEnumerable<WalRecord> Read(string path, WalReadOptions options) => PathFormats.HasHestiaStoreLog(path)
        ? StoreWalInspector.ReadRecords(path, options, StopToken) : WalInspector.ReadRecords(path, options, StopToken);

    private WalReadOptions Options(DataView keys) => new()
    {
        FromLsn = FromLsn > 0 ? new Lsn(FromLsn) : null,
        ToLsn = ToLsn < ulong.MaxValue ? new Lsn(ToLsn) : null,
        Key = Key is null ? null : keys.EncodeKey(Key),
        Last = Last > 0 ? Last : null,
    };
}
