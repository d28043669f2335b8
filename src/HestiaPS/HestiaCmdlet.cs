using System.Management.Automation;
using Hestia.Core;

namespace HestiaPS;

/// <summary>What all cmdlets share: cancelling, work off the pipeline thread with progress, paths, errors.</summary>
public abstract class HestiaCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private bool _disposed;

    /// <summary>Cancelled when the pipeline is stopped.</summary>
    private protected CancellationToken StopToken => _stop.Token;

    /// <inheritdoc/>
    protected override void StopProcessing() => _stop.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Dispose(true);
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what the cmdlet holds. Runs also when the pipeline was stopped and EndProcessing was not.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>
    /// Runs work on a thread of its own and shows its progress from here, since only the pipeline thread may write. Ctrl+C cancels the
    /// work and waits until it has cleaned up. Failures come out as they are.
    /// </summary>
    private protected T Run<T>(string activity, Func<IProgress<WorkProgress>, CancellationToken, T> work)
    {
        var token = _stop.Token;
        var view = new ProgressView(activity);
        var task = Task.Factory.StartNew(
            () => work(view, token), CancellationToken.None,
                TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        try
        {
            view.ShowUntilDone(task, WriteProgress);
        }
        catch
        {
            // WriteProgress ends the pipeline when it is being stopped; nothing may run on behind its back.
            _stop.Cancel();
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
            _ = task.Exception;
            // Nobody will get what it made: an index that was opened, say.
            if (task.IsCompletedSuccessfully) (task.Result as IDisposable)?.Dispose();
            throw;
        }

        try
        {
            return task.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }

    private protected void Run(string activity, Action<CancellationToken> work) => Run(activity, (_, token) =>
    {
        work(token);
        return true;
    });

    /// <summary>Does one item of several: a failure is a non-terminating error and the next item goes on.</summary>
    /// <returns>Whether it succeeded.</returns>
    private protected bool TryItem<T>(object? target, Func<T> work, out T result)
    {
        try
        {
            result = work();
            return true;
        }
        catch (Exception failure) when (failure is not (PipelineStoppedException or RuntimeException))
        {
            WriteError(Failures.ToErrorRecord(failure, target));
            result = default!;
            return false;
        }
    }

    /// <summary>Does what everything after depends on: a failure ends the cmdlet.</summary>
    private protected T Require<T>(object? target, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failure) when (failure is not (PipelineStoppedException or RuntimeException))
        {
            ThrowTerminatingError(Failures.ToErrorRecord(failure, target));
            throw;
        }
    }

    /// <summary>
    /// Whether the message of ShouldProcess will be read (-WhatIf, -Confirm or their preferences), so
    /// that its numbers are worth working out.
    /// </summary>
    private protected bool WillExplain(ConfirmImpact impact) => IsWhatIf || WillAsk(impact);

    private protected bool IsWhatIf =>
        MyInvocation.BoundParameters.TryGetValue("WhatIf", out var bound) && bound is SwitchParameter whatIf
            ? whatIf
            : LanguagePrimitives.IsTrue(SessionState.PSVariable.GetValue("WhatIfPreference"));

    /// <summary>Whether ShouldProcess would ask: -Confirm, or a $ConfirmPreference at or below this impact.</summary>
    private protected bool WillAsk(ConfirmImpact impact)
    {
        if (MyInvocation.BoundParameters.TryGetValue("Confirm", out var bound) && bound is SwitchParameter confirm) return confirm;
        return LanguagePrimitives.TryConvertTo(SessionState.PSVariable.GetValue("ConfirmPreference"), out ConfirmImpact preference)
            && preference != ConfirmImpact.None && impact >= preference;
    }

    /// <summary>
    /// A path that need not exist, taken as it is written. URLs (x://) pass untouched where <paramref name="allowUrl"/> says so: the
    /// provider would look for a drive of that name.
    /// </summary>
    private protected string ResolveOne(string path, bool allowUrl = false)
    {
        if (allowUrl && IsUrl(path)) return path;
        string resolved;
        ProviderInfo provider;
        try
        {
            resolved = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out provider, out _);
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException
            or ItemNotFoundException
            or NotSupportedException or ProviderInvocationException)
        {
            throw new HestiaException(HestiaErrorCode.PathNotFound, $"'{path}' cannot be resolved: {e.Message}",
                path, "Check the path.", e);
        }

        return RequireFileSystem(path, provider, resolved);
    }

    /// <summary>What a -Repository stands for, with the -Passphrase or -KeyFile of the cmdlet. On the pipeline thread only.</summary>
    private protected RepositoryTarget ResolveRepository(string given) => this is IRepositoryKeyParameters key
        ? ResolveRepository(given, key.Passphrase, key.KeyFile)
        : ResolveRepository(given, null, null);

    /// <summary>What a parameter stands for that names a repository with a key of its own. On the pipeline thread only.</summary>
    private protected RepositoryTarget ResolveRepository(string given, System.Security.SecureString? passphrase, string? keyFile) =>
        RepositoryResolver.Resolve(
            given, path => ResolveOne(path), InvokeCommand,
            RepositoryKeys.From(passphrase, keyFile is null ? null : ResolveOne(keyFile)));

    /// <summary>The paths a -Path with wildcards stands for; without any match, the path as it is written.</summary>
    private protected IReadOnlyList<string> ResolveMany(string path)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(path)) return [ResolveOne(path)];
        try
        {
            var resolved = SessionState.Path.GetResolvedProviderPathFromPSPath(path, out var provider);
            if (resolved.Count > 0)
            {
                foreach (var one in resolved) RequireFileSystem(path, provider, one);
                return resolved;
            }
        }
        catch (Exception e) when (e is ItemNotFoundException or System.Management.Automation.DriveNotFoundException
            or ProviderNotFoundException
            or WildcardPatternException)
        {
            // Falls through to the literal path below, whose failure names it.
        }

        var literal = ResolveOne(path);
        if (Directory.Exists(literal) || File.Exists(literal)) return [literal];
        throw new HestiaException(
            HestiaErrorCode.PathNotFound, $"Nothing matches '{path}'.", path,
                "Check the pattern, or use -LiteralPath for a path that holds wildcard characters.");
    }

    /// <summary>The one path that exists which -Path (wildcards allowed) or -LiteralPath stands for.</summary>
    private protected string ResolveSingle(string? path, string? literalPath)
    {
        if (literalPath is not null) return ResolveOne(literalPath);
        var resolved = ResolveMany(path!);
        return resolved.Count == 1
            ? resolved[0]
            : throw new HestiaCommandException(
                CommandErrors.PathAmbiguous, ErrorCategory.InvalidArgument,
                    $"'{path}' stands for {resolved.Count:N0} paths; one is wanted.", path, "Name one of them.");
    }

    internal static bool IsUrl(string path) => path.Contains("://", StringComparison.Ordinal);

    private static string RequireFileSystem(string path, ProviderInfo provider, string resolved) =>
        string.Equals(provider.Name, "FileSystem", StringComparison.OrdinalIgnoreCase)
            ? resolved
            : throw new HestiaCommandException(
                CommandErrors.NotAFileSystemPath, ErrorCategory.InvalidArgument,
                    $"'{path}' is on the provider {provider.Name}, not on a file system.", path,
                "Give the path of a directory.");
}
