using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Hestia.Backup;
using Hestia.Bench.Reporting;
using Hestia.Bench.Workloads;
using Hestia.Core;

namespace Hestia.Bench.Repositories;

/// <summary>What one step took.</summary>
internal sealed record StepResult(double Seconds, long Bytes, long PeakBytes);

/// <summary>
/// One step of Hestia, or of what it is held against, in a process of its own, so that its peak of memory is its own too. Times are those of
/// the calls, the opening of index and repository included and the start of the runtime not.
/// </summary>
internal static class RepositoryStep
{
    private const int ValueBytes = 64 << 10;
    private const int SmallValueBytes = 4 << 10;
    private const int HashBytes = 256 << 10;
    private static readonly TimeSpan s_hashTime = TimeSpan.FromSeconds(2);

    public static int Run(ReadOnlySpan<string> arguments)
    {
        var result = arguments switch
        {
            ["create", var path, var bytes] => Create(path, Number(bytes)),
            ["create-many", var path, var segments] => CreateMany(path, (int)Number(segments)),
            ["grow", var path, var bytes] => Grow(path, Number(bytes)),
            ["backup", var path, var location] => Backup(path, location),
            ["backup-again", var path, var location] => BackupAgain(path, location),
            ["restore", var location, var target] => Restore(location, target),
            ["verify", var location] => Verify(location),
            ["sha256", var bytes] => Hash(Number(bytes)),
            ["upload", var path, var bucket] => MultipartUpload.Run(path, bucket),
            _ => throw new ArgumentException($"'{string.Join(' ', arguments!)}' is no step."),
        };
        Console.WriteLine(JsonSerializer.Serialize(result, ResultFile.LineJson));
        return 0;
    }

    /// <summary>Runs a step in a child.</summary>
    public static StepResult InChild(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(RepositoryStep).Assembly.Location);
        start.ArgumentList.Add("repository-step");
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var child = Process.Start(start)!;
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        if (child.ExitCode != 0) throw new InvalidOperationException($"{string.Join(' ', arguments)} ended with {child.ExitCode}: {output}");
        return JsonSerializer.Deserialize<StepResult>(output, ResultFile.LineJson)!;
    }

    public static long SegmentBytes(string path) => ProcessUsage.DirectoryBytes(Path.Combine(path, "segments"));

    /// <summary>Random values, so that no tool gains by compressing them; keys in order, so that nothing is written twice.</summary>
    private static StepResult Create(string path, long bytes)
    {
        HestiaIndex.Create(path, new IndexSettings()).Close();
        return Grow(path, bytes);
    }

    private static StepResult Grow(string path, long bytes) => Timed(() =>
    {
        using var index = HestiaIndex.Open(path, new IndexOptions { Durability = Durability.Off, RetiredAge = TimeSpan.Zero });
        Fill(index, bytes, ValueBytes);
        index.Flush();
        index.Compact();
        index.Close();
        return bytes;
    });

    /// <summary>Many small segments: each flush makes a few, and none are merged.</summary>
    private static StepResult CreateMany(string path, int segments) => Timed(() =>
    {
        var options = new IndexOptions
        {
            Durability = Durability.Off, RetiredAge = TimeSpan.Zero, MemtableBytes = 16 << 20, SegmentBytes = 16 << 10, Level1Bytes = 1L << 40,
        };
        using var index = HestiaIndex.Create(path, new IndexSettings(), options);
        while (Segments(path) < segments)
        {
            Fill(index, 8 << 20, SmallValueBytes);
            index.Flush();
            index.Compact();
        }

        index.Close();
        return (long)Segments(path);
    });

    private static int Segments(string path) => Directory.GetFiles(Path.Combine(path, "segments")).Length;

    private static void Fill(HestiaIndex index, long bytes, int valueBytes)
    {
        var first = index.LastLsn.Value;
        var random = new Random((int)first + 1);
        var value = new byte[valueBytes];
        for (var written = 0L; written < bytes; written += valueBytes)
        {
            random.NextBytes(value);
            var key = System.Text.Encoding.ASCII.GetBytes(((ulong)(written / valueBytes) + first).ToString("D16", CultureInfo.InvariantCulture));
            index.Put(key, value);
        }
    }

    private static StepResult Backup(string path, string location) => Timed(() =>
    {
        using var repository = Open(location);
        return repository.Backup(path).Bytes;
    });

    /// <summary>The second of two backups of an open index, as a scheduled task of a running program makes it.</summary>
    private static StepResult BackupAgain(string path, string location)
    {
        using var repository = Open(location);
        using var index = HestiaIndex.Open(path, new IndexOptions { BackgroundCompaction = false });
        repository.Backup(index);
        return Timed(() => repository.Backup(index).Bytes);
    }

    private static StepResult Restore(string location, string target) => Timed(() =>
    {
        using var repository = Open(location);
        return repository.Restore(repository.List()[^1].BackupId, target).Bytes;
    });

    /// <summary>The second of two in a process, as it is about a rate and not about the start of the runtime.</summary>
    private static StepResult Verify(string location)
    {
        using var repository = Open(location);
        var newest = repository.List()[^1].BackupId;
        repository.Verify(newest, new VerifyOptions { SamplePercent = 5 });
        return Timed(() =>
        {
            var result = repository.Verify(newest, new VerifyOptions { Deep = true });
            return result.Healthy ? result.BytesHashed : throw new InvalidDataException(result.Findings[0].Message);
        });
    }

    /// <summary>What the machine hashes on all its cores out of its caches: as long as so many bytes take, and for two seconds at least.</summary>
    private static StepResult Hash(long bytes) => Timed(() =>
    {
        var begun = Stopwatch.GetTimestamp();
        var hashed = 0L;
        var threads = new Thread[Environment.ProcessorCount];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(() =>
            {
                var buffer = RandomNumberGenerator.GetBytes(HashBytes);
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                while (Interlocked.Add(ref hashed, HashBytes) < bytes || Stopwatch.GetElapsedTime(begun) < s_hashTime) hash.AppendData(buffer);
            });
            threads[i].Start();
        }

        foreach (var thread in threads) thread.Join();
        return hashed;
    });

    private static BackupRepository Open(string location)
    {
        var options = S3Gateway.OptionsOf(location);
        return S3Gateway.IsUrl(location) || File.Exists(Path.Combine(location, "repository.json"))
            ? BackupRepository.Open(location, options)
            : BackupRepository.Create(location);
    }

    private static StepResult Timed(Func<long> work)
    {
        var begun = Stopwatch.GetTimestamp();
        var bytes = work();
        return new StepResult(Stopwatch.GetElapsedTime(begun).TotalSeconds, bytes, ProcessUsage.PeakBytes());
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
