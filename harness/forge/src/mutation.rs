//! Changes that a campaign makes up: several at once, each small, each with a name of its own in JSON, so that what was
//! found can be played again on another connection, whose exporter value and keys are others.

use serde::{Deserialize, Serialize};

use crate::{
    ForgeError,
    alteration::{self, Alteration, Edit},
    document::Document,
    recipe::{self, Exporters, Made, ProofRecipe, Setting},
};

/// One change to a right request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mutation {
    /// A row of the table of alterations, by its name.
    Row(String),
    /// A member gets this value (JSON text); it is added if it is not there.
    Set(Part, String, String),
    /// A member is left out.
    Remove(Part, String),
    /// A member gets another name.
    Rename(Part, String, String),
    /// Another member of the same name with this value (JSON text), before or behind all others.
    Twice(Part, String, String, Order),
    /// Text before and behind the JSON text.
    Around(Part, String, String),
    /// A bit of a segment is turned, after signing: the segment, the place in per mille of its length, the bit.
    Flip(u8, u16, u8),
    /// Characters are taken out of the proof's text, after signing: the place in per mille, how many.
    Cut(u16, u8),
    /// Characters are put into the proof's text, after signing: the place in per mille.
    Insert(u16, String),
    /// Another method than the proof was made for.
    Method(String),
    /// Another path than the proof was made for.
    Path(String),
    /// The proof was made for something else.
    MadeFor(Other),
    /// There is no proof.
    NoProof,
    /// The very same request was sent just before.
    Again,
}

impl Mutation {
    /// What it changes, as a path like `proof.claims.htm`, where that is one thing with a name.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match self {
            Self::Row(name) => alteration::named(name).map(|row| row.changes.to_owned()),
            Self::Set(part, name, _)
            | Self::Remove(part, name)
            | Self::Rename(part, name, _)
            | Self::Twice(part, name, ..) => Some(match part {
                Part::Header => format!("proof.header.{name}"),
                Part::Claims => format!("proof.claims.{name}"),
            }),
            // What the claim says is right, and the request is another.
            Self::Method(_) => Some("proof.claims.htm".to_owned()),
            Self::Path(_) => Some("proof.claims.htu".to_owned()),
            _ => None,
        }
    }
}

/// What is wrong with a change as it stands in a file, if anything is.
#[must_use]
pub fn complaint(change: &serde_json::Value) -> Option<String> {
    match serde_json::from_value::<Mutation>(change.clone()) {
        Ok(Mutation::Row(name)) if alteration::named(&name).is_none() => Some(format!("no alteration {name:?}")),
        Ok(_) => None,
        Err(e) => Some(e.to_string()),
    }
}

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The protected header.
    Header,
    /// The claims.
    Claims,
}

/// Where a second member goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Before all others.
    First,
    /// Behind all others.
    Last,
}

/// What a proof was made for instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Other {
    /// Another live connection of the same client.
    Connection,
    /// A connection of the same client that is closed.
    ClosedConnection,
    /// Another token of the same client.
    Token,
    /// Another client, who signed it.
    Client,
}

/// What a mutated request is made in.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The connection, the client, the time.
    pub setting: Setting<'a>,
    /// The token of the client.
    pub token: &'a str,
    /// Another one of the same client.
    pub other_token: &'a str,
    /// What a connection exported that is closed by now.
    pub closed: &'a Exporters,
}

/// Makes the request with all these changes, in the order of making: token, proof, its text, the request. Of several rows
/// that change the token, the proof's text or the request, the first counts.
///
/// # Errors
/// A row that there is not, or a key that cannot sign.
pub fn make(scene: &Scene<'_>, mutations: &[Mutation]) -> Result<Made, ForgeError> {
    let setting = &scene.setting;
    let mut rows = Vec::new();
    for mutation in mutations {
        if let Mutation::Row(name) = mutation {
            rows.push(alteration::named(name).ok_or_else(|| ForgeError::NoAlteration(name.clone()))?);
        }
    }
    let of_token = rows.iter().find(|row| row.is_of_token());
    let token = match of_token {
        Some(row) => recipe::make_token(setting, Some(row))?,
        None => scene.token.to_owned(),
    };
    let mut proof = match mutations.contains(&Mutation::NoProof) {
        true => None,
        false => Some(signed(scene, &token, mutations, &rows)?),
    };
    if let Some(text) = &mut proof {
        for mutation in mutations {
            rewrite(text, mutation);
        }
    }
    let mut made = recipe::make_request(setting, token, proof, None)?;
    // A row knows the right request, and not what another one made of it: the first counts.
    if let Some(edit) = rows.iter().find_map(|row| if let Edit::Request(edit) = row.edit { Some(edit) } else { None }) {
        edit(&mut made.request, setting);
    }
    for mutation in mutations {
        match mutation {
            Mutation::Method(method) => made.request.method.clone_from(method),
            Mutation::Path(path) => made.request.path.clone_from(path),
            _ => {}
        }
    }
    Ok(made)
}

/// The proof's text after signing, with the rows that change it.
fn signed(
    scene: &Scene<'_>,
    token: &str,
    mutations: &[Mutation],
    rows: &[&'static Alteration],
) -> Result<String, ForgeError> {
    let mut setting = scene.setting;
    let mut hashed = token;
    for mutation in mutations {
        match mutation {
            Mutation::MadeFor(Other::Connection) => setting.exporters = setting.other.unwrap_or(scene.closed),
            Mutation::MadeFor(Other::ClosedConnection) => setting.exporters = scene.closed,
            Mutation::MadeFor(Other::Token) => hashed = scene.other_token,
            Mutation::MadeFor(Other::Client) => {
                let second = || ForgeError::NoIdentity("second".to_owned());
                setting.client = setting.pki.identity("second").ok_or_else(second)?;
            }
            _ => {}
        }
    }
    let mut proof = recipe::right_proof(&setting, hashed);
    for row in rows {
        if let Edit::Proof(edit) = row.edit {
            edit(&mut proof, &setting, hashed);
        }
    }
    for mutation in mutations {
        change(&mut proof, mutation);
    }
    let mut text = proof.sign(&setting)?;
    if let Some(edit) = rows.iter().find_map(|row| if let Edit::ProofText(edit) = row.edit { Some(edit) } else { None })
    {
        text = edit(&text, &setting);
    }
    Ok(text)
}

fn change(proof: &mut ProofRecipe, mutation: &Mutation) {
    let quoted = |name: &str| serde_json::Value::from(name).to_string();
    match mutation {
        Mutation::Set(part, name, value) => part.of(proof).set_raw(name, value),
        Mutation::Remove(part, name) => part.of(proof).remove(name),
        Mutation::Rename(part, name, other) => part.of(proof).rename(name, other),
        Mutation::Twice(part, name, value, Order::First) => part.of(proof).prepend_raw(&quoted(name), value),
        Mutation::Twice(part, name, value, Order::Last) => part.of(proof).append_raw(&quoted(name), value),
        Mutation::Around(part, before, after) => {
            let document = part.of(proof);
            let octets = document.octets();
            document.set_octets([before.as_bytes(), &octets[..], after.as_bytes()].concat());
        }
        _ => {}
    }
}

/// The text stays ASCII, and one line: a field cannot carry anything else.
fn rewrite(text: &mut String, mutation: &Mutation) {
    let place = |length: usize, per_mille: u16| (length * usize::from(per_mille.min(999))) / 1000;
    match mutation {
        Mutation::Flip(segment, at, bit) => {
            let mut segments: Vec<Vec<u8>> = text.split('.').map(|s| s.as_bytes().to_vec()).collect();
            if let Some(octets) = segments.get_mut(usize::from(*segment)) {
                let index = place(octets.len(), *at);
                if let Some(octet) = octets.get_mut(index) {
                    let flipped = *octet ^ (1 << (bit % 7));
                    if flipped.is_ascii_graphic() {
                        *octet = flipped;
                    }
                }
            }
            *text = String::from_utf8_lossy(&segments.join(&b'.')).into_owned();
        }
        Mutation::Cut(at, length) => {
            let from = place(text.len(), *at);
            let to = (from + usize::from(*length)).min(text.len());
            if text.is_char_boundary(from) && text.is_char_boundary(to) {
                text.replace_range(from..to, "");
            }
        }
        Mutation::Insert(at, inserted) => {
            let index = place(text.len(), *at);
            if text.is_char_boundary(index) {
                text.insert_str(index, inserted);
            }
        }
        _ => {}
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
