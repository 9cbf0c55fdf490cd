//! Where a campaign starts: one input for each thing that is known to be worth trying.

use arbitrary::{Arbitrary as _, Unstructured};
use ekmcheck_binding::algorithm::{Algorithm, KeyKind};

use super::{
    attack::ATTACKS,
    plan::{Plan, Row, USUAL},
    rewrite::Rewrite,
    stage::{CLIENTS, Scene, stage},
    step::Step,
    values::JSON,
};
use crate::{
    alteration::Edit,
    keys::Signing,
    recipe::{PerRequest, Setting},
};

/// The name of a file and its octets.
pub type Seed = (String, Vec<u8>);

/// Rows whose proofs a reader may stumble over; to it, one wrong hash looks like another.
const READABLE: [&str; 6] =
    ["proof.segments", "proof.header", "proof.payload", "proof.signature", "proof.claims.iat", "proof.claims.htu"];

/// Proofs as they go over the wire: right ones for each kind of key, and the altered ones that test a reader.
pub(super) fn proof_bytes() -> Vec<Seed> {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(&[])) else { return Vec::new() };
    let claims = PerRequest { jti: true, htm: true, htu: true, absolute: false };
    let stage = stage();
    let mut seeds = Vec::new();
    for name in CLIENTS {
        let scene = Scene { client: stage.client(name), ..Scene::new(&plan) };
        let setting = Setting { signing: Signing::Frozen, claims, ..scene.setting() };
        seeds.push((format!("right-{name}"), scene.proof(&setting, scene.token(), &[]).into_bytes()));
    }
    let rows = stage.proof_rows.iter().filter(|row| READABLE.contains(&row.changes)).chain(&stage.text_rows);
    for row in rows {
        let scene = Scene { client: stage.client(row.client), ..Scene::new(&plan) };
        let setting = Setting { signing: Signing::Frozen, claims, ..scene.setting() };
        let row = Row(row);
        let proof = match row.0.edit {
            Edit::ProofText(_) => Rewrite::Row(row).rewritten(scene.proof(&setting, scene.token(), &[]), &setting),
            _ => scene.proof(&setting, scene.token(), &[Step::Row(row)]),
        };
        seeds.push((row.0.name.to_owned(), proof.into_bytes()));
    }
    seeds
}

/// Plans: each kind of key, each row of the table, each attack, each number. See [`Plan`] for what an octet means.
pub(super) fn proof_structured() -> Vec<Seed> {
    const ALL_CLAIMS: u8 = 7;
    /// Seven of eight choices leave token and proof as they are.
    const ALTERED: u8 = 7;
    const REWRITE: u8 = 4;
    let mut seeds = vec![("right".to_owned(), Vec::new())];
    let mut add = |kind: &str, name: &str, octets: &[u8]| seeds.push((format!("{kind}-{name}"), octets.to_vec()));
    for (index, name) in (0..).zip(USUAL).take(CLIENTS.len()) {
        add("client", name, &[index, ALL_CLAIMS]);
    }
    for (index, row) in (0..).zip(&stage().token_rows) {
        add("token", row.name, &[0, ALL_CLAIMS, 0, ALTERED, index]);
    }
    for (index, attack) in (0..).zip(&ATTACKS) {
        add("attack", attack.name, &[0, ALL_CLAIMS, 0, 0, ALTERED, index]);
    }
    for (index, row) in (0..).zip(&stage().proof_rows) {
        let client = (0..).zip(USUAL).find(|(_, name)| *name == row.client).map_or(0, |(index, _)| index);
        add("row", row.name, &[client, ALL_CLAIMS, 0, 0, 0, 1, 0, 0, index]);
    }
    for (index, row) in (0..).zip(&stage().text_rows) {
        let client = (0..).zip(USUAL).find(|(_, name)| *name == row.client).map_or(0, |(index, _)| index);
        add("row", row.name, &[client, ALL_CLAIMS, 0, 0, 0, 1, REWRITE, 0, index]);
    }
    // Every name that fits an RSA key, with the signature that it means.
    let rsa = (0..).zip(USUAL).find(|(_, name)| *name == "rsa2048").map_or(0, |(index, _)| index);
    for (index, algorithm) in (0..).zip(Algorithm::ALL).filter(|(_, algorithm)| algorithm.fits(KeyKind::Rsa(2048))) {
        let set = [0, 2, 0, 1, 0, 0, 0, index];
        add("alg", algorithm.name(), &[&[rsa, ALL_CLAIMS, 0, 0, 0, 2][..], &set, &[0, 7, 0, index]].concat());
    }
    // The boundaries of all common types of number.
    for (index, number) in (0..).zip(JSON).take_while(|(_, text)| *text != "null") {
        add("iat", number, &[0, ALL_CLAIMS, 0, 0, 0, 1, 0, 2, 0, 6, 0, 0, 4, index]);
    }
    seeds
}

/// One for each way in which a few octets tell a story, by hand; what they mean is said where they are read.
fn by_hand(seeds: &[(&str, &[u8])]) -> Vec<Seed> {
    seeds.iter().map(|(name, octets)| ((*name).to_owned(), octets.to_vec())).collect()
}

/// Operations: three connections opened, entries, identifiers, the limit.
pub(super) fn cache() -> Vec<Seed> {
    by_hand(&[
        ("entry-ends-with-its-connection", &[0, 0, 6, 0, 0, 3, 0, 6, 0, 0, 0, 0, 4, 0, 0]),
        ("same-number-other-exporter", &[0, 0, 0, 1, 6, 0, 0, 4, 1, 0]),
        ("one-more-than-the-limit", &[0, 0, 6, 0, 0, 10, 0, 2, 4, 0, 0]),
        ("identifier-twice", &[11, 0, 0, 0, 11, 0, 0, 0]),
        ("identifier-after-expiry", &[11, 0, 0, 0, 15, 2, 11, 0, 0, 0]),
        ("identifier-of-a-prolonged-token", &[11, 0, 0, 0, 15, 1, 11, 0, 0, 2, 15, 3, 11, 0, 0, 0]),
        (
            "identifiers-full",
            &[11, 0, 0, 0, 11, 0, 1, 0, 11, 0, 2, 0, 11, 0, 3, 0, 11, 1, 0, 0, 11, 1, 1, 0, 11, 2, 0, 0],
        ),
    ])
}

/// Every certificate of the frozen PKI, as DER; and each with another object identifier.
pub(super) fn certificate() -> Vec<Seed> {
    let identities = stage().pki.identities();
    let whole = identities
        .iter()
        .filter(|identity| identity.certificate.der().len() < 1200)
        .map(|identity| (format!("der-{}", identity.name), [&[1], identity.certificate.der()].concat()));
    let unchanged = (0..).zip(identities).map(|(at, identity)| (format!("right-{}", identity.name), vec![0, at]));
    let edits = by_hand(&[("octet-after-the-end", &[0, 0, 1, 1, 1, 0]), ("another-curve", &[0, 0, 1, 0, 0])]);
    whole.chain(unchanged).chain(edits).collect()
}

/// Claims and introspection responses, in full: rows of the table of alterations for the confirmation, and by hand.
pub(super) fn confirmation() -> Vec<Seed> {
    let claims = |token: &super::stage::Token| {
        let payload = token.text.split('.').nth(1).and_then(super::strict::canonical).unwrap_or_default();
        [&[1], &payload[..]].concat()
    };
    let tokens = &stage().client(CLIENTS[0]).tokens;
    let rows = stage().token_rows.iter().map(|row| row.name).zip(tokens.iter().skip(1).map(claims));
    let mut seeds: Vec<Seed> = rows.map(|(name, octets)| (format!("token-{name}"), octets)).collect();
    seeds.extend(by_hand(&[
        ("right", &[]),
        ("inactive", b"\x01{\"active\":false}"),
        ("active-as-text", b"\x01{\"active\":\"true\"}"),
        ("active-twice", b"\x01{\"active\":false,\"active\":true}"),
        ("cnf-null", b"\x01{\"active\":true,\"cnf\":null}"),
        ("cnf-escaped", b"\x01{\"active\":true,\"\\u0063nf\":{\"tls_exp\":true}}"),
    ]));
    seeds
}

/// One field each, none, two, and odd ones.
pub(super) fn fields() -> Vec<Seed> {
    by_hand(&[
        ("right", &[]),
        ("no-proof", &[0, 0, 0, 0, 5]),
        ("no-authorization", &[5]),
        ("two-proofs", &[0, 0, 0, 0, 4, 0, 0, 0, 0]),
        ("two-authorizations", &[4, 0, 0, 0, 0, 0, 0]),
        ("lower-case-scheme", &[0, 1]),
        ("comma-joined-proofs", &[0, 0, 0, 0, 0, 3, 0, 2, 5, 0]),
        ("octets-beyond-ascii", &[0, 0, 0, 0, 0, 2, 0, 2, 14]),
    ])
}

/// Connections that come, go and come again, with requests in between.
pub(super) fn multiplex() -> Vec<Seed> {
    by_hand(&[
        (
            "two-tokens-on-one-connection",
            &[0, 0, 4, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0],
        ),
        ("reconnected", &[0, 0, 4, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0]),
        ("identifier-twice", &[0, 0, 4, 0, 0, 0, 1, 0, 4, 0, 0, 0, 1, 0]),
        ("stolen-by-another-client", &[0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 4, 0, 2, 0, 0, 0]),
        ("token-expired", &[0, 2, 4, 0, 2, 2, 0, 0, 3, 6, 4, 0, 2, 2, 0, 0]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{
        step::{Op, Part},
        values::Value,
    };

    #[test]
    fn every_seed_is_what_its_name_says() {
        for (name, octets) in proof_structured() {
            let plan = Plan::arbitrary(&mut Unstructured::new(&octets)).unwrap();
            let (kind, rest) = name.split_once('-').unwrap_or((&name, ""));
            let found = match kind {
                "right" => String::new(),
                "client" => plan.client.to_owned(),
                "token" => stage().token_rows[plan.token - 1].name.to_owned(),
                "attack" => plan.attack.unwrap().name.to_owned(),
                "alg" => match &plan.steps[..] {
                    [Step::Member(Part::Header, "alg", Op::Set(Value::Text(text))), Step::Signer(_, algorithm)]
                        if algorithm.name() == *text =>
                    {
                        (*text).to_owned()
                    }
                    _ => format!("{plan:?}"),
                },
                "iat" => match &plan.steps[..] {
                    [Step::Member(Part::Claims, "iat", Op::Set(Value::Json(text)))] => (*text).to_owned(),
                    _ => format!("{plan:?}"),
                },
                "row" => match (&plan.steps[..], &plan.rewrites[..]) {
                    ([Step::Row(Row(row))], []) | ([], [Rewrite::Row(Row(row))]) => row.name.to_owned(),
                    _ => format!("{plan:?}"),
                },
                _ => panic!("{name}"),
            };
            assert_eq!(found, rest, "{plan:?}");
        }
    }
}
