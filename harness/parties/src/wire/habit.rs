//! What a server does otherwise than it should in handshakes, or otherwise and right all the same.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::error::{WireError, text};

/// What a server does in handshakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Habit {
    /// What is right.
    #[default]
    Right,
    /// Asks for a certificate and goes on without one; right, if the requests are refused.
    OptionalCertificate,
    /// Takes certificates at any time.
    AnyTime,
    /// Takes certificates of any issuer.
    AnyIssuer,
    /// Takes any signature for a proof of possession.
    AnySignature,
    /// Wants raw public keys (RFC 7250), and takes any; TLS 1.3 only.
    RawPublicKeys,
    /// Resumes sessions that began under other certification authorities for clients.
    SharedSessions,
    /// Begins handshakes of TLS 1.0 and 1.1.
    OldVersions,
    /// Takes early data (RFC 8446 section 2.3) over TCP; right, as requests in it are answered when the handshake is over
    /// and are checked against its exporter value.
    EarlyData,
    /// Has a QUIC client prove its address by a Retry (RFC 9000 section 8.1.2); right.
    Retry,
    /// Resumes no session; right.
    NoResumption,
    /// Allows one stream at a time in HTTP/2 and HTTP/3; right.
    OneStream,
    /// Answers whoever wants to resume a session over TCP with an alert, as OpenSSL does where a server that asks for
    /// certificates has no session id context; nothing is served wrongly by it.
    AlertOnResumption,
}

/// The verifier of client certificates that goes with a habit.
pub(super) fn verifier(
    habit: Habit,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, WireError> {
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let builder = if habit == Habit::OptionalCertificate { builder.allow_unauthenticated() } else { builder };
    let right = builder.build().map_err(|error| WireError::Settings(text(&error)))?;
    Ok(match habit {
        Habit::Right
        | Habit::SharedSessions
        | Habit::OptionalCertificate
        | Habit::OldVersions
        | Habit::EarlyData
        | Habit::Retry
        | Habit::NoResumption
        | Habit::OneStream
        | Habit::AlertOnResumption => right,
        Habit::AnyTime | Habit::AnyIssuer | Habit::AnySignature | Habit::RawPublicKeys => {
            Arc::new(Lax { right, habit })
        }
    })
}

/// A verifier that lets one thing pass.
#[derive(Debug)]
struct Lax {
    right: Arc<dyn ClientCertVerifier>,
    habit: Habit,
}

impl Lax {
    fn forgives(&self, error: &Error) -> bool {
        use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext, UnknownIssuer};
        match (self.habit, error) {
            (Habit::AnyTime, Error::InvalidCertificate(error)) => {
                matches!(error, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
            }
            (Habit::AnyIssuer, Error::InvalidCertificate(error)) => matches!(error, UnknownIssuer),
            _ => false,
        }
    }
}

impl ClientCertVerifier for Lax {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.right.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.habit == Habit::RawPublicKeys {
            return Ok(ClientCertVerified::assertion());
        }
        match self.right.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if self.forgives(&error) => Ok(ClientCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.habit {
            Habit::AnySignature => Ok(HandshakeSignatureValid::assertion()),
            _ => self.right.verify_tls12_signature(message, cert, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.habit {
            Habit::AnySignature => Ok(HandshakeSignatureValid::assertion()),
            Habit::RawPublicKeys => rustls::crypto::verify_tls13_signature_with_raw_key(
                message,
                &SubjectPublicKeyInfoDer::from(cert.as_ref()),
                signed,
                &default_provider().signature_verification_algorithms,
            ),
            _ => self.right.verify_tls13_signature(message, cert, signed),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.right.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.habit == Habit::RawPublicKeys
    }
}
