//! ECDSA with the deterministic nonce of RFC 6979, for any pairing of a NIST curve and a hash.
//!
//! Written out because the RustCrypto crates tie each curve to one hash, and `p521` 0.13 has no RFC 6979 at all. Speed
//! and side channels do not matter here: it signs test vectors with keys that are public.

use p256::elliptic_curve::{
    CurveArithmetic, FieldBytes, NonZeroScalar, PrimeCurve,
    ff::{Field, PrimeField as _},
    generic_array::typenum::Unsigned as _,
    group::{Curve as _, Group as _},
    ops::Reduce as _,
    point::AffineCoordinates as _,
};

use super::mac::{Sha, hmac};

/// `r || s`, each as long as the field of the curve. `None` only if the nonce gave `r` or `s` zero (probability 2^-256).
pub(super) fn sign<C: PrimeCurve + CurveArithmetic>(
    secret: &NonZeroScalar<C>,
    sha: Sha,
    message: &[u8],
) -> Option<Vec<u8>> {
    let d: C::Scalar = **secret;
    let z = C::Scalar::reduce_bytes(&leftmost_bits::<C>(&sha.digest(message)));
    let k = nonce::<C>(&d, &z, sha);
    let point = (C::ProjectivePoint::generator() * k).to_affine();
    let r = C::Scalar::reduce_bytes(&point.x());
    let inverse: Option<C::Scalar> = Field::invert(&k).into();
    let s = inverse? * (z + r * d);
    if bool::from(r.is_zero()) || bool::from(s.is_zero()) {
        return None;
    }
    let mut out = r.to_repr().as_ref().to_vec();
    out.extend_from_slice(s.to_repr().as_ref());
    Some(out)
}

/// `bits2int` of RFC 6979 section 2.3.2, not yet reduced: the leftmost bits, as many as the group order has, as a
/// big-endian number.
fn leftmost_bits<C: PrimeCurve + CurveArithmetic>(octets: &[u8]) -> FieldBytes<C> {
    let length = C::FieldBytesSize::USIZE;
    let mut out = FieldBytes::<C>::default();
    if octets.len() < length {
        out.iter_mut().skip(length - octets.len()).zip(octets).for_each(|(to, from)| *to = *from);
        return out;
    }
    out.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
    // Only P-521 has bits to spare: 66 octets for 521 bits.
    let spare = length * 8 - C::Scalar::NUM_BITS as usize;
    if spare > 0 {
        let mut carry = 0;
        for octet in &mut out {
            let low = *octet << (8 - spare);
            *octet = (*octet >> spare) | carry;
            carry = low;
        }
    }
    out
}

/// RFC 6979 section 3.2, steps b to h.
fn nonce<C: PrimeCurve + CurveArithmetic>(d: &C::Scalar, z: &C::Scalar, sha: Sha) -> C::Scalar {
    let seed = [d.to_repr().as_ref(), z.to_repr().as_ref()].concat();
    let hash_length = sha.digest(b"").len();
    let mut v = vec![1; hash_length];
    let mut k = vec![0; hash_length];
    for step in [0, 1] {
        k = hmac(sha, &k, &[&v, &[step][..], &seed].concat());
        v = hmac(sha, &k, &v);
    }
    loop {
        let mut t = Vec::new();
        while t.len() < C::FieldBytesSize::USIZE {
            v = hmac(sha, &k, &v);
            t.extend_from_slice(&v);
        }
        let candidate: Option<C::Scalar> = C::Scalar::from_repr(leftmost_bits::<C>(&t)).into();
        if let Some(found) = candidate.filter(|c| !bool::from(c.is_zero())) {
            return found;
        }
        k = hmac(sha, &k, &[&v, &[0][..]].concat());
        v = hmac(sha, &k, &v);
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer as _;

    use super::*;

    fn octets(hex: &str, length: usize) -> Vec<u8> {
        let hex = format!("{hex:0>width$}", width = 2 * length);
        (0..length).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    fn known<C: PrimeCurve + CurveArithmetic>(length: usize, key: &str, sha: Sha, r: &str, s: &str) {
        let key = C::Scalar::from_repr(octets(key, length).into_iter().collect()).unwrap();
        let key = NonZeroScalar::<C>::new(key).unwrap();
        let expected = [octets(r, length), octets(s, length)].concat();
        assert_eq!(sign::<C>(&key, sha, b"sample").unwrap(), expected);
    }

    /// RFC 6979, A.2.5 and A.2.7, message "sample".
    #[test]
    fn rfc_6979_known_answers() {
        let p256 = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
        known::<p256::NistP256>(
            32,
            p256,
            Sha::Sha256,
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        );
        known::<p256::NistP256>(
            32,
            p256,
            Sha::Sha384,
            "0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF7719",
            "4861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954",
        );
        known::<p256::NistP256>(
            32,
            p256,
            Sha::Sha512,
            "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00",
            "2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
        );
        known::<p521::NistP521>(
            66,
            "0FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67\
             DB89EC0C08B0E996B83538",
            Sha::Sha512,
            "0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455C\
             C91F9B15BF05EC36E377FA",
            "0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DC\
             CC43997F1EE0E44DA4A67A",
        );
    }

    #[test]
    fn equals_the_crates_where_they_can() {
        for n in 1..20u8 {
            let message = vec![n; usize::from(n)];
            let key = p256::SecretKey::from_slice(&[n; 32]).unwrap();
            let theirs: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(&key).sign(&message);
            assert_eq!(sign(&key.to_nonzero_scalar(), Sha::Sha256, &message).unwrap(), theirs.to_vec());
            let key = p384::SecretKey::from_slice(&[n; 48]).unwrap();
            let theirs: p384::ecdsa::Signature = p384::ecdsa::SigningKey::from(&key).sign(&message);
            assert_eq!(sign(&key.to_nonzero_scalar(), Sha::Sha384, &message).unwrap(), theirs.to_vec());
        }
    }
}
