//! Slips of the fingers: what was probably meant. Pure.

/// How many edits from a known word one may be that was meant for it: letters that are wrong,
/// missing, too many, or swapped.
const NEAR: usize = 2;
/// No word that is known has so many letters.
const LONGEST: usize = 32;

/// The option that was meant by a word with one dash instead of two, as in `-to`. An option's
/// letter may have its value attached, so only what has the whole name counts.
pub fn one_dash(word: &str, options: &[impl AsRef<str>]) -> Option<String> {
    let name = word.strip_prefix('-')?.split('=').next()?;
    // `-help` helps, by its first letter.
    let known = |option: &&str| *option == name && name.len() > 1 && name != "help";
    let meant = options.iter().map(AsRef::as_ref).find(known)?;
    Some(format!(
        "`-{name}` begins with one dash; did you mean `--{meant}`?"
    ))
}

/// What to say to a word at the prompt that is no command there, though it may be one at the shell.
pub fn not_at_the_prompt(word: &str, here: &[&str], at_the_shell: &[String]) -> String {
    if word == "sprat" {
        return "at the prompt a command stands alone: `list`, not `sprat list`; try `help`"
            .to_owned();
    }
    let at_the_shell = at_the_shell.iter().map(String::as_str);
    if at_the_shell.clone().any(|command| command == word) {
        return format!("`{word}` is typed at the shell: `sprat {word}`, with another --home");
    }
    match nearest(word, here.iter().copied().chain(at_the_shell)) {
        Some(meant) => format!("there is no command `{word}`; did you mean `{meant}`?"),
        None => format!("there is no command `{word}`; try `help`"),
    }
}

/// The known word that is nearest to `word`, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = Some(word.to_lowercase()).filter(|word| word.len() <= LONGEST)?;
    let near = |known: &'a str| (strsim::osa_distance(&word, known), known);
    let (far, known) = known.into_iter().map(near).min()?;
    // Of a short word little would be left.
    (far <= NEAR && far < known.len().div_ceil(2)).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_is_noticed_where_two_are_meant_and_nowhere_else() {
        let options = ["to", "output", "help", "y"];
        for word in ["-to", "-to=alice", "-output"] {
            assert!(one_dash(word, &options).is_some(), "{word}");
        }
        for word in [
            "--to", "-t", "-tom", "-o", "-ofolder", "-y", "-help", "-", "to", "-vv",
        ] {
            assert_eq!(one_dash(word, &options), None, "{word}");
        }
    }

    #[test]
    fn a_misspelt_word_is_guessed_and_another_one_is_not() {
        let known = ["list", "download", "receive", "msg", "add"];
        for (word, meant) in [
            ("recieve", "receive"),
            ("dowload", "download"),
            ("Downloads", "download"),
            ("lsit", "list"),
            ("mgs", "msg"),
        ] {
            assert_eq!(nearest(word, known), Some(meant), "{word}");
        }
        for word in ["frobnicate", "x", "at", "peers", ""] {
            assert_eq!(nearest(word, known), None, "{word}");
        }
    }
}
