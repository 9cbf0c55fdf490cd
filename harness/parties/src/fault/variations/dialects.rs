//! Right servers that read what the draft leaves open in another way.

use ekmcheck_binding::refusal::Check;

use crate::fault::{Bend, JtiBy, Variation};

pub(super) const TABLE: &[Variation] = &[
    Variation {
        name: "htu-is-absolute",
        does: "takes htu for an absolute URI and nothing else (A-01)",
        bends: &[Bend::Not(Check::Htu, |s| !s.text.contains("://"))],
    },
    Variation {
        name: "htu-is-a-path",
        does: "takes htu for a path and nothing else (A-01)",
        bends: &[Bend::Not(Check::Htu, |s| s.text.contains("://"))],
    },
    Variation {
        name: "demands-per-request-claims",
        does: "accepts no proof without jti, htm and htu (A-13)",
        bends: &[Bend::Not(Check::Typ, |s| ["jti", "htm", "htu"].iter().any(|name| s.lacks(name)))],
    },
    Variation {
        name: "demands-jti",
        does: "accepts no proof without jti (A-13)",
        bends: &[Bend::Not(Check::Typ, |s| s.lacks("jti"))],
    },
    Variation {
        name: "demands-absolute-htu",
        does: "accepts no proof without jti, htm and an absolute htu (A-01, A-13)",
        bends: &[
            Bend::Not(Check::Typ, |s| ["jti", "htm", "htu"].iter().any(|name| s.lacks(name))),
            Bend::Not(Check::Htu, |s| !s.text.contains("://")),
        ],
    },
    Variation {
        name: "jti-of-everybody",
        does: "keeps one list of jti for all clients (A-12)",
        bends: &[Bend::Jti(JtiBy::Everybody)],
    },
    Variation {
        name: "jti-of-the-client",
        does: "keeps a list of jti for each client certificate (A-12)",
        bends: &[Bend::Jti(JtiBy::Client)],
    },
    Variation {
        name: "jti-of-the-connection",
        does: "keeps a list of jti for each connection (A-12)",
        bends: &[Bend::Jti(JtiBy::Connection)],
    },
    Variation {
        name: "rs256-only",
        does: "of the RSA algorithms knows RS256 alone (A-09)",
        bends: &[Bend::Not(Check::Alg, |s| ["RS384", "RS512", "PS256", "PS384", "PS512"].contains(&s.header("alg")))],
    },
    Variation {
        name: "ps256-only",
        does: "of the RSA algorithms knows PS256 alone (A-09)",
        bends: &[Bend::Not(Check::Alg, |s| ["RS256", "RS384", "RS512", "PS384", "PS512"].contains(&s.header("alg")))],
    },
    Variation {
        name: "es256-only",
        does: "knows ES256 alone (A-09)",
        bends: &[Bend::Not(Check::Alg, |s| s.header("alg") != "ES256")],
    },
    Variation {
        name: "refuses-unbound",
        does: "refuses tokens that are bound to no connection (A-05)",
        bends: &[Bend::RefusesUnbound],
    },
];
