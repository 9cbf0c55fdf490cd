//! What the octets of an input mean: a right exchange and up to three changes to it. One octet a choice, and no octets
//! at all are the right exchange, so that a fuzzer's small changes are small changes here and seeds can be written down.

use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};
use ekmcheck_binding::algorithm::Algorithm;

use super::{
    attack::{ATTACKS, Attack},
    stage::{CLIENTS, PATHS, stage},
    values::Value,
};
use crate::{
    alteration::{Alteration, Edit},
    document::Document,
    keys::high_s,
    recipe::{PerRequest, ProofRecipe, ProofSigner, Setting, Spelling},
};

/// One input.
#[derive(Debug)]
pub(super) struct Plan {
    /// One of [`CLIENTS`].
    pub(super) client: &'static str,
    /// The claims of the right proof.
    pub(super) claims: PerRequest,
    /// The index of a path.
    pub(super) path: usize,
    /// The index of a token.
    pub(super) token: usize,
    /// What takes the place of the proof and of the steps.
    pub(super) attack: Option<&'static Attack>,
    /// Changes before the proof is signed.
    pub(super) steps: Vec<Step>,
    /// Changes to its text afterwards.
    pub(super) rewrites: Vec<Rewrite>,
    /// Which bit of an accepted signature to turn.
    pub(super) bit: u16,
}

/// A change to a proof before it is signed.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Row(Row),
    Member(Part, &'static str, Op),
    Spelling(Part, Spelling),
    /// Something before and something after the JSON text.
    Around(Part, &'static str, &'static str),
    Signer(By, Algorithm),
}

/// A row of the table of alterations.
#[derive(Clone, Copy)]
pub(super) struct Row(pub(super) &'static Alteration);

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

/// A change to the text of a proof.
#[derive(Debug, Clone)]
pub(super) enum Rewrite {
    Row(Row),
    Insert(u16, char),
    Replace(u16, char),
    Delete(u16),
    Cut(u16),
    Append(&'static str),
    Prepend(&'static str),
    /// Longer than any proof.
    Flood(char),
    /// The other signature that verifies where the first one does (ECDSA).
    OtherS,
}

/// A third of the kinds of key costs more than all else; one input in eight has one of them.
pub(super) const USUAL: [&str; 24] = {
    let mut usual = ["p256"; 24];
    usual[1] = CLIENTS[1];
    usual[2] = CLIENTS[2];
    usual[3] = CLIENTS[3];
    usual[4] = CLIENTS[4];
    usual[5] = CLIENTS[1];
    usual[6] = CLIENTS[1];
    usual
};

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

const HMAC_KEYS: [&str; 6] = ["certificate", "spki", "material", "exporter", "token", "nothing"];

const LENGTHS: [usize; 8] = [64, 0, 1, 63, 65, 96, 132, 256];

const CHARACTERS: [char; 18] =
    ['A', '_', '-', '.', '=', '+', '/', ' ', '\t', '\n', '\0', '%', ',', '~', '"', '{', '\u{e9}', '\u{feff}'];

const ENDS: [&str; 13] = ["=", "==", ".", ".QQ", " ", "\t", " \t ", ",", "\r\n", "\u{a0}", "A", "eyJ9.", "DPoP "];

/// One of `n` choices, the first one where the input has ended.
pub(super) fn pick(u: &mut Unstructured<'_>, n: usize) -> Result<usize> {
    u.choose_index(n)
}

impl<'a> Arbitrary<'a> for Plan {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let client = *u.choose(&USUAL)?;
        let claims = pick(u, 8)?;
        let path = pick(u, PATHS.len())?;
        let token = if pick(u, 8)? == 7 { 1 + pick(u, stage().token_rows.len())? } else { 0 };
        let mut plan = Self {
            client,
            claims: PerRequest { jti: claims & 1 > 0, htm: claims & 2 > 0, htu: claims & 4 > 0 },
            path,
            token,
            attack: None,
            steps: Vec::new(),
            rewrites: Vec::new(),
            bit: 0,
        };
        if pick(u, 8)? == 7 {
            plan.attack = Some(u.choose(&ATTACKS)?);
        }
        for _ in 0..pick(u, 4)? {
            match pick(u, 10)? {
                0 | 1 => plan.steps.push(Step::Row(Row(u.choose(&stage().proof_rows)?))),
                2..=5 => plan.steps.push(Step::member(u)?),
                6 => plan.steps.push(Step::spelled(u)?),
                7 => plan.steps.push(Step::signer(u)?),
                8 => plan.rewrites.push(Rewrite::Row(Row(u.choose(&stage().text_rows)?))),
                _ => plan.rewrites.push(Rewrite::arbitrary(u)?),
            }
        }
        plan.bit = u.arbitrary()?;
        Ok(plan)
    }
}

impl Step {
    fn member(u: &mut Unstructured<'_>) -> Result<Self> {
        let name = *u.choose(&NAMES)?;
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
        Ok(if pick(u, 2)? == 0 {
            Self::Spelling(part, *u.choose(&SPELLINGS)?)
        } else {
            let (before, after) = *u.choose(&AROUND)?;
            Self::Around(part, before, after)
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

impl<'a> Arbitrary<'a> for Rewrite {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match pick(u, 9)? {
            0 | 1 => Self::Insert(u.arbitrary()?, *u.choose(&CHARACTERS)?),
            2 => Self::Replace(u.arbitrary()?, *u.choose(&CHARACTERS)?),
            3 => Self::Delete(u.arbitrary()?),
            4 => Self::Cut(u.arbitrary()?),
            5 => Self::Append(u.choose(&ENDS)?),
            6 => Self::Prepend(u.choose(&ENDS)?),
            7 => Self::OtherS,
            _ => Self::Flood(*u.choose(&CHARACTERS)?),
        })
    }
}

impl Rewrite {
    /// The text after the change. Places count from the end, where the signature is.
    pub(super) fn rewritten(&self, text: String, setting: &Setting<'_>) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let before_end = |at: u16, length: usize| length.checked_sub(1 + usize::from(at) % length.max(1));
        match self {
            Self::Row(Row(row)) => match row.edit {
                Edit::ProofText(edit) => return edit(&text, setting),
                _ => return text,
            },
            Self::Insert(at, character) => {
                let length = characters.len();
                characters.insert(length - usize::from(*at) % (length + 1), *character);
            }
            Self::Replace(at, character) => {
                if let Some(found) = before_end(*at, characters.len()).and_then(|at| characters.get_mut(at)) {
                    *found = *character;
                }
            }
            Self::Delete(at) => {
                if let Some(at) = before_end(*at, characters.len()) {
                    characters.remove(at);
                }
            }
            Self::Cut(at) => characters.truncate(before_end(*at, characters.len()).unwrap_or_default()),
            Self::Append(end) => return format!("{text}{end}"),
            Self::Prepend(start) => return format!("{start}{text}"),
            Self::Flood(character) => return format!("{text}{}", character.to_string().repeat(17_000)),
            Self::OtherS => return other_s(&text, setting).unwrap_or(text),
        }
        characters.into_iter().collect()
    }
}

fn other_s(text: &str, setting: &Setting<'_>) -> Option<String> {
    let (input, signature) = text.rsplit_once('.')?;
    let other = high_s(setting.client.key.kind(), &super::strict::canonical(signature)?)?;
    Some(format!("{input}.{}", super::strict::encode(&other)))
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}
