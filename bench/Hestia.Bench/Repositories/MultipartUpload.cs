using System.Diagnostics;
using Amazon.S3;
using Amazon.S3.Model;
using Hestia.Bench.Workloads;

namespace Hestia.Bench.Repositories;

/// <summary>
/// The same files to the same server in parts of the same size, as many at once, with nothing but what the SDK does: no hash of the content, no
/// check of what came back.
/// </summary>
internal static class MultipartUpload
{
    private const int PartBytes = 8 << 20;
    private static readonly int s_atOnce = new Backup.BackupOptions().Parallelism;

    public static StepResult Run(string path, string bucket)
    {
        var begun = Stopwatch.GetTimestamp();
        using var client = S3Gateway.Client();
        var files = new Queue<string>(Directory.GetFiles(Path.Combine(path, "segments")));
        var bytes = files.Sum(static f => new FileInfo(f).Length);
        var threads = new Thread[s_atOnce];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(() =>
            {
                while (true)
                {
                    string? file;
                    lock (files) if (!files.TryDequeue(out file)) return;
                    Upload(client, bucket, file);
                }
            });
            threads[i].Start();
        }

        foreach (var thread in threads) thread.Join();
        return new StepResult(Stopwatch.GetElapsedTime(begun).TotalSeconds, bytes, ProcessUsage.PeakBytes());
    }

    private static void Upload(AmazonS3Client client, string bucket, string file)
    {
        var key = Path.GetFileName(file);
        var upload = client.InitiateMultipartUploadAsync(bucket, key).GetAwaiter().GetResult().UploadId;
        var parts = new List<PartETag>();
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20);
        for (var offset = 0L; offset < stream.Length; offset += PartBytes)
        {
            var number = parts.Count + 1;
            var response = client.UploadPartAsync(new UploadPartRequest
            {
                BucketName = bucket, Key = key, UploadId = upload, PartNumber = number, FilePath = file, FilePosition = offset,
                PartSize = Math.Min(PartBytes, stream.Length - offset), UseChunkEncoding = false,
            }).GetAwaiter().GetResult();
            parts.Add(new PartETag(number, response.ETag));
        }

        client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = upload, PartETags = parts })
            .GetAwaiter().GetResult();
    }
}
