//! A host that listens by TLS, and one that must not listen without.

use mdm_tests::test_environment::{Make, TIMEOUT, TestEnvironment, program, text};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;

/// A host's certificate, its key, and the authority that vouches for it.
pub(super) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(super) fn new() -> Self {
        Self::valid_for(Duration::from_secs(365 * 24 * 3600))
    }

    /// The host's expires then; one that has expired already was valid until so long ago.
    pub(super) fn valid_for(time: Duration) -> Self {
        Self::valid_until(SystemTime::now() + time)
    }

    fn valid_until(end: SystemTime) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_after = end.into();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let this = Self {
            folder: TempDir::new().unwrap(),
        };
        fs::write(this.path("authority"), authority.pem()).unwrap();
        fs::write(this.path("certificate"), certificate.pem()).unwrap();
        fs::write(this.path("key"), key.serialize_pem()).unwrap();
        this
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).with_extension("pem")
    }

    pub(super) fn serve_args(&self) -> Vec<String> {
        let path = |name| self.path(name).to_str().unwrap().to_owned();
        vec![
            "--tls-cert".into(),
            path("certificate"),
            "--tls-key".into(),
            path("key"),
        ]
    }
}

fn env(certificates: &Certificates) -> TestEnvironment {
    let args = certificates.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    TestEnvironment::with_tls(&args, &certificates.path("authority")).unwrap()
}

#[test]
fn a_reset_succeeds_by_tls_from_end_to_end() {
    let certificates = Certificates::new();
    let env = env(&certificates);
    let mut phone = env.enroll(Make::default()).unwrap();
    phone.switch_on().unwrap();
    env.wait_online(&phone).unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "1234").unwrap();
    assert_eq!(env.outcome(&phone, &command).unwrap()["status"], "success");
    assert!(phone.opens_with("1234").unwrap());
}

#[test]
fn who_does_not_know_the_authority_tells_the_host_nothing() {
    let certificates = Certificates::new();
    let env = env(&certificates);
    let another = Certificates::new();
    for authority in [None, Some(another.path("authority"))] {
        let mut list = Command::new(program("mdm-server").unwrap());
        list.args(["device", "list", "--url", &env.url()])
            .env("MDM_TOKEN", env.token().unwrap());
        if let Some(authority) = &authority {
            list.env("MDM_CA_FILE", authority);
        }
        let output = list.output().unwrap();
        assert!(!output.status.success(), "{}", text(&output));
    }
    let token = env.ask(&["device", "enroll"], "").unwrap();
    let phone = env.folder().join("stranger");
    let agent = |args: &[&str]| {
        let mut command = Command::new(program("mdm-agent").unwrap());
        command.args(args).arg("--state").arg(&phone);
        command.env("MDM_ENROLLMENT_TOKEN", token["token"].as_str().unwrap());
        command.output().unwrap()
    };
    let create = ["create", "--api-level", "34", "--mode", "device-owner"];
    assert!(agent(&create).status.success());
    let enroll = ["enroll", "--name", "stranger", "--host", &env.url()];
    let refused = agent(&enroll);
    assert!(!refused.status.success());
    assert!(
        text(&refused).contains("certificate"),
        "it says why: {}",
        text(&refused)
    );
    let authority = certificates.path("authority");
    let trusting = [&enroll[..], &["--ca-file", authority.to_str().unwrap()]].concat();
    let enrolled = agent(&trusting);
    assert!(
        enrolled.status.success(),
        "the token was not spent before: {}",
        text(&enrolled)
    );
}

#[test]
fn plain_http_is_no_way_in_and_a_caller_who_dawdles_keeps_nobody_waiting() {
    let certificates = Certificates::new();
    let env = env(&certificates);
    let address = env.url().replace("https://", "");
    let mut plain = TcpStream::connect(&address).unwrap();
    plain
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    // The host ends the connection, perhaps with an alert of TLS.
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("ok"));

    let dawdlers: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    let start = Instant::now();
    env.ask(&["device", "list"], "").unwrap();
    assert!(
        start.elapsed() < TIMEOUT / 4,
        "it took {:?}",
        start.elapsed()
    );
    drop(dawdlers);
}

fn serve(args: &[&str], data: &Path) -> String {
    let mut host = Command::new(program("mdm-server").unwrap());
    let output = host
        .arg("serve")
        .args(args)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap();
    assert!(!output.status.success(), "it serves: {args:?}");
    text(&output)
}

#[test]
fn without_tls_a_host_listens_on_the_loopback_only() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let said = serve(&["--listen", "0.0.0.0:0"], &data);
    assert!(
        said.contains("--tls-cert") && said.contains("--plain-http"),
        "{said}"
    );
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn a_certificate_or_key_that_will_not_do_is_refused_with_the_reason() {
    let certificates = Certificates::new();
    let another = Certificates::new();
    let data = certificates.folder.path().join("data");
    let path = |from: &Certificates, name| from.path(name).to_str().unwrap().to_owned();
    let (certificate, key) = (
        path(&certificates, "certificate"),
        path(&certificates, "key"),
    );
    let other_key = path(&another, "key");
    for (certificate, key, says) in [
        (key.as_str(), key.as_str(), "don't fit"),
        (
            certificate.as_str(),
            certificate.as_str(),
            "the private key in",
        ),
        (certificate.as_str(), other_key.as_str(), "don't fit"),
        (
            "/nowhere",
            key.as_str(),
            "the certificates in /nowhere can't be read",
        ),
    ] {
        let said = serve(&["--tls-cert", certificate, "--tls-key", key], &data);
        assert!(said.contains(says), "no `{says}`: {said}");
    }
    let day = Duration::from_secs(24 * 3600);
    let expired = Certificates::valid_until(SystemTime::now() - 3 * day);
    let (old, its_key) = (path(&expired, "certificate"), path(&expired, "key"));
    let said = serve(&["--tls-cert", &old, "--tls-key", &its_key], &data);
    assert!(said.contains("expired 3 days ago"), "{said}");
    let said = serve(&["--tls-cert", &certificate], &data);
    assert!(said.contains("--tls-key"), "{said}");
}
