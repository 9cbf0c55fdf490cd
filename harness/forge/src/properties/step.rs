//! Changes to a proof before it is signed: what is wrong is wrong by value, and not only by its signature.

use arbitrary::{Arbitrary, Result, Unstructured};
use ekmcheck_binding::algorithm::Algorithm;

use super::{
    plan::{Row, pick},
    stage::stage,
    values::Value,
};
use crate::{
    alteration::Edit,
    document::Document,
    recipe::{ProofRecipe, ProofSigner, Setting, Spelling},
};

/// A change to a proof before it is signed.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Row(Row),
    Member(Part, &'static str, Op),
    Spelling(Part, Spelling),
    /// Something before and something after the JSON text.
    Around(Part, &'static str, &'static str),
    /// Something in place of the last character, which is a brace.
    Ending(Part, &'static str),
    Signer(By, Algorithm),
}

/// Which of the two JSON texts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Header,
    Claims,
}

/// What is done with a member.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Set(Value),
    Remove,
    Rename(&'static str),
    /// The first character of its name as `\u00XX`.
    Escape,
    /// Another one of the same name before all others.
    Before(Value),
    /// Another one of the same name after all others.
    After(Value),
}

/// Who signs, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Client,
    Second,
    Server,
    Ca,
    /// HMAC with the octets of that name as its key.
    Hmac(&'static str),
    /// So many octets of that value.
    Octets(usize, u8),
}

const NAMES: [&str; 21] = [
    "typ", "alg", "x5t#S256", "crit", "ath", "ekm", "iat", "jti", "htm", "htu", "jwk", "x5c", "kid", "b64", "exp",
    "nbf", "cnf", "EKM", "ekm ", "foo", "",
];

const SPELLINGS: [Spelling; 5] =
    [Spelling::UnusedBits, Spelling::Padded, Spelling::StandardAlphabet, Spelling::WithSpace, Spelling::WithTab];

const AROUND: [(&str, &str); 12] = [
    (" ", ""),
    ("", " "),
    ("\n\t", "\r\n"),
    ("\u{feff}", ""),
    ("", "x"),
    ("", "{}"),
    ("[", "]"),
    ("", "\0"),
    ("//\n", ""),
    ("", ","),
    ("\u{b}", ""),
    ("\"", "\""),
];

const ENDINGS: [&str; 8] = [",}", "", "}}", " }", ",\"foo\":{}}", "\n}", ",\"\":null}", "]"];

const HMAC_KEYS: [&str; 6] = ["certificate", "spki", "material", "exporter", "token", "nothing"];

const LENGTHS: [usize; 8] = [64, 0, 1, 63, 65, 96, 132, 256];

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        match pick(u, 8)? {
            0 | 1 => Ok(Self::Row(Row(u.choose(&stage().proof_rows)?))),
            2..=5 => Self::member(u),
            6 => Self::spelled(u),
            _ => Self::signer(u),
        }
    }
}

impl Step {
    fn member(u: &mut Unstructured<'_>) -> Result<Self> {
        // Mostly a name that means something: the first ten.
        let names = if pick(u, 8)? < 7 { 10 } else { NAMES.len() };
        let name = NAMES[pick(u, names)?];
        let own = if matches!(name, "typ" | "alg" | "x5t#S256" | "crit" | "jwk" | "x5c" | "kid" | "b64") {
            Part::Header
        } else {
            Part::Claims
        };
        let part = match (pick(u, 8)?, own) {
            (0..=6, own) => own,
            (_, Part::Header) => Part::Claims,
            (_, Part::Claims) => Part::Header,
        };
        let op = match pick(u, 10)? {
            0..=4 => Op::Set(Value::read(name, u)?),
            5 => Op::Remove,
            6 => Op::Rename(u.choose(&NAMES)?),
            7 => Op::Escape,
            8 => Op::Before(Value::read(name, u)?),
            _ => Op::After(Value::read(name, u)?),
        };
        Ok(Self::Member(part, name, op))
    }

    fn spelled(u: &mut Unstructured<'_>) -> Result<Self> {
        let part = if pick(u, 2)? == 0 { Part::Claims } else { Part::Header };
        Ok(match pick(u, 3)? {
            0 => Self::Spelling(part, *u.choose(&SPELLINGS)?),
            1 => {
                let (before, after) = *u.choose(&AROUND)?;
                Self::Around(part, before, after)
            }
            _ => Self::Ending(part, u.choose(&ENDINGS)?),
        })
    }

    fn signer(u: &mut Unstructured<'_>) -> Result<Self> {
        let by = match pick(u, 6)? {
            0 => By::Client,
            1 => By::Second,
            2 => By::Server,
            3 => By::Ca,
            4 => By::Hmac(u.choose(&HMAC_KEYS)?),
            _ => By::Octets(*u.choose(&LENGTHS)?, [0, 1, 0xff][pick(u, 3)?]),
        };
        Ok(Self::Signer(by, *u.choose(&Algorithm::ALL)?))
    }

    /// Changes the proof.
    pub(super) fn take(&self, proof: &mut ProofRecipe, setting: &Setting<'_>, token: &str) {
        match self {
            Self::Row(Row(row)) => {
                if let Edit::Proof(edit) = row.edit {
                    edit(proof, setting, token);
                }
            }
            Self::Member(part, name, op) => {
                let document = part.of(proof);
                let quoted = serde_json::Value::from(*name).to_string();
                match op {
                    Op::Set(value) => document.set_raw(name, &value.json(setting, token)),
                    Op::Remove => document.remove(name),
                    Op::Rename(other) => document.rename(name, other),
                    Op::Escape => {
                        if let Some(first) = name.chars().next() {
                            let rest = name.get(first.len_utf8()..).unwrap_or_default();
                            document.rename_raw(name, &format!("\"\\u{:04x}{rest}\"", u32::from(first)));
                        }
                    }
                    Op::Before(value) => document.prepend_raw(&quoted, &value.json(setting, token)),
                    Op::After(value) => document.append_raw(&quoted, &value.json(setting, token)),
                }
            }
            Self::Spelling(Part::Header, spelling) => proof.header_spelling = *spelling,
            Self::Spelling(Part::Claims, spelling) => proof.claims_spelling = *spelling,
            Self::Around(part, before, after) => {
                let document = part.of(proof);
                let octets = document.octets();
                document.set_octets([before.as_bytes(), &octets[..], after.as_bytes()].concat());
            }
            Self::Ending(part, end) => {
                let document = part.of(proof);
                let octets = document.octets();
                let but_the_last = octets.split_last().map_or(&[][..], |(_, rest)| rest);
                document.set_octets([but_the_last, end.as_bytes()].concat());
            }
            Self::Signer(by, algorithm) => {
                proof.algorithm = *algorithm;
                proof.signer = by.signer(setting, token);
            }
        }
    }
}

impl Part {
    fn of(self, proof: &mut ProofRecipe) -> &mut Document {
        match self {
            Self::Header => &mut proof.header,
            Self::Claims => &mut proof.claims,
        }
    }
}

impl By {
    fn signer(self, setting: &Setting<'_>, token: &str) -> ProofSigner {
        let certificate = &setting.client.certificate;
        match self {
            Self::Client => ProofSigner::Client,
            Self::Second => ProofSigner::Identity("second"),
            Self::Server => ProofSigner::Server,
            Self::Ca => ProofSigner::Ca,
            Self::Octets(length, octet) => ProofSigner::Octets(vec![octet; length]),
            Self::Hmac(key) => ProofSigner::Hmac(match key {
                "certificate" => certificate.der().to_vec(),
                "spki" => certificate.key().spki().to_vec(),
                "material" => certificate.key().material().to_vec(),
                "exporter" => setting.exporters.right().to_vec(),
                "token" => token.as_bytes().to_vec(),
                _ => Vec::new(),
            }),
        }
    }
}
