namespace Hestia.Core.Reading;

/// <summary>How a read into a caller's span ended.</summary>
public enum GetStatus
{
    /// <summary>The value was copied.</summary>
    Found,

    /// <summary>The key is not there.</summary>
    NotFound,

    /// <summary>The key is there, but its value is longer than the span; nothing was copied.</summary>
    DestinationTooSmall,
}

/// <summary>Point reads on a view.</summary>
internal static class PointRead
{
    public static byte[]? Get(IndexView view, ReadOnlySpan<byte> key, ulong snapshotLsn, out Lsn lsn)
    {
        lsn = Lsn.None;
        try
        {
            if (!view.TryGet(key, snapshotLsn, out var found)) return null;
            try
            {
                if (found.Kind == OperationKind.Delete) return null;
                lsn = new Lsn(found.Lsn);
                return found.Value.ToArray();
            }
            finally
            {
                found.Dispose();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, "segments", "reading");
        }
    }

    public static GetStatus TryGet(IndexView view, ReadOnlySpan<byte> key, ulong snapshotLsn, Span<byte> destination, out int valueLength, out Lsn lsn)
    {
        valueLength = 0;
        lsn = Lsn.None;
        try
        {
            if (!view.TryGet(key, snapshotLsn, out var found)) return GetStatus.NotFound;
            try
            {
                if (found.Kind == OperationKind.Delete) return GetStatus.NotFound;
                lsn = new Lsn(found.Lsn);
                var value = found.Value;
                valueLength = value.Length;
                if (value.Length > destination.Length) return GetStatus.DestinationTooSmall;
                value.CopyTo(destination);
                return GetStatus.Found;
            }
            finally
            {
                found.Dispose();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HestiaException.FromIO(e, "segments", "reading");
        }
    }
}
