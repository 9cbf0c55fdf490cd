//! The crate `dpop-verifier` beside our own verifier and the floor, in turn: `benches/with-peers`.

use std::{
    collections::HashSet,
    error::Error,
    pin::pin,
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use dpop_verifier::{DpopError, DpopVerifier as Theirs, ReplayContext, ReplayStore};
use ekmcheck_benches::{
    AUTHORITY, Inputs, METHOD, NOW, PATH,
    figure::{BATCH, Figure, Turns},
};
use ekmcheck_binding::{
    algorithm::Algorithm,
    crypto::{AwsLc, SignatureVerifier as _},
    guard::Policy,
};
use ekmcheck_parties::dpop::DpopVerifier;

const TURNS: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let inputs = Inputs::new().map_err(|e| format!("{e:?}"))?;
    // Unlike ours it asks the system for the time, and takes proofs of the last minutes.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let made = |unique, iat: u64| {
        let (header, mut claims) = inputs.dpop_parts(unique);
        claims.set("iat", iat);
        inputs.dpop_proof(&(header, claims)).map_err(|e| e.to_string())
    };
    let ours = (0..=BATCH).map(|n| made(n, NOW.unsigned_abs())).collect::<Result<Vec<_>, _>>()?;
    let theirs = (0..BATCH).map(|n| made(n, now)).collect::<Result<Vec<_>, _>>()?;

    let messages: Vec<(Vec<u8>, Vec<u8>)> = ours.iter().filter_map(|proof| parts(proof)).collect();
    let key = inputs.key.public();
    let floor = Figure::new(
        "es256-verify",
        |_| (),
        |(), n| AwsLc.verify(Algorithm::Es256, key, &messages[n].0, &messages[n].1),
    );
    let verify = |verifier: &DpopVerifier, proof: &str| {
        inputs.request(&inputs.dpop, proof, |r| verifier.verify(r, &inputs.bound_to_key, NOW as f64).is_ok())
    };
    let knows = |_| {
        let verifier = DpopVerifier::new(Policy::default());
        // The last one is for the key alone.
        verify(&verifier, &ours[BATCH]);
        verifier
    };
    let own = Figure::new("dpop", knows, |verifier, n| verify(verifier, &ours[n]));
    let verifier = Theirs::new().with_max_age_seconds(3600);
    let target = format!("https://{AUTHORITY}{PATH}");
    let other = Figure::new(
        "dpop-verifier",
        |_| Seen::default(),
        |seen, n| {
            let verified = pin!(verifier.verify(seen, &theirs[n], &target, METHOD, Some(&inputs.token)));
            // Its store is in memory: there is nothing to wait for.
            matches!(verified.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_)))
        },
    );
    let mut figures = [floor, own, other.turns_of(16)];
    println!("medians of {TURNS} turns\n{}", Turns::take(&mut figures, TURNS).table("es256-verify"));
    Ok(())
}

/// The signing input and the signature of a proof.
fn parts(proof: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (input, signature) = proof.rsplit_once('.')?;
    Some((input.as_bytes().to_vec(), ekmcheck_binding::base64url::decode(signature).ok()?))
}

#[derive(Default)]
struct Seen(HashSet<[u8; 32]>);

#[async_trait::async_trait]
impl ReplayStore for Seen {
    async fn insert_once(&mut self, jti: [u8; 32], _: ReplayContext<'_>) -> Result<bool, DpopError> {
        Ok(self.0.insert(jti))
    }
}
