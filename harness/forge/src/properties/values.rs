//! What a member can be set to. Boundaries, names and spellings are listed: no mutation of octets finds them in time.

mod lists;

use arbitrary::{Result, Unstructured};
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(super) use self::lists::JSON;
use self::lists::{ALGORITHMS, HASHES, IDENTIFIERS, METHODS, OFFSETS, TARGETS, TYPES};
use super::{
    plan::pick,
    stage::{NOW, stage},
    strict::encode,
};
use crate::{
    alteration::other_spelling,
    recipe::{Exporters, Setting},
};

/// A value, not yet spelled out.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A JSON text, or what passes for one.
    Json(&'static str),
    /// A string.
    Text(&'static str),
    /// A string of so many characters.
    Long(usize),
    /// So many arrays in one another.
    Nested(usize),
    /// Seconds from now.
    Time(i64, Form),
    /// A hash of something.
    Digest(Of, &'static str, Encoding),
    /// An exporter value of a connection, by its name.
    Exported(Connection, &'static str, Encoding),
    /// A string out of the input.
    Free(String),
    /// A JSON text out of the input.
    FreeJson(String),
    /// Another value, packed up.
    Wrapped(Wrap, Box<Value>),
}

/// Declares an enumeration of choices that can be picked from.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident: $($choice:ident),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(super) enum $name { $($choice),+ }

        impl $name {
            const ALL: &[Self] = &[$(Self::$choice),+];
        }
    };
}

choices!(
    /// How a time is written.
    Form: Integer, PointZero, PointFive, JustAbove, TenTimesTenth, String, Milliseconds, Negative
);
choices!(
    /// What is hashed.
    Of: Token, Certificate, OtherToken, OtherCertificate, PublicKey, IssuingCertificate, TokenPayload, TokenWithScheme,
    Exporter, Nothing
);
choices!(
    /// How octets are written.
    Encoding: Base64url, Padded, StandardAlphabet, Hex, UpperHex, UnusedBits, OneShort, OneMore, Newline, LastBitTurned
);
choices!(
    /// Which connection.
    Connection: Here, There
);
choices!(
    /// How a value is packed up.
    Wrap: Array, Object, String
);

impl Value {
    /// A value for a member of that name: mostly one of the sort that belongs there.
    pub(super) fn read(name: &str, u: &mut Unstructured<'_>) -> Result<Self> {
        let sort = match (pick(u, 8)?, name) {
            (0..=3, "iat" | "exp" | "nbf") => 0,
            (0..=3, "ekm") => 1,
            (0..=3, "ath" | "x5t#S256") => 2,
            (0..=3, "alg" | "typ" | "htm" | "htu" | "jti") => 3,
            (0..=3, _) => 4,
            (other, _) => other,
        };
        Ok(match sort {
            // Half of them about the edges of the window, as they stand.
            0 if pick(u, 2)? == 0 => Self::Time(*u.choose(OFFSETS.get(..10).unwrap_or(&OFFSETS))?, Form::Integer),
            0 => Self::Time(*u.choose(&OFFSETS)?, *u.choose(Form::ALL)?),
            1 => Self::Exported(
                *u.choose(Connection::ALL)?,
                Exporters::CALLS[pick(u, Exporters::CALLS.len())?].0,
                *u.choose(Encoding::ALL)?,
            ),
            2 => Self::Digest(*u.choose(Of::ALL)?, u.choose(&HASHES)?, *u.choose(Encoding::ALL)?),
            3 => Self::Text(match name {
                "alg" => u.choose(&ALGORITHMS)?,
                "typ" => u.choose(&TYPES)?,
                "htm" => u.choose(&METHODS)?,
                "htu" => u.choose(&TARGETS)?,
                _ => u.choose(&IDENTIFIERS)?,
            }),
            4 => Self::Json(u.choose(&JSON)?),
            5 => match pick(u, 3)? {
                0 => Self::Long([1023, 1024, 1025, 17_000][pick(u, 4)?]),
                1 => Self::Nested([62, 63, 64, 65, 130][pick(u, 5)?]),
                _ => Self::Text(match pick(u, 5)? {
                    0 => u.choose(&ALGORITHMS)?,
                    1 => u.choose(&TYPES)?,
                    2 => u.choose(&METHODS)?,
                    3 => u.choose(&TARGETS)?,
                    _ => u.choose(&IDENTIFIERS)?,
                }),
            },
            6 => {
                let length = pick(u, 16)?;
                let octets = u.bytes(length.min(u.len()))?;
                let text = String::from_utf8_lossy(octets).into_owned();
                if pick(u, 2)? == 0 { Self::Free(text) } else { Self::FreeJson(text) }
            }
            _ => {
                let wrap = *u.choose(Wrap::ALL)?;
                let inner = if u.is_empty() { Self::Json("0") } else { Self::read(name, u)? };
                // One level: strings in strings would double their backslashes at each.
                let inner = if let Self::Wrapped(_, inner) = inner { inner } else { Box::new(inner) };
                Self::Wrapped(wrap, inner)
            }
        })
    }

    /// The JSON text of the value in a proof for `token`.
    pub(super) fn json(&self, setting: &Setting<'_>, token: &str) -> String {
        let string = |text: String| serde_json::Value::from(text).to_string();
        match self {
            Self::Json(text) => (*text).to_owned(),
            Self::FreeJson(text) => text.clone(),
            Self::Text(text) => string((*text).to_owned()),
            Self::Free(text) => string(text.clone()),
            Self::Long(length) => string("a".repeat(*length)),
            Self::Nested(depth) => format!("{}{}", "[".repeat(*depth), "]".repeat(*depth)),
            Self::Time(offset, form) => form.write(NOW.wrapping_add(*offset)),
            Self::Digest(of, hash, encoding) => string(encoding.write(&of.hashed(hash, setting, token))),
            Self::Exported(connection, name, encoding) => {
                let exporters = match connection {
                    Connection::Here => &stage().here,
                    Connection::There => &stage().there,
                };
                string(encoding.write(exporters.get(name)))
            }
            Self::Wrapped(wrap, value) => {
                let inner = value.json(setting, token);
                match wrap {
                    Wrap::Array => format!("[{inner}]"),
                    Wrap::Object => format!("{{\"value\":{inner}}}"),
                    Wrap::String => string(inner),
                }
            }
        }
    }
}

impl Form {
    fn write(self, time: i64) -> String {
        match self {
            Self::Integer => time.to_string(),
            Self::PointZero => format!("{time}.0"),
            Self::PointFive => format!("{time}.5"),
            Self::JustAbove => format!("{time}.000001"),
            Self::TenTimesTenth => format!("{}.{}e1", time / 10, (time % 10).abs()),
            Self::String => format!("\"{time}\""),
            Self::Milliseconds => format!("{time}000"),
            Self::Negative => time.wrapping_neg().to_string(),
        }
    }
}

impl Of {
    fn hashed(self, hash: &str, setting: &Setting<'_>, token: &str) -> Vec<u8> {
        let stage = stage();
        let certificate = &setting.client.certificate;
        let octets = match self {
            Self::Token => token.as_bytes(),
            Self::Certificate => certificate.der(),
            Self::OtherToken => stage.client("second").other_token.text.as_bytes(),
            Self::OtherCertificate => stage.client("second").identity.certificate.der(),
            Self::PublicKey => certificate.key().spki(),
            Self::IssuingCertificate => stage.pki.intermediate().certificate.der(),
            Self::TokenPayload => token.split('.').nth(1).unwrap_or_default().as_bytes(),
            Self::TokenWithScheme => &[b"Bearer ", token.as_bytes()].concat(),
            Self::Exporter => setting.exporters.right(),
            Self::Nothing => b"",
        };
        let algorithm = match hash {
            "SHA-1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            "SHA-384" => &digest::SHA384,
            "SHA-512" => &digest::SHA512,
            _ => &digest::SHA256,
        };
        digest::digest(algorithm, octets).as_ref().to_vec()
    }
}

impl Encoding {
    fn write(self, octets: &[u8]) -> String {
        match self {
            Self::Base64url => encode(octets),
            Self::Padded => format!("{}=", encode(octets)),
            Self::StandardAlphabet => STANDARD.encode(octets),
            Self::Hex => octets.iter().map(|o| format!("{o:02x}")).collect(),
            Self::UpperHex => octets.iter().map(|o| format!("{o:02X}")).collect(),
            Self::UnusedBits => other_spelling(&encode(octets)),
            Self::OneShort => encode(octets.split_last().map_or(&[], |(_, rest)| rest)),
            Self::OneMore => encode(&[octets, &[0]].concat()),
            Self::LastBitTurned => {
                let mut octets = octets.to_vec();
                octets.iter_mut().last().into_iter().for_each(|last| *last ^= 1);
                encode(&octets)
            }
            Self::Newline => format!("{}\n", encode(octets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use ekmcheck_binding::target::Target;

    use super::*;
    use crate::properties::{
        oracle,
        stage::{AUTHORITY, PATHS},
    };

    /// All pairs, as the campaign meets them only by chance.
    #[test]
    fn targets_and_oracle_agree() {
        for (path, htu) in PATHS.into_iter().flat_map(|path| TARGETS.map(|htu| (path, htu))) {
            let named = Target::https(AUTHORITY, path).is_named_by(htu) == Ok(true);
            assert_eq!(named, oracle::is_target(htu, path), "{htu:?} for {path:?}");
        }
    }
}
