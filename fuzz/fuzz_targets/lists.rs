#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcp_toolgate_fuzz::lists::check(data));
