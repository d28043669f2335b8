using System.Text;

namespace Hestia.CrashWriter;

/// <summary>
/// One line per event on standard output, each handed to the pipe with one write before the call returns: what the parent reads had
/// happened, whenever this process dies. Lines stay far below what a pipe takes in one piece.
/// </summary>
internal sealed class Reporter
{
    private const int MaxLine = 1000;
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly object _gate = new();

    public void Line(string text)
    {
        text = text.ReplaceLineEndings(" ");
        if (text.Length > MaxLine) text = text[..MaxLine];
        var bytes = Encoding.UTF8.GetBytes(text + "\n");
        lock (_gate) _output.Write(bytes);
    }
}
