//! Names the mistake behind a wrong exporter value.

use crate::transcript::{Event, Exchanged, Transcript};

/// What is wrong with the exporter value that a proof carried, if it is wrong and the mistake is a known one.
#[must_use]
pub fn mistake(transcript: &Transcript, exchanged: &Exchanged) -> Option<String> {
    let carried = exchanged.ekm.as_ref()?;
    let before = transcript.events.iter().take_while(|e| match e {
        Event::Exchanged(other) => !std::ptr::eq(&raw const **other, exchanged),
        _ => true,
    });
    let others: Vec<_> = before.filter_map(|e| if let Event::Connected(c) = e { Some(c) } else { None }).collect();
    let own = others.iter().find(|c| c.number == exchanged.connection);
    let own = own?;
    let named = |fingerprint: &str| own.exporters.iter().find(|(_, f)| f == fingerprint).map(|(n, _)| n.as_str());
    let right = own.exporters.iter().find(|(n, _)| n == "right").map(|(_, f)| f.as_str());
    if right == Some(carried.as_str()) {
        return None;
    }
    if let Some(name) = named(carried) {
        return Some(format!("the proof's ekm is {}", sentence(name)));
    }
    let other = others.iter().find(|c| c.exporters.iter().any(|(n, f)| n == "right" && f == carried));
    other.map(|c| match c.name == exchanged.on {
        true => "the proof's ekm is that of an earlier connection".to_owned(),
        false => format!("the proof's ekm is that of another connection ({})", c.name),
    })
}

fn sentence(name: &str) -> &str {
    match name {
        "no-context" => {
            "the value exported with no context; TLS 1.2 tells that from the zero-length context of section 2.2"
        }
        "nul-context" => "the value exported with one NUL octet as the context",
        "label-with-nul" => "the value exported under the label with a trailing NUL",
        "label-without-prefix" => "the value exported under the label without EXPORTER-",
        "label-in-lower-case" => "the value exported under the label in lower case",
        "channel-binding-label" => "the value of the label EXPORTER-Channel-Binding (RFC 9266)",
        "other-label" => "the value of the label EXPORTER-other, which the token may have named",
        "64-octets" => "a 64-octet export",
        "truncated" => "the first 32 octets of a 64-octet export; in TLS 1.3 the length is an input",
        "31-octets" => "the first 31 octets of the right value",
        "hex" => "the right value in hexadecimal instead of base64url",
        "padded" => "the right value in padded base64",
        other => other,
    }
}
