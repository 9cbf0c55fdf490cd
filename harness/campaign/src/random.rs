//! What a campaign tries: every row of the table once, and then mutants of what brought something new.

use ekmcheck_forge::{
    alteration::{self, Edit},
    mutation::{self, Mutation, Order, Other, Part},
    recipe::PerRequest,
};
use serde::{Deserialize, Serialize};

/// Numbers that look random and are the same at every run (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    /// Other numbers for each part of the work.
    pub(super) fn of(seed: u64, shard: Option<(usize, usize)>) -> Self {
        match shard {
            None => Self(seed),
            Some((part, _)) => Self(Self(seed).next().wrapping_add(part as u64)),
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or_default()
    }

    /// Once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> Option<&'t T> {
        of.get(self.below(of.len())).copied()
    }
}

/// A request to be made: abstract, to be rendered for whatever connection it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    pub(super) mutations: Vec<Mutation>,
    /// Which per-request claims the proof carries: `jti`, `htm`, `htu`.
    pub(super) claims: [bool; 3],
    /// Whether a right request goes before it on the same connection.
    pub(super) warm: bool,
}

impl Mutant {
    /// Mutants of an earlier campaign.
    ///
    /// # Errors
    /// Which is none, and why.
    pub(super) fn read_all(values: &[serde_json::Value]) -> Result<Vec<Self>, String> {
        let read = |(index, value): (usize, &serde_json::Value)| {
            let changes = value.get("mutations").and_then(serde_json::Value::as_array).into_iter().flatten();
            match changes.filter_map(mutation::complaint).next() {
                Some(what) => Err(format!("mutant {}: {what}", index + 1)),
                None => serde_json::from_value(value.clone()).map_err(|e| format!("mutant {}: {e}", index + 1)),
            }
        };
        values.iter().enumerate().map(read).collect()
    }

    pub(super) fn per_request(&self) -> PerRequest {
        let [jti, htm, htu] = self.claims;
        PerRequest { jti, htm, htu, absolute: false }
    }

    /// Names of the claims, for reports.
    pub(super) fn claim_names(&self) -> Vec<String> {
        let names = ["jti", "htm", "htu"].into_iter().zip(self.claims);
        names.filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect()
    }
}

/// The most changes at once: what needs more is found by way of what needs fewer.
const MOST: usize = 3;

/// The members that mean something, with the part that they belong to.
const MEMBERS: [(Part, &str); 11] = [
    (Part::Header, "typ"),
    (Part::Header, "alg"),
    (Part::Header, "x5t#S256"),
    (Part::Header, "crit"),
    (Part::Claims, "ath"),
    (Part::Claims, "ekm"),
    (Part::Claims, "iat"),
    (Part::Claims, "jti"),
    (Part::Claims, "htm"),
    (Part::Claims, "htu"),
    (Part::Claims, "ekmcheck-unknown"),
];

/// Values that somebody forgot to think of, as JSON.
const ODD: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "\"\"",
    "[]",
    "{}",
    "[\"x\"]",
    "{\"x\":1}",
    "\"x\"",
    "1e400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "4294967296",
    "\"0\"",
    "\"\\u0000\"",
    "\"none\"",
    "\"HS256\"",
    "\"ES384\"",
    "\"tls-binding-proof\"",
    "[[[[[[[[]]]]]]]]",
];

const AROUND: [(&str, &str); 7] =
    [(" ", ""), ("", "\n"), ("\u{feff}", ""), ("", "x"), ("", "{}"), ("[", "]"), ("", "\0")];

const INSERTED: [&str; 9] = ["=", ".", "A", "..", "%3D", ",", " ", "-", "_"];

/// The mutants to begin with: each row of the table alone, in random order, for whatever client there is.
pub(super) fn rows(random: &mut Random, shard: Option<(usize, usize)>) -> Vec<Mutant> {
    let apt = |row: &&alteration::Alteration| row.client == "p256" && !row.needs_canary && !is_jti_of_play(row.name);
    let mut all: Vec<Mutant> = alteration::table()
        .filter(apt)
        .map(|row| {
            let altered = |claim: &str| row.changes == format!("proof.claims.{claim}");
            Mutant {
                mutations: vec![Mutation::Row(row.name.to_owned())],
                claims: [altered("jti"), altered("htm"), altered("htu")],
                // Cold first: on a warm connection a server may take a hit for the whole verification.
                warm: false,
            }
        })
        .chain(made_for())
        .collect();
    if let Some((part, parts)) = shard {
        let mut turn = (1..=parts).cycle();
        all.retain(|_| turn.next() == Some(part));
    }
    for index in (1..all.len()).rev() {
        all.swap(index, random.below(index + 1));
    }
    all
}

/// Rows that repeat an identifier on purpose, within a play; a campaign has none.
fn is_jti_of_play(row: &str) -> bool {
    row.starts_with("jti-fixed")
}

fn made_for() -> impl Iterator<Item = Mutant> {
    let others = [Other::Connection, Other::ClosedConnection, Other::Token, Other::Client];
    let all = others.into_iter().map(Mutation::MadeFor).chain([Mutation::NoProof]);
    let again = Mutant { mutations: vec![Mutation::Again], claims: [true, false, false], warm: false };
    all.flat_map(|m| [true, false].map(|warm| Mutant { mutations: vec![m.clone()], claims: [false; 3], warm }))
        .chain([again])
}

/// Another mutant: of one that brought something new, or of nothing.
pub(super) fn mutant(random: &mut Random, corpus: &[Mutant]) -> Mutant {
    let mut mutant = match corpus.get(random.below(corpus.len().max(1))) {
        Some(parent) if !random.once_in(3) => parent.clone(),
        _ => {
            let mut claims = [false; 3];
            if random.once_in(2) {
                claims = std::array::from_fn(|_| random.once_in(2));
            }
            Mutant { mutations: Vec::new(), claims, warm: !random.once_in(4) }
        }
    };
    if mutant.mutations.len() >= MOST || (mutant.mutations.len() > 1 && random.once_in(4)) {
        let gone = random.below(mutant.mutations.len());
        mutant.mutations.remove(gone);
    }
    if let Some(mutation) = mutation(random) {
        mutant.mutations.push(mutation);
    }
    if random.once_in(8) {
        mutant.warm = !mutant.warm;
    }
    mutant
}

fn mutation(random: &mut Random) -> Option<Mutation> {
    let (part, name) = *MEMBERS.get(random.below(MEMBERS.len()))?;
    let name = name.to_owned();
    let odd = |random: &mut Random| random.pick(&ODD).unwrap_or("null").to_owned();
    Some(match random.below(16) {
        0..=2 => {
            let rows: Vec<_> = alteration::table()
                .filter(|r| r.client == "p256" && !r.needs_canary && !is_jti_of_play(r.name))
                .filter(|r| !matches!(r.edit, Edit::TokenText(_)))
                .collect();
            Mutation::Row(rows.get(random.below(rows.len()))?.name.to_owned())
        }
        3..=6 => Mutation::Set(part, name, odd(random)),
        7 => Mutation::Remove(part, name),
        8 => Mutation::Rename(part, name, random.pick(&["EKM", "Ath", "iat ", "x", ""])?.to_owned()),
        9 => Mutation::Twice(part, name, odd(random), if random.once_in(2) { Order::First } else { Order::Last }),
        10 => {
            let (before, after) = AROUND.get(random.below(AROUND.len()))?;
            Mutation::Around(part, (*before).to_owned(), (*after).to_owned())
        }
        11 => Mutation::Flip(
            u8::try_from(random.below(3)).ok()?,
            u16::try_from(random.below(1000)).ok()?,
            u8::try_from(random.below(7)).ok()?,
        ),
        12 => Mutation::Cut(u16::try_from(random.below(1000)).ok()?, u8::try_from(1 + random.below(4)).ok()?),
        13 => Mutation::Insert(u16::try_from(random.below(1000)).ok()?, random.pick(&INSERTED)?.to_owned()),
        14 => match random.below(2) {
            0 => Mutation::Method(random.pick(&["POST", "PUT", "DELETE", "PATCH"])?.to_owned()),
            _ => Mutation::Path(random.pick(&["/api/other", "/api/resource?x=1"])?.to_owned()),
        },
        _ if random.once_in(4) => Mutation::Again,
        _ => {
            let others = [Other::Connection, Other::ClosedConnection, Other::Token, Other::Client];
            Mutation::MadeFor(*others.get(random.below(others.len()))?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_mutants_and_another_others() {
        let some = |seed| {
            let mut random = Random::of(seed, None);
            let rows = rows(&mut random, None);
            (0..200).map(|_| mutant(&mut random, &rows)).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        assert!(some(3).iter().all(|m| m.mutations.len() <= MOST && !m.mutations.is_empty()));
    }

    #[test]
    fn each_row_is_in_one_shard() {
        let of = |shard| rows(&mut Random::of(1, shard), shard);
        let mut parts: Vec<_> = (1..=3).flat_map(|part| of(Some((part, 3)))).map(|m| format!("{m:?}")).collect();
        let mut whole: Vec<_> = of(None).iter().map(|m| format!("{m:?}")).collect();
        parts.sort();
        whole.sort();
        assert_eq!(parts, whole);
    }

    #[test]
    fn a_mutant_is_read_back_as_it_was_written() {
        let mut random = Random::of(7, None);
        for mutant in (0..300).map(|_| super::mutant(&mut random, &[])) {
            let text = serde_json::to_string(&mutant).unwrap();
            assert_eq!(serde_json::from_str::<Mutant>(&text).unwrap(), mutant, "{text}");
        }
    }
}
