#![no_main]
use sprat::wire::chunk::{Header, Question};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(header) = bytes.first_chunk() {
        if let Ok(header) = Header::from_bytes(*header) {
            assert_eq!(&header.to_bytes(), bytes.first_chunk().unwrap());
        }
    }
    let mut rest = bytes;
    while let Ok(Some(_)) = futures::executor::block_on(Question::read(&mut rest)) {}
});
