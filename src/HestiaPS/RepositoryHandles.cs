using Hestia.Backup;

namespace HestiaPS;

/// <summary>The repositories one cmdlet call has opened, so that a pipeline of backups opens each once.</summary>
internal sealed class RepositoryHandles : IDisposable
{
    private readonly Dictionary<string, BackupRepository> _open = new(StringComparer.Ordinal);

    public BackupRepository Get(string location, CancellationToken cancellationToken)
    {
        if (!_open.TryGetValue(location, out var repository))
            _open[location] = repository = BackupRepository.Open(location, cancellationToken);
        return repository;
    }

    public void Dispose()
    {
        foreach (var repository in _open.Values) repository.Dispose();
        _open.Clear();
    }
}
