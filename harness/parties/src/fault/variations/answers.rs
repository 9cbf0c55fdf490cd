//! Right servers whose answers look otherwise, or come at another time.

use bytes::Bytes;

use crate::{
    fault::{Bend, Variation},
    wire::{Incoming, Manner, Outgoing},
};

const CHALLENGE: &str = "WWW-Authenticate";
/// The methods that the servers below know.
const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"];

/// An answer that is given before anything is looked at.
fn bare(status: u16, fields: &[(&str, &str)]) -> Outgoing {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    Outgoing { status, fields: fields.collect(), body: Bytes::new(), manner: Manner::default() }
}

fn unknown(request: &Incoming) -> bool {
    !KNOWN.contains(&request.method.as_str())
}

/// The answer with these challenges before its own.
fn with_challenges(mut answer: Outgoing, others: &[&str]) -> Outgoing {
    if answer.status == 401 {
        let others = others.iter().map(|value| (CHALLENGE.to_owned(), value.as_bytes().to_vec()));
        answer.fields = others.chain(answer.fields).collect();
    }
    answer
}

/// The answer with so many octets of content.
fn with_content(answer: Outgoing, octets: usize) -> Outgoing {
    Outgoing { body: Bytes::from(vec![b'x'; octets]), ..answer }
}

fn content_of_right_answers(answer: Outgoing, octets: usize) -> Outgoing {
    if answer.status == 200 { with_content(answer, octets) } else { answer }
}

pub(super) const TABLE: &[Variation] = &[
    Variation {
        name: "two-bearer-challenges",
        does: "has a Bearer challenge for another realm before its own, in one field",
        bends: &[Bend::Challenges(|challenge| Some(format!("Bearer realm=\"other\", {challenge}")))],
    },
    Variation {
        name: "bearer-challenge-behind",
        does: "has a Bearer challenge for another realm behind its own, in one field",
        bends: &[Bend::Challenges(|challenge| Some(format!("{challenge}, Bearer realm=\"other\", scope=\"a b\"")))],
    },
    Variation {
        name: "three-challenges",
        does: "offers two other schemes before Bearer, in one field",
        bends: &[Bend::Challenges(|challenge| {
            Some(format!("Negotiate, DPoP algs=\"ES256 PS256\", error=\"use_dpop_nonce\", {challenge}"))
        })],
    },
    Variation {
        name: "challenges-in-two-fields",
        does: "has a Bearer challenge for another realm in a field of its own",
        bends: &[Bend::Amends(|_, _, answer| {
            with_challenges(answer, &["Bearer realm=\"other\", error=\"invalid_token\""])
        })],
    },
    Variation {
        name: "challenges-in-three-fields",
        does: "has DPoP and Basic challenges in fields of their own",
        bends: &[Bend::Amends(|_, _, answer| {
            with_challenges(answer, &["DPoP algs=\"ES256\"", "Basic realm=\"a, \\\"b\\\"\", charset=\"UTF-8\""])
        })],
    },
    Variation {
        name: "credentials-of-one-word",
        does: "has a challenge with token68 before its own (RFC 9110 section 11.3)",
        bends: &[Bend::Challenges(|challenge| Some(format!("Negotiate YII0eXNwZWNpYWw+/w==, {challenge}")))],
    },
    Variation {
        name: "escaped-quotes",
        does: "has escaped quotes and commas in a realm",
        bends: &[Bend::Challenges(|challenge| {
            Some(challenge.replacen("Bearer ", "Bearer realm=\"the \\\"inner\\\", or \\\\ outer\", ", 1))
        })],
    },
    Variation {
        name: "long-challenge",
        does: "has a realm of 3,000 characters before the error",
        bends: &[Bend::Challenges(|challenge| {
            Some(challenge.replacen("Bearer ", &format!("Bearer realm=\"{}\", ", "r".repeat(3000)), 1))
        })],
    },
    Variation {
        name: "twelve-challenges",
        does: "offers eleven other schemes first, each in a field of its own",
        bends: &[Bend::Amends(|_, _, answer| with_challenges(answer, &["Custom realm=\"x\""; 11]))],
    },
    Variation {
        name: "unknown-methods-501",
        does: "answers methods that it does not know with 501, whoever asks",
        bends: &[Bend::AnswersFirst(|_, request| unknown(request).then(|| bare(501, &[])))],
    },
    Variation {
        name: "unknown-methods-405",
        does: "answers methods that it does not know with 405 and Allow, whoever asks",
        bends: &[Bend::AnswersFirst(|_, request| unknown(request).then(|| bare(405, &[("Allow", "GET, POST")])))],
    },
    Variation {
        name: "unknown-methods-501-and-closes",
        does: "answers methods that it does not know with 501 and ends the connection, whoever asks",
        bends: &[Bend::AnswersFirst(|_, request| unknown(request).then(|| bare(501, &[("Connection", "close")])))],
    },
    Variation {
        name: "only-get-and-post",
        does: "answers all other methods with 405 and Allow, whoever asks",
        bends: &[Bend::AnswersFirst(|_, request| {
            (!["GET", "POST"].contains(&request.method.as_str())).then(|| bare(405, &[("Allow", "GET, POST")]))
        })],
    },
    Variation {
        name: "answers-of-128-kb",
        does: "has answers of 131,072 octets",
        bends: &[Bend::Amends(|_, _, answer| content_of_right_answers(answer, 131_072))],
    },
    Variation {
        name: "answers-of-8-mb",
        does: "has an answer of 8 MiB at every 50th request",
        bends: &[Bend::Amends(|so_far, _, answer| {
            if so_far.on_all % 50 == 1 { content_of_right_answers(answer, 8 << 20) } else { answer }
        })],
    },
    Variation {
        name: "refusals-of-200-kb",
        does: "has refusals of 200,000 octets",
        bends: &[Bend::Amends(
            |_, _, answer| if answer.status == 401 { with_content(answer, 200_000) } else { answer },
        )],
    },
    Variation {
        name: "chunked",
        does: "does not say the length of its answers beforehand",
        bends: &[Bend::Amends(|_, _, answer| Outgoing {
            manner: Manner { chunked: true, ..answer.manner },
            body: if answer.body.is_empty() { Bytes::from_static(b"no") } else { answer.body },
            ..answer
        })],
    },
    Variation {
        name: "no-content",
        does: "answers right requests with 204",
        bends: &[Bend::Amends(|_, _, answer| match answer.status {
            200 => Outgoing { status: 204, fields: Vec::new(), body: Bytes::new(), ..answer },
            _ => answer,
        })],
    },
    Variation {
        name: "other-success",
        does: "answers right requests with 202",
        bends: &[Bend::Amends(|_, _, answer| Outgoing {
            status: if answer.status == 200 { 202 } else { answer.status },
            ..answer
        })],
    },
    Variation {
        name: "many-fields",
        does: "has forty fields of its own in every answer",
        bends: &[Bend::Amends(|_, _, mut answer| {
            answer.fields.extend((0..40).map(|n| (format!("X-Own-{n}"), vec![b'v'; 40])));
            answer
        })],
    },
    Variation {
        name: "busy-now-and-then",
        does: "answers every ninth request with 503 and Retry-After",
        bends: &[Bend::AnswersFirst(|so_far, _| (so_far.on_all % 9 == 0).then(|| bare(503, &[("Retry-After", "1")])))],
    },
    Variation {
        name: "busy-without-a-time",
        does: "answers every eleventh request with 503, and does not say for how long",
        bends: &[Bend::AnswersFirst(|so_far, _| (so_far.on_all % 11 == 0).then(|| bare(503, &[])))],
    },
    Variation {
        name: "brake-on-refusals",
        does: "answers with 429 and Retry-After when 20 requests were refused within five seconds",
        bends: &[Bend::AnswersFirst(|so_far, _| {
            (so_far.refused_lately >= 20).then(|| bare(429, &[("Retry-After", "5")]))
        })],
    },
];
