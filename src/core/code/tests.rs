use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn words_are_told_apart_by_four_letters() {
    assert!(WORDS.len() >= 256);
    assert!(WORDS.is_sorted());
    let starts: BTreeSet<&str> = WORDS.iter().map(|word| &word[..4]).collect();
    assert_eq!(starts.len(), WORDS.len());
    for word in WORDS {
        assert!((4..=8).contains(&word.len()), "{word}");
        assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
    }
}

#[test]
fn a_code_is_read_however_it_is_typed() {
    let code: Code = "7-amber-falcon".parse().unwrap();
    assert_eq!((code.channel(), code.words()), (7, 2));
    assert_eq!(code.secret(), "amber-falcon");
    assert_eq!(code.to_string(), "7-amber-falcon");
    for text in [
        "  7-amber-falcon\r\n",
        "7 Amber Falcon",
        "7–AMBER — falcon",
        "007_amber--falcon-",
        "sprat receive 7-amber-falcon",
        "on the other machine: sprat receive 7-amber-falcon",
        "sprat send 2024.jpg --code 7-amber-falcon",
        "'7-amber-falcon'",
        "“7-amber-falcon”.",
        "`7-amber-falcon`",
        "7, amber, falcon.",
        "\u{feff}7-amber-falcon\u{200b}",
        "the code is: 7-Amber-Falcon!",
    ] {
        assert_eq!(text.parse(), Ok(code.clone()), "{text}");
    }
}

#[test]
fn what_is_no_code_says_why() {
    let refused = |text: &str| text.parse::<Code>().unwrap_err();
    for text in [
        "",
        " - ",
        "amber-falcon",
        "0-amber-falcon",
        "+7-amber-falcon",
    ] {
        assert_eq!(refused(text), CodeError::Channel, "{text}");
    }
    assert_eq!(refused("1000-amber-falcon"), CodeError::Channel);
    assert_eq!(refused("7-amber"), CodeError::Words);
    assert_eq!(
        refused(&format!("7{}", "-amber".repeat(9))),
        CodeError::Words
    );
    assert_eq!(refused(&"7-amber".repeat(100)), CodeError::Words);
    let unknown = CodeError::Unknown("flacon".into());
    assert_eq!(refused("7-amber-Flacon"), unknown);
}

#[test]
fn a_code_does_not_show_in_debug_output() {
    let code: Code = "7-amber-falcon".parse().unwrap();
    assert_eq!(format!("{code:?}"), "Code(7-…)");
}

#[test]
fn numbers_of_words_have_bounds() {
    for words in [0, 1, 9] {
        assert_eq!(Code::generate(&[1; 32], words), Err(CodeError::Words));
    }
    let words = |words| Code::generate(&[1; 32], words).unwrap();
    assert_eq!(words(3).for_group(), Err(CodeError::Group));
    assert_eq!(words(4).for_group(), Ok(()));
}

#[test]
fn all_words_and_channels_are_drawn() {
    let mut seed = [0; 32];
    let (mut channels, mut words) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..20_000u32 {
        seed[..4].copy_from_slice(&n.to_le_bytes());
        let code = Code::generate(&seed, 2).unwrap();
        channels.insert(code.channel);
        words.extend(code.words);
    }
    assert_eq!(channels.len(), usize::from(MAX_CHANNEL));
    assert_eq!(words.len(), WORDS.len());
}

proptest! {
    #[test]
    fn any_code_is_read_back(seed: [u8; 32], words in MIN_WORDS..=MAX_WORDS, upper: bool, blanks: bool) {
        let code = Code::generate(&seed, words).unwrap();
        let mut text = code.to_string();
        if upper {
            text = text.to_uppercase();
        }
        if blanks {
            text = text.replace('-', "  ");
        }
        prop_assert_eq!(text.parse(), Ok(code));
    }

    #[test]
    fn any_text_is_a_code_or_says_why(text in "\\PC{0,40}", number in 0..2000u16) {
        let _ = text.parse::<Code>();
        if let Ok(code) = format!("{number} {text}").parse::<Code>() {
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }
    }
}
