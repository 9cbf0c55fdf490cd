//! Requests that no HTTP library writes, on raw connections: oddly framed ones, and several in one write.

use bytes::Bytes;
use ekmcheck_forge::recipe::RequestRecipe;
use ekmcheck_parties::wire::{Content, Heard, OutgoingRequest, Pace, RawRequest, WireError};
use ekmcheck_suite::{
    case::Transport,
    play::{Send, Wire},
    reaction::Class,
    transcript::{Event, Reaction},
};

use super::{
    Actor, Ready, Seen, Stop,
    again::{Tries, refused},
    reaction,
};

/// The host that an odd request names beside the right one.
const ANOTHER_HOST: &str = "other.example";
/// How much content is withheld until a server asks for it, in octets.
const WITHHELD: usize = 32 * 1024;

impl Actor<'_> {
    /// Sends the requests in one write and waits for the answers.
    pub(super) async fn pipeline(&mut self, index: usize, sends: &[Send]) -> Result<(), Stop> {
        let mut tries = Tries::default();
        let answered = loop {
            for send in sends {
                self.ensure_open(send).await?;
            }
            let answered = self.over_raw(sends).await?;
            let hindered = sends.iter().zip(&answered).find(|(send, (_, reaction, ..))| {
                matches!(Class::of(reaction, refused(send)), Class::NotProcessed | Class::Unavailable)
            });
            let Some((send, (_, reaction, ended, _))) = hindered else { break answered };
            if !self.goes_again(send, reaction, *ended, &mut tries).await? {
                break answered;
            }
        };
        for (send, (ready, reaction, _, check)) in sends.iter().zip(answered) {
            let connection = self.link(&send.on)?.number;
            self.record(index, send, &ready, connection, Seen { reaction, check, twin: None });
        }
        Ok(())
    }

    /// Sends requests on a raw connection once. With each reaction, whether the connection takes no more requests, and which
    /// check refused.
    pub(super) async fn over_raw(
        &mut self,
        sends: &[Send],
    ) -> Result<Vec<(Ready, Reaction, bool, Option<String>)>, Stop> {
        let Some(first) = sends.first() else { return Ok(Vec::new()) };
        let mut ready = Vec::with_capacity(sends.len());
        for send in sends {
            ready.push(self.prepare(send).await?);
        }
        self.world.controls.pace.requests(sends.len()).await;
        let link = self.link(&first.on)?;
        let (authority, port) = (link.authority.clone(), link.port);
        let sender = link.connection.as_ref().map(|connection| connection.sender());
        let sender = sender.ok_or_else(|| Stop::Broken("the connection is closed".to_owned()))?;
        let plain = |made| super::outgoing(made, authority.clone());
        let requests = sends.iter().zip(&ready).map(|(send, ready)| raw(plain(&ready.made), send.wire)).collect();
        let one_by_one = sends.iter().any(|send| send.wire == Some(Wire::OctetByOctet));
        let pace = if one_by_one { Pace::OctetByOctet } else { Pace::AtOnce };
        let heard = match sender.send_raw(requests, pace).await {
            Ok(heard) => heard,
            Err(WireError::NotExpressible(what)) => return Err(Stop::NotTestable(format!("cannot be sent: {what}"))),
            // It had ended before anything was sent.
            Err(error) => vec![Heard { interim: Vec::new(), answer: Err(error) }; sends.len()],
        };
        let mut checks = self.drain_checks_of(port);
        // Fewer decisions than requests: which belongs to which cannot be told.
        if checks.len() != sends.len() {
            checks = vec![None; sends.len()];
        }
        let mut answered = Vec::with_capacity(sends.len());
        for ((ready, heard), check) in ready.into_iter().zip(heard).zip(checks) {
            self.events.extend(heard.interim.into_iter().map(Event::Interim));
            let (reaction, ended) = reaction(&self.world.secrets, &ready, heard.answer)?;
            answered.push((ready, reaction, ended, check));
        }
        Ok(answered)
    }
}

/// The request as it goes out on a raw connection.
fn raw(request: OutgoingRequest, wire: Option<Wire>) -> RawRequest {
    let authority = request.authority.clone();
    let mut raw = match wire {
        Some(Wire::ProofInTrailers) => RawRequest::of(proof_in_trailers(request)),
        _ => RawRequest::of(request),
    };
    match wire {
        None | Some(Wire::OctetByOctet | Wire::ProofInTrailers) => {}
        Some(Wire::ContentWithheld) => raw.content = Content::Withheld(vec![b'x'; WITHHELD].into()),
        Some(Wire::AbsoluteForm) => raw.target = format!("https://{authority}{}", raw.target),
        Some(Wire::AnotherHost) => {
            raw.target = format!("https://{authority}{}", raw.target);
            raw.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
            raw.fields.insert(0, another_host());
        }
        Some(Wire::AuthorityForm) => raw.target = authority,
        Some(Wire::Upgrade) => {
            let fields = [
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                // RFC 6455 section 1.3.
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            raw.fields.extend(fields.map(|(name, value)| (name.to_owned(), value.into())));
        }
    }
    raw
}

/// The request as it goes out where a library writes it.
pub(super) fn oddly(
    mut request: OutgoingRequest,
    wire: Option<Wire>,
    transport: Transport,
) -> Result<OutgoingRequest, Stop> {
    match wire {
        None => Ok(request),
        Some(Wire::ProofInTrailers) => Ok(proof_in_trailers(request)),
        Some(Wire::AnotherHost) if transport.is_h2() => {
            request.fields.push(another_host());
            Ok(request)
        }
        Some(_) => Err(Stop::NotTestable("such a request needs a raw connection".to_owned())),
    }
}

/// The request with the proof behind its content, and with some content.
fn proof_in_trailers(mut request: OutgoingRequest) -> OutgoingRequest {
    let is_proof = |field: &(String, Vec<u8>)| field.0.eq_ignore_ascii_case(RequestRecipe::PROOF_FIELD);
    (request.trailers, request.fields) = request.fields.into_iter().partition(is_proof);
    request.body = Bytes::from_static(b"content");
    request
}

fn another_host() -> (String, Vec<u8>) {
    ("Host".to_owned(), ANOTHER_HOST.into())
}
