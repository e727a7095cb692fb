//! What somebody asks for who only looks or fetches: the names that `list PATTERN` may show, or
//! those that a download may be about.
//!
//! Foreign text: how much is looked at for one question is counted in steps, whatever glob it is.
//! Invariants: what `Peers::list` shows for the same words is sought, and so is what
//! `Peers::resolve` finds; a name that fits has one of the keys in it ([`Sought::keys`]), or
//! contents whose id begins as one of these words.

#[cfg(test)]
mod tests;

use super::{Pattern, is_id, listing::composed};
use crate::{core::id::FileId, wire::control::Wanted};
use memchr::memmem::Finder;

/// Steps of matching for one page, each some nanoseconds: a byte of a name in one of the states that
/// a glob may be in, or a few in which a part is looked for.
pub(super) const STEPS: usize = 512 << 10;
/// Steps of looking at a name at all.
const LOOK: usize = 12;
/// Bytes of a name for a step of looking for a part of it.
const BYTES: usize = 4;
/// The two characters without ASCII in them whose lower case has some.
const ASCII_WHEN_LOWER: [&str; 2] = ["\u{212a}", "\u{130}"];

/// See the module.
#[derive(Debug)]
pub struct Sought {
    tests: Vec<Test>,
    /// Contents, in order.
    files: Vec<FileId>,
    /// For a download.
    fetches: bool,
}

/// One reason for a name to be sought.
#[derive(Debug)]
enum Test {
    /// It matches a glob, which may be in so many states at a byte; the longest text that stands in
    /// every name that does.
    Glob(Pattern, usize, Option<Box<Finder<'static>>>),
    /// It has this as a part, in any case.
    Part(String),
    /// It is this name.
    Name(String),
    /// It is below this folder (with its final `/`).
    Below(String),
    /// Its last part is this: it may be another version.
    Last(String),
    /// The id of its contents begins so.
    Id(String),
}

/// Whether a name is sought.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum Fit {
    /// No.
    No,
    /// Some such names are of use.
    Beside,
    /// It is.
    Yes,
}

/// By what names are found that may fit, without a look at each.
pub(super) struct Keys<'a> {
    /// One of these stands in the name, in whatever case of ASCII…
    pub texts: Vec<&'a str>,
    /// …or one of these, if the name is not all ASCII.
    pub when_lower: &'static [&'static str],
    /// Or the contents' id begins so.
    pub ids: Vec<&'a str>,
}

impl Sought {
    /// What these words of `list` may mean, of which there are at most `wire::MAX_PATTERN` bytes.
    #[must_use]
    pub fn listed(text: &str) -> Self {
        let matcher = Pattern::for_list(Some(text));
        let mut tests = vec![Test::Part(text.to_lowercase())];
        if let Pattern::Glob(_) = matcher {
            // What a glob means where something goes by that very name.
            if let Some(Pattern::Name(name)) = matcher.literal(text) {
                tests.push(Test::Name(name));
            }
            tests.push(Test::glob(matcher, text));
        }
        tests.extend(is_id(text).then(|| Test::Id(text.to_owned())));
        Self {
            tests,
            files: Vec::new(),
            fetches: false,
        }
    }

    /// What a download may be about.
    #[must_use]
    pub fn wanted(wanted: &Wanted) -> Self {
        let mut tests = Vec::new();
        for word in &wanted.words {
            let text = composed(word);
            let whole = text.trim_end_matches('/');
            match Pattern::for_download(word) {
                Pattern::Folder(_) => {}
                glob @ Pattern::Glob(_) => {
                    tests.push(Test::Name(text.clone()));
                    tests.push(Test::glob(glob, &text));
                }
                _ => {
                    let last = text.rsplit('/').next().unwrap_or(&text);
                    tests.push(Test::Name(text.clone()));
                    tests.push(Test::Last(last.to_owned()));
                }
            }
            // It may be a folder without its `/`, too.
            tests.push(Test::Below(format!("{whole}/")));
            tests.extend(is_id(word).then(|| Test::Id(word.clone())));
        }
        let mut files = wanted.files.clone();
        files.sort_unstable();
        Self {
            tests,
            files,
            fetches: true,
        }
    }

    /// Whether it is for a download.
    pub(super) fn fetches(&self) -> bool {
        self.fetches
    }

    /// Contents that are sought by whatever name.
    pub(super) fn files(&self) -> &[FileId] {
        &self.files
    }

    /// Whether a name is sought, and what it cost to find that out.
    pub(super) fn look(&self, name: &str, file: FileId) -> (Fit, usize) {
        if self.files.binary_search(&file).is_ok() {
            return (Fit::Yes, LOOK);
        }
        let (mut fit, mut steps) = (Fit::No, LOOK);
        for test in &self.tests {
            let (fits, cost) = test.look(name, file);
            steps += cost;
            if fits > fit {
                fit = fits;
            }
            if fit == Fit::Yes {
                break;
            }
        }
        (fit, steps)
    }

    /// See [`Keys`]; `None` when each name has to be looked at.
    pub(super) fn keys(&self) -> Option<Keys<'_>> {
        let (mut texts, mut ids) = (Vec::new(), Vec::new());
        let mut when_lower: &[&str] = &[];
        for test in &self.tests {
            match test {
                Test::Glob(.., text) => {
                    texts.push(std::str::from_utf8(text.as_ref()?.needle()).ok()?);
                }
                Test::Part(part) => {
                    // In lower case other letters may look otherwise.
                    let runs = part.split(|c: char| !c.is_ascii());
                    texts.push(runs.max_by_key(|run| run.len())?);
                    when_lower = &ASCII_WHEN_LOWER;
                }
                Test::Name(text) | Test::Below(text) | Test::Last(text) => texts.push(text),
                Test::Id(id) => ids.push(id.as_str()),
            }
        }
        texts.sort_unstable();
        texts.dedup();
        (texts.iter().all(|text| !text.is_empty())).then_some(Keys {
            texts,
            when_lower,
            ids,
        })
    }
}

impl Test {
    fn glob(matcher: Pattern, text: &str) -> Self {
        let special = |byte: &u8| b"*?[]{},".contains(byte);
        let states = 1 + text.bytes().filter(special).count();
        let run = longest_run(text).map(|run| Box::new(Finder::new(run).into_owned()));
        Self::Glob(matcher, states, run)
    }

    fn look(&self, name: &str, file: FileId) -> (Fit, usize) {
        let bytes = name.len();
        let (fits, steps) = match self {
            Self::Glob(matcher, states, run) => {
                let may = run
                    .as_ref()
                    .is_none_or(|run| run.find(name.as_bytes()).is_some());
                let steps = bytes / BYTES + if may { bytes * states } else { 0 };
                (may && matcher.matches(name), steps)
            }
            Self::Part(part) => (super::listing::contains(name, part), bytes / BYTES),
            Self::Name(whole) => (name == whole, 1),
            Self::Below(folder) => (name.starts_with(folder), 1),
            Self::Last(last) => {
                let is = name.strip_suffix(last.as_str());
                let is = is.is_some_and(|before| before.is_empty() || before.ends_with('/'));
                return (if is { Fit::Beside } else { Fit::No }, 1);
            }
            Self::Id(id) => (file.starts_with(id), 1),
        };
        (if fits { Fit::Yes } else { Fit::No }, steps)
    }
}

/// The longest text that stands, as it is, in whatever a glob matches. What is not plainly so is
/// left out.
fn longest_run(glob: &str) -> Option<&str> {
    let (mut longest, mut from, mut at) = ("", 0, 0);
    while let Some(c) = glob[at..].chars().next() {
        let rest = &glob[at..];
        let skipped = match c {
            // Two stars may stand for no folder at all, and then for none of the slashes beside.
            '*' | '?' | '/' => c.len_utf8(),
            '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            '[' => {
                let not = usize::from(rest[1..].starts_with(['!', '^']));
                // The first one may be a bracket.
                let first = rest[1 + not..].chars().next()?.len_utf8();
                let inner = 1 + not + first;
                inner + rest[inner..].find(']')? + 1
            }
            '{' => rest.rfind('}')? + 1,
            _ => {
                at += c.len_utf8();
                continue;
            }
        };
        longest = longer(longest, &glob[from..at]);
        at += skipped;
        from = at;
    }
    Some(longer(longest, &glob[from..])).filter(|run| !run.is_empty())
}

fn longer<'a>(one: &'a str, other: &'a str) -> &'a str {
    if other.len() > one.len() { other } else { one }
}
