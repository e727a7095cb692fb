use super::*;
use proptest::prelude::*;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

#[test]
fn names_that_leave_the_folder_or_cannot_be_are_refused() {
    let long = "x".repeat(MAX_COMPONENT + 1);
    let deep = ["abcd"; 300].join("/");
    for (name, why) in [
        ("", PathError::Empty),
        ("/", PathError::Absolute),
        ("/etc/passwd", PathError::Absolute),
        ("//host/share", PathError::Absolute),
        ("..", PathError::Dots),
        ("../x", PathError::Dots),
        ("a/../../x", PathError::Dots),
        ("a/..", PathError::Dots),
        ("./a", PathError::Dots),
        ("a/./b", PathError::Dots),
        ("a//b", PathError::EmptyComponent),
        ("a/", PathError::EmptyComponent),
        ("C:", PathError::Drive),
        ("c:/x", PathError::Drive),
        ("C:\\x", PathError::Backslash),
        ("..\\x", PathError::Backslash),
        ("a\0b", PathError::Control('\0')),
        ("a\nb", PathError::Control('\n')),
        ("a\u{1b}[2J", PathError::Control('\u{1b}')),
        ("a\u{85}b", PathError::Control('\u{85}')),
        (long.as_str(), PathError::ComponentTooLong),
        (deep.as_str(), PathError::TooLong),
        ("x/".repeat(100_000).as_str(), PathError::TooLong),
    ] {
        assert_eq!(RelPath::parse(name), Err(why), "{name:?}");
    }
}

#[test]
fn ordinary_names_pass_and_the_longest_ones_too() {
    let longest = "x".repeat(MAX_COMPONENT);
    let deepest = format!("{}y", "abc/".repeat(255)) + "zzz";
    assert_eq!(deepest.len(), MAX_PATH);
    for name in [
        "a",
        "...",
        "..a",
        "a/b c/d.tar.gz",
        ".hidden",
        "x:y",
        &longest,
        &deepest,
    ] {
        assert_eq!(path(name).as_str(), name);
    }
    assert_eq!(path("a/b/c.txt").file_name(), "c.txt");
    assert!(path("a/b/c").components().eq(["a", "b", "c"]));
}

#[test]
fn both_unicode_forms_of_a_name_are_one_name() {
    assert_eq!(path("cafe\u{301}"), path("caf\u{e9}"));
}

#[test]
fn names_that_windows_cannot_hold_are_mapped() {
    for (name, safe) in [
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("a/com1 .x/b", "a/_com1 .x/b"),
        ("LPT¹", "_LPT¹"),
        ("console", "console"),
        ("com12", "com12"),
        ("f:ads", "f%3Aads"),
        ("a/<b>|?*\"", "a/%3Cb%3E%7C%3F%2A%22"),
        ("end.", "end%2E"),
        ("end. /x ", "end.%20/x%20"),
        ("...", "..%2E"),
        ("50%", "50%"),
        ("f%3Aads", "f%3Aads"),
    ] {
        assert_eq!(path(name).portable().as_str(), safe);
    }
}

#[test]
fn a_portable_name_is_never_too_long() {
    let colons = ":".repeat(200);
    assert_eq!(path(&colons).portable().as_str(), "_".repeat(200));
    let devices = ["con"; 256].join("/");
    assert_eq!(
        path(&devices).portable().as_str(),
        ["_on"; 256].join("/").as_str()
    );
}

#[test]
fn names_that_differ_in_case_only_share_a_fold_key() {
    for (one, other) in [
        ("README.md", "readme.MD"),
        ("STRASSE", "straße"),
        ("ΟΔΟΣ", "οδος"),
        ("É", "e\u{301}"),
    ] {
        assert_eq!(path(one).fold_key(), path(other).fold_key());
    }
    assert_ne!(path("a").fold_key(), path("b").fold_key());
}

#[test]
fn plain_names_fold_as_all_others_do() {
    for plain in (' '..='~').filter(|c| !"/\\.".contains(*c)) {
        let alone = path(&format!("x{plain}x"));
        let beside = path(&format!("x{plain}x\u{3b1}"));
        assert_eq!(alone.fold_key() + "\u{3b1}", beside.fold_key());
    }
}

#[test]
fn a_number_goes_before_the_extension() {
    for (name, numbered) in [
        ("a.txt", "a (2).txt"),
        ("d.d/a", "d.d/a (2)"),
        ("a.tar.gz", "a.tar (2).gz"),
        (".x", ".x (2)"),
        ("d/.x.y", "d/.x (2).y"),
    ] {
        assert_eq!(path(name).numbered(2).as_str(), numbered);
    }
    let long = format!("{}.txt", "ä".repeat(125));
    let numbered = path(&long).numbered(u32::MAX);
    assert!(numbered.as_str().ends_with("ä (4294967295).txt"));
    assert!(RelPath::parse(numbered.as_str()).is_ok());
}

#[test]
fn what_could_deceive_a_reader_is_shown_escaped() {
    assert!(matches!(
        printable("a\\b ünï 日本 👍\u{fe0f}"),
        Cow::Borrowed(_)
    ));
    for (raw, shown) in [
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\u{1b}[31m", "\\u{1b}[31m"),
        ("\u{7f}\u{9b}", "\\u{7f}\\u{9b}"),
        (
            "\u{202e}gpj.exe\u{2066}\u{200e}\u{61c}",
            "\\u{202e}gpj.exe\\u{2066}\\u{200e}\\u{61c}",
        ),
        (
            "a\u{200b}b\u{feff}\u{2028}\u{e0041}",
            "a\\u{200b}b\\u{feff}\\u{2028}\\u{e0041}",
        ),
    ] {
        assert_eq!(printable(raw), shown);
    }
    assert_eq!(format!("{:>4}|", path("a\u{200b}")), "a\\u{200b}|");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(printable_cut("abcde", 5), "abcde");
    assert_eq!(printable_cut("abcdef", 5), "abcd…");
    assert_eq!(printable_cut("ab\u{1b}cdef", 6), "ab…");
    assert_eq!(printable_cut("ab\u{1b}", 8), "ab\\u{1b}");
    assert_eq!(printable_cut("a", 0), "");
    assert_eq!(printable_cut("", 0), "");
    assert_eq!(printable_cut("ab", 1), "…");
}

/// Text rich in what the rules are about.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => any::<char>().prop_map(String::from),
        3 => prop::sample::select(vec![
            "/", "..", ".", "\\", ":", "C:", "con", "NUL", " ", "<", "\u{338}", "\u{301}", "e", "\0", "\u{202e}", "%3A",
        ]).prop_map(String::from),
        1 => "[a-z]{1,90}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_escapes_or_panics(text in nasty(), n: u32) {
        if let Ok(path) = RelPath::parse(&text) {
            let portable = path.portable();
            prop_assert_eq!(RelPath::parse(portable.as_str()), Ok(portable.clone()));
            prop_assert_eq!(portable.portable(), portable.clone());
            let labelled = path.labelled(&text).unwrap_or_else(|| path.clone());
            for path in [path.numbered(n), path, portable, labelled] {
                let mut parts = std::path::Path::new(path.as_str()).components();
                prop_assert!(parts.all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert!(path.components().all(|part| (1..=MAX_COMPONENT).contains(&part.len())));
                prop_assert!(!path.as_str().contains(|c: char| c.is_control() || c == '\\'));
                prop_assert!(!path.fold_key().is_empty());
            }
        }
    }

    #[test]
    fn shown_text_is_harmless_and_short(text in nasty(), max in 0usize..40) {
        let shown = printable(&text);
        prop_assert!(!shown.contains(deceives));
        let cut = printable_cut(&text, max);
        prop_assert!(!cut.contains(deceives));
        prop_assert!(cut.chars().count() <= max);
        if shown.chars().count() <= max {
            prop_assert_eq!(cut, shown);
        } else {
            prop_assert!(max == 0 || shown.starts_with(cut.strip_suffix('…').unwrap()));
        }
    }
}
