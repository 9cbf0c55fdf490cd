//! A listener that nobody has a reason to connect to: proofs point at it, and a subject must not follow.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

/// Listens on loopback, and never answers.
pub(super) struct Canary {
    listener: TcpListener,
    url: String,
}

impl Canary {
    pub(super) fn new() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        // Whoever fetches at all fetches https.
        let url = format!("https://127.0.0.1:{}/keys", listener.local_addr()?.port());
        Ok(Self { listener, url })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether anything has connected so far: the system completes a connection before it is accepted here.
    pub(super) fn was_touched(&self) -> bool {
        self.listener.accept().is_ok()
    }
}
