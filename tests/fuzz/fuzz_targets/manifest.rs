#![no_main]
use sprat::wire::manifest::{Root, file_id, page_id};
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Root::decode(file_id(bytes), bytes);
    let root = Root { size: 9, pages: vec![page_id(bytes)], chunks: 3 };
    let _ = root.decode_page(0, bytes);
});
