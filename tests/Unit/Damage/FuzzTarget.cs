using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Hestia.Core;
using Hestia.Core.IO;
using Hestia.Core.Manifest;
using Hestia.Unit.Simulation;

namespace Hestia.Unit.Damage;

/// <summary>A parser with valid inputs, and how to change them and make their checksums right again.</summary>
internal sealed record FuzzTarget(IReadOnlyList<byte[]> Valid, Action<byte[]> Parse)
{
    private const int NoiseBytes = 4000;

    // What a parser may take for each byte of its input.
    private const long BytesPerByte = 64;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    public Func<Mutator, byte[], byte[]> Mutate { get; init; } = static (mutator, bytes) => mutator.Mutate(bytes);

    public Func<byte[], byte[]> Seal { get; init; } = static bytes => bytes;

    /// <summary>It reports instead of refusing.</summary>
    public bool AnythingGoes { get; init; }

    /// <summary>What it may take whatever the input is: buffers of fixed size, an exception with its trace.</summary>
    public long FixedBytes { get; init; } = 96 << 10;

    private static int Factor => int.TryParse(Environment.GetEnvironmentVariable("HESTIA_FUZZ_FACTOR"), CultureInfo.InvariantCulture, out var n) ? n : 1;

    /// <summary>A JSON text that ends with its checksum.</summary>
    public static FuzzTarget Json(IReadOnlyList<byte[]> valid, Action<byte[]> parse) => new(valid, parse)
    {
        Mutate = static (mutator, bytes) => mutator.Next(3) == 0 ? mutator.Mutate(bytes) : mutator.MutateJson(bytes),
        Seal = SealJson,
    };

    /// <summary>A JSON text without a checksum.</summary>
    public static FuzzTarget PlainJson(IReadOnlyList<byte[]> valid, Action<byte[]> parse) => Json(valid, parse) with { Seal = static bytes => bytes };

    /// <summary>Parses so many inputs: three quarters changed, a quarter noise, every other one with its checksums made right again.</summary>
    public void Run(string parser, int rounds, ITestOutputHelper output)
    {
        var mutator = new Mutator(parser.Length * 7919);
        var began = Stopwatch.GetTimestamp();
        long count = 0, refused = 0, worst = 0;
        var slowest = TimeSpan.Zero;
        foreach (var valid in Valid)
        {
            Parse(valid); // and what is valid is not refused; code and pools are warm then
            Assert.True(Try(valid) is null, $"{parser} refuses what is valid");
        }

        for (var round = 0; round < rounds * Factor; round++)
        {
            var valid = Valid[round % Valid.Count];
            var input = round % 4 == 3 ? mutator.Noise(NoiseBytes) : Mutate(mutator, valid);
            if (round % 2 == 0) input = Seal(input);

            var managed = GC.GetAllocatedBytesForCurrentThread();
            var native = Core.Caching.NativeBuffer.AllocatedByThread;
            var start = Stopwatch.GetTimestamp();
            var outcome = Try(input);
            var took = Stopwatch.GetElapsedTime(start);
            var taken = GC.GetAllocatedBytesForCurrentThread() - managed + Core.Caching.NativeBuffer.AllocatedByThread - native;

            count++;
            if (outcome is not null) refused++;
            Assert.True(outcome is null or HestiaException { Code: not HestiaErrorCode.InternalError } or InvalidDataException,
                $"{parser}, round {round}, {Convert.ToHexString(input)}: {outcome}");
            Assert.True(took < s_patience, $"{parser}, round {round}: {took}");
            Assert.True(taken <= FixedBytes + (BytesPerByte * input.Length),
                $"{parser}, round {round}: {taken:N0} bytes for an input of {input.Length:N0}\n{Convert.ToHexString(input)}");
            worst = Math.Max(worst, taken);
            if (took > slowest) slowest = took;
        }

        output.WriteLine($"{parser}: {count:N0} inputs, {refused:N0} refused, at most {worst / 1024.0:N0} KiB and {slowest.TotalMilliseconds:N0} ms "
            + $"for one; {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        Assert.True(AnythingGoes || refused > count / 20, "hardly anything was refused");
    }

    /// <summary>Gives a parser a file to read.</summary>
    public static void WithFile(string path, byte[] bytes, Action<FileSystem, string> read)
    {
        var files = new SimulatedFileSystem(new SimulatedDisk(1));
        files.CreateDirectory("/disk");
        using (var file = files.Open(path, FileOpenMode.CreateNew))
            if (bytes.Length > 0) file.Write(0, bytes);
        read(files, path);
    }

    public static byte[] SealJson(byte[] bytes)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var at = text.LastIndexOf(",\"sha256\":\"", StringComparison.Ordinal);
        if (at < 0) at = text.LastIndexOf('}');
        return at < 0 ? bytes : SelfChecksum.Append(Encoding.UTF8.GetBytes(text[..at] + "}"));
    }

    public static byte[] SealBackup(byte[] bytes)
    {
        const string Opening = ",\"headSha256\":\"";
        var text = Encoding.UTF8.GetString(bytes);
        var at = text.IndexOf(Opening, StringComparison.Ordinal);
        if (at < 0 || text.Length < at + Opening.Length + 64) return SealJson(bytes);
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text[..at]))).ToLowerInvariant();
        return SealJson(Encoding.UTF8.GetBytes(text[..(at + Opening.Length)] + hash + text[(at + Opening.Length + 64)..]));
    }

    private Exception? Try(byte[] input)
    {
        try
        {
            Parse(input);
            return null;
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException)
        {
            return e;
        }
    }
}
