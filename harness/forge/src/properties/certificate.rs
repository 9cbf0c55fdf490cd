//! `certificate`: what is read from a client certificate, against a walk over its DER.

use arbitrary::{Result as Read, Unstructured};
use aws_lc_rs::digest::{SHA256, digest};
use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    certificate::{Certificate, CertificateError, PublicKey},
};

use super::{plan::pick, stage::stage};

/// A reader of certificates.
pub type CertificateReader<'a> = &'a dyn Fn(&[u8]) -> Result<Certificate, CertificateError>;

/// Takes the octets for a certificate: for its DER, if the first octet is odd, and otherwise for changes to one of those that
/// the frozen PKI has. What is read is the key that a second reading finds, the thumbprint is that of all the octets, and
/// the algorithms are those of that kind of key.
pub fn certificate(octets: &[u8]) {
    certificate_on(&Certificate::from_der, octets);
}

/// [`certificate`] for another reader: to prove that the property finds what is wrong with it.
pub fn certificate_on(reader: CertificateReader<'_>, octets: &[u8]) {
    let (der, is_right) = match octets.split_first() {
        Some((first, rest)) if first % 2 == 1 => (rest.to_vec(), false),
        _ => match edited(&mut Unstructured::new(octets.get(1..).unwrap_or_default())) {
            Ok(edited) => edited,
            Err(_) => return,
        },
    };
    let story = || der.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let read = reader(&der);
    assert!(read.is_ok() || !is_right, "DOS: a right certificate is refused: {read:?}\n{}", story());
    _ = PublicKey::from_spki_der(&der);
    let Ok(read) = read else { return };
    assert!(read.der() == der, "CERTIFICATE: the octets changed\n{}", story());
    let hash = digest(&SHA256, &der);
    assert!(read.thumbprint().octets()[..] == *hash.as_ref(), "CERTIFICATE: another thumbprint\n{}", story());
    let fills = element(&der).is_none_or(|(.., rest)| rest.is_empty());
    assert!(fills, "BYPASS: read, with octets after the certificate\n{}", story());
    // x509-parser, which the code under test reads with, takes for DER what is none, such as an object identifier under
    // another tag. Nobody gets that far: the handshake reads the certificate first. Where the walk finds no key, none is
    // compared.
    let Some((spki, wanted)) = spki_of(&der).and_then(|spki| Some((spki, key_of(spki)?))) else { return };
    let found = (read.key().kind(), read.key().material().to_vec());
    assert!(wanted == found, "CERTIFICATE: the key is {found:?} and not {wanted:?}\n{}", story());
    assert!(read.key().spki() == spki, "CERTIFICATE: another SubjectPublicKeyInfo\n{}", story());
    let again = PublicKey::from_spki_der(spki).map(|key| (key.kind(), key.material().to_vec()));
    assert!(again.as_ref().ok() == Some(&found), "CERTIFICATE: its key alone is {again:?}\n{}", story());
    for algorithm in Algorithm::ALL {
        let named = Algorithm::from_name(&algorithm.to_string());
        assert!(named == Some(algorithm), "CERTIFICATE: {algorithm} is {named:?}");
        let fits = algorithms(found.0).contains(&algorithm.name());
        assert!(algorithm.fits(found.0) == fits, "CERTIFICATE: {algorithm} fits {}: {}", found.0, !fits);
    }
}

/// RFC 7518 section 3.1, RFC 8037 and RFC 9864.
fn algorithms(kind: KeyKind) -> &'static [&'static str] {
    match kind {
        KeyKind::P256 => &["ES256"],
        KeyKind::P384 => &["ES384"],
        KeyKind::P521 => &["ES512"],
        KeyKind::Ed25519 => &["EdDSA", "Ed25519"],
        KeyKind::Rsa(2048..) => &["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
        _ => &[],
    }
}

/// One element at the start: its tag, what is in it, all of it, and what follows.
type Element<'a> = (u8, &'a [u8], &'a [u8], &'a [u8]);

fn element(octets: &[u8]) -> Option<Element<'_>> {
    let (&tag, after) = octets.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x84 => {
            let (length, content) = after.split_at_checked(usize::from(first - 0x80))?;
            (length.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), content)
        }
        _ => return None,
    };
    let (inside, rest) = content.split_at_checked(length)?;
    Some((tag, inside, octets.get(..octets.len() - rest.len())?, rest))
}

/// The `SubjectPublicKeyInfo` of a certificate that fills all the octets.
fn spki_of(der: &[u8]) -> Option<&[u8]> {
    let (0x30, certificate, _, []) = element(der)? else { return None };
    let (0x30, mut rest, ..) = element(certificate)? else { return None };
    if let Some((0xa0, _, _, after)) = element(rest) {
        rest = after;
    }
    // Serial number, signature, issuer, validity, subject.
    for _ in 0..5 {
        (_, _, _, rest) = element(rest)?;
    }
    element(rest).filter(|(tag, ..)| *tag == 0x30).map(|(_, _, all, _)| all)
}

/// The kind of the key and its bits.
fn key_of(spki: &[u8]) -> Option<(KeyKind, Vec<u8>)> {
    let (_, inside, ..) = element(spki)?;
    let (0x30, algorithm, _, bits) = element(inside)? else { return None };
    let (0x06, oid, _, parameters) = element(algorithm)? else { return None };
    let (0x03, bits, _, []) = element(bits)? else { return None };
    let (0, key) = bits.split_first()? else { return None };
    let kind = match oid {
        [0x2b, 0x65, 0x70] if key.len() == 32 => KeyKind::Ed25519,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => match element(parameters)? {
            (0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], ..) => KeyKind::P256,
            (0x06, [0x2b, 0x81, 0x04, 0x00, 0x22], ..) => KeyKind::P384,
            (0x06, [0x2b, 0x81, 0x04, 0x00, 0x23], ..) => KeyKind::P521,
            _ => return None,
        },
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => {
            let (0x30, numbers, ..) = element(key)? else { return None };
            let (0x02, modulus, ..) = element(numbers)? else { return None };
            let start = modulus.iter().position(|octet| *octet != 0)?;
            let significant = modulus.get(start..)?;
            let bits = significant.len() * 8 - significant.first()?.leading_zeros() as usize;
            KeyKind::Rsa(u32::try_from(bits).ok()?)
        }
        _ => return None,
    };
    Some((kind, key.to_vec()))
}

/// One of the certificates of the frozen PKI with a few changes, and whether it is still as it was.
fn edited(u: &mut Unstructured<'_>) -> Read<(Vec<u8>, bool)> {
    let identities = stage().pki.identities();
    let Some(identity) = identities.get(pick(u, identities.len())?) else { return Ok((Vec::new(), false)) };
    let mut der = identity.certificate.der().to_vec();
    let right = der.clone();
    for _ in 0..pick(u, 4)? {
        match pick(u, 8)? {
            // An object identifier or a number out of place is what readers trip over.
            0 => {
                let (from, to) = OIDS[pick(u, OIDS.len())?];
                replace(&mut der, from, to);
            }
            1 => {
                let length = pick(u, 3)?.min(u.len());
                der.extend(u.bytes(length)?);
            }
            2 => der.truncate(u.int_in_range(0..=u16::try_from(right.len()).unwrap_or(u16::MAX))?.into()),
            3 => {
                // Where the key is, as the whole is long.
                let spki = spki_of(&der).map_or(0, |spki| spki.as_ptr() as usize - der.as_ptr() as usize);
                let at = spki + pick(u, 48)?;
                let octet = u.arbitrary()?;
                if let Some(found) = der.get_mut(at) {
                    *found = octet;
                }
            }
            4 => {
                let at = usize::from(u.arbitrary::<u16>()?) % (der.len() + 1);
                der.insert(at, u.arbitrary()?);
            }
            5 if !der.is_empty() => _ = der.remove(usize::from(u.arbitrary::<u16>()?) % der.len()),
            _ => {
                let at = usize::from(u.arbitrary::<u16>()?);
                let octet = u.arbitrary()?;
                let length = der.len().max(1);
                if let Some(found) = der.get_mut(at % length) {
                    *found = octet;
                }
            }
        }
    }
    let is_right = der == right && spki_of(&der).and_then(key_of).is_some();
    Ok((der, is_right))
}

/// Object identifiers in DER, to be taken for one another.
const OIDS: [(&[u8], &[u8]); 7] = [
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x01"),
    (b"\x2b\x81\x04\x00\x22", b"\x2b\x81\x04\x00\x23"),
    (b"\x2b\x81\x04\x00\x23", b"\x2b\x81\x04\x00\x22"),
    (b"\x2b\x81\x04\x00\x22", b"\x2b\x81\x04\x00\x0a"),
    (b"\x2b\x65\x70", b"\x2b\x65\x71"),
    (b"\x86\xf7\x0d\x01\x01\x01", b"\x86\xf7\x0d\x01\x01\x0a"),
    (b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x02"),
];

/// Replaces the last occurrence: the first one may stand in the name of the algorithm that signed.
fn replace(der: &mut [u8], from: &[u8], to: &[u8]) {
    let found = der.windows(from.len()).rposition(|window| window == from);
    if let Some(place) = found.and_then(|at| der.get_mut(at..at + from.len())) {
        place.iter_mut().zip(to).for_each(|(old, new)| *old = *new);
    }
}
