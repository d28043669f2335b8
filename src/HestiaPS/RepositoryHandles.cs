using Hestia.Backup;

namespace HestiaPS;

/// <summary>The repositories one cmdlet call has opened, so that a pipeline of backups opens each once.</summary>
internal sealed class RepositoryHandles : IDisposable
{
    private readonly Dictionary<string, BackupRepository> _open = new(StringComparer.Ordinal);

    public BackupRepository Get(RepositoryTarget target, CancellationToken cancellationToken)
    {
        if (_open.TryGetValue(target.Location, out var repository)) return repository;
        _open[target.Location] = repository = BackupRepository.Open(target.Location, target.Options, target.Key, cancellationToken);
        if (target.Key is not null) RepositoryConnections.RememberKey(repository.Location, target.Key);
        return repository;
    }

    public void Dispose()
    {
        foreach (var repository in _open.Values) repository.Dispose();
        _open.Clear();
    }
}
