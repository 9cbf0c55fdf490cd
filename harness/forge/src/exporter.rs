//! What a connection exports, computed from its secrets: a second opinion on the TLS library's exporter, and the source of
//! known answers. With HMAC and hashes alone; no TLS library takes part.

use crate::keys::{Sha, hmac};

/// The exporter of TLS 1.2 (RFC 5705 section 4): `PRF(master_secret, label, client_random + server_random + context)`,
/// where a context that is given, if only a zero-length one, comes after its length in two octets.
///
/// `sha` is the hash of the cipher suite's PRF, `master` has 48 octets and each random 32. A context of more than 65,535
/// octets cannot be written so; its length is then wrong.
#[must_use]
pub fn tls12(
    sha: Sha,
    master: &[u8],
    [client_random, server_random]: [&[u8]; 2],
    label: &[u8],
    context: Option<&[u8]>,
    length: usize,
) -> Vec<u8> {
    let given = context.map(|context| {
        let octets = u16::try_from(context.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&octets, context].concat()
    });
    let seed = [label, client_random, server_random, given.as_deref().unwrap_or_default()].concat();
    // P_hash of RFC 5246 section 5: A(0) is the seed, A(i) is the HMAC of A(i-1).
    let (mut a, mut out) = (seed.clone(), Vec::new());
    while out.len() < length {
        a = hmac(sha, master, &a);
        out.extend(hmac(sha, master, &[&a[..], &seed].concat()));
    }
    out.truncate(length);
    out
}

/// The exporter of TLS 1.3 and QUIC (RFC 8446 section 7.5). No context and a zero-length one are the same here.
///
/// `sha` is the hash of the cipher suite, and `secret` the exporter master secret, as long as that hash. At most 255 times
/// that length can be had.
#[must_use]
pub fn tls13(sha: Sha, secret: &[u8], label: &[u8], context: &[u8], length: usize) -> Vec<u8> {
    let derived = expand_label(sha, secret, label, &sha.digest(b""), sha.digest(b"").len());
    expand_label(sha, &derived, b"exporter", &sha.digest(context), length)
}

/// `HKDF-Expand-Label` of RFC 8446 section 7.1, with `HKDF-Expand` of RFC 5869 section 2.3.
fn expand_label(sha: Sha, secret: &[u8], label: &[u8], context: &[u8], length: usize) -> Vec<u8> {
    let octet = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    let label = [b"tls13 ", label].concat();
    let wanted = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let info = [&wanted[..], &[octet(label.len())], &label, &[octet(context.len())], context].concat();
    let (mut block, mut out) = (Vec::new(), Vec::new());
    for n in 1..=u8::MAX {
        if out.len() >= length {
            break;
        }
        block = hmac(sha, secret, &[&block[..], &info, &[n]].concat());
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use ekmcheck_binding::exporter::LABEL;

    use super::*;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|o| format!("{o:02x}")).collect()
    }

    fn counting(length: u8) -> Vec<u8> {
        (0..length).collect()
    }

    /// Values that another program computed, which agreed with exports of OpenSSL 3.0.
    #[test]
    fn known_answers() {
        let (master, label) = (counting(48), LABEL.as_bytes());
        let (client, server) = ([1; 32], [2; 32]);
        let of_12 = |sha, context| hex(&tls12(sha, &master, [&client, &server], label, context, 32));
        let expected = "877442c2cfb5a8da5cccbb06b97fdeacb942565529b8490a97b7edc4f3340fb8";
        assert_eq!(of_12(Sha::Sha256, Some(b"")), expected);
        let without = "8de397b99601cf4a6d59c12d3896b595c3608f6e4efe10f101799f9033c8115e";
        assert_eq!(of_12(Sha::Sha256, None), without);
        let expected = "1b793a439bbad0acc6307b06f66bbf26efe14e73ecbc78fc856aee8218232b4f";
        assert_eq!(of_12(Sha::Sha384, Some(b"")), expected);
        let of_13 = |sha, octets, label: &[u8]| hex(&tls13(sha, &counting(octets), label, b"", 32));
        let expected = "b5c8e12989dc22dc6fd365efc282cb74634140faafbb012e0fc8da19e1dff56a";
        assert_eq!(of_13(Sha::Sha256, 32, label), expected);
        let with_nul = "975747daca2ee4ae164675381b99ef6d0f3aff7f472de8d03c81cbc96d324d0b";
        assert_eq!(of_13(Sha::Sha256, 32, &[label, b"\0"].concat()), with_nul);
        let expected = "1611152259c42a134ede335b9db30b13406f637094deed35b5eb657fd4ebb61e";
        assert_eq!(of_13(Sha::Sha384, 48, label), expected);
    }

    /// RFC 8446 section 7.1: the length goes into the computation; in TLS 1.2 it does not.
    #[test]
    fn a_longer_value_begins_with_the_shorter_one_in_tls_1_2_alone() {
        let (master, randoms) = (counting(48), [&[1; 32][..], &[2; 32][..]]);
        let of_12 = |length| tls12(Sha::Sha256, &master, randoms, b"x", Some(b""), length);
        assert_eq!(of_12(64)[..32], of_12(32));
        let of_13 = |length| tls13(Sha::Sha256, &counting(32), b"x", b"", length);
        assert_ne!(of_13(64)[..32], of_13(32));
        assert_eq!((of_12(5).len(), of_13(100).len()), (5, 100));
    }
}
