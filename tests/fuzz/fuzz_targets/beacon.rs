#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for key in [None, Some(&[7; 32])] {
        if let Ok(unverified) = sprat::wire::beacon::peek(bytes, key) {
            let _ = unverified.verify();
        }
    }
});
