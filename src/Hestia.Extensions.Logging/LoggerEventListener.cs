using System.Collections;
using Hestia.Core.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Hestia.Extensions.Logging;

/// <summary>
/// Writes the events of indexes to an <see cref="ILogger"/>: with the event's number and name as <see cref="EventId"/>, and its values as structured state. The
/// time of an entry is when the logger got it, moments after the event. Thread-safe.
/// </summary>
public sealed class LoggerEventListener : IIndexEventListener
{
    /// <summary>The category that <see cref="IndexOptionsLoggingExtensions"/> asks a factory for.</summary>
    public const string Category = "Hestia.Core";

    private readonly ILogger _logger;

    /// <summary>Writes to this logger.</summary>
    public LoggerEventListener(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        _logger = logger;
    }

    /// <inheritdoc/>
    public void OnEvent(IndexEvent happened)
    {
        ArgumentNullException.ThrowIfNull(happened);
        var level = happened.Level switch
        {
            IndexEventLevel.Debug => LogLevel.Debug,
            IndexEventLevel.Information => LogLevel.Information,
            IndexEventLevel.Warning => LogLevel.Warning,
            _ => LogLevel.Error,
        };
        if (!_logger.IsEnabled(level)) return;
        var id = new EventId((int)happened.Id, happened.Id.ToString());
        _logger.Log(level, id, new State(happened), happened.Exception, static (state, _) => state.ToString());
    }

    /// <summary>What structured loggers read: the values, and last the message they belong in.</summary>
    private sealed class State(IndexEvent happened) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        public int Count => happened.Values.Count + 1;

        public KeyValuePair<string, object?> this[int index] =>
            index == happened.Values.Count ? new("{OriginalFormat}", happened.Template) : happened.Values[index];

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
        {
            for (var i = 0; i < Count; i++) yield return this[i];
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => happened.Message;
    }
}
