#![no_main]
use sprat::wire::rendezvous::{Request, fields};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = fields(bytes, |_, _| Ok(()));
    let _ = Request::decode(bytes);
});
