//! The server's address, and the way there: TCP, TLS, the token.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use hyper::http::request::Builder;
use hyper::http::uri::Scheme;
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::listen::note;

/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A peer that is silent for so long is asked whether it is still there, and a few times more at
/// the second interval: a network that went away tells nobody, and a stream may be silent for hours.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// Where the server is.
pub(crate) struct Target {
    uri: Uri,
    authorization: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Target {
    /// Reads the files that it is told of; connects to nothing yet.
    pub(crate) fn new(
        url: &str,
        token: Option<&str>,
        ca_cert: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let uri = parse(url)?;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        ensure!(is_tls || ca_cert.is_none(), "--ca-cert has no use for {url}, which is not https");
        let authorization = token.map(authorization).transpose()?;
        if authorization.is_some() && !is_tls && !is_loopback(&uri) {
            note("the token goes over the network for everybody to read: the URL is not https");
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_PATIENCE));
        let (idle, interval, probes) = KEEPALIVE;
        http.set_keepalive(Some(idle));
        http.set_keepalive_interval(Some(interval));
        http.set_keepalive_retries(Some(probes));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(is_tls, ca_cert)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { uri, authorization, client })
    }

    /// Sends a request; `fill` adds its headers. Returns when the head of the answer is there.
    pub(crate) async fn send(
        &self,
        method: Method,
        fill: impl FnOnce(Builder) -> Builder,
        body: Vec<u8>,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut builder = Request::builder()
            .method(method)
            .uri(self.uri.clone())
            .header(USER_AGENT, concat!("fanfare/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let request = fill(builder).body(Full::new(Bytes::from(body)))?;
        Ok(self.client.request(request).await?)
    }
}

fn parse(url: &str) -> anyhow::Result<Uri> {
    let uri: Uri = url.parse().with_context(|| format!("--http {url}"))?;
    let Some(authority) = uri.authority() else {
        bail!("--http {url}: not a whole URL, as in http://localhost:8080/mcp");
    };
    ensure!(
        matches!(uri.scheme_str(), Some("http" | "https")),
        "--http {url}: neither http nor https"
    );
    ensure!(
        !authority.as_str().contains('@'),
        "--http: a URL with a name or password in it; use --token or --token-file"
    );
    Ok(uri)
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn authorization(token: &str) -> anyhow::Result<HeaderValue> {
    ensure!(
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()),
        "the token must be visible ASCII without blanks, and not empty"
    );
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Trusts those who signed the certificates in the file, and nobody else; without one, whom the
/// system trusts.
fn tls(is_needed: bool, ca_cert: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match ca_cert {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None if is_needed => builder
            .with_native_roots()
            .context("the system's certificate authorities cannot be read; use --ca-cert")?,
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

fn authorities(path: &Path) -> anyhow::Result<RootCertStore> {
    let context = || format!("--ca-cert {}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(context)? {
        roots.add(certificate.with_context(context)?).with_context(context)?;
    }
    ensure!(!roots.is_empty(), "{}: no certificate is in it", context());
    Ok(roots)
}

/// The token that is in a file, without the blanks and line ends around it.
pub(crate) fn token_in(path: &PathBuf) -> anyhow::Result<String> {
    let token = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read --token-file {}", path.display()))?;
    Ok(token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_lead_nowhere_are_refused() {
        for (url, why) in [
            ("", "--http"),
            ("/mcp", "not a whole URL"),
            ("localhost:80", "neither http nor https"),
            ("ftp://localhost/", "neither http nor https"),
            ("http://u:p@localhost/", "--token"),
        ] {
            let error = format!("{:#}", parse(url).unwrap_err());
            assert!(error.contains(why), "{url}: {error}");
            assert!(!error.contains("u:p"), "{error}");
        }
        assert_eq!(parse("https://[::1]:8443/mcp?x=1").unwrap().path(), "/mcp");
    }

    #[test]
    fn a_token_is_what_a_header_can_carry() {
        assert_eq!(authorization("abc").unwrap(), "Bearer abc");
        assert!(authorization("abc").unwrap().is_sensitive());
        for token in ["", "a b", "a\r\nX: y", "ü"] {
            authorization(token).unwrap_err();
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for (url, expected) in [
            ("http://localhost:1/", true),
            ("http://127.0.0.2/", true),
            ("http://[::1]:1/", true),
            ("http://192.168.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&parse(url).unwrap()), expected, "{url}");
        }
    }
}
