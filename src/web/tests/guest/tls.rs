//! Links by https alone.

use super::*;

#[tokio::test]
async fn a_link_with_tls_works_by_https_alone_and_its_fingerprint_is_right() {
    use tokio_rustls::rustls::{
        ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::ring::default_provider,
        pki_types::{CertificateDer, ServerName, UnixTime},
    };
    /// Compares the fingerprint, as a person does.
    #[derive(Debug)]
    struct Compared(String);
    impl ServerCertVerifier for Compared {
        fn verify_server_cert(
            &self,
            shown: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            use sha2::Digest as _;
            let hex: Vec<String> = sha2::Sha256::digest(shown)
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect();
            assert_eq!(hex.join(":"), self.0);
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("1.3 alone".into()))
        }
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let known = default_provider().signature_verification_algorithms;
            tokio_rustls::rustls::crypto::verify_tls13_signature(message, cert, signed, &known)
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            default_provider()
                .signature_verification_algorithms
                .supported_schemes()
        }
    }
    let linked = link(|folder| LinkRequest {
        tls: true,
        ..of(folder)
    })
    .await;
    assert!(linked.info.address.starts_with("https://"));
    let plain = linked.get("f/1/a.png", "").await;
    assert_eq!(plain.status, 403, "{}", plain.head);
    let compared = Compared(linked.info.fingerprint.clone().unwrap());
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(compared))
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(linked.at).await.unwrap();
    let name = ServerName::from(linked.at.ip());
    let stream = connector.connect(name, stream).await.unwrap();
    let request = format!(
        "GET {}f/1/a.png HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        linked.path()
    );
    let answer = exchange(stream, request.as_bytes()).await;
    assert!(answer.status == 200 && answer.body.len() == 256);
    linked.served.end().await;
}
