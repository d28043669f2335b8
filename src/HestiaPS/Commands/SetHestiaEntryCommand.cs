using System.Collections;
using System.Management.Automation;

namespace HestiaPS.Commands;

/// <summary>Writes entries, in batches that are committed as one each.</summary>
[Cmdlet(VerbsCommon.Set, "HestiaEntry", SupportsShouldProcess = true)] // a default set would win before the piped object is seen
[OutputType(typeof(IndexEntry))]
public sealed class SetHestiaEntryCommand : EntryWriteCmdlet
{
    private const string EntrySet = "Entry";
    private const string ObjectSet = "InputObject";

    /// <summary>The key: text, number, Guid or bytes, as the index's key encoding wants it.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = EntrySet, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object? Key { get; set; }

    /// <summary>The value: text, number, Guid or bytes, as the index's value encoding wants it.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = EntrySet, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object? Value { get; set; }

    /// <summary>A dictionary that holds a Key and a Value. (For one entry per pair, pipe $table.GetEnumerator().)</summary>
    [Parameter(Mandatory = true, ParameterSetName = ObjectSet, ValueFromPipeline = true)]
    [ValidateNotNull]
    public IDictionary? InputObject { get; set; }

    /// <summary>Emits each entry with its LSN after it was committed.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private protected override string Verb => "Set";

    private protected override bool EmitsCommitted => PassThru;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject is not null)
        {
            if (!InputObject.Contains(nameof(Key)) || !InputObject.Contains(nameof(Value)))
            {
                WriteError(Failures.ToErrorRecord(new HestiaCommandException(
                    CommandErrors.EntryNotUnderstood, ErrorCategory.InvalidData, "The dictionary has no Key and Value.", InputObject,
                    "Give @{ Key = ...; Value = ... }, or pipe $table.GetEnumerator() to write each of its pairs as an entry.")));
                return;
            }

            Key = InputObject[nameof(Key)];
            Value = InputObject[nameof(Value)];
        }

        byte[] key, value;
        try
        {
            key = EntryData.EncodeKey(Index.KeyEncoding, Key);
            value = EntryData.EncodeValue(Index.ValueEncoding, Value);
        }
        catch (Exception failure) when (Failures.IsReportable(failure))
        {
            WriteError(Failures.ToErrorRecord(failure, EntryData.Unwrap(Key)));
            return;
        }

        Put(key, value);
    }
}
