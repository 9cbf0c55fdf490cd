//! Updates of the traffic keys of a connection, on TLS streams and in QUIC.

use std::time::Duration;

use tokio::time::timeout;

use super::Boxed;
use super::error::{Stage, WireError};
use super::quic::Phases;
use super::stream::Control;

/// What came of the key updates that were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Rekeyed {
    pub(super) done: usize,
    pub(super) last_error: Option<String>,
    /// Exporter values as they were after the last key update.
    pub(super) exports: Vec<(&'static str, Vec<u8>)>,
}

/// Handle with which the traffic keys of a connection are updated: TLS 1.3 KeyUpdate (RFC 8446 section 4.6.3), or the key
/// phase of QUIC (RFC 9001 section 6).
#[derive(Clone, Debug)]
pub struct Rekeyer(Of);

#[derive(Clone, Debug)]
enum Of {
    Stream(Control),
    Quic(Phases),
}

impl Rekeyer {
    pub(super) fn of_stream(control: Control) -> Self {
        Self(Of::Stream(control))
    }

    pub(super) fn of_quic(phases: Phases) -> Self {
        Self(Of::Quic(phases))
    }

    /// Asks for `n` key updates.
    ///
    /// On a stream they leave together with the next bytes that this side writes, ahead of them, and ask the peer to
    /// update its keys too. rustls as the peer gives up after 32 in a row without data in between.
    ///
    /// In QUIC the next packet has the next key phase, and the peer follows. There can be only one at a time: the next
    /// is possible some 0.1 s after a packet of this phase was acknowledged. What is not possible now is not carried
    /// out, see [`last_error`](Self::last_error).
    pub fn request(&self, n: usize) {
        match &self.0 {
            Of::Stream(control) => control.request_rekeying(n),
            Of::Quic(phases) => phases.request(n),
        }
    }

    /// Asks for one key update, in QUIC as soon as there can be one.
    ///
    /// # Errors
    ///
    /// [`WireError::Timeout`] if that is not within `limit`.
    pub fn update(&self, limit: Duration) -> Boxed<'_, Result<(), WireError>> {
        Box::pin(async move {
            match &self.0 {
                Of::Stream(control) => {
                    control.request_rekeying(1);
                    Ok(())
                }
                Of::Quic(phases) => {
                    timeout(limit, phases.update()).await.map_err(|_| WireError::Timeout(Stage::KeyUpdate))
                }
            }
        })
    }

    /// Number of key updates that were carried out by this side, or queued for sending, so far.
    #[must_use]
    pub fn done(&self) -> usize {
        self.rekeyed().done
    }

    /// Why the last request was not carried out, if it was not. TLS 1.2 has no KeyUpdate; rustls then says, somewhat
    /// misleadingly, that the handshake is not complete.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.rekeyed().last_error
    }

    /// The exporter values taken again after the last key update of this side; empty before the first one. They are to
    /// be the same as those of the handshake.
    #[must_use]
    pub fn exports(&self) -> Vec<(&'static str, Vec<u8>)> {
        self.rekeyed().exports
    }

    fn rekeyed(&self) -> Rekeyed {
        match &self.0 {
            Of::Stream(control) => control.rekeyed(),
            Of::Quic(phases) => phases.rekeyed(),
        }
    }
}
