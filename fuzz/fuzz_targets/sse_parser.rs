//! Event streams against the parser: cli/tests/sse_random.rs with inputs of a fuzzer's.

#![no_main]

#[path = "../../cli/tests/properties/sse.rs"]
mod properties;
/// The file itself: as a dependency the program would bring a hundred others along, and a fuzzer
/// would have each of them built anew.
#[path = "../../cli/src/sse.rs"]
mod sse;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    properties::check(input);
});
