//! Signatures as the numbers that they are: out of range, or the same again modulo the order of the group.

use rsa::BigUint;

/// What takes the place of `r` or `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// The right one.
    Right,
    Zero,
    One,
    /// The order `n` of the group.
    Order,
    OrderLessOne,
    OrderPlusOne,
    /// The prime `p` of the field, which is above the order.
    Prime,
    PrimePlusOne,
    /// The right one and `n`; it hardly ever fits 32 octets.
    PlusOrder,
    /// The right one and `256 n`.
    PlusShiftedOrder,
    /// The right one and 2^256.
    PlusTwoTo256,
}

impl Number {
    fn instead_of(self, right: &BigUint) -> BigUint {
        let (n, p, one) = (p256_order(), p256_prime(), BigUint::from(1_u8));
        match self {
            Self::Right => right.clone(),
            Self::Zero => BigUint::default(),
            Self::One => one,
            Self::Order => n,
            Self::OrderLessOne => n - one,
            Self::OrderPlusOne => n + one,
            Self::Prime => p,
            Self::PrimePlusOne => p + one,
            Self::PlusOrder => right + n,
            Self::PlusShiftedOrder => right + (n << 8),
            Self::PlusTwoTo256 => right + (one << 256),
        }
    }
}

/// A P-256 signature in JWS form with other numbers, both as long as the longer one needs and at least 32 octets.
pub(crate) fn with_numbers(raw: &[u8], r: Number, s: Number) -> Vec<u8> {
    let (right_r, right_s) = halves(raw);
    both(&r.instead_of(&right_r), &s.instead_of(&right_s))
}

/// A P-256 signature of any even length with `r` and `s` taken modulo the order: what an implementation computes with
/// that does not look at their range.
#[must_use]
pub fn p256_reduced(raw: &[u8]) -> Vec<u8> {
    let (r, s) = halves(raw);
    both(&(r % p256_order()), &(s % p256_order()))
}

/// Whether `r` or `s` of a P-256 signature is not between 1 and `n - 1`.
#[must_use]
pub fn p256_out_of_range(raw: &[u8]) -> bool {
    let (r, s) = halves(raw);
    [r, s].iter().any(|number| *number == BigUint::default() || *number >= p256_order())
}

/// Whether `r` and `s` of a P-256 signature are 1 or -1 modulo the order.
#[must_use]
pub fn p256_of_ones(raw: &[u8]) -> bool {
    let one = BigUint::from(1_u8);
    let (r, s) = halves(raw);
    [r, s].iter().all(|number| *number == one || number + &one == p256_order())
}

/// An Ed25519 signature with the order `L` added to `S`, which RFC 8032 section 5.1.7 wants below `L`. `None` if it has
/// not 64 octets.
pub(crate) fn ed25519_plus_order(raw: &[u8]) -> Option<Vec<u8>> {
    ed25519_with(raw, |s| s + ed25519_order())
}

/// An Ed25519 signature with `S` taken modulo the order; `None` if it has not 64 octets.
#[must_use]
pub fn ed25519_reduced(raw: &[u8]) -> Option<Vec<u8>> {
    ed25519_with(raw, |s| s % ed25519_order())
}

fn ed25519_with(raw: &[u8], change: impl FnOnce(BigUint) -> BigUint) -> Option<Vec<u8>> {
    let (r, s) = raw.split_at_checked(32).filter(|(_, s)| s.len() == 32)?;
    let mut s = change(BigUint::from_bytes_le(s)).to_bytes_le();
    s.resize(32, 0);
    Some([r, &s].concat())
}

fn halves(raw: &[u8]) -> (BigUint, BigUint) {
    let (r, s) = raw.split_at(raw.len() / 2);
    (BigUint::from_bytes_be(r), BigUint::from_bytes_be(s))
}

fn both(r: &BigUint, s: &BigUint) -> Vec<u8> {
    let (r, s) = (r.to_bytes_be(), s.to_bytes_be());
    let width = r.len().max(s.len()).max(32);
    [vec![0; width - r.len()], r, vec![0; width - s.len()], s].concat()
}

/// SP 800-186 section 3.2.1.3.
fn p256_order() -> BigUint {
    hex(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
}

/// SP 800-186 section 3.2.1.3.
fn p256_prime() -> BigUint {
    hex(b"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff")
}

/// RFC 8032 section 5.1.
fn ed25519_order() -> BigUint {
    hex(b"1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")
}

/// Zero for what is no number, which the test below would see.
fn hex(digits: &[u8]) -> BigUint {
    BigUint::parse_bytes(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ekmcheck_binding::algorithm::{Algorithm, KeyKind};
    use ekmcheck_binding::crypto::{RustCrypto, SignatureVerifier as _};

    use super::*;
    use crate::keys::{Signing, fixed_key};

    #[test]
    fn numbers_are_back_after_reduction_and_others_are_out_of_range() {
        let key = fixed_key(KeyKind::P256, "numbers").unwrap();
        let right = key.sign(Algorithm::Es256, b"message", Signing::Frozen).unwrap();
        assert!(!p256_out_of_range(&right) && !p256_of_ones(&right));
        for number in [Number::PlusOrder, Number::PlusShiftedOrder] {
            let other = with_numbers(&right, number, Number::Right);
            assert!(other.len() > 64 && p256_out_of_range(&other));
            assert_eq!(p256_reduced(&other), right);
        }
        let longer = with_numbers(&right, Number::Right, Number::PlusTwoTo256);
        assert_eq!(longer[33..], [&[1], &right[32..]].concat());
        for number in [Number::Zero, Number::Order, Number::OrderPlusOne, Number::Prime, Number::PrimePlusOne] {
            let other = with_numbers(&right, Number::Right, number);
            assert!(other.len() == 64 && p256_out_of_range(&other), "{number:?}");
        }
        assert!(p256_of_ones(&with_numbers(&right, Number::OrderLessOne, Number::One)));
    }

    #[test]
    fn the_other_s_of_ed25519_comes_to_the_same() {
        let key = fixed_key(KeyKind::Ed25519, "numbers").unwrap();
        let right = key.sign(Algorithm::EdDsa, b"message", Signing::Frozen).unwrap();
        let other = ed25519_plus_order(&right).unwrap();
        assert_ne!(other, right);
        assert!(!RustCrypto.verify(Algorithm::EdDsa, key.public(), b"message", &other));
        assert_eq!(ed25519_reduced(&other).unwrap(), right);
    }
}
