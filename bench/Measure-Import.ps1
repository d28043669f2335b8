#requires -Version 7.4
# Measures imports and exports of so many entries: rate, and the most memory that the process had (Linux: VmHWM), each in a process of its own. What HestiaStore
# would have written (a directory, a bundle, JSON lines) is made here, in its formats, from docs/hestiastore-format.md.
#
#   pwsh bench/Measure-Import.ps1 -Module artifacts/HestiaPS -Folder /some/empty/folder [-Entries 1000000, 3000000]
[CmdletBinding()]
param(
    [string] $Module = (Join-Path $PSScriptRoot ../artifacts/HestiaPS),
    [Parameter(Mandatory)] [string] $Folder,
    [int[]] $Entries = (1000000, 3000000)
)

$ErrorActionPreference = 'Stop'
$Module = (Resolve-Path -LiteralPath $Module).ProviderPath
$Folder = (Resolve-Path -LiteralPath $Folder).ProviderPath

Add-Type -TypeDefinition @'
using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

public static class StoreMaker
{
    const int BlockBytes = 1 << 20;
    const string Types = "\"keyTypeDescriptor\":\"org.hestiastore.index.datatype.TypeDescriptorShortString\",\"valueTypeDescriptor\":\"org.hestiastore.index.datatype.TypeDescriptorShortString\"";
    static readonly uint[] s_crc = MakeCrc();

    static uint[] MakeCrc()
    {
        var table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            var c = i;
            for (var k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
        return table;
    }

    static uint Crc(byte[] bytes, int from, int count)
    {
        var crc = uint.MaxValue;
        for (var i = from; i < from + count; i++) crc = s_crc[(crc ^ bytes[i]) & 0xFF] ^ (crc >> 8);
        return ~crc;
    }

    public static byte[] Key(int i) => Encoding.ASCII.GetBytes("key-" + i.ToString("D10"));

    public static byte[] Value(Random random)
    {
        var half = new byte[50];
        random.NextBytes(half);
        return Encoding.ASCII.GetBytes(Convert.ToHexString(half));
    }

    public static void Bundle(string folder, int entries)
    {
        Directory.CreateDirectory(folder);
        var random = new Random(1);
        long bytes = 0;
        var part = Path.Combine(folder, "part-000001.bin.gz");
        using (var stream = new BufferedStream(new GZipStream(File.Create(part), CompressionLevel.Fastest), 1 << 20))
        {
            var header = new byte[8];
            for (var i = 0; i < entries; i++)
            {
                var (key, value) = (Key(i), Value(random));
                BinaryPrimitives.WriteInt32BigEndian(header, key.Length);
                BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), value.Length);
                stream.Write(header);
                stream.Write(key);
                stream.Write(value);
                bytes += 8 + key.Length + value.Length;
            }
        }
        Describe(folder, entries, "BUNDLE", "null", "{\"fileName\":\"part-000001.bin.gz\",\"recordCount\":" + entries + ",\"encodedBytes\":" + bytes
            + ",\"fileSizeBytes\":" + new FileInfo(part).Length + "}", part);
    }

    public static void JsonLines(string folder, int entries)
    {
        Directory.CreateDirectory(folder);
        var random = new Random(1);
        var data = Path.Combine(folder, "data.jsonl.gz");
        using (var writer = new StreamWriter(new GZipStream(File.Create(data), CompressionLevel.Fastest), new UTF8Encoding(false), 1 << 20))
            for (var i = 0; i < entries; i++)
                writer.Write("{\"key\":{\"representation\":\"text\",\"value\":\"" + Encoding.ASCII.GetString(Key(i))
                    + "\"},\"value\":{\"representation\":\"text\",\"value\":\"" + Encoding.ASCII.GetString(Value(random)) + "\"}}\n");
        Describe(folder, entries, "JSONL", "\"data.jsonl.gz\"", "", data);
    }

    static void Describe(string folder, int entries, string format, string dataFile, string parts, string data)
    {
        var config = "{\"indexName\":\"made\"," + Types + "}";
        File.WriteAllText(Path.Combine(folder, "source-config.json"), config);
        File.WriteAllText(Path.Combine(folder, "manifest.json"), "{\"formatVersion\":1,\"format\":\"" + format + "\",\"compression\":\"GZIP\",\"maxPartSizeBytes\":536870912,\"recordCount\":"
            + entries + ",\"dataFileName\":" + dataFile + ",\"fromKeyText\":null,\"toKeyText\":null,\"limit\":null,\"parts\":[" + parts + "],\"sourceConfiguration\":" + config + "}");
        var sums = new StringBuilder();
        foreach (var file in new[] { Path.Combine(folder, "manifest.json"), Path.Combine(folder, "source-config.json"), data })
            using (var stream = File.OpenRead(file))
                sums.Append(Convert.ToHexString(SHA256.HashData(stream)).ToLowerInvariant()).Append("  ").Append(Path.GetFileName(file)).Append('\n');
        File.WriteAllText(Path.Combine(folder, "checksums.txt"), sums.ToString());
    }

    public static void Store(string folder, int entries)
    {
        var segment = Path.Combine(folder, "segment-00000");
        Directory.CreateDirectory(segment);
        var random = new Random(1);
        var block = new byte[BlockBytes];
        var at = 16;
        using (var file = File.Create(Path.Combine(segment, "v01-index.sst")))
        {
            void End()
            {
                Array.Clear(block, at, block.Length - at);
                BinaryPrimitives.WriteUInt64BigEndian(block, 0x6E6963686F6C6173);
                BinaryPrimitives.WriteUInt64BigEndian(block.AsSpan(8), Crc(block, 16, block.Length - 16));
                file.Write(block);
                at = 16;
            }
            void Put(byte[] bytes, int count)
            {
                for (var from = 0; from < count;)
                {
                    if (at == block.Length) End();
                    var some = Math.Min(count - from, block.Length - at);
                    Array.Copy(bytes, from, block, at, some);
                    at += some;
                    from += some;
                }
            }
            for (var first = 0; first < entries; first += 1000)
            {
                var chunk = new MemoryStream();
                byte[] before = new byte[0];
                for (var i = first; i < Math.Min(entries, first + 1000); i++)
                {
                    var (key, value) = (Key(i), Value(random));
                    var shared = 0;
                    while (shared < before.Length && before[shared] == key[shared]) shared++;
                    chunk.WriteByte((byte)shared);
                    chunk.WriteByte((byte)(key.Length - shared));
                    chunk.Write(key, shared, key.Length - shared);
                    chunk.WriteByte((byte)value.Length);
                    chunk.Write(value);
                    before = key;
                }
                var payload = chunk.ToArray();
                var header = new byte[32];
                BinaryPrimitives.WriteUInt64BigEndian(header, 0x7468656F646F7261);
                BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8), 1);
                BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(12), payload.Length);
                BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(16), Crc(payload, 0, payload.Length));
                BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(24), 1);
                Put(header, 32);
                Put(payload, payload.Length);
                Put(new byte[16], (16 - payload.Length % 16) % 16);
            }
            if (at > 16) End();
        }
        File.WriteAllBytes(Path.Combine(segment, "v01-scarce.sst"), new byte[0]);
        File.WriteAllText(Path.Combine(segment, "manifest.txt"), "numberOfKeysInDeltaCache=0\nsegmentVersion=1\nnumberOfKeysInMainIndex=" + entries
            + "\nnumberOfSegmentDeltaFiles=0\nschema.version=1\nschema.requiredKeys=segmentVersion\nnumberOfKeysInScarceIndex=0\n");
        var last = Key(entries - 1);
        var map = new MemoryStream();
        map.WriteByte(0);
        map.WriteByte((byte)last.Length);
        map.Write(last);
        map.Write(new byte[4]);
        File.WriteAllBytes(Path.Combine(folder, "index.map"), map.ToArray());
        File.WriteAllText(Path.Combine(folder, "manifest.txt"), "bloomFilterNumberOfHashFunctions=2\nbloomFilterIndexSizeInBytes=0\nmaxNumberOfKeysInSegmentChunk=1000\n"
            + "keyTypeDescriptor=org.hestiastore.index.datatype.TypeDescriptorShortString\nvalueTypeDescriptor=org.hestiastore.index.datatype.TypeDescriptorShortString\n"
            + "diskIoBufferSizeInBytes=1_048_576\nindexName=made\nencodingChunkFilters=p\\=crc32,p\\=magic-number\ndecodingChunkFilters=p\\=magic-number,p\\=crc32\n"
            + "wal.enabled=false\nschema.version=2\nschema.requiredKeys=indexName,wal.enabled\n");
    }
}
'@

function Measure-Step([string] $What, [int] $Count, [string] $Command) {
    $text = @"
`$ErrorActionPreference = 'Stop'; `$ProgressPreference = 'SilentlyContinue'; Import-Module '$Module'
`$clock = [Diagnostics.Stopwatch]::StartNew(); `$result = $Command; `$clock.Stop()
`$peak = if (`$IsLinux) { [long]((Get-Content /proc/self/status | Where-Object { `$_ -like 'VmHWM*' }) -replace '\D') / 1KB } else { [Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64 / 1MB }
"{0} {1} {2}" -f `$result.Entries, `$clock.Elapsed.TotalSeconds.ToString([cultureinfo]::InvariantCulture), `$peak.ToString([cultureinfo]::InvariantCulture)
"@
    $answer = & ([Environment]::ProcessPath -like '*pwsh*' ? [Environment]::ProcessPath : 'pwsh') -NoProfile -NonInteractive -Command $text
    if ($LASTEXITCODE -ne 0) { throw "$What ended with $LASTEXITCODE" }
    $read, $seconds, $peak = "$answer".Split(' ')
    if ([int]$read -ne $Count) { throw "$What`: $read entries instead of $Count" }
    [pscustomobject]@{ What = $What; Entries = $Count; Seconds = [Math]::Round([double]$seconds, 1); PerSecond = [int]($Count / [double]$seconds); PeakMiB = [int][double]$peak }
}

foreach ($count in $Entries) {
    $place = Join-Path $Folder $count
    $null = New-Item -ItemType Directory -Path $place
    [StoreMaker]::Store("$place/store", $count)
    [StoreMaker]::Bundle("$place/bundle", $count)
    [StoreMaker]::JsonLines("$place/jsonl", $count)
    Measure-Step 'import of a HestiaStore directory' $count "Import-HestiaIndex -Source '$place/store' -Path '$place/a'"
    Measure-Step 'import of a HestiaStore bundle' $count "Import-HestiaIndex -Source '$place/bundle' -Path '$place/b'"
    Measure-Step 'import of HestiaStore JSON lines' $count "Import-HestiaIndex -Source '$place/jsonl' -Path '$place/c'"
    Measure-Step 'export, compressed' $count "Export-HestiaIndex -Path '$place/a' -Destination '$place/own.jsonl.gz'"
    Measure-Step 'import of our own export' $count "Import-HestiaIndex -Source '$place/own.jsonl.gz' -Path '$place/d'"
    Remove-Item -LiteralPath $place -Recurse -Force # .lock is hidden
}
