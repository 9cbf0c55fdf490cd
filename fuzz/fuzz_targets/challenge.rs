#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ekmcheck_suite::properties::challenge(octets));
