//! What the octets of an input mean: a right exchange and up to three changes to it. One octet a choice, and no octets
//! at all are the right exchange, so that a fuzzer's small changes are small changes here and seeds can be written down.

use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};

use super::{
    attack::{ATTACKS, Attack},
    rewrite::Rewrite,
    stage::{CLIENTS, PATHS, stage},
    step::Step,
};
use crate::{alteration::Alteration, recipe::PerRequest};

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

/// A row of the table of alterations.
#[derive(Clone, Copy)]
pub(super) struct Row(pub(super) &'static Alteration);

/// Mostly the usual kind of key: the three at places 2 to 4 cost several times as much.
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
            claims: PerRequest { jti: claims & 1 > 0, htm: claims & 2 > 0, htu: claims & 4 > 0, absolute: false },
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
            if pick(u, 5)? < 4 {
                plan.steps.push(u.arbitrary()?);
            } else {
                plan.rewrites.push(u.arbitrary()?);
            }
        }
        plan.bit = u.arbitrary()?;
        Ok(plan)
    }
}

impl Plan {
    /// The right exchange of the usual client, without any change.
    pub(super) fn right() -> Self {
        Self {
            client: USUAL[0],
            claims: PerRequest::default(),
            path: 0,
            token: 0,
            attack: None,
            steps: Vec::new(),
            rewrites: Vec::new(),
            bit: 0,
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}
