//! Right servers whose connections end, or are bounded, as those of ordinary servers are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    fault::{Bend, Variation},
    wire::{Habit, Instead, Manner, Outgoing},
};

/// The answer, and the end of the connection after it (RFC 9112 section 9.6; GOAWAY in HTTP/2 and HTTP/3).
fn last(mut answer: Outgoing) -> Outgoing {
    answer.fields.push(("Connection".to_owned(), b"close".to_vec()));
    answer
}

/// The same, without close_notify.
fn abrupt(answer: Outgoing) -> Outgoing {
    let answer = last(answer);
    Outgoing { manner: Manner { without_notify: true, ..answer.manner }, ..answer }
}

/// No answer, and the end of the connection or of the stream.
fn none(instead: Instead) -> Outgoing {
    let manner = Manner { instead: Some(instead), ..Manner::default() };
    Outgoing { status: 200, fields: Vec::new(), body: bytes::Bytes::new(), manner }
}

pub(super) const TABLE: &[Variation] = &[
    Variation {
        name: "closes-after-each-answer",
        does: "ends the connection after each answer",
        bends: &[Bend::Amends(|_, _, answer| last(answer))],
    },
    Variation {
        name: "closes-after-each-refusal",
        does: "ends the connection after each refusal",
        bends: &[Bend::Amends(|_, _, answer| if answer.status == 401 { last(answer) } else { answer })],
    },
    Variation {
        name: "closes-without-notify",
        does: "ends the connection after each answer, without close_notify",
        bends: &[Bend::Amends(|_, _, answer| abrupt(answer))],
    },
    Variation {
        name: "refusals-without-notify",
        does: "ends the connection after each refusal, without close_notify",
        bends: &[Bend::Amends(|_, _, answer| if answer.status == 401 { abrupt(answer) } else { answer })],
    },
    Variation {
        name: "http-1.0-style",
        does: "answers in the style of HTTP/1.0 and ends the connection",
        bends: &[Bend::Amends(|_, _, answer| Outgoing { manner: Manner { http10: true, ..answer.manner }, ..answer })],
    },
    Variation {
        name: "one-request-a-connection",
        does: "ends a connection after its first request",
        bends: &[Bend::Amends(|so_far, _, answer| if so_far.on_connection >= 1 { last(answer) } else { answer })],
    },
    Variation {
        name: "two-requests-a-connection",
        does: "ends a connection after two requests",
        bends: &[Bend::Amends(|so_far, _, answer| if so_far.on_connection >= 2 { last(answer) } else { answer })],
    },
    Variation {
        name: "three-requests-a-connection",
        does: "ends a connection after three requests",
        bends: &[Bend::Amends(|so_far, _, answer| if so_far.on_connection >= 3 { last(answer) } else { answer })],
    },
    Variation {
        name: "hundred-requests-a-connection",
        does: "ends a connection after 100 requests",
        bends: &[Bend::Amends(|so_far, _, answer| if so_far.on_connection >= 100 { last(answer) } else { answer })],
    },
    Variation {
        name: "thousand-requests-a-connection",
        does: "ends a connection after 1,000 requests, as a well-known proxy does by default",
        bends: &[Bend::Amends(|so_far, _, answer| if so_far.on_connection >= 1000 { last(answer) } else { answer })],
    },
    Variation {
        name: "ends-before-an-answer",
        does: "ends the connection instead of answering, at every seventh request",
        bends: &[Bend::AnswersFirst(|so_far, _| (so_far.on_all % 7 == 0).then(|| none(Instead::End)))],
    },
    Variation {
        name: "rejects-a-stream",
        does: "says of every fifth request that it has not processed it (REFUSED_STREAM)",
        bends: &[Bend::AnswersFirst(|so_far, _| (so_far.on_all % 5 == 0).then(|| none(Instead::Rejection)))],
    },
    Variation {
        name: "rejects-every-third-stream",
        does: "says of every third request that it has not processed it (REFUSED_STREAM)",
        bends: &[Bend::AnswersFirst(|so_far, _| (so_far.on_all % 3 == 0).then(|| none(Instead::Rejection)))],
    },
    Variation {
        name: "ends-in-place-of-an-answer",
        does: "processes every third request and ends the connection instead of answering",
        bends: &[Bend::Amends(|so_far, _, answer| if so_far.on_all % 3 == 0 { none(Instead::End) } else { answer })],
    },
    Variation {
        name: "one-stream-at-a-time",
        does: "allows one stream at a time on HTTP/2 and HTTP/3",
        bends: &[Bend::Handshakes(Habit::OneStream)],
    },
    Variation {
        name: "alert-on-resumption",
        does: "answers attempts to resume a session with a fatal alert, as OpenSSL without a session id context",
        bends: &[Bend::Handshakes(Habit::AlertOnResumption)],
    },
    Variation {
        name: "named-by-ipv4",
        does: "is called by its IPv4 address",
        bends: &[Bend::Listens(IpAddr::V4(Ipv4Addr::LOCALHOST), "127.0.0.1")],
    },
    Variation {
        name: "named-by-ipv6",
        does: "listens at an IPv6 address and is called by it",
        bends: &[Bend::Listens(IpAddr::V6(Ipv6Addr::LOCALHOST), "::1")],
    },
    Variation {
        name: "name-with-ipv6",
        does: "listens at an IPv6 address and is called by its name",
        bends: &[Bend::Listens(IpAddr::V6(Ipv6Addr::LOCALHOST), "localhost")],
    },
    Variation {
        name: "own-pki",
        does: "has a certificate of an infrastructure of its own",
        bends: &[Bend::OwnCertificate(false)],
    },
    Variation {
        name: "own-pki-odd",
        does: "has a right and odd certificate: three authorities deep, without a subject, with forty names",
        bends: &[Bend::OwnCertificate(true)],
    },
    Variation { name: "no-resumption", does: "resumes no session", bends: &[Bend::Handshakes(Habit::NoResumption)] },
];
