//! The certificate that this node keeps, and what is demanded of those of others: that they have
//! the key that belongs to it. Nobody vouches for any of them; who is meant is told by its
//! SHA-256, and host names say nothing.

use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
        ServerConfig, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{
            CryptoProvider, WebPkiSupportedAlgorithms, ring::default_provider,
            verify_tls13_signature,
        },
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
        server::danger::{ClientCertVerified, ClientCertVerifier},
    },
};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error("no certificate: {0}")]
pub struct IdentityError(String);

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is an argument of `map_err`"
)]
fn failed(error: impl ToString) -> IdentityError {
    IdentityError(error.to_string())
}

/// A key (P-256, which every app takes) and its certificate.
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Arc<PrivatePkcs8KeyDer<'static>>,
}

impl Identity {
    /// A new one. Takes a moment.
    ///
    /// # Errors
    /// [`IdentityError`], when the system has no randomness.
    pub fn new() -> Result<Self, IdentityError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "sprat");
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            key: Arc::new(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }

    /// One that was kept: the certificate and the key, both in DER.
    ///
    /// # Errors
    /// [`IdentityError`], when they are none, or do not belong together.
    pub fn of(certificate: Vec<u8>, key: Vec<u8>) -> Result<Self, IdentityError> {
        let identity = Self {
            certificate: CertificateDer::from(certificate),
            key: Arc::new(PrivatePkcs8KeyDer::from(key)),
        };
        identity.acceptor()?;
        Ok(identity)
    }

    /// What is kept of it: the certificate and the key.
    #[must_use]
    pub fn kept(&self) -> (&[u8], &[u8]) {
        (&self.certificate, self.key.secret_pkcs8_der())
    }

    /// The SHA-256 of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        shown(&self.certificate)
    }

    /// What answers handshakes, and lets the other side show a certificate of its own.
    ///
    /// # Errors
    /// [`IdentityError`], when the key is none.
    pub fn acceptor(&self) -> Result<TlsAcceptor, IdentityError> {
        let provider = Arc::new(default_provider());
        let verifier = Arc::new(Verifier::new(&provider, None));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate.clone()], self.private())
            .map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// What begins handshakes with the one who has this certificate, and shows the own one.
    ///
    /// # Errors
    /// [`IdentityError`], when the key is none.
    pub fn connector(&self, pinned: [u8; 32]) -> Result<TlsConnector, IdentityError> {
        self.connector_to(Some(pinned))
    }

    /// What begins handshakes with whoever is there, and shows the own certificate.
    ///
    /// # Errors
    /// [`IdentityError`], when the key is none.
    pub fn connector_to_anybody(&self) -> Result<TlsConnector, IdentityError> {
        self.connector_to(None)
    }

    fn connector_to(&self, pinned: Option<[u8; 32]>) -> Result<TlsConnector, IdentityError> {
        let provider = Arc::new(default_provider());
        let verifier = Arc::new(Verifier::new(&provider, pinned));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(vec![self.certificate.clone()], self.private())
            .map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    /// What demands the certificate with this fingerprint, for a client without one of its own.
    #[cfg(test)]
    #[must_use]
    pub fn verifier(&self, pinned: [u8; 32]) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Verifier::new(&default_provider(), Some(pinned)))
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }
}

/// The SHA-256 of a certificate.
#[must_use]
pub fn shown(certificate: &[u8]) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// Takes the certificate that is meant (`None`: any), from the one who has its key.
#[derive(Debug)]
struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    pinned: Option<[u8; 32]>,
}

impl Verifier {
    fn new(provider: &CryptoProvider, pinned: Option<[u8; 32]>) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            pinned,
        }
    }

    fn look(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        match self.pinned {
            Some(pinned) if pinned != shown(certificate) => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            _ => Ok(()),
        }
    }
}

/// What both traits below ask alike: whether the other side has the key of its certificate.
macro_rules! signatures {
    () => {
        /// Only TLS 1.3 is spoken.
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("TLS 1.2".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.look(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    signatures!();
}

impl ClientCertVerifier for Verifier {
    /// Apps before 1.18 have none.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.look(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    signatures!();
}
