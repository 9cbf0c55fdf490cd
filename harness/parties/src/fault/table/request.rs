//! Faults about what surrounds token and proof: where they are looked for, and what else of a request is believed.

use ekmcheck_binding::refusal::Check;

use super::fault;
use crate::fault::{Bend, Fault, sees};

pub(super) const TABLE: &[Fault] = &[
    fault(
        "proof-anywhere",
        "takes a proof from the query or from a form",
        &[Bend::Sees(sees::proof_anywhere)],
        &["rs.presence.in-query", "rs.presence.in-form"],
    ),
    fault(
        "token-anywhere-unbound",
        "takes a token from the query or from a form, and asks for no proof there",
        &[Bend::Sees(sees::token_anywhere), Bend::Omits(Check::Presence, None)],
        &["rs.presence.token-in-query", "rs.presence.token-in-form"],
    ),
    fault(
        "first-authorization-wins",
        "takes the first of two Authorization fields",
        &[Bend::Sees(sees::first_authorization)],
        &["rs.field.unbound-token-last"],
    ),
    fault(
        "last-authorization-wins",
        "takes the last of two Authorization fields",
        &[Bend::Sees(sees::last_authorization)],
        &["rs.field.unbound-token-first"],
    ),
    fault(
        "believes-forwarded-target",
        "goes by X-Forwarded-Host and X-Original-URL for the target",
        &[Bend::Sees(sees::forwarded_target)],
        &["rs.target.forwarding-fields"],
    ),
    fault(
        "behind-forward-auth",
        "sees a GET of a proxy instead of the client's request",
        &[Bend::Sees(sees::sub_request)],
        &["rs.method.right", "rs.cache.other-method-on-hit"],
    ),
    fault(
        "behind-rewriting-proxy",
        "compares htu with the path that a proxy left over",
        &[Bend::Sees(sees::without_prefix)],
        &["rs.target.less-a-prefix"],
    ),
    fault(
        "behind-remote-balancer",
        "compares ekm with the exporter value of a balancer's connection to it",
        &[Bend::BehindBalancer],
        &[
            "rs.field.name-in-lower-case",
            "rs.cache.closed-connections",
            "rs.jti.first-use",
            "rs.accept.after-many-requests",
            "rs.accept.valid",
            "rs.accept.valid-tls12",
        ],
    ),
    fault(
        "connections-by-field",
        "goes by X-Connection-Id for what connection a request came on",
        &[Bend::ConnectionsByField],
        &["rs.replay.connection-fields"],
    ),
];
