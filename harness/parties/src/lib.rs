//! placeholder

/// TLS and HTTP between a client and a server, with the exporter values of every connection.
pub mod wire;
