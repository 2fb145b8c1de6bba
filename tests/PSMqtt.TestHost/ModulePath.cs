namespace PSMqtt.TestHost;

/// <summary>Where the built module is.</summary>
internal static class ModulePath
{
    /// <summary>The manifest that the variable PSMQTT_MODULE names, or the one in out/PSMqtt of the repository a file is in.</summary>
    public static string? Find(string file)
    {
        if (Environment.GetEnvironmentVariable("PSMQTT_MODULE") is { Length: > 0 } given)
        {
            return File.Exists(given) ? Path.GetFullPath(given) : null;
        }

        for (string? directory = Path.GetDirectoryName(file); directory is not null; directory = Path.GetDirectoryName(directory))
        {
            string manifest = Path.Combine(directory, "out", "PSMqtt", "PSMqtt.psd1");
            if (File.Exists(manifest))
            {
                return manifest;
            }
        }

        return null;
    }
}
