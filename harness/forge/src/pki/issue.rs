//! Issues the certificates, live and frozen alike: a [`Plan`] says where keys, serial numbers and dates come from.

use std::net::IpAddr;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    certificate::Certificate,
    digest::sha256,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SigningKey, SubjectPublicKeyInfo,
};
use time::OffsetDateTime;

use super::{Authority, FROZEN_VALIDITY, Identity, Pki, PkiError, SPIFFE_ID, odd};
use crate::keys::{ForgeKeyError, Key, Signing, der_signature, fixed_key, public_rsa_key};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// When a certificate is valid: first and last moment in Unix seconds.
type Validity = (i64, i64);

/// Where keys, serial numbers and dates come from.
pub(super) struct Plan {
    how: Signing,
    usual: Validity,
    past: Validity,
    future: Validity,
    pub(super) short: Validity,
    /// DNS names and addresses of the server.
    names: Vec<String>,
}

/// What a server is called if nobody says otherwise.
pub(crate) const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Plan {
    pub(super) fn live(now: i64) -> Self {
        // Out of range is found where the dates are written; here it must only not overflow.
        let at = |days: i64| now.saturating_add(days * DAY);
        Self {
            how: Signing::Live,
            usual: (at(-1), at(7)),
            past: (at(-8), at(-1)),
            future: (at(1), at(8)),
            short: (now, now.saturating_add(HOUR)),
            names: LOCAL.map(str::to_owned).to_vec(),
        }
    }

    pub(super) fn for_server(now: i64, days: u16, names: &[String]) -> Self {
        let at = |days: i64| now.saturating_add(days * DAY);
        let days = i64::from(days);
        let usual = (at(-1), at(days));
        Self { usual, future: (at(days + 1), at(days + 8)), short: usual, names: names.to_vec(), ..Self::live(now) }
    }

    pub(super) fn frozen() -> Self {
        let (from, to) = FROZEN_VALIDITY;
        Self {
            how: Signing::Frozen,
            usual: (from, to),
            past: (from - 730 * DAY, from - DAY),
            future: (to + DAY, to + 3653 * DAY),
            short: (from, from + HOUR),
            names: LOCAL.map(str::to_owned).to_vec(),
        }
    }

    pub(super) fn key(&self, name: &str, kind: KeyKind) -> Result<Key, ForgeKeyError> {
        match (kind, self.how) {
            (KeyKind::Rsa(bits), _) => public_rsa_key(bits),
            (_, Signing::Live) => Key::generate(kind),
            (_, Signing::Frozen) => fixed_key(kind, name),
        }
    }

    /// 16 octets, positive, and without a leading zero octet that DER would drop.
    fn serial(&self, name: &str) -> Result<SerialNumber, ForgeKeyError> {
        let mut octets = [0; 16];
        match self.how {
            Signing::Live => SystemRandom::new()
                .fill(&mut octets)
                .map_err(|e| ForgeKeyError::Library(format!("no random numbers: {e}")))?,
            Signing::Frozen => {
                let hash = sha256(format!("ekmcheck serial|{name}").as_bytes());
                octets.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
            }
        }
        octets[0] = octets[0] & 0x3f | 0x40;
        Ok(SerialNumber::from_slice(&octets))
    }

    /// CA names tell the frozen PKI from a live one in a trace; client names are the same.
    fn authority_name(&self, name: &str) -> String {
        match self.how {
            Signing::Live => format!("ekmcheck {name} CA"),
            Signing::Frozen => format!("ekmcheck frozen {name} CA, never trust"),
        }
    }
}

pub(super) fn pki(plan: &Plan) -> Result<Pki, PkiError> {
    let root = Issuing::authority(plan, "root", 1, None)?;
    let intermediate = Issuing::authority(plan, "intermediate", 0, Some(&root))?;
    let foreign_root = Issuing::authority(plan, "foreign-root", 0, None)?;

    let client = |name: &'static str, kind| intermediate.leaf(plan, Leaf::client(name, kind));
    let p256 = client("p256", KeyKind::P256)?;
    // The two that share p256's subject name: one with a key of its own, one with the same key.
    let second = Leaf { subject: Some("ekmcheck client p256".into()), ..Leaf::client("second", KeyKind::P256) };
    let renewed = Leaf {
        subject: Some("ekmcheck client p256".into()),
        key: Some(p256.key.clone()),
        ..Leaf::client("renewed", KeyKind::P256)
    };
    let spiffe = Leaf {
        subject: None,
        alternatives: vec![SanType::URI(SPIFFE_ID.try_into().map_err(issue_error("spiffe"))?)],
        ..Leaf::client("spiffe", KeyKind::P256)
    };
    let mut clients = vec![
        p256,
        intermediate.leaf(plan, second)?,
        intermediate.leaf(plan, renewed)?,
        client("p384", KeyKind::P384)?,
        client("p521", KeyKind::P521)?,
        client("ed25519", KeyKind::Ed25519)?,
        client("rsa2048", KeyKind::Rsa(2048))?,
        intermediate.leaf(plan, spiffe)?,
        intermediate.leaf(plan, Leaf { validity: Some(plan.past), ..Leaf::client("expired", KeyKind::P256) })?,
        intermediate
            .leaf(plan, Leaf { validity: Some(plan.future), ..Leaf::client("not-yet-valid", KeyKind::P256) })?,
        foreign_root.leaf(plan, Leaf::client("foreign", KeyKind::P256))?,
    ];
    clients.extend(odd::clients(plan, &intermediate)?);
    let server = intermediate.leaf(
        plan,
        Leaf {
            subject: Some("ekmcheck server".into()),
            usage: ExtendedKeyUsagePurpose::ServerAuth,
            alternatives: plan.names.iter().map(|name| alternative(name)).collect::<Result<_, _>>()?,
            ..Leaf::client("server", KeyKind::P256)
        },
    )?;
    Ok(Pki {
        root: root.authority,
        intermediate: intermediate.authority,
        foreign_root: foreign_root.authority,
        server,
        clients,
    })
}

pub(super) fn own_server(plan: &Plan, odd: bool) -> Result<(Vec<u8>, Identity), PkiError> {
    let root = Issuing::authority(plan, "own-root", 2, None)?;
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    let mut alternatives = plan.names.iter().map(|name| alternative(name)).collect::<Result<Vec<_>, _>>()?;
    let server = Leaf { usage, ..Leaf::client("own-server", KeyKind::P256) };
    let identity = if odd {
        let policy = Issuing::authority(plan, "own-policy", 1, Some(&root))?;
        let issuing = Issuing::authority(plan, "own-issuing", 0, Some(&policy))?;
        for n in 0..35 {
            alternatives.push(alternative(&format!("*.n{n}.example.org"))?);
        }
        alternatives.push(SanType::URI("spiffe://example.org/rs".try_into().map_err(issue_error("own-server"))?));
        alternatives.push(SanType::Rfc822Name("rs@example.org".try_into().map_err(issue_error("own-server"))?));
        let leaf = Leaf { subject: None, kind: KeyKind::P384, alternatives, long_serial: true, ..server };
        let mut identity = issuing.leaf(plan, leaf)?;
        identity.chain.extend([&policy, &root].map(|above| above.authority.certificate.der().to_vec()));
        identity
    } else {
        root.leaf(plan, Leaf { alternatives, ..server })?
    };
    Ok((root.authority.certificate.der().to_vec(), identity))
}

/// An address if it is one, else a DNS name.
fn alternative(name: &str) -> Result<SanType, PkiError> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into().map_err(issue_error("server"))?)),
    }
}

/// What an end-entity certificate is to say.
pub(super) struct Leaf {
    pub(super) name: &'static str,
    pub(super) kind: KeyKind,
    /// Instead of a key of its own.
    pub(super) key: Option<Key>,
    pub(super) subject: Option<String>,
    pub(super) alternatives: Vec<SanType>,
    pub(super) usage: ExtendedKeyUsagePurpose,
    /// Instead of the usual one.
    pub(super) validity: Option<Validity>,
    /// With a serial number of 20 octets, the most that RFC 5280 section 4.1.2.2 has.
    pub(super) long_serial: bool,
}

impl Leaf {
    pub(super) fn client(name: &'static str, kind: KeyKind) -> Self {
        Self {
            name,
            kind,
            key: None,
            subject: Some(format!("ekmcheck client {name}")),
            alternatives: Vec::new(),
            usage: ExtendedKeyUsagePurpose::ClientAuth,
            validity: None,
            long_serial: false,
        }
    }

    pub(super) fn params(&self, plan: &Plan) -> Result<CertificateParams, PkiError> {
        let mut params = params(plan, self.name, self.validity.unwrap_or(plan.usual))?;
        if let Some(subject) = &self.subject {
            params.distinguished_name.push(DnType::CommonName, subject);
        }
        params.subject_alt_names.clone_from(&self.alternatives);
        if let (true, Some(serial)) = (self.long_serial, &params.serial_number) {
            params.serial_number = Some(SerialNumber::from_slice(&[&serial.to_bytes()[..], &[0x5a; 4]].concat()));
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![self.usage.clone()];
        Ok(params)
    }

    pub(super) fn key(&self, plan: &Plan) -> Result<Key, PkiError> {
        match &self.key {
            Some(key) => Ok(key.clone()),
            None => Ok(plan.key(self.name, self.kind)?),
        }
    }
}

/// An authority at work.
pub(super) struct Issuing {
    authority: Authority,
    issuer: Issuer<'static, Signer>,
    self_signed: bool,
}

impl Issuing {
    fn authority(plan: &Plan, name: &'static str, path: u8, parent: Option<&Self>) -> Result<Self, PkiError> {
        let mut params = params(plan, name, plan.usual)?;
        params.distinguished_name.push(DnType::CommonName, plan.authority_name(name));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let signer = Signer::of(plan, plan.key(name, KeyKind::P256)?);
        let issued = match parent {
            Some(parent) => {
                params.use_authority_key_identifier_extension = true;
                params.signed_by(&signer, &parent.issuer)
            }
            None => params.self_signed(&signer),
        };
        let certificate = Certificate::from_der(issued.map_err(issue_error(name))?.der())?;
        let authority = Authority { name, certificate, key: signer.key.clone() };
        Ok(Self { authority, issuer: Issuer::new(params, signer), self_signed: parent.is_none() })
    }

    pub(super) fn leaf(&self, plan: &Plan, leaf: Leaf) -> Result<Identity, PkiError> {
        let name = leaf.name;
        let mut params = leaf.params(plan)?;
        params.use_authority_key_identifier_extension = true;
        let key = leaf.key(plan)?;
        let public = SubjectPublicKeyInfo::from_der(key.public().spki()).map_err(issue_error(name))?;
        let issued = params.signed_by(&public, &self.issuer).map_err(issue_error(name))?;
        let certificate = Certificate::from_der(issued.der())?;
        let mut chain = vec![certificate.der().to_vec()];
        if !self.self_signed {
            chain.push(self.authority.certificate.der().to_vec());
        }
        Ok(Identity { name, certificate, chain, key })
    }

    /// A signature of the authority, as certificates have it.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.issuer.key().sign(message)
    }
}

/// No subject, no usages; what all certificates have in common.
fn params(plan: &Plan, name: &'static str, (from, to): Validity) -> Result<CertificateParams, PkiError> {
    let date = |at: i64| match OffsetDateTime::from_unix_timestamp(at) {
        Ok(date) if date.year() >= 0 => Ok(date),
        _ => Err(PkiError::Time(at)),
    };
    let mut params = CertificateParams::default();
    // rcgen's own defaults are 1975 to 4096, which some stacks cannot read.
    params.not_before = date(from)?;
    params.not_after = date(to)?;
    params.serial_number = Some(plan.serial(name)?);
    params.distinguished_name = DistinguishedName::new();
    Ok(params)
}

pub(super) fn issue_error(name: &'static str) -> impl Fn(rcgen::Error) -> PkiError {
    move |error| PkiError::Issue { name, reason: error.to_string() }
}

/// A CA key (P-256) for rcgen that signs in either way.
pub(super) struct Signer {
    key: Key,
    how: Signing,
}

impl Signer {
    pub(super) fn of(plan: &Plan, key: Key) -> Self {
        Self { key, how: plan.how }
    }
}

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.key.public().material()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let raw = self.key.sign(Algorithm::Es256, message, self.how).map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(der_signature(&raw))
    }
}
