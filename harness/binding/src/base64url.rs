//! base64url as RFC 7515 section 2 wants it: URL-safe alphabet, no padding, nothing else in between.

use base64::{DecodeError, Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Why a text is not strict base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64urlError {
    /// A byte outside `A-Z a-z 0-9 - _`: white space, the standard alphabet's `+ /`, padding, or anything else.
    #[error("byte 0x{byte:02x} at offset {offset} is not in the base64url alphabet")]
    Alphabet {
        /// The offending byte.
        byte: u8,
        /// Its place in the text, counted from 0.
        offset: usize,
    },
    /// A length that no octet string encodes to (1 modulo 4).
    #[error("a base64url text cannot have {0} characters")]
    Length(usize),
    /// The last character carries bits that no octet uses: a second spelling of the same octets (RFC 4648 section 3.5).
    #[error("the last character has unused bits set, which is not the canonical spelling")]
    NotCanonical,
}

/// Encodes without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes the one canonical spelling and refuses every other.
///
/// # Errors
/// [`Base64urlError`] names the first thing that is wrong.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64urlError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| explained(text, &error))
}

fn explained(text: &str, error: &DecodeError) -> Base64urlError {
    // The alphabet first: the library reports a '=' by where it stands, which would make one mistake look like three.
    if let Some(offset) = text.bytes().position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_')) {
        return Base64urlError::Alphabet { byte: text.as_bytes()[offset], offset };
    }
    match *error {
        DecodeError::InvalidLastSymbol { .. } => Base64urlError::NotCanonical,
        DecodeError::InvalidByte(offset, byte) => Base64urlError::Alphabet { byte, offset },
        _ => Base64urlError::Length(text.len()),
    }
}

/// Decodes a text of exactly 32 octets, the size of every hash and exporter value in this protocol (43 characters).
///
/// # Errors
/// The reason as a sentence fragment, fit for an error description.
pub fn decode_32(text: &str) -> Result<[u8; 32], String> {
    // Room for what the library estimates by the length.
    let mut room = [0; 33];
    if text.len() == 43
        && URL_SAFE_NO_PAD.decode_slice(text, &mut room) == Ok(32)
        && let Some((octets, _)) = room.split_first_chunk()
    {
        return Ok(*octets);
    }
    let octets = decode(text).map_err(|e| e.to_string())?;
    let n = octets.len();
    octets.try_into().map_err(|_| format!("{n} octets instead of 32"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_each_refusal() {
        for n in 0..70_usize {
            let octets: Vec<u8> = (0..n).map(|i| (i * 37 + n) as u8).collect();
            assert_eq!(decode(&encode(&octets)).unwrap(), octets);
        }
        assert_eq!(decode("QQ==").unwrap_err(), Base64urlError::Alphabet { byte: b'=', offset: 2 });
        assert_eq!(decode("Q+Q").unwrap_err(), Base64urlError::Alphabet { byte: b'+', offset: 1 });
        assert_eq!(decode("Q Q").unwrap_err(), Base64urlError::Alphabet { byte: b' ', offset: 1 });
        assert_eq!(decode("QUFBQ").unwrap_err(), Base64urlError::Length(5));
        assert_eq!(decode("QR").unwrap_err(), Base64urlError::NotCanonical);
        let octets = std::array::from_fn(|i| i as u8 * 7);
        assert_eq!(decode_32(&encode(&octets)), Ok(octets));
        assert!(decode_32(&"R".repeat(43)).unwrap_err().contains("unused bits"));
        assert!(decode_32(&"+".repeat(43)).unwrap_err().contains("alphabet"));
        assert!(decode_32("QQ").unwrap_err().contains("1 octets"));
    }
}
