//! The parties over real TLS: a resource server and a client, right by default or faulty in one named way.
//!
//! [`files`] reads and writes files, [`wire`] knows TLS and HTTP and nothing of tokens, [`resource`] is the resource server, [`tokens`] checks access
//! tokens, [`dpop`] is what every request
//! costs under the other protocol, [`signer`] signs in handshakes what AWS-LC does not, [`fault`] is the table of what can be wrong with a server.

pub mod clock;
pub mod dpop;
pub mod fault;
pub mod files;
pub mod resource;
pub mod signer;
pub mod tokens;
pub mod wire;
