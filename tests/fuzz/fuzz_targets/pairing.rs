#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for key in [None, Some(&[7; 32])] {
        let _ = sprat::wire::pairing::decode(bytes, key);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<sprat::core::code::Code>();
    }
});
