#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ekmcheck_forge::properties::confirmation(octets));
