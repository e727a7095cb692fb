#![no_main]
use sprat::wire::{cbor, directory::{Request, Response}};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = cbor::decode::<Request>(bytes).map(|request| request.check());
    let _ = cbor::decode::<Response>(bytes).map(|response| response.check());
});
