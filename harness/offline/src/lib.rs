//! What needs no TLS: [`vectors`] are cases for libraries and their generator, [`adapter`] is a library in another language that
//! is given them, [`workbench`] is for single proofs.

pub mod adapter;
pub mod vectors;
pub mod workbench;
