//! One thing done to the ingredients of a vector, with the words for it.

use ekmcheck_binding::{algorithm::Algorithm, base64url};
use ekmcheck_forge::{
    ForgeError,
    alteration::{Alteration, Edit},
    document::Document,
    recipe::{ProofRecipe, Setting, TokenRecipe},
};
use serde_json::{Value, json};

type OfToken = Box<dyn Fn(&mut TokenRecipe, &Setting<'_>)>;
type OfProof = Box<dyn Fn(&mut ProofRecipe, &Setting<'_>, &str)>;
type OfText = Box<dyn Fn(&str, &Setting<'_>, &str) -> Result<String, ForgeError>>;

/// How it is done.
pub(super) enum How {
    /// As the table of alterations has it.
    Row(&'static Alteration),
    /// To the token before it is signed.
    Token(OfToken),
    /// To the proof before it is signed; the third argument is the token.
    Proof(OfProof),
    /// To the proof's text after it was signed.
    Text(OfText),
}

/// One thing done.
pub(super) struct Step {
    /// In words, with the value.
    pub(super) line: String,
    /// What it changes, as a path.
    pub(super) changes: String,
    pub(super) how: How,
}

/// A part of the proof that is a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Claims,
}

impl Part {
    pub(super) fn path(self, member: &str) -> String {
        match self {
            Self::Header => format!("proof.header.{member}"),
            Self::Claims => format!("proof.claims.{member}"),
        }
    }

    pub(super) fn of(self, proof: &mut ProofRecipe) -> &mut Document {
        match self {
            Self::Header => &mut proof.header,
            Self::Claims => &mut proof.claims,
        }
    }
}

impl Step {
    pub(super) fn row(row: &'static Alteration) -> Self {
        Self { line: format!("alteration `{}`", row.name), changes: row.changes.to_owned(), how: How::Row(row) }
    }

    pub(super) fn proof(
        changes: impl Into<String>,
        line: impl Into<String>,
        edit: impl Fn(&mut ProofRecipe, &Setting<'_>, &str) + 'static,
    ) -> Self {
        Self { line: line.into(), changes: changes.into(), how: How::Proof(Box::new(edit)) }
    }

    pub(super) fn token(
        changes: impl Into<String>,
        line: impl Into<String>,
        edit: impl Fn(&mut TokenRecipe, &Setting<'_>) + 'static,
    ) -> Self {
        Self { line: line.into(), changes: changes.into(), how: How::Token(Box::new(edit)) }
    }

    pub(super) fn text(
        changes: impl Into<String>,
        line: impl Into<String>,
        edit: impl Fn(&str, &Setting<'_>, &str) -> Result<String, ForgeError> + 'static,
    ) -> Self {
        Self { line: line.into(), changes: changes.into(), how: How::Text(Box::new(edit)) }
    }

    /// Sets a member of the proof to a text that need not be JSON.
    pub(super) fn set(part: Part, member: &'static str, raw: impl Into<String>) -> Self {
        let (path, raw) = (part.path(member), raw.into());
        let line = format!("`{path}` = {}", shortened(&raw));
        Self::proof(path, line, move |p, _, _| part.of(p).set_raw(member, &raw))
    }

    /// Replaces the right value of a member by what `wrap` makes of it.
    pub(super) fn wrapped(part: Part, member: &'static str, what: &str, wrap: fn(Value) -> Value) -> Self {
        let path = part.path(member);
        let line = format!("`{path}` = the right value {what}");
        Self::proof(path, line, move |p, _, _| {
            let right = part.of(p).member(member).unwrap_or_default();
            part.of(p).set(member, wrap(right));
        })
    }

    /// Replaces the octets of a whole part by what `change` makes of them.
    pub(super) fn octets(part: Part, what: &str, change: impl Fn(Vec<u8>) -> Vec<u8> + 'static) -> Self {
        let path = if part == Part::Header { "proof.header" } else { "proof.payload" };
        Self::proof(path, format!("`{path}` {what}"), move |p, _, _| {
            let octets = part.of(p).octets();
            part.of(p).set_octets(change(octets));
        })
    }

    /// Sets a member of `cnf` in the token.
    pub(super) fn cnf(member: &'static str, value: Value) -> Self {
        let path = format!("token.claims.cnf.{member}");
        let line = format!("`{path}` = {value}");
        Self::token(path, line, move |t, _| {
            let mut cnf = t.claims.member("cnf").unwrap_or_default();
            cnf[member] = value.clone();
            t.claims.set("cnf", cnf);
        })
    }

    /// Replaces `cnf` by what `make` makes of the right one.
    pub(super) fn whole_cnf(line: &str, make: fn(Value) -> Value) -> Self {
        Self::token("token.claims.cnf", format!("`token.claims.cnf` {line}"), move |t, _| {
            let right = t.claims.member("cnf").unwrap_or_default();
            t.claims.set("cnf", make(right));
        })
    }

    /// Spells header and payload in another way, and signs what came of it with the client's key.
    pub(super) fn respelled(
        changes: &'static str,
        line: impl Into<String>,
        respell: impl Fn(String, String) -> (String, String) + 'static,
    ) -> Self {
        Self::text(changes, line, move |text, setting, _| {
            let mut segments = text.split('.').map(str::to_owned);
            let (header, payload) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
            let (header, payload) = respell(header, payload);
            signed(&format!("{header}.{payload}"), setting)
        })
    }

    /// Replaces the proof by another JWS, signed with the client's key.
    pub(super) fn other_jws(
        line: impl Into<String>,
        make: impl Fn(&Setting<'_>, &str) -> (Value, Value) + 'static,
    ) -> Self {
        Self::text("proof", line, move |_, setting, token| {
            let (header, payload) = make(setting, token);
            let [header, payload] = [header, payload].map(|part| base64url::encode(part.to_string().as_bytes()));
            signed(&format!("{header}.{payload}"), setting)
        })
    }

    pub(super) fn edit_token(&self, token: &mut TokenRecipe, setting: &Setting<'_>) -> Result<(), ForgeError> {
        let right = token.clone();
        match &self.how {
            How::Row(Alteration { edit: Edit::Token(edit), .. }) => edit(token, setting),
            How::Token(edit) => edit(token, setting),
            _ => return Ok(()),
        }
        self.require(*token != right)
    }

    pub(super) fn edit_proof(
        &self,
        proof: &mut ProofRecipe,
        setting: &Setting<'_>,
        token: &str,
    ) -> Result<(), ForgeError> {
        let right = proof.clone();
        match &self.how {
            How::Row(Alteration { edit: Edit::Proof(edit), .. }) => edit(proof, setting, token),
            How::Proof(edit) => edit(proof, setting, token),
            _ => return Ok(()),
        }
        self.require(*proof != right)
    }

    pub(super) fn edit_text(&self, text: String, setting: &Setting<'_>, token: &str) -> Result<String, ForgeError> {
        let altered = match &self.how {
            How::Row(Alteration { edit: Edit::ProofText(edit), .. }) => edit(&text, setting),
            How::Text(edit) => edit(&text, setting, token)?,
            _ => return Ok(text),
        };
        self.require(altered != text)?;
        Ok(altered)
    }

    fn require(&self, changed: bool) -> Result<(), ForgeError> {
        if changed { Ok(()) } else { Err(ForgeError::NoChange("of a vector")) }
    }
}

/// A signing input with its signature by the client's key.
pub(super) fn signed(input: &str, setting: &Setting<'_>) -> Result<String, ForgeError> {
    let key = &setting.client.key;
    let signature = key.sign(Algorithm::usual_for(key.kind()), input.as_bytes(), setting.signing)?;
    Ok(format!("{input}.{}", base64url::encode(&signature)))
}

/// In an array.
pub(super) fn in_array(value: Value) -> Value {
    json!([value])
}

/// In an object.
pub(super) fn in_object(value: Value) -> Value {
    json!({"value": value})
}

/// A value in words: a long one by its beginning.
fn shortened(raw: &str) -> String {
    match raw.char_indices().nth(120) {
        Some((at, _)) => format!("{} ... ({} octets)", &raw[..at], raw.len()),
        None => raw.to_owned(),
    }
}
