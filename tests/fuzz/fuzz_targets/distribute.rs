#![no_main]
use futures::executor::block_on;
use sprat::wire::distribute::{self, Answer, Kept, Offered};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(offered)) = block_on(distribute::read::<Offered, _>(&mut rest)) {
        let _ = offered.check();
    }
    let _ = block_on(distribute::read::<Answer, _>(&mut &bytes[..]));
    let _ = block_on(distribute::read::<Kept, _>(&mut &bytes[..]));
});
