using System.Net;
using System.Runtime.InteropServices;
using Hestia.Backup;

namespace Hestia.CrashWriter;

/// <summary>
/// One job on a repository from its begin to its end: <c>m</c> when it begins, <c>d WHAT</c> when it is done, <c>c</c> when it was cancelled.
/// SIGINT cancels it, as Ctrl+C does a cmdlet. Passphrase and endpoint of a service are in the environment.
/// </summary>
internal static class RepositoryJob
{
    public const string PassphraseVariable = "HESTIA_TEST_PASSPHRASE";
    public const string EndpointVariable = "HESTIA_TEST_S3_ENDPOINT";

    public static int Run(string job, WriterArguments arguments, Reporter reporter)
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
        using var key = Environment.GetEnvironmentVariable(PassphraseVariable) is { Length: > 0 } passphrase
            ? RepositoryKey.FromPassphrase(passphrase)
            : null;
        using var repository = Open(arguments.Repository, key);
        using var destination = job == "copy" ? Open(arguments.Destination, key) : null;
        reporter.Line("m");
        try
        {
            reporter.Line("d " + job switch
            {
                "backup" => repository.Backup(arguments.Index, null, null, stop.Token).BackupId,
                "restore" => repository.Restore(
                    arguments.Backup, arguments.Target, new RestoreOptions { Force = true }, null, stop.Token).BackupId,
                "prune" => repository.Prune(null, null, stop.Token).ObjectsRemoved.ToString(),
                "copy" => Copy(repository, destination!, stop.Token),
                _ => throw new ArgumentException($"'{job}' is no job."),
            });
        }
        catch (OperationCanceledException)
        {
            reporter.Line("c");
        }

        return 0;
    }

    private static string Copy(BackupRepository source, BackupRepository destination, CancellationToken cancellationToken)
    {
        var segments = 0;
        foreach (var backup in source.List(cancellationToken))
            segments += source.Copy(backup.BackupId, destination, null, null, cancellationToken).SegmentsSent;
        return segments.ToString();
    }

    private static BackupRepository Open(string location, RepositoryKey? key) => BackupRepository.Open(
        location,
        location.Contains("://", StringComparison.Ordinal)
            ? new S3Options { Endpoint = new Uri(Environment.GetEnvironmentVariable(EndpointVariable)!) }
            : null,
        key);
}
