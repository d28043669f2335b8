using System.Reflection;
using System.Runtime.Loader;
using Hestia.Backup;
using Hestia.Core;

namespace HestiaPS;

/// <summary>
/// The S3 store and the AWS SDK live in a context of their own, made on the first s3:// of the process and kept: other modules of the
/// session may bring their own versions of the SDK. What crosses the border are types of Hestia.Backup, which both sides share.
/// </summary>
internal sealed class StoreLoadContext : AssemblyLoadContext
{
    private const string StoreAssembly = "Hestia.Backup.S3";
    private static readonly Lazy<StoreLoadContext> s_context = new(static () => new StoreLoadContext());

    private readonly string _folder;

    private StoreLoadContext()
        : base("HestiaPS.S3")
    {
        _folder = Path.Combine(Path.GetDirectoryName(typeof(StoreLoadContext).Assembly.Location)!, "lib", "s3");
    }

    /// <summary>Tells the library where s3:// comes from. Nothing is loaded yet; a second call changes nothing.</summary>
    public static void Hook() => StoreProviders.Use("s3", static () => s_context.Value.LoadStore());

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name == typeof(StoreProviders).Assembly.GetName().Name) return typeof(StoreProviders).Assembly;
        if (assemblyName.Name == typeof(HestiaException).Assembly.GetName().Name) return typeof(HestiaException).Assembly;
        var path = Path.Combine(_folder, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }

    private Assembly LoadStore() => LoadFromAssemblyPath(Path.Combine(_folder, StoreAssembly + ".dll"));
}
