//! `fanfare listen --http https://…`: whom it trusts, and whom it does not.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use scripted::{Listener, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A private certificate authority.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: PathBuf,
    _folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("ca.pem");
        std::fs::write(&pem, issuer.pem()).unwrap();
        Self { issuer, pem, _folder: folder }
    }

    /// What a server needs that is known by that name.
    fn config(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

/// Takes TLS off, and hands what is in it to the server. The address that it is at.
fn terminate(config: ServerConfig, server: SocketAddr) -> SocketAddr {
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (inner, acceptor) = (listener.accept().await.unwrap().0, acceptor.clone());
                tokio::spawn(async move {
                    // A client that does not trust us hangs up here.
                    let Ok(mut inner) = acceptor.accept(inner).await else { return };
                    let mut server = TcpStream::connect(server).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut inner, &mut server).await);
                });
            }
        });
    });
    address.recv().unwrap()
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named_and_only_for_its_names() {
    let server = Server::start();
    let (ours, other) = (Authority::new(), Authority::new());
    let ours_pem = ours.pem.to_str().unwrap();
    let other_pem = other.pem.to_str().unwrap();
    let good = terminate(ours.config("127.0.0.1"), server.address());
    let misnamed = terminate(ours.config("example.org"), server.address());
    for (address, options, trusted) in [
        (good, &["--ca-cert", ours_pem][..], true),
        (good, &["--ca-cert", other_pem], false),
        (misnamed, &["--ca-cert", ours_pem], false),
        // What the system trusts.
        (good, &[], false),
    ] {
        let options = [options, &["--token", "t"]].concat();
        let listener = Listener::start(&format!("https://{address}/mcp"), &options);
        if trusted {
            let request = server.call("server/discover");
            assert_eq!(request.header("authorization"), Some("Bearer t"));
            request.answer(403, &[], "heard");
        }
        let (code, _, said) = listener.finish();
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.contains("heard"), trusted, "{said}");
        assert_eq!(said.contains("ertificate"), !trusted, "{said}");
    }
    server.assert_no_more();
}
