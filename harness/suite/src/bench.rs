//! What requests cost, end to end: what was measured, and what follows from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::Transport;

/// How a request shows that it may come with its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Not at all: a plain bearer token (RFC 6750), over the same mutual TLS.
    Bearer,
    /// The same with a field that nobody reads, as long as a proof: what the octets of a proof cost, whatever they say.
    BearerBallast,
    /// By the client certificate (RFC 8705).
    CertificateBound,
    /// By a proof for the connection, which the server remembers.
    SessionBound,
    /// By the same proof, verified in full on each request.
    SessionBoundUncached,
    /// By a proof of its own (RFC 9449), over the same mutual TLS.
    Dpop,
    /// By a proof of its own, over TLS without a client certificate, which is all that RFC 9449 needs.
    DpopServerTls,
}

impl Scheme {
    /// All, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Bearer,
        Self::BearerBallast,
        Self::CertificateBound,
        Self::SessionBound,
        Self::SessionBoundUncached,
        Self::Dpop,
        Self::DpopServerTls,
    ];

    /// The name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::BearerBallast => "bearer-ballast",
            Self::CertificateBound => "certificate-bound",
            Self::SessionBound => "session-bound",
            Self::SessionBoundUncached => "session-bound-uncached",
            Self::Dpop => "dpop",
            Self::DpopServerTls => "dpop-server-tls",
        }
    }

    /// The scheme of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

/// What is done in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Users that share a connection, each with a token of its own.
    pub users: u32,
    /// Requests of each of them on a connection.
    pub requests: u32,
    /// Servers that a request passes, each over a connection of its own, one after the other.
    pub hops: u32,
}

impl Load {
    /// Requests on a connection, of all its users.
    #[must_use]
    pub fn on_a_connection(self) -> u64 {
        u64::from(self.users) * u64::from(self.requests)
    }
}

/// What a scheme cost under a load: medians over the turns. Handshakes, proofs and the end of connections are in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The transport.
    pub transport: Transport,
    /// The scheme.
    pub scheme: Scheme,
    /// The load.
    pub load: Load,
    /// Requests of a turn; one that passes several servers counts once.
    pub requests: u64,
    /// Requests a second of one processor that is client and server; of a server elsewhere, by the clock on the wall.
    pub throughput: f64,
    /// Microseconds of processor time a request on the server's thread, kernel included; none of a server elsewhere.
    pub server: Option<f64>,
    /// The same on the client's thread.
    pub client: f64,
    /// Its throughput by that of plain bearer in the same turn.
    pub by_bearer: Option<f64>,
    /// Its throughput by that of bearer with ballast in the same turn.
    pub by_ballast: Option<f64>,
    /// Its throughput by that of DPoP in the same turn.
    pub by_dpop: Option<f64>,
}

impl Point {
    /// Processor time a request on both sides, in microseconds.
    #[must_use]
    pub fn both(&self) -> f64 {
        self.server.unwrap_or_default() + self.client
    }
}

/// What cannot be done without, in microseconds, measured between the turns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// One ES256 verification.
    pub verify: f64,
    /// One ES256 signature, with what is signed.
    pub sign: f64,
    /// One SHA-256 of an access token.
    pub hash: f64,
    /// One whole DPoP verification without HTTP.
    pub dpop_verify: f64,
    /// One DPoP proof.
    pub dpop_make: f64,
}

/// From how many requests a connection on a proof a connection costs less than one a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakEven {
    /// The transport.
    pub transport: Transport,
    /// Against which of the two.
    pub against: Scheme,
    /// What a connection costs more than one of the other scheme, proofs left out, in microseconds on both sides.
    pub connection: f64,
    /// What a request costs less, in microseconds on both sides.
    pub request: f64,
    /// The smallest number of requests from which on it costs less; none if it never does.
    pub requests: Option<u64>,
}

/// What the floors say about throughput against DPoP, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The transport.
    pub transport: Transport,
    /// Requests a connection.
    pub requests: u64,
    /// Session-bound by DPoP: the processor time of a request on both sides, with the making and the verification of a DPoP
    /// proof added, by that without.
    pub predicted: f64,
    /// The throughput of session-bound by that of DPoP.
    pub measured: f64,
}

impl Prediction {
    /// By how much the measured factor differs, as a part of the predicted.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.measured / self.predicted - 1.0
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    /// Version of ekmcheck.
    pub ekmcheck: String,
    /// What was measured.
    pub subject: String,
    /// Revision of the draft.
    pub draft: String,
    /// Processors of the machine that may be used.
    pub cores: u32,
    /// How often each was measured; at least three times, where a turn has more than 2,000 requests.
    pub turns: u32,
    /// Connections at once.
    pub at_once: u32,
    /// Octets of a token, and of a proof for a connection.
    pub octets: (u64, u64),
    /// The floors.
    pub floors: Floors,
    /// What was measured.
    pub points: Vec<Point>,
    /// Schemes that the subject does not take, with what it said.
    pub left_out: Vec<(Scheme, String)>,
    /// Why not all that was asked for was measured, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
    /// What follows: see [`Bench::concluded`].
    pub break_even: Vec<BreakEven>,
    /// The same.
    pub predictions: Vec<Prediction>,
}

/// The requests a connection that the promises are about.
pub const PROMISED_AT: u64 = 1_000;
/// At least so much of the throughput of plain bearer.
pub const LEAST_BY_BEARER: f64 = 0.97;
/// At most so far from what the floors predict.
pub const MOST_DEVIATION: f64 = 0.15;

impl Bench {
    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The transports with points, in order.
    #[must_use]
    pub fn transports(&self) -> Vec<Transport> {
        Transport::ALL.into_iter().filter(|t| self.points.iter().any(|p| p.transport == *t)).collect()
    }

    /// The points of one user and one server on a transport: the curve over requests a connection.
    #[must_use]
    pub fn curve(&self, transport: Transport, scheme: Scheme) -> Vec<&Point> {
        let mut curve: Vec<&Point> = self
            .points
            .iter()
            .filter(|p| p.transport == transport && p.scheme == scheme && p.load.users == 1 && p.load.hops == 1)
            .collect();
        curve.sort_by_key(|point| point.load.requests);
        curve
    }

    /// With what follows from the points worked out.
    #[must_use]
    pub fn concluded(mut self) -> Self {
        self.break_even = self
            .transports()
            .into_iter()
            .flat_map(|t| [(t, Scheme::Dpop), (t, Scheme::DpopServerTls)])
            .filter_map(|(transport, against)| self.break_even_of(transport, against))
            .collect();
        self.predictions = self.transports().into_iter().filter_map(|t| self.prediction_of(t)).collect();
        self
    }

    /// From the two ends of both curves, each taken for a straight line: so much a connection, so much a request.
    fn break_even_of(&self, transport: Transport, against: Scheme) -> Option<BreakEven> {
        let line = |scheme| {
            let curve = self.curve(transport, scheme);
            let (first, last) = (*curve.first()?, *curve.last()?);
            let (few, many) = (first.load.on_a_connection() as f64, last.load.on_a_connection() as f64);
            let whole = |point: &Point, requests: f64| point.both() * requests;
            let request = (whole(last, many) - whole(first, few)) / (many - few);
            (many > few).then(|| (whole(first, few) - request * few, request))
        };
        let ((session, each), (other, each_other)) = (line(Scheme::SessionBound)?, line(against)?);
        let (connection, request) = (session - other, each_other - each);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is at least 1")]
        let requests = (request > 0.0).then(|| (connection / request).floor().max(0.0) as u64 + 1);
        Some(BreakEven { transport, against, connection, request, requests })
    }

    fn prediction_of(&self, transport: Transport) -> Option<Prediction> {
        let at = |scheme| {
            let curve = self.curve(transport, scheme);
            curve.into_iter().find(|point| point.load.on_a_connection() == PROMISED_AT)
        };
        let session = at(Scheme::SessionBound)?;
        session.server?;
        let without = 1e6 / session.throughput;
        let predicted = (without + self.floors.dpop_verify + self.floors.dpop_make) / without;
        Some(Prediction { transport, requests: PROMISED_AT, predicted, measured: session.by_dpop? })
    }

    /// What is not as promised, in words.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for transport in self.transports() {
            let curve = self.curve(transport, Scheme::SessionBound);
            let point = curve.into_iter().find(|point| point.load.on_a_connection() == PROMISED_AT);
            let Some(by_bearer) = point.and_then(|point| point.by_bearer) else { continue };
            if by_bearer < LEAST_BY_BEARER {
                broken.push(format!(
                    "{}: {by_bearer:.3} of the throughput of bearer at {PROMISED_AT} requests a connection, and not {LEAST_BY_BEARER}",
                    transport.name()
                ));
            }
        }
        for prediction in self.predictions.iter().filter(|p| p.deviation().abs() > MOST_DEVIATION) {
            broken.push(format!(
                "{}: {:.2} times the throughput of DPoP, and the floors predict {:.2}",
                prediction.transport.name(),
                prediction.measured,
                prediction.predicted
            ));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection costs 1000 µs with a client certificate and 700 without, a request 40; a proof costs 60 to make and
    /// verify.
    fn bench(by_bearer: f64, by_dpop: f64) -> Bench {
        let mut points = Vec::new();
        for scheme in Scheme::ALL {
            for requests in [1, 1_000] {
                let (connection, each) = match scheme {
                    Scheme::SessionBound => (1060.0, 40.0),
                    Scheme::Dpop | Scheme::SessionBoundUncached => (1000.0, 100.0),
                    Scheme::DpopServerTls => (700.0, 100.0),
                    Scheme::Bearer | Scheme::BearerBallast | Scheme::CertificateBound => (1000.0, 40.0),
                };
                let both = connection / f64::from(requests) + each;
                points.push(Point {
                    transport: Transport::Tls13H1,
                    scheme,
                    load: Load { users: 1, requests, hops: 1 },
                    requests: 1_000,
                    throughput: 1e6 / both,
                    server: Some(both / 2.0),
                    client: both / 2.0,
                    by_bearer: Some(by_bearer),
                    by_ballast: None,
                    by_dpop: Some(by_dpop),
                });
            }
        }
        let floors = Floors { verify: 38.0, sign: 18.0, hash: 0.5, dpop_verify: 40.0, dpop_make: 20.0 };
        Bench {
            ekmcheck: String::new(),
            subject: String::new(),
            draft: String::new(),
            cores: 2,
            turns: 1,
            at_once: 4,
            octets: (800, 390),
            floors,
            points,
            left_out: Vec::new(),
            unfinished: None,
            break_even: Vec::new(),
            predictions: Vec::new(),
        }
        .concluded()
    }

    #[test]
    fn the_lines_cross_where_they_cross() {
        let found = bench(1.0, 2.4).break_even;
        let of = |against| found.iter().find(|b| b.against == against).and_then(|b| b.requests);
        assert_eq!(of(Scheme::Dpop), Some(2), "one proof each: as much at the first request");
        assert_eq!(of(Scheme::DpopServerTls), Some(7), "360 more a connection, 60 less a request");
    }

    #[test]
    fn what_is_not_as_promised_is_told() {
        // Some 41 µs without a proof, and 60 more with one.
        assert_eq!(bench(0.98, 2.4).broken(), Vec::<String>::new());
        assert!(bench(0.96, 2.4).broken()[0].contains("bearer"));
        assert!(bench(0.98, 2.0).broken()[0].contains("DPoP"));
        assert!(bench(0.98, 4.0).broken()[0].contains("DPoP"));
    }
}
