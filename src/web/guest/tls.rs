//! The certificate that this node makes for itself: nobody vouches for it, so its fingerprint is
//! shown where the link is made, and the person who opens it can compare.
//!
//! Lives as long as the listener. Never written to a disk.

use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// A key and its certificate.
#[derive(Clone)]
pub struct Identity {
    /// The SHA-256 of the certificate, as browsers show it.
    pub fingerprint: String,
    /// What answers a handshake.
    pub acceptor: TlsAcceptor,
}

impl Identity {
    /// A new one. Takes a moment.
    ///
    /// # Errors
    /// A sentence, when the system has no randomness.
    pub fn new() -> Result<Self, String> {
        let failed = |error: &dyn ToString| format!("no certificate: {}", error.to_string());
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        // Addresses change, and people compare the fingerprint, not the name.
        let mut params = CertificateParams::new(vec!["sprat.local".to_owned()])
            .map_err(|error| failed(&error))?;
        params.distinguished_name.push(DnType::CommonName, "sprat");
        let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
        let der: CertificateDer<'static> = certificate.der().clone();
        let hex = Sha256::digest(&der).into_iter();
        let hex = hex.map(|byte| format!("{byte:02X}"));
        let fingerprint = hex.collect::<Vec<_>>().join(":");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_no_client_auth()
            .with_single_cert(vec![der], key)
            .map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self {
            fingerprint,
            acceptor,
        })
    }
}
