#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine::testing::foreign::edek(bytes));
