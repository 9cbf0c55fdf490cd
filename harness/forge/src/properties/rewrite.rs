//! Changes to the text of a proof after it was signed.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{
    plan::{Row, pick},
    stage::stage,
    strict,
};
use crate::{alteration::Edit, keys::high_s, recipe::Setting};

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

const CHARACTERS: [char; 18] =
    ['A', '_', '-', '.', '=', '+', '/', ' ', '\t', '\n', '\0', '%', ',', '~', '"', '{', '\u{e9}', '\u{feff}'];

const ENDS: [&str; 13] = ["=", "==", ".", ".QQ", " ", "\t", " \t ", ",", "\r\n", "\u{a0}", "A", "eyJ9.", "DPoP "];

impl<'a> Arbitrary<'a> for Rewrite {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match pick(u, 9)? {
            0 => Self::Row(Row(u.choose(&stage().text_rows)?)),
            1 => Self::Insert(u.arbitrary()?, *u.choose(&CHARACTERS)?),
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
    let other = high_s(setting.client.key.kind(), &strict::canonical(signature)?)?;
    Some(format!("{input}.{}", strict::encode(&other)))
}
