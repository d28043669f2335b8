using System.Management.Automation;

namespace HestiaPS.Commands;

/// <summary>Removes entries, in batches that are committed as one each. Removing a key that is not there is no error.</summary>
[Cmdlet(VerbsCommon.Remove, "HestiaEntry", SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class RemoveHestiaEntryCommand : EntryWriteCmdlet
{
    /// <summary>Keys to remove, or entries from Get-HestiaEntry.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object? Key { get; set; }

    private protected override string Verb => "Remove";

    private protected override bool EmitsCommitted => false;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var key in EntryData.Keys(Key))
        {
            byte[] bytes;
            try
            {
                bytes = EntryData.EncodeKey(Index.KeyEncoding, key);
            }
            catch (Exception failure) when (Failures.IsReportable(failure))
            {
                WriteError(Failures.ToErrorRecord(failure, EntryData.Unwrap(key)));
                continue;
            }

            Delete(bytes);
        }
    }
}
