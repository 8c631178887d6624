//! The same over TLS: a tunnel does the client's part of it, so that what goes through it is plain.

#[path = "support/http.rs"]
mod http;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use fanfare::{Level, Raise};
use fanfare_cli::http::{Options, Tls};
use http::*;
use rustls_pki_types::ServerName;
use serde_json::json;

const URI: &str = "file:///a.txt";

/// A certificate for localhost, in two files.
struct Certificate {
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
    der: rustls_pki_types::CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { _folder: folder, certificate, key, der: made.cert.der().clone() }
    }

    fn tls(&self) -> Tls {
        Tls::from_files(&self.certificate, &self.key).unwrap()
    }

    /// An address whose connections are connections to that one, over TLS.
    fn tunnel(&self, to: SocketAddr) -> (SocketAddr, tokio::runtime::Runtime) {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let connector = connector.clone();
                tokio::spawn(async move {
                    let far = tokio::net::TcpStream::connect(to).await.unwrap();
                    let name = ServerName::try_from("localhost").unwrap();
                    let mut far = connector.connect(name, far).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                });
            }
        });
        (address, runtime)
    }
}

#[test]
fn calls_streams_and_full_sockets_are_as_without_it() {
    let certificate = Certificate::new();
    let keys = [("params.max_bytes", "1000000"), ("session.max_queued_bytes", "50000000")];
    let host = Host::with(&keys, |options| Options { tls: Some(certificate.tls()), ..options });
    let (address, _tunnel) = certificate.tunnel(host.address);
    let answer = Modern::new(1, "tools/list", json!({})).call(address);
    assert_eq!((answer.head.status, &answer.json()["id"]), (200, &json!(1)));
    let mut wire = listen(address, 2, URI);
    for _ in 0..20 {
        host.app.update(URI);
        assert_eq!(wire.message()["params"]["uri"], URI);
    }
    let client = Legacy::open(address, "2025-11-25");
    let mut get = client.listen();
    until("it is open", || host.meter.read().streams == 2);
    // More than the sockets have room for, on both sides of the tunnel.
    let text = "x".repeat(500 << 10);
    for n in 0..40 {
        let data = json!({ "n": n, "text": text }).to_string();
        host.engine().notify_alert(Level::Error, None, &data, &Raise::ALL).unwrap();
    }
    for n in 0..40 {
        let message = get.message();
        assert_eq!(message["params"]["data"]["n"], n);
        assert_eq!(message["params"]["data"]["text"], text);
    }
    let mut call = Modern::tool(3, "hold", json!({})).send(address);
    host.app.answer_held(&too_much());
    assert!(call.answer().body.len() > 6 << 20);
    // A client that goes is noticed, and an end is an orderly one.
    drop(wire);
    until("it is closed", || host.meter.read().streams == 1);
    let mut last = listen(address, 4, URI);
    host.stop();
    assert_eq!(last.message()["id"], 4);
    last.end();
    assert!(last.is_closed());
}

#[test]
fn who_speaks_no_tls_is_hung_up_on() {
    let certificate = Certificate::new();
    let host = Host::with(&[], |options| Options { tls: Some(certificate.tls()), ..options });
    let mut wire = Modern::new(1, "tools/list", json!({})).send(host.address);
    while !wire.is_closed() {}
    drop(wire);
    host.settle();
}

#[test]
fn files_that_are_wrong_are_named() {
    let certificate = Certificate::new();
    let other = Certificate::new();
    let wrong = |cert: &PathBuf, key: &PathBuf| Tls::from_files(cert, key).unwrap_err();
    let missing = PathBuf::from("/nowhere.pem");
    assert!(wrong(&missing, &certificate.key).starts_with("/nowhere.pem: "));
    assert!(wrong(&certificate.certificate, &missing).starts_with("/nowhere.pem: "));
    let key = certificate.key.display().to_string();
    assert!(wrong(&certificate.key, &certificate.key).starts_with(&key));
    let key = other.key.display().to_string();
    assert!(wrong(&certificate.certificate, &other.key).starts_with(&key));
}
