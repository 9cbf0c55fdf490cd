//! The page about the last requests, in HTML and JSON: fingerprints and no secrets.

use std::fmt::Write as _;

use ekmcheck_parties::wire::{Incoming, Manner, Outgoing};
use serde_json::{Value, json};

use super::watched::{Decision, Seen};

/// Where the page is.
const PATH: &str = "/.ekmcheck/recent";
/// The same in JSON, also for who accepts JSON at [`PATH`].
const JSON: &str = "/.ekmcheck/recent.json";

/// The page, if it is asked for.
pub(super) fn page(request: &Incoming, latest: impl FnOnce() -> Vec<Seen>) -> Option<Outgoing> {
    let accepts = request.fields.iter().filter(|(name, _)| name == "accept");
    let wants_json = || accepts.clone().any(|(_, value)| value.starts_with(b"application/json"));
    let (kind, body) = match request.path_and_query.as_str() {
        _ if request.method != "GET" => return None,
        JSON => ("application/json", json(&latest())),
        PATH if wants_json() => ("application/json", json(&latest())),
        PATH => ("text/html; charset=utf-8", html(&latest())),
        _ => return None,
    };
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Some(Outgoing {
        status: 200,
        fields: vec![
            field("Content-Type", kind),
            field("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            field("X-Content-Type-Options", "nosniff"),
            field("Cache-Control", "no-store"),
        ],
        body: body.into(),
        manner: Manner::default(),
    })
}

/// In words: decision and check.
fn said(decision: &Decision) -> (&'static str, &str, &str) {
    match decision {
        Decision::Accepted => ("accepted", "", ""),
        Decision::Refused(check, why) => ("refused", check, why),
        Decision::Undecided => ("answered without a decision", "", ""),
        Decision::HandshakeFailed(why) => ("handshake failed", "", why),
    }
}

fn json(latest: &[Seen]) -> String {
    let one = |seen: &Seen| -> Value {
        let (decision, check, why) = said(&seen.decision);
        json!({
            "at": seen.at, "connection": seen.connection, "certificate": seen.certificate, "exporter": seen.exporter,
            "request": seen.request, "status": seen.status, "decision": decision, "check": check, "why": why,
        })
    };
    json!({"recent": latest.iter().map(one).collect::<Vec<_>>()}).to_string() + "\n"
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>ekmcheck: recent requests</title>\n\
<style>body{font:14px/1.5 system-ui,sans-serif;margin:2em}table{border-collapse:collapse}\
td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc}code{font-size:12px}</style></head><body>\n\
<h1>Recent requests, the latest first</h1>\n\
<p>Certificate: SHA-256 thumbprint as in <code>x5t#S256</code>. Exporter: the first 16 hexadecimal digits of the SHA-256 \
of the value in base64url, as reports show it.</p>\n<table><tr><th>time<th>connection<th>certificate<th>exporter\
<th>request<th>status<th>decision<th>check<th>why</tr>\n";

fn html(latest: &[Seen]) -> String {
    let mut page = HEAD.to_owned();
    for seen in latest {
        let (decision, check, why) = said(&seen.decision);
        let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        // Writing to a text cannot fail.
        let _ = writeln!(
            page,
            "<tr><td>{}<td>{}<td><code>{}</code><td><code>{}</code><td>{}<td>{}<td>{decision}<td>{check}<td>{}</tr>",
            seen.at,
            number(seen.connection),
            escaped(&seen.certificate),
            escaped(&seen.exporter),
            escaped(&seen.request),
            number(seen.status.map(u64::from)),
            escaped(why),
        );
    }
    page + "</table></body></html>\n"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(why: &str) -> Seen {
        Seen {
            at: 1,
            connection: Some(7),
            certificate: "thumb".to_owned(),
            exporter: "print".to_owned(),
            request: "GET /<script>".to_owned(),
            status: Some(401),
            decision: Decision::Refused("ekm", why.to_owned()),
        }
    }

    fn get(path: &str, accept: Option<&str>) -> Option<Outgoing> {
        let request = Incoming {
            method: "GET".to_owned(),
            scheme_is_https: true,
            authority: None,
            path_and_query: path.to_owned(),
            fields: accept.map(|value| ("accept".to_owned(), value.into())).into_iter().collect(),
            body: bytes::Bytes::new(),
            trailers: Vec::new(),
        };
        page(&request, || vec![seen("<img src=x onerror=\"alert('1')\">&")])
    }

    #[test]
    fn what_clients_say_is_escaped_and_nothing_runs() {
        let page = get("/.ekmcheck/recent", None).unwrap();
        let text = String::from_utf8(page.body.to_vec()).unwrap();
        assert!(text.contains("GET /&lt;script&gt;") && !text.contains("<script") && !text.contains("<img"), "{text}");
        assert!(text.contains("alert(&#39;1&#39;)&quot;&gt;&amp;"), "{text}");
        assert!(
            page.fields.iter().any(|(n, v)| n == "Content-Security-Policy" && v.starts_with(b"default-src 'none'"))
        );
    }

    #[test]
    fn the_same_is_there_as_json() {
        let read = |page: Outgoing| serde_json::from_slice::<Value>(&page.body).unwrap();
        let one = read(get("/.ekmcheck/recent.json", None).unwrap());
        assert_eq!(one, read(get("/.ekmcheck/recent", Some("application/json")).unwrap()));
        assert_eq!(one["recent"][0]["connection"], 7);
        assert_eq!(one["recent"][0]["check"], "ekm");
        assert!(get("/api/resource", None).is_none());
    }
}
