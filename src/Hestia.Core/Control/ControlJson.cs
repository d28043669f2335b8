using System.Text.Json;
using System.Text.Json.Serialization;
using Hestia.Core.Control.Operations;

namespace Hestia.Core.Control;

/// <summary>
/// The bodies of frames. Members that are not known are passed over, so that a newer side may say more; what a newer version adds must be optional.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    MaxDepth = ControlFormat.MaxJsonDepth,
    Converters = [typeof(LsnJsonConverter)])]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlError))]
[JsonSerializable(typeof(WorkProgress))]
[JsonSerializable(typeof(NoArguments))]
[JsonSerializable(typeof(IndexStatus))]
[JsonSerializable(typeof(FlushResult))]
[JsonSerializable(typeof(CompactionResult))]
[JsonSerializable(typeof(Consistency.CheckOptions))]
[JsonSerializable(typeof(Consistency.CheckReport))]
[JsonSerializable(typeof(SuspendArguments))]
[JsonSerializable(typeof(ResumeArguments))]
[JsonSerializable(typeof(Suspending.SuspensionInfo))]
[JsonSerializable(typeof(Suspending.SuspensionResult))]
[JsonSerializable(typeof(DurabilityArguments))]
[JsonSerializable(typeof(DurabilityChange))]
[JsonSerializable(typeof(LeaseArguments))]
[JsonSerializable(typeof(LeaseName))]
[JsonSerializable(typeof(PinAnswer))]
[JsonSerializable(typeof(Done))]
[JsonSerializable(typeof(Archiving.LastBackup))]
[JsonSerializable(typeof(ArchiveBeginArguments))]
[JsonSerializable(typeof(ArchiveFacts))]
[JsonSerializable(typeof(ArchiveSaveArguments))]
[JsonSerializable(typeof(ArchiveTimelineArguments))]
[JsonSerializable(typeof(ArchiveLogAnswer))]
[JsonSerializable(typeof(WireLog[]))]
internal sealed partial class ControlJson : JsonSerializerContext;

/// <summary>An LSN is its number.</summary>
internal sealed class LsnJsonConverter : JsonConverter<Lsn>
{
    public override Lsn Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetUInt64());

    public override void Write(Utf8JsonWriter writer, Lsn value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}
