using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

public sealed class MqttCertificateTests : IDisposable
{
    private const string Password = "hunter2hunter2";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("psmqtt");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact(DisplayName = "authorities are read from PEM bundles, DER, PKCS#7 and PFX files")]
    public void Authorities()
    {
        string pem = Root.ExportCertificatePem() + "\n# a comment\n" + Intermediate.ExportCertificatePem();
        Assert.Equal(["CN=Test Root", "CN=Test Intermediate"], Subjects(MqttCertificate.LoadAuthorities(Write("bundle.pem", pem))));
        Assert.Equal(["CN=Test Root"], Subjects(MqttCertificate.LoadAuthorities(Write("root.cer", Root.RawData))));
        Assert.Equal(["CN=Test Root"], Subjects(MqttCertificate.LoadAuthorities(Write("root.p7b", Public(Root).Export(X509ContentType.Pkcs7)!))));
        X509Certificate2Collection fromPfx = MqttCertificate.LoadAuthorities(Write("root.pfx", Root.Export(X509ContentType.Pkcs12, Password)), Password);
        Assert.Equal(["CN=Test Root"], Subjects(fromPfx));
        Assert.False(fromPfx[0].HasPrivateKey);
    }

    [Fact(DisplayName = "a client certificate is read from PEM, certificate and key in two files or one, encrypted or not")]
    public void ClientPem()
    {
        using ECDsa key = Client.GetECDsaPrivateKey()!;
        string certificate = Client.ExportCertificatePem() + "\n" + Intermediate.ExportCertificatePem();
        string encrypted = key.ExportEncryptedPkcs8PrivateKeyPem(Password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000));
        string certificatePath = Write("client.pem", certificate);
        CheckClient(MqttCertificate.LoadClientCertificate(certificatePath, Write("key.pem", key.ExportPkcs8PrivateKeyPem())));
        CheckClient(MqttCertificate.LoadClientCertificate(certificatePath, Write("ec.pem", key.ExportECPrivateKeyPem())));
        CheckClient(MqttCertificate.LoadClientCertificate(certificatePath, Write("encrypted.pem", encrypted), Password));
        CheckClient(MqttCertificate.LoadClientCertificate(Write("one.pem", certificate + "\n" + encrypted), password: Password));
        CheckClient(MqttCertificate.LoadClientCertificate(Write("first.pem", key.ExportPkcs8PrivateKeyPem() + "\n" + certificate)));
    }

    [Fact(DisplayName = "an RSA certificate and key are read too, with the certificate as DER")]
    public void ClientRsa()
    {
        using var key = RSA.Create(2048);
        using X509Certificate2 own = new CertificateRequest("CN=Rsa", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        MqttClientCertificate read = MqttCertificate.LoadClientCertificate(Write("rsa.cer", own.RawData), Write("rsa.pem", key.ExportRSAPrivateKeyPem()));
        Assert.True(read.Certificate.HasPrivateKey);
        Assert.Equal("CN=Rsa", read.Certificate.Subject);
        Assert.Empty(read.Chain);
    }

    [Fact(DisplayName = "a client certificate is read from a PFX file, with and without password")]
    public void ClientPfx()
    {
        X509Certificate2Collection all = [Client, .. Public(Intermediate)];
        CheckClient(MqttCertificate.LoadClientCertificate(Write("client.pfx", all.Export(X509ContentType.Pkcs12, Password)!), password: Password));
        CheckClient(MqttCertificate.LoadClientCertificate(Write("open.pfx", all.Export(X509ContentType.Pkcs12)!)));
    }

    [Fact(DisplayName = "each thing that can be wrong with a file is told apart, without the password")]
    public void Problems()
    {
        using ECDsa key = Client.GetECDsaPrivateKey()!;
        string certificate = Write("client.pem", Client.ExportCertificatePem());
        string plainKey = Write("key.pem", key.ExportPkcs8PrivateKeyPem());
        string encrypted = Write(
            "encrypted.pem",
            key.ExportEncryptedPkcs8PrivateKeyPem(Password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)));
        string pfx = Write("client.pfx", Client.Export(X509ContentType.Pkcs12, Password));
        string keyless = Write("keyless.pfx", Public(Client).Export(X509ContentType.Pkcs12, Password)!);
        string other = Write("other.pem", Root.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        using var rsaKey = RSA.Create(2048);
        string rsa = Write("rsa.pem", rsaKey.ExportPkcs8PrivateKeyPem());
        string text = Write("notes.txt", "nothing of the kind");
        string broken = Write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        string brokenKey = Write("brokenkey.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        string old = Write("old.pem", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n");
        string missing = Path.Combine(_directory.FullName, "missing.pem");

        Expect(MqttCertificateProblem.FileNotFound, () => MqttCertificate.LoadAuthorities(missing), missing);
        Expect(MqttCertificateProblem.FileNotFound, () => MqttCertificate.LoadClientCertificate(certificate, missing), missing);
        Expect(MqttCertificateProblem.Unreadable, () => MqttCertificate.LoadAuthorities(_directory.FullName), "directory");
        Expect(MqttCertificateProblem.NotACertificate, () => MqttCertificate.LoadAuthorities(text), text);
        Expect(MqttCertificateProblem.NotACertificate, () => MqttCertificate.LoadAuthorities(broken), broken);
        Expect(MqttCertificateProblem.NotACertificate, () => MqttCertificate.LoadAuthorities(plainKey), "private key but no certificate");
        Expect(MqttCertificateProblem.NotACertificate, () => MqttCertificate.LoadAuthorities(Write("empty", "")), "empty");
        Expect(MqttCertificateProblem.NotACertificate, () => MqttCertificate.LoadClientCertificate(plainKey, certificate), "private key but no certificate");
        Expect(MqttCertificateProblem.KeyMissing, () => MqttCertificate.LoadClientCertificate(certificate), "no private key");
        Expect(MqttCertificateProblem.KeyMissing, () => MqttCertificate.LoadClientCertificate(keyless, null, Password), "no private key");
        Expect(MqttCertificateProblem.NotAKey, () => MqttCertificate.LoadClientCertificate(certificate, text), text);
        Expect(MqttCertificateProblem.NotAKey, () => MqttCertificate.LoadClientCertificate(certificate, brokenKey), brokenKey);
        Expect(MqttCertificateProblem.NotAKey, () => MqttCertificate.LoadClientCertificate(certificate, old, Password), "openssl pkcs8");
        Expect(MqttCertificateProblem.NotAKey, () => MqttCertificate.LoadClientCertificate(pfx, plainKey, Password), "leave the key file");
        Expect(MqttCertificateProblem.KeyMismatch, () => MqttCertificate.LoadClientCertificate(certificate, other), "does not belong");
        Expect(MqttCertificateProblem.KeyMismatch, () => MqttCertificate.LoadClientCertificate(certificate, rsa), "does not belong");
        Expect(MqttCertificateProblem.PasswordMissing, () => MqttCertificate.LoadClientCertificate(certificate, encrypted), "encrypted");
        Expect(MqttCertificateProblem.WrongPassword, () => MqttCertificate.LoadClientCertificate(certificate, encrypted, "wrong"), "does not decrypt");
        Expect(MqttCertificateProblem.PasswordMissing, () => MqttCertificate.LoadClientCertificate(pfx), "password");
        Expect(MqttCertificateProblem.WrongPassword, () => MqttCertificate.LoadClientCertificate(pfx, null, Password + "x"), "does not open");
        Expect(MqttCertificateProblem.WrongPassword, () => MqttCertificate.LoadAuthorities(pfx, "wrong"), "does not open");
    }

    private static void Expect(MqttCertificateProblem problem, Func<object> read, string expected)
    {
        var exception = Assert.Throws<MqttCertificateException>(read);
        Assert.Equal(problem, exception.Problem);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, exception.ToString(), StringComparison.Ordinal);
        Assert.NotEmpty(exception.Path);
    }

    private static void CheckClient(MqttClientCertificate read)
    {
        Assert.Equal("CN=Test Client", read.Certificate.Subject);
        using ECDsa key = read.Certificate.GetECDsaPrivateKey()!;
        using ECDsa expected = Client.GetECDsaPublicKey()!;
        byte[] data = [1, 2, 3];
        Assert.True(expected.VerifyData(data, key.SignData(data, HashAlgorithmName.SHA256), HashAlgorithmName.SHA256));
        Assert.Equal(["CN=Test Intermediate"], Subjects(read.Chain));
    }

    private static string[] Subjects(X509Certificate2Collection certificates) => [.. certificates.Select(certificate => certificate.Subject)];

    private string Write(string name, string text)
    {
        string path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(_directory.FullName, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
