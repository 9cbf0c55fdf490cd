//! What a faulty server does beyond its steps.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ekmcheck_binding::{
    base64url,
    cache::ConnectionId,
    certificate::Certificate,
    digest::sha256,
    exporter::ExporterValue,
    guard::Connection,
    refusal::{Check, WireAnswer},
    steps::{ByTheDraft, Steps as _},
};
use ekmcheck_forge::recipe::Exporters;
use rustls::pki_types::CertificateDer;

use super::{Bent, first_x5c};
use crate::{
    fault::Bend,
    resource::{Arrival, Behaviour, proof_fields},
    wire::{Established, Incoming, Manner, Outgoing},
};

impl Behaviour for Bent {
    fn note_opened(&self, id: ConnectionId, established: &Established, port: u16) {
        self.live().opened(id, established, port);
    }

    fn certificate_of<'a>(&self, chain: &'a [CertificateDer<'static>]) -> Option<&'a CertificateDer<'static>> {
        if self.has(|b| matches!(b, Bend::LastButOne)) { chain.iter().nth_back(1) } else { chain.first() }
    }

    fn serves_nobody(&self) -> bool {
        self.has(|b| matches!(b, Bend::ServesNobody))
    }

    fn note_closed(&self, id: ConnectionId) {
        self.live().closed(id);
    }

    fn needs_scopes(&self) -> bool {
        !self.has(|b| matches!(b, Bend::IgnoresScopes))
    }

    fn tells_hosts_apart(&self) -> bool {
        !self.has(|b| matches!(b, Bend::OneHost))
    }

    fn amend(&self, arrival: Arrival, request: &Incoming, mut answer: Outgoing) -> Outgoing {
        let so_far = self.so_far(arrival, answer.status == 401);
        for bend in &self.bends {
            if let Bend::Amends(amend) = bend {
                answer = amend(&so_far, request, answer);
            }
        }
        if answer.status == 401 && self.has(|b| matches!(b, Bend::RepeatsProof)) {
            let proof = request.fields.iter().find(|(name, _)| name == "session-binding-proof");
            answer.body = proof.map(|(_, value)| value.clone()).unwrap_or_default().into();
        }
        answer
    }

    fn exporter(&self) -> &'static str {
        let name = self.bends.iter().find_map(|b| if let Bend::Exports(name) = b { Some(*name) } else { None });
        name.unwrap_or(Exporters::RIGHT)
    }

    fn sees(&self, request: &mut Incoming) {
        for bend in &self.bends {
            if let Bend::Sees(change) = bend {
                change(request);
            }
        }
    }

    fn proofs<'a>(&self, request: &'a Incoming) -> Vec<Cow<'a, [u8]>> {
        let trailers = if self.has(|b| matches!(b, Bend::ReadsTrailers)) { request.trailers.as_slice() } else { &[] };
        let values = proof_fields(&request.fields).chain(proof_fields(trailers));
        match self.bends.iter().find_map(|b| if let Bend::Rewrites(rewrite) = b { Some(rewrite) } else { None }) {
            Some(rewrite) => values.map(|value| Cow::Owned(rewrite(value))).collect(),
            None => values.map(Cow::Borrowed).collect(),
        }
    }

    fn unverified(&self, arrival: Arrival, request: &Incoming) -> Option<Outgoing> {
        let so_far = self.arrived(arrival);
        let early = |b: &Bend| if let Bend::AnswersFirst(early) = b { early(&so_far, request) } else { None };
        if let Some(answer) = self.bends.iter().find_map(early) {
            return Some(answer);
        }
        let wanted = request.fields.iter().find(|(name, _)| name == "upgrade").map(|(_, value)| value.clone());
        wanted.filter(|_| self.has(|b| matches!(b, Bend::UpgradesFirst))).map(|protocol| Outgoing {
            status: 101,
            fields: vec![("Connection".to_owned(), b"Upgrade".to_vec()), ("Upgrade".to_owned(), protocol)],
            body: Bytes::new(),
            manner: Manner::default(),
        })
    }

    fn connection_for(&self, connection: &Connection, request: &Incoming) -> Option<Connection> {
        let field = |name: &str| {
            let value = request.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())?;
            std::str::from_utf8(value).ok()
        };
        let named = || {
            let der = STANDARD.decode(field("client-cert")?.trim_matches(':')).ok()?;
            Certificate::from_der(&der).ok()
        };
        let mut other = connection.clone();
        if self.has(|b| matches!(b, Bend::ExporterOfSession))
            && let Some(exporter) = self.live().exporter_of_session(&connection.certificate.thumbprint())
        {
            other.exporter = exporter;
        }
        if self.has(|b| matches!(b, Bend::BehindBalancer)) {
            other.exporter = ExporterValue::new(sha256(connection.exporter.octets()));
        }
        if self.has(|b| matches!(b, Bend::ConnectionsByField))
            && let Some(name) = field("x-connection-id")
        {
            return Some(self.memory().named.entry(name.to_owned()).or_insert(other).clone());
        }
        let proxy = self.has(|b| matches!(b, Bend::BelievesProxy));
        if (proxy || self.has(|b| matches!(b, Bend::BelievesExporterField)))
            && let Some(exporter) = field("tls-exporter").and_then(|t| base64url::decode_32(t).ok())
        {
            other.exporter = ExporterValue::new(exporter);
        }
        if proxy && let Some(certificate) = named() {
            other.certificate = certificate;
        }
        let in_proof = || first_x5c(&ByTheDraft.parse(field("session-binding-proof")?).ok()?);
        let believed = match () {
            () if self.has(|b| matches!(b, Bend::BelievesCertificateFields)) => named(),
            () if self.has(|b| matches!(b, Bend::BelievesX5c)) => in_proof(),
            () => None,
        };
        if let Some(certificate) = believed {
            self.memory().believed.insert(connection.id, certificate.thumbprint());
        }
        Some(other)
    }

    fn swallows(&self, check: Check) -> bool {
        self.memory().refused = true;
        self.has(|b| matches!(b, Bend::Swallows(c) if *c == check))
    }

    fn challenge(&self, answer: &WireAnswer) -> Option<String> {
        let change = self.bends.iter().find_map(|b| if let Bend::Challenges(change) = b { Some(change) } else { None });
        change.map_or_else(|| Some(answer.challenge()), |change| change(answer.challenge()))
    }
}
