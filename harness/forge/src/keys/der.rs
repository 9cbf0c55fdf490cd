//! ECDSA signatures respelt: ASN.1, and the other `s`.

use ekmcheck_binding::algorithm::KeyKind;
use p256::elliptic_curve::{
    CurveArithmetic, FieldBytes, PrimeCurve,
    ff::{Field as _, PrimeField as _},
    generic_array::typenum::Unsigned as _,
};

/// An ECDSA signature in JWS form (`r || s` of equal length) as X.509 and TLS write it: the DER of
/// `SEQUENCE { r INTEGER, s INTEGER }`. With an odd number of octets, `s` gets the odd one.
#[must_use]
pub fn der_signature(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut content = integer(r);
    content.extend(integer(s));
    tagged(0x30, &content)
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|o| **o == 0).count();
    let digits = magnitude.get(zeros..).unwrap_or_default();
    // A leading zero keeps the number positive; it is also how zero is written.
    let mut content = if digits.first().is_none_or(|o| *o >= 0x80) { vec![0] } else { Vec::new() };
    content.extend(digits);
    tagged(0x02, &content)
}

/// `content` with its tag and length.
pub(crate) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|o| *o == 0).collect();
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        // Long form: the number of length octets, at most 8.
        out.push(0x80 | length.len().to_le_bytes()[0]);
    }
    if content.is_empty() {
        out.push(0)
    } else {
        out.extend(length)
    }
    out.extend(content);
    out
}

/// A DER value with definite length in two parts: its content, and what follows it.
fn opened(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&short, rest) = der.get(1..)?.split_first()?;
    if short < 0x80 {
        return rest.split_at_checked(usize::from(short));
    }
    let (length, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
    let length =
        length.iter().try_fold(0_usize, |sum, octet| sum.checked_mul(256)?.checked_add(usize::from(*octet)))?;
    rest.split_at_checked(length)
}

/// The `tbsCertificate` of a certificate with `new` in the place of `old`, which is one of its fields.
#[must_use]
pub(crate) fn replaced(certificate: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let (tbs, _) = opened(opened(certificate)?.0)?;
    let at = tbs.windows(old.len()).position(|window| window == old)?;
    let after = tbs.get(at + old.len()..)?;
    Some(tagged(0x30, &[tbs.get(..at)?, new, after].concat()))
}

/// The other signature that verifies whenever `raw` does: `(r, n - s)` in JWS form. It has the high `s` when `raw` has
/// the low one, and the reverse. `None` if the kind is no elliptic curve, the length is wrong, or `s` is 0 or not below
/// the group order `n`.
#[must_use]
pub fn high_s(kind: KeyKind, raw: &[u8]) -> Option<Vec<u8>> {
    match kind {
        KeyKind::P256 => other_s::<p256::NistP256>(raw),
        KeyKind::P384 => other_s::<p384::NistP384>(raw),
        KeyKind::P521 => other_s::<p521::NistP521>(raw),
        _ => None,
    }
}

fn other_s<C: PrimeCurve + CurveArithmetic>(raw: &[u8]) -> Option<Vec<u8>> {
    let length = C::FieldBytesSize::USIZE;
    if raw.len() != 2 * length {
        return None;
    }
    let (r, s) = raw.split_at(length);
    let mut octets = FieldBytes::<C>::default();
    octets.iter_mut().zip(s).for_each(|(to, from)| *to = *from);
    let s: Option<C::Scalar> = C::Scalar::from_repr(octets).into();
    let s = s.filter(|s| !bool::from(s.is_zero()))?;
    let mut out = r.to_vec();
    out.extend_from_slice((-s).to_repr().as_ref());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_is_minimal_and_positive() {
        assert_eq!(der_signature(&[0, 0x7f, 0, 0x80]), [0x30, 7, 2, 1, 0x7f, 2, 2, 0, 0x80]);
        assert_eq!(der_signature(&[0, 0, 0, 0]), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        assert_eq!(der_signature(&[]), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        let long = der_signature(&[0xff; 132]);
        assert_eq!(long[..6], [0x30, 0x81, 138, 2, 67, 0]);
        assert_eq!(long.len(), 141);
    }
}
