using System.Management.Automation;

namespace HestiaPS;

/// <summary>
/// Lets -Repository take what New-, Get- and Register-HestiaRepository return (live or deserialized) and directories besides names, paths
/// and URLs. A repository that was reached with settings of its own is reached with them again.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class RepositoryTransformationAttribute : ArgumentTransformationAttribute
{
    private const string Deserialized = "Deserialized.HestiaPS.RepositoryInfo";
    private const string DeserializedRegistration = "Deserialized.HestiaPS.RepositoryRegistration";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var wrapped = inputData as PSObject;
        return (wrapped is null ? inputData : wrapped.BaseObject) switch
        {
            RepositoryInfo repository => repository.Use(),
            RepositoryRegistration registration => registration.Name,
            DirectoryInfo directory => directory.FullName,
            PSCustomObject when wrapped!.TypeNames.Contains(Deserialized) =>
                wrapped.Properties[nameof(RepositoryInfo.Location)]?.Value ?? inputData,
            PSCustomObject when wrapped!.TypeNames.Contains(DeserializedRegistration) =>
                wrapped.Properties[nameof(RepositoryRegistration.Name)]?.Value ?? inputData,
            _ => inputData,
        };
    }
}
