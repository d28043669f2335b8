using Hestia.Core;
using Microsoft.Extensions.Logging;

namespace Hestia.Extensions.Logging;

/// <summary>Gives an index a logger.</summary>
public static class IndexOptionsLoggingExtensions
{
    /// <summary>The same options, with events going to the logger of the category <see cref="LoggerEventListener.Category"/>.</summary>
    public static IndexOptions WithLogging(this IndexOptions options, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        return options.WithLogging(loggers.CreateLogger(LoggerEventListener.Category));
    }

    /// <summary>The same options, with events going to a logger.</summary>
    public static IndexOptions WithLogging(this IndexOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with { EventListener = new LoggerEventListener(logger) };
    }
}
