using System.Globalization;
using System.Security;
using System.Text;

namespace Hestia.Bench.Reporting;

/// <summary>One bar of a chart.</summary>
/// <param name="Label">What stands before it.</param>
/// <param name="Value">Its length.</param>
internal readonly record struct Bar(string Label, double Value);

/// <summary>A chart of plain horizontal bars with a line at 1, as SVG without script; readable on light and dark pages.</summary>
internal static class SvgBarChart
{
    private const int Width = 860;
    private const int LabelWidth = 250;
    private const int ValueWidth = 70;
    private const int RowHeight = 22;
    private const int TitleHeight = 34;

    /// <summary>Longer bars end here, so that one does not make all others too short; the figure beside them is the full one.</summary>
    private const double LongestBar = 8;

    public static string Make(string title, IReadOnlyList<Bar> bars)
    {
        var height = TitleHeight + bars.Count * RowHeight + 10;
        var largest = Math.Clamp(bars.Max(b => b.Value), 1.2, LongestBar);
        var scale = (Width - LabelWidth - ValueWidth) / largest;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\" ");
        svg.Append("font-family=\"sans-serif\" font-size=\"13\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"{Width}\" height=\"{height}\" fill=\"#ffffff\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"8\" y=\"20\" font-weight=\"bold\" fill=\"#222222\">{Escape(title)}</text>\n");
        for (var i = 0; i < bars.Count; i++)
        {
            var top = TitleHeight + i * RowHeight;
            var length = Math.Min(bars[i].Value, LongestBar) * scale;
            var color = bars[i].Value >= 1 ? "#2f7d4f" : "#b5533c";
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{LabelWidth - 8}\" y=\"{top + 15}\" text-anchor=\"end\" fill=\"#222222\">{Escape(bars[i].Label)}</text>\n");
            svg.Append(CultureInfo.InvariantCulture,
                $"<rect x=\"{LabelWidth}\" y=\"{top + 3}\" width=\"{length:F1}\" height=\"{RowHeight - 7}\" fill=\"{color}\"/>\n");
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{LabelWidth + length + 6:F1}\" y=\"{top + 15}\" fill=\"#222222\">{bars[i].Value:F2}</text>\n");
        }

        var one = LabelWidth + scale;
        svg.Append(CultureInfo.InvariantCulture,
            $"<line x1=\"{one:F1}\" y1=\"{TitleHeight - 4}\" x2=\"{one:F1}\" y2=\"{height - 6}\" ");
        svg.Append("stroke=\"#222222\" stroke-dasharray=\"3 3\"/>\n");
        return svg.Append("</svg>\n").ToString();
    }

    private static string Escape(string text) => SecurityElement.Escape(text);
}
