//! Requests against the HTTP decision table: tests/http_random.rs with inputs of a fuzzer's.

#![no_main]

#[path = "../../tests/properties/http/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    properties::check(input);
});
