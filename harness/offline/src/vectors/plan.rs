//! A vector to be: what is done to right ingredients, and what should come of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ekmcheck_binding::{base64url, refusal::Check};
use ekmcheck_forge::{
    ForgeError,
    alteration::{Alteration, Leads},
    recipe::{PerRequest, right_proof, right_token},
};
use ekmcheck_suite::vector::{Decoded, Expected, Inputs, Vector, Verdict};
use serde_json::{Map, Value};

use super::{
    class,
    ledger::{self, Entry},
    step::{How, Step},
    world::{NOW, Place, WINDOW, World},
};

/// A vector to be.
pub(super) struct Plan {
    pub(super) name: String,
    /// `pairs` or `swap`, where not one check alone names the folder.
    pub(super) folder: Option<&'static str>,
    pub(super) title: String,
    pub(super) client: &'static str,
    pub(super) claims: PerRequest,
    pub(super) place: Place,
    pub(super) steps: Vec<Step>,
    pub(super) leads: Leads,
    /// Other checks that do not hold either.
    pub(super) others: Vec<Check>,
    pub(super) entry: Entry,
    /// Requirements besides that of the entry.
    pub(super) requirements: Vec<&'static str>,
    pub(super) flags: Vec<&'static str>,
    /// The rows of the catalogue that it is for.
    pub(super) rows: Vec<&'static str>,
}

impl Plan {
    /// Of a row of the table of alterations, for its client.
    pub(super) fn of_row(row: &'static Alteration) -> Self {
        let Alteration { name, changes, .. } = *row;
        let leads = ledger::leads(row);
        let outcome = match leads {
            Leads::Refused(check) => format!("the check `{check}` refuses"),
            Leads::Accepted => "accepted, for the change does not matter".to_owned(),
            Leads::Open(Some(check)) => format!("the draft leaves it open, and the reference refuses by `{check}`"),
            Leads::Open(None) => "the draft leaves it open, and the reference accepts".to_owned(),
        };
        let title = format!("Only `{changes}` is changed (`{name}`): {outcome}.");
        let entry = ledger::entry(name, Some(changes), leads);
        let (flags, rows) = (class::flags(name), class::rows(row));
        Self { client: row.client, entry, flags, rows, ..Self::new(name, leads, &title).step(Step::row(row)) }
    }

    pub(super) fn new(name: impl Into<String>, leads: Leads, title: &str) -> Self {
        let entry = ledger::entry("", None, leads);
        Self {
            name: name.into(),
            folder: None,
            title: title.to_owned(),
            client: "p256",
            claims: PerRequest::default(),
            place: Place::USUAL,
            steps: Vec::new(),
            leads,
            others: Vec::new(),
            entry,
            requirements: Vec::new(),
            flags: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(super) fn refused(check: Check, name: impl Into<String>, title: &str) -> Self {
        Self::new(name, Leads::Refused(check), title)
    }

    /// `check`: by which the reference refuses, if it does.
    pub(super) fn open(check: Option<Check>, name: impl Into<String>, title: &str) -> Self {
        Self::new(name, Leads::Open(check), title)
    }

    pub(super) fn accepted(name: impl Into<String>, title: &str) -> Self {
        Self::new(name, Leads::Accepted, title)
    }

    /// What is done next. A per-request claim that it changes is there to be changed.
    pub(super) fn step(mut self, step: Step) -> Self {
        for (claim, carried) in
            [("jti", &mut self.claims.jti), ("htm", &mut self.claims.htm), ("htu", &mut self.claims.htu)]
        {
            *carried |= step.changes == format!("proof.claims.{claim}");
        }
        self.steps.push(step);
        self
    }

    pub(super) fn entry(self, entry: Entry) -> Self {
        Self { entry, ..self }
    }

    pub(super) fn client(self, client: &'static str) -> Self {
        Self { client, ..self }
    }

    pub(super) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub(super) fn flag(mut self, flag: &'static str) -> Self {
        self.flags.push(flag);
        self
    }

    pub(super) fn row(mut self, row: &'static str) -> Self {
        self.rows.push(row);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// An ingredient that cannot be made, or a step that changes nothing.
    pub(super) fn vector(self, world: &World) -> Result<Vector, ForgeError> {
        let setting = world.setting(self.client, self.claims, self.place)?;
        let mut token = right_token(&setting);
        for step in &self.steps {
            step.edit_token(&mut token, &setting)?;
        }
        let token = token.sign(&setting)?;
        let mut proof = right_proof(&setting, &token);
        for step in &self.steps {
            step.edit_proof(&mut proof, &setting, &token)?;
        }
        let mut proof = proof.sign(&setting)?;
        for step in &self.steps {
            proof = step.edit_text(proof, &setting, &token)?;
        }
        let (verdict, check) = match self.leads {
            Leads::Refused(check) => (Verdict::Refuse, Some(check)),
            Leads::Accepted => (Verdict::Accept, None),
            Leads::Open(check) => (Verdict::Open, check),
        };
        let folder = self.folder.unwrap_or(match (verdict, check) {
            (Verdict::Refuse, Some(check)) => check.name(),
            (Verdict::Open, _) => "open",
            _ => "valid",
        });
        let name_of = |check: Check| check.name().to_owned();
        let checks = check.into_iter().chain(self.others).map(name_of).collect();
        let alteration = match &self.steps[..] {
            [Step { how: How::Row(row), .. }] => Some(row.name.to_owned()),
            _ => None,
        };
        let changes = match &self.steps[..] {
            [one] if !one.changes.is_empty() => Some(one.changes.clone()),
            _ => None,
        };
        let carried = [("jti", self.claims.jti), ("htm", self.claims.htm), ("htu", self.claims.htu)];
        let carried = carried.into_iter().filter(|(_, carried)| *carried);
        let lines = carried.map(|(claim, _)| format!("the proof has `{claim}`"));
        let Entry { requirement, clause, level, basis } = self.entry;
        Ok(Vector {
            id: format!("{folder}/{}", self.name),
            title: self.title,
            alteration,
            changes,
            recipe: lines.chain(self.steps.iter().map(|s| s.line.clone())).collect(),
            client: self.client.to_owned(),
            clause: clause.to_owned(),
            level,
            basis,
            requirements: [requirement].into_iter().chain(self.requirements).map(str::to_owned).collect(),
            flags: self.flags.iter().map(|flag| (*flag).to_owned()).collect(),
            inputs: Inputs {
                certificate: STANDARD.encode(setting.client.certificate.der()),
                token_claims: claims_of(&token),
                access_token: token,
                token_valid_until: NOW + 3600,
                exporter: setting.exporters.right().iter().map(|octet| format!("{octet:02x}")).collect(),
                now: NOW,
                request: self.place.request(),
                proof: proof.clone(),
            },
            policy: WINDOW,
            expect: Expected { verdict, check: check.map(name_of), checks },
            debug: Decoded { header: segment(&proof, 0), payload: segment(&proof, 1) },
        })
    }
}

/// The claims in a token that was just made.
pub(super) fn claims_of(token: &str) -> Map<String, Value> {
    segment(token, 1).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The segment of that number of a compact JWS, decoded, if it is UTF-8.
#[must_use]
pub fn segment(jws: &str, n: usize) -> Option<String> {
    String::from_utf8(base64url::decode(jws.split('.').nth(n)?).ok()?).ok()
}
