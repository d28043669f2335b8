namespace Hestia.Unit.HestiaStore;

/// <summary>Harms one file of a directory: "PATH flip AT", "PATH cut LENGTH", "PATH zero", "PATH delete".</summary>
internal static class StoreHarm
{
    public static void Do(string directory, string harm)
    {
        var words = harm.Split(' ');
        var path = Path.Combine(directory, words[0]);
        switch (words[1])
        {
            case "delete" when Directory.Exists(path):
                Directory.Delete(path, recursive: true);
                return;
            case "delete":
                File.Delete(path);
                return;
        }

        var bytes = File.ReadAllBytes(path);
        switch (words[1])
        {
            case "flip":
                bytes[int.Parse(words[2], System.Globalization.CultureInfo.InvariantCulture)] ^= 0x10;
                break;
            case "cut":
                bytes = bytes[..int.Parse(words[2], System.Globalization.CultureInfo.InvariantCulture)];
                break;
            case "zero":
                Array.Clear(bytes);
                break;
        }

        File.WriteAllBytes(path, bytes);
    }
}
