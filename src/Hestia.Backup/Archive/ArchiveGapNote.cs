using System.Buffers;
using System.Text.Json;
using Hestia.Core;
using Hestia.Core.Manifest;

namespace Hestia.Backup.Archive;

/// <summary>
/// A note that LSNs were never shipped and never will be. For people and for lists: that pieces are missing shows without it, but not that
/// nobody will bring them.
/// </summary>
internal static class ArchiveGapNote
{
    /// <summary>They waited longer than the queue had room for.</summary>
    public const string QueueFull = "QueueFull";

    /// <summary>The log did not have them: written with durability Off, lost, or taken out by a repair.</summary>
    public const string NotInLog = "NotInLog";

    public static byte[] Serialize(Guid indexId, Guid timeline, Lsn first, Lsn last, string reason, DateTimeOffset recorded)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("format", "hestia-archive-gap");
            json.WriteNumber("formatVersion", 1);
            json.WriteStartArray("features");
            json.WriteEndArray();
            json.WriteString("indexId", indexId);
            json.WriteString("timeline", timeline);
            json.WriteNumber("firstLsn", first.Value);
            json.WriteNumber("lastLsn", last.Value);
            json.WriteString("reason", reason);
            json.WriteString("host", Environment.MachineName);
            json.WriteString("recorded", recorded.UtcDateTime);
            json.WriteString("nonce", Guid.NewGuid());
            json.WriteEndObject();
        }

        return SelfChecksum.Append(buffer.WrittenSpan);
    }
}
