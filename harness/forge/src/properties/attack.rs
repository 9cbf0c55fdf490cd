//! Attacks in which several things are wrong at once and fit one another. Mutation reaches one in a million of them.

use std::fmt;

use ekmcheck_binding::algorithm::Algorithm;
use serde_json::json;

use super::{
    plan::Row,
    rewrite::Rewrite,
    stage::{Presented, Scene},
    step::{By, Step},
};
use crate::{
    alteration,
    document::Document,
    recipe::{Setting, TokenRecipe},
};

/// A named attack.
pub(super) struct Attack {
    pub(super) name: &'static str,
    make: fn(&Scene<'_>) -> Presented,
}

pub(super) const ATTACKS: [Attack; 29] = [
    attack("alg-none", |s| rows(s, &["alg-none"])),
    attack("alg-none-with-key-of-attacker", |s| rows(s, &["jwk-of-attacker", "alg-none"])),
    attack("alg-none-without-x5t", |s| rows(s, &["x5t-missing", "alg-none-mixed-case"])),
    attack("hmac-certificate-der", |s| rows(s, &["hmac-certificate-der"])),
    attack("hmac-certificate-pem", |s| rows(s, &["hmac-certificate-pem"])),
    attack("hmac-key-der", |s| rows(s, &["hmac-key-der"])),
    attack("hmac-key-pem", |s| rows(s, &["hmac-key-pem"])),
    attack("hmac-under-the-right-name", |s| signed(s, By::Hmac("spki"))),
    attack("jwk-of-attacker", |s| rows(s, &["jwk-of-attacker"])),
    attack("jwk-and-x5t-of-attacker", |s| rows(s, &["jwk-of-attacker", "x5t-of-another-certificate"])),
    attack("x5c-and-x5t-of-attacker", |s| rows(s, &["x5c-of-attacker", "x5t-of-another-certificate"])),
    attack("signature-of-zeros", |s| signed(s, By::Octets(signature_length(s), 0))),
    attack("signature-of-ones", |s| signed(s, By::Octets(signature_length(s), 1))),
    attack("signature-stripped", |s| {
        let [header, claims, _] = segments(&right(s));
        present(s, format!("{header}.{claims}."))
    }),
    attack("payload-detached", |s| {
        let [header, _, signature] = segments(&right(s));
        present(s, format!("{header}..{signature}"))
    }),
    attack("typ-and-ekm-confused", |s| rows(s, &["typ-wpt", "ekm-channel-binding-label"])),
    attack("everything-stale", |s| rows(s, &["iat-one-hour-past", "ekm-of-another-connection"])),
    attack("token-as-proof", |s| present(s, s.token().text.clone())),
    attack("proof-by-the-issuer", proof_by_the_issuer),
    attack("proof-of-another-connection", |s| {
        let setting = Setting { exporters: &s.stage.there, ..s.setting() };
        present(s, s.proof(&setting, s.token(), &[]))
    }),
    attack("proof-of-another-token", |s| present(s, s.proof(&s.setting(), &s.client.other_token, &[]))),
    attack("payload-of-another-connection", |s| {
        let setting = Setting { exporters: &s.stage.there, ..s.setting() };
        let [_, claims, _] = segments(&right(s));
        let [header, _, signature] = segments(&s.proof(&setting, s.token(), &[]));
        present(s, format!("{header}.{claims}.{signature}"))
    }),
    attack("two-proofs", |s| present(s, format!("{}, {}", right(s), right(s)))),
    attack("proof-by-another-client", |s| {
        let second = &s.stage.client("second").identity;
        present(s, s.proof(&Setting { client: second, ..s.setting() }, s.token(), &[]))
    }),
    attack("stolen-token", |s| {
        let second = s.stage.client("second");
        let proof = s.proof(&Setting { client: &second.identity, ..s.setting() }, s.token(), &[]);
        Presented { client: second, ..present(s, proof) }
    }),
    attack("stolen-token-and-proof", |s| Presented { client: s.stage.client("second"), ..present(s, right(s)) }),
    attack("certificate-renewed-meanwhile", |s| Presented {
        client: s.stage.client("renewed"),
        ..present(s, right(s))
    }),
    attack("json-serialization", |s| text_row(s, "json-flattened")),
    attack("signature-in-der", |s| text_row(s, "signature-der")),
];

const fn attack(name: &'static str, make: fn(&Scene<'_>) -> Presented) -> Attack {
    Attack { name, make }
}

impl Attack {
    /// What the attacker sends.
    pub(super) fn presented(&self, scene: &Scene<'_>) -> Presented {
        (self.make)(scene)
    }
}

/// That proof on the right connection with the right token.
pub(super) fn present(scene: &Scene<'_>, field: String) -> Presented {
    let Setting { path, .. } = scene.setting();
    Presented { client: scene.client, token: scene.token(), field, path }
}

fn right(scene: &Scene<'_>) -> String {
    scene.proof(&scene.setting(), scene.token(), &[])
}

fn rows(scene: &Scene<'_>, names: &[&str]) -> Presented {
    let steps: Vec<Step> = names.iter().filter_map(|name| alteration::named(name)).map(|r| Step::Row(Row(r))).collect();
    present(scene, scene.proof(&scene.setting(), scene.token(), &steps))
}

fn signed(scene: &Scene<'_>, by: By) -> Presented {
    let algorithm = Algorithm::usual_for(scene.client.identity.key.kind());
    present(scene, scene.proof(&scene.setting(), scene.token(), &[Step::Signer(by, algorithm)]))
}

fn text_row(scene: &Scene<'_>, name: &str) -> Presented {
    let row = alteration::named(name).map(|row| Rewrite::Row(Row(row)));
    present(scene, row.map_or_else(String::new, |row| row.rewritten(right(scene), &scene.setting())))
}

/// The issuer signs the very claims that are needed, as it would sign any token.
fn proof_by_the_issuer(scene: &Scene<'_>) -> Presented {
    let [header, claims, _] = segments(&right(scene));
    let document = |segment: &str| {
        let mut document = Document::new(&json!({}));
        document.set_octets(super::strict::canonical(segment).unwrap_or_default());
        document
    };
    let recipe = TokenRecipe { header: document(&header), claims: document(&claims), by_stranger: false };
    present(scene, scene.stage.issuer.sign(&recipe, scene.setting().signing).unwrap_or_default())
}

fn signature_length(scene: &Scene<'_>) -> usize {
    let [_, _, signature] = segments(&right(scene));
    super::strict::canonical(&signature).map_or(0, |octets| octets.len())
}

fn segments(proof: &str) -> [String; 3] {
    let mut segments = proof.splitn(3, '.').map(str::to_owned);
    std::array::from_fn(|_| segments.next().unwrap_or_default())
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that is no row would quietly make the attack a right proof.
    #[test]
    fn every_attack_is_one() {
        use crate::properties::{oracle, plan::Plan};
        use arbitrary::{Arbitrary as _, Unstructured};
        let plan = Plan::arbitrary(&mut Unstructured::new(&[])).unwrap();
        let scene = Scene::new(&plan);
        for attack in &ATTACKS {
            let faults = oracle::faults(&attack.presented(&scene), &scene.stage.here);
            assert!(!faults.is_empty(), "{attack:?}");
        }
    }
}
