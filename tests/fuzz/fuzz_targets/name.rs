#![no_main]
use sprat::core::path::{RelPath, printable};
libfuzzer_sys::fuzz_target!(|text: &str| {
    assert!(!printable(text).chars().any(char::is_control));
    if let Ok(name) = RelPath::parse(text) {
        for name in [name.portable(), name.clone(), name.numbered(2)] {
            assert!(!name.as_str().starts_with('/'));
            assert!(name.components().all(|part| !part.is_empty() && part != ".." && part != "."));
        }
    }
});
