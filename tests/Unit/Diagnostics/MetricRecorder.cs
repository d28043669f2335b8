using System.Diagnostics.Metrics;
using Hestia.Core.Diagnostics;

namespace Hestia.Unit.Diagnostics;

/// <summary>Listens to the engine's meter and keeps what it says of one index.</summary>
internal sealed class MetricRecorder : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly string _path;
    private readonly object _gate = new();
    private readonly List<Instrument> _instruments = [];
    private Dictionary<string, double> _values = [];
    private readonly Dictionary<string, List<double>> _recorded = [];

    public MetricRecorder(string path)
    {
        _path = path;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name != HestiaMeter.Name) return;
            lock (_gate) _instruments.Add(instrument);
            listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    public IReadOnlyList<Instrument> Instruments => _instruments;

    /// <summary>What the histograms were told, by instrument.</summary>
    public IReadOnlyDictionary<string, List<double>> Recorded => _recorded;

    /// <summary>All observed values of now, by instrument and, where it has one, the attribute of its own: "name" or "name/value".</summary>
    public Dictionary<string, double> Collect()
    {
        lock (_gate) _values = [];
        _listener.RecordObservableInstruments();
        lock (_gate) return _values;
    }

    public void Dispose() => _listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = instrument.Name;
        var ours = false;
        foreach (var (key, tag) in tags)
        {
            if (key == HestiaMeter.IndexPathAttribute) ours = (string?)tag == _path;
            else if (key is not (HestiaMeter.IndexIdAttribute or HestiaMeter.IndexNameAttribute)) name += "/" + tag;
        }

        if (!ours) return;
        lock (_gate)
        {
            if (instrument.IsObservable) _values.Add(name, value);
            else if (_recorded.TryGetValue(name, out var list)) list.Add(value);
            else _recorded[name] = [value];
        }
    }
}
