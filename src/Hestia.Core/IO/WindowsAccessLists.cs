using System.Runtime.Versioning;
using System.Security.AccessControl;

namespace Hestia.Core.IO;

/// <summary>Access lists of folders on Windows, where a new file or folder has those that its folder passes on.</summary>
[SupportedOSPlatform("windows")]
internal static class WindowsAccessLists
{
    /// <summary>
    /// Gives a folder that is to take the place of another, beside it, the access list of that one. What lies in it gets what it passes on. All else
    /// inherits the right one already.
    /// </summary>
    public static void Copy(string model, string path)
    {
        if (!Directory.Exists(model) || !Directory.Exists(path)) return;
        var (from, to) = (new DirectoryInfo(model), new DirectoryInfo(path));
        if (!string.Equals(from.Parent?.FullName, to.Parent?.FullName, StringComparison.OrdinalIgnoreCase)) return;
        var list = new DirectorySecurity();
        list.SetSecurityDescriptorBinaryForm(from.GetAccessControl(AccessControlSections.Access).GetSecurityDescriptorBinaryForm(), AccessControlSections.Access);
        to.SetAccessControl(list);
    }
}
