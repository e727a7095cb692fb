#![no_main]
use sprat::wire::chat::{self, Answer, Message};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(message)) = futures::executor::block_on(chat::read::<Message, _>(&mut rest)) {
        let _ = message.check();
    }
    let _ = futures::executor::block_on(chat::read::<Answer, _>(&mut &bytes[..]));
});
