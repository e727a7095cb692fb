#![no_main]
use sprat::wire::{cbor, consent::{FromReceiver, FromSender}};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(FromSender::Ask(ask)) = cbor::decode(bytes) {
        let _ = (ask.check(), ask.digest());
    }
    let _ = cbor::decode::<FromReceiver>(bytes);
});
