using Hestia.HestiaStore.Types;

namespace Hestia.HestiaStore.Wal;

/// <summary>Whether keys and values of log records are of the index's types: HestiaStore takes a record that it cannot decode for a torn tail.</summary>
internal static class WalTypes
{
    public static Func<WalFileReader, string?> Check(StoreType keys, StoreType values) => record =>
        !keys.IsValid(record.Key) ? $"A key of {record.Key.Length:N0} bytes is no {keys.Name}."
        : !record.IsDelete && !values.IsValid(record.Value) ? $"A value of {record.Value.Length:N0} bytes is no {values.Name}." : null;
}
