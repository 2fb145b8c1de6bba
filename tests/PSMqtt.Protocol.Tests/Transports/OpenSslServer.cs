using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>OpenSSL's test server on loopback, demanding a client certificate of the tests' authority: unlike .NET's on Linux, it sends alerts.</summary>
internal sealed class OpenSslServer : IDisposable
{
    private readonly Process _process;
    private readonly DirectoryInfo _directory;

    private OpenSslServer(Process process, DirectoryInfo directory, int port)
    {
        _process = process;
        _directory = directory;
        Port = port;
    }

    public int Port { get; }

    /// <summary>Starts it; <see langword="null"/> where there is no openssl.</summary>
    public static async Task<OpenSslServer?> StartAsync(string version)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("psmqtt");
        string certificate = Write(directory, "server.pem", TestCertificates.Server.ExportCertificatePem());
        string key = Write(directory, "key.pem", TestCertificates.Server.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        string authority = Write(directory, "root.pem", TestCertificates.Root.ExportCertificatePem());
        var start = new ProcessStartInfo("openssl") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in (string[])
            ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-CAfile", authority, "-Verify", "3", "-verify_return_error", version])
        {
            start.ArgumentList.Add(argument);
        }

        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            directory.Delete(recursive: true);
            return null;
        }

        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("ACCEPT ", StringComparison.Ordinal))
            {
                int port = int.Parse(line.AsSpan(line.LastIndexOf(':') + 1), CultureInfo.InvariantCulture);
                _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
                return new OpenSslServer(process, directory, port);
            }
        }

        throw new InvalidOperationException("openssl s_server did not start");
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _directory.Delete(recursive: true);
    }

    private static string Write(DirectoryInfo directory, string name, string text)
    {
        string path = Path.Combine(directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
