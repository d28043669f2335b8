using System.Management.Automation;

namespace HestiaPS;

/// <summary>Lets -Repository take what New-HestiaRepository returns (live or deserialized) and
/// directories besides paths and URLs.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class RepositoryTransformationAttribute : ArgumentTransformationAttribute
{
    private const string Deserialized = "Deserialized.HestiaPS.RepositoryInfo";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var wrapped = inputData as PSObject;
        return (wrapped is null ? inputData : wrapped.BaseObject) switch
        {
            RepositoryInfo repository => repository.Location,
            DirectoryInfo directory => directory.FullName,
            PSCustomObject when wrapped!.TypeNames.Contains(Deserialized) =>
                wrapped.Properties[nameof(RepositoryInfo.Location)]?.Value ?? inputData,
            _ => inputData,
        };
    }
}
