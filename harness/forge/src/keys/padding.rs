//! RSA signatures with a padding that no standard verifier takes, and what a careless one would find in them.

use aws_lc_rs::digest::{self, digest};
use ekmcheck_binding::{
    algorithm::{Algorithm, KeyKind},
    certificate::PublicKey,
};
use rsa::{
    BigUint,
    pkcs1::DecodeRsaPublicKey as _,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};

use super::{ForgeKeyError, Key, frozen};

/// How the block is filled that the key is applied to. The hash is SHA-256 where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaPadding {
    /// PKCS#1 v1.5 as it should be, with SHA-1.
    Pkcs1WithSha1,
    /// PKCS#1 v1.5 with eight octets of fill, and garbage behind the hash.
    Pkcs1WithGarbage,
    /// PKCS#1 v1.5 with a length in BER that DER would write shorter.
    Pkcs1InBer,
    /// PKCS#1 v1.5 filled with other octets than 0xff.
    Pkcs1WithOtherFill,
    /// PSS with a salt of so many octets.
    PssWithSalt(u8),
    /// PSS with SHA-1 in its mask.
    PssWithSha1Mask,
}

const SHA_256_INFO: [u8; 19] = [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
const SHA_1_INFO: [u8; 15] = [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];

impl RsaPadding {
    /// As long as the modulus.
    pub(crate) fn sign(self, key: &Key, message: &[u8]) -> Result<Vec<u8>, ForgeKeyError> {
        let impossible = || ForgeKeyError::Impossible { algorithm: Algorithm::Rs256, kind: key.kind() };
        let signer = key.0.frozen.get_or_init(|| frozen::Signer::new(key.kind(), key.pkcs8()));
        let frozen::Signer::Rsa(private) = signer.as_ref().map_err(Clone::clone)? else { return Err(impossible()) };
        let block = BigUint::from_bytes_be(&self.block(message, private.size()));
        Ok(padded(&block.modpow(private.d(), private.n()), private.size()))
    }

    fn block(self, message: &[u8], length: usize) -> Vec<u8> {
        let hash = digest(&digest::SHA256, message);
        let info = || [&SHA_256_INFO, hash.as_ref()].concat();
        let filled = |octet: u8, info: &[u8]| {
            let fill = vec![octet; length.saturating_sub(3 + info.len())];
            [&[0, 1], &fill[..], &[0], info].concat()
        };
        match self {
            Self::Pkcs1WithSha1 => {
                let hash = digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message);
                filled(0xff, &[&SHA_1_INFO, hash.as_ref()].concat())
            }
            Self::Pkcs1WithGarbage => {
                let mut block = [&[0, 1][..], &[0xff; 8], &[0], &info()].concat();
                block.resize(length, 0xa5);
                block
            }
            Self::Pkcs1InBer => filled(0xff, &[&[0x30, 0x81], &info()[1..]].concat()),
            Self::Pkcs1WithOtherFill => filled(0x55, &info()),
            // The salt may be any octets, and these are the same at every run.
            Self::PssWithSalt(octets) => {
                pss(hash.as_ref(), &hash.as_ref()[..usize::from(octets).min(32)], &digest::SHA256, length)
            }
            Self::PssWithSha1Mask => pss(hash.as_ref(), hash.as_ref(), &digest::SHA1_FOR_LEGACY_USE_ONLY, length),
        }
    }
}

/// EMSA-PSS (RFC 8017 section 9.1.1) for a modulus whose first bit is set.
fn pss(hash: &[u8], salt: &[u8], mask_hash: &'static digest::Algorithm, length: usize) -> Vec<u8> {
    let hashed = digest(&digest::SHA256, &[&[0; 8], hash, salt].concat());
    let zeros = length.saturating_sub(34 + salt.len());
    let mut block = [&vec![0; zeros][..], &[1], salt].concat();
    mask(&mut block, hashed.as_ref(), mask_hash);
    block.extend_from_slice(hashed.as_ref());
    block.push(0xbc);
    block
}

/// MGF1 (RFC 8017 appendix B.2.1), and the first bit cleared.
fn mask(block: &mut [u8], seed: &[u8], hash: &'static digest::Algorithm) {
    for (chunk, counter) in block.chunks_mut(hash.output_len()).zip(0_u32..) {
        let octets = digest(hash, &[seed, &counter.to_be_bytes()].concat());
        chunk.iter_mut().zip(octets.as_ref()).for_each(|(to, from)| *to ^= from);
    }
    if let Some(first) = block.first_mut() {
        *first &= 0x7f;
    }
}

/// The block inside an RSA signature, as long as the modulus; `None` if the key is no RSA key.
#[must_use]
pub fn rsa_opened(key: &PublicKey, signature: &[u8]) -> Option<Vec<u8>> {
    if !matches!(key.kind(), KeyKind::Rsa(_)) {
        return None;
    }
    let public = rsa::RsaPublicKey::from_pkcs1_der(key.material()).ok()?;
    Some(padded(&BigUint::from_bytes_be(signature).modpow(public.e(), public.n()), public.size()))
}

/// Whether a block is PSS over that message with SHA-256, a salt of any length, and that hash in its mask.
#[must_use]
pub fn is_pss_with_any_salt(block: &[u8], message: &[u8], mask_hash: &'static digest::Algorithm) -> bool {
    let salted = || {
        let (masked, rest) = block.split_at_checked(block.len().checked_sub(33)?)?;
        let hashed = rest.strip_suffix(&[0xbc])?;
        let mut masked = masked.to_vec();
        mask(&mut masked, hashed, mask_hash);
        let start = masked.iter().position(|octet| *octet != 0)?;
        let salt = masked.get(start..)?.strip_prefix(&[1])?;
        let hash = digest(&digest::SHA256, message);
        Some(digest(&digest::SHA256, &[&[0; 8], hash.as_ref(), salt].concat()).as_ref() == hashed)
    };
    salted().unwrap_or(false)
}

fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let octets = number.to_bytes_be();
    [vec![0; length.saturating_sub(octets.len())], octets].concat()
}

#[cfg(test)]
mod tests {
    use ekmcheck_binding::crypto::{AwsLc, RustCrypto, SignatureVerifier};

    use super::*;
    use crate::keys::public_rsa_key;

    /// That the right salt verifies shows that the others are wrong in their salt alone.
    #[test]
    fn only_what_the_standards_have_verifies() {
        let key = public_rsa_key(2048).unwrap();
        let verifies = |padding: RsaPadding| {
            let signature = padding.sign(&key, b"message").unwrap();
            assert_eq!(signature.len(), 256);
            let by = |verifier: &dyn SignatureVerifier| {
                [Algorithm::Rs256, Algorithm::Ps256].map(|a| verifier.verify(a, key.public(), b"message", &signature))
            };
            assert_eq!(by(&AwsLc), by(&RustCrypto), "{padding:?}");
            by(&AwsLc).contains(&true)
        };
        assert!(verifies(RsaPadding::PssWithSalt(32)));
        for padding in [
            RsaPadding::Pkcs1WithSha1,
            RsaPadding::Pkcs1WithGarbage,
            RsaPadding::Pkcs1InBer,
            RsaPadding::Pkcs1WithOtherFill,
            RsaPadding::PssWithSalt(0),
            RsaPadding::PssWithSalt(20),
            RsaPadding::PssWithSha1Mask,
        ] {
            assert!(!verifies(padding), "{padding:?}");
        }
    }

    #[test]
    fn a_careless_reader_finds_them_right() {
        let key = public_rsa_key(2048).unwrap();
        let opened = |padding: RsaPadding| rsa_opened(key.public(), &padding.sign(&key, b"message").unwrap()).unwrap();
        for (padding, mask) in [
            (RsaPadding::PssWithSalt(0), &digest::SHA256),
            (RsaPadding::PssWithSalt(20), &digest::SHA256),
            (RsaPadding::PssWithSha1Mask, &digest::SHA1_FOR_LEGACY_USE_ONLY),
        ] {
            assert!(is_pss_with_any_salt(&opened(padding), b"message", mask), "{padding:?}");
            assert!(!is_pss_with_any_salt(&opened(padding), b"another", mask), "{padding:?}");
        }
    }
}
