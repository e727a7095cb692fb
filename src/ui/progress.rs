//! The bar of a download: on standard error, and only when somebody looks at it; or drawn by a
//! shell beside the node, which is told what to draw.

use super::{
    draw::Draw,
    escapes,
    logging::{self, Screen},
    output::{Out, terminal_width},
    text,
};
use crate::{core::path::printable, node::Progress};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Columns for the name, on a wide terminal and on a narrow one.
const NAME: (usize, usize) = (24, 12);
/// A terminal with fewer columns has no room for the bar itself.
const WIDE: usize = 80;

const MOVING: &str = "{prefix} [{wide_bar}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta} {msg}";
const MOVING_NARROW: &str = "{prefix} {percent} % {binary_bytes_per_sec} eta {eta}";
/// A rate says nothing while nothing comes.
const WAITING: &str =
    "{prefix} [{wide_bar}] {binary_bytes}/{binary_total_bytes} waiting for a source";
const WAITING_NARROW: &str = "{prefix} {percent} % waiting for a source";

fn narrow() -> bool {
    terminal_width().is_some_and(|width| width < WIDE)
}

fn moving() -> ProgressStyle {
    style(if narrow() { MOVING_NARROW } else { MOVING })
}

/// Of the shared folder, at the start. No wider than it has to be: a `^C` that wraps would leave
/// half of it behind.
const SCANNING: &str = "reading shared/ [{bar:26}] {binary_bytes}/{binary_total_bytes} eta {eta}";
const SCANNING_NARROW: &str = "reading shared/ {percent} % eta {eta}";

fn scanning() -> ProgressStyle {
    style(if narrow() { SCANNING_NARROW } else { SCANNING })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A bar, or nothing at all.
#[derive(Debug, Default)]
pub struct Bar(Option<Drawn>);

#[derive(Debug)]
enum Drawn {
    Here(ProgressBar, Title),
    /// By a shell beside the node.
    Beside(Out),
}

impl Bar {
    /// A bar if it is wanted and standard error is a terminal. Until [`Bar::start`] it says that it
    /// looks.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self::open(wanted, || {
            ProgressBar::new_spinner().with_message("looking for it")
        })
    }

    /// The bar of a command that tells `out`: drawn where that is read.
    #[must_use]
    pub fn of(out: &Out, wanted: bool) -> Self {
        if !out.is_remote() {
            return Self::new(wanted);
        }
        let bar = Self(wanted.then(|| Drawn::Beside(out.clone())));
        bar.tell(|| Draw::Open);
        bar
    }

    /// Draws what the node beside this shell told.
    pub fn draw(&mut self, what: Draw) {
        match what {
            Draw::Open => *self = Self::new(true),
            Draw::Say(text) => self.say(text),
            Draw::Start(name, progress) => self.start(&name, &progress),
            Draw::Update(progress) => self.update(&progress),
            Draw::Waiting => self.waiting(),
            Draw::Resumed => self.resumed(),
            Draw::Clear => self.clear(),
        }
    }

    /// The bar that is drawn here.
    fn here(&self) -> Option<&ProgressBar> {
        match &self.0 {
            Some(Drawn::Here(bar, _)) => Some(bar),
            _ => None,
        }
    }

    fn tell(&self, what: impl FnOnce() -> Draw) {
        if let Some(Drawn::Beside(out)) = &self.0 {
            out.draw(&what());
        }
    }

    fn open(wanted: bool, bar: impl FnOnce() -> ProgressBar) -> Self {
        if !(wanted && io::stderr().is_terminal()) {
            return Self(None);
        }
        let bar = bar();
        bar.enable_steady_tick(Duration::from_millis(200));
        logging::through(Screen::Bar(bar.downgrade()));
        Self(Some(Drawn::Here(bar, Title::default())))
    }

    /// Whether there is one to see.
    #[must_use]
    pub fn shown(&self) -> bool {
        self.0.is_some()
    }

    /// Says what is waited for.
    pub fn say(&self, text: impl Into<Cow<'static, str>>) {
        let text = text.into();
        self.tell(|| Draw::Say(text.to_string()));
        if let Some(bar) = self.here() {
            bar.set_message(text);
        }
    }

    /// What is downloaded is known.
    pub fn start(&self, name: &str, progress: &Progress) {
        self.tell(|| Draw::Start(name.to_owned(), *progress));
        let Some(bar) = self.here() else { return };
        let room = if narrow() { NAME.1 } else { NAME.0 };
        bar.set_prefix(text::cut_middle(&printable(name), room));
        bar.set_length(progress.size);
        bar.set_position(progress.done);
        bar.set_message(message(progress));
        bar.set_style(moving());
        // What was here already says nothing about the rate.
        bar.reset_elapsed();
        bar.reset_eta();
    }

    /// It went on.
    pub fn update(&self, progress: &Progress) {
        self.tell(|| Draw::Update(*progress));
        let Some(bar) = self.here() else { return };
        bar.set_length(progress.size);
        bar.set_position(progress.done);
        bar.set_message(message(progress));
        if let Some(Drawn::Here(bar, title)) = &self.0 {
            title.show(&bar.prefix(), progress);
        }
    }

    /// All sources are gone.
    pub fn waiting(&self) {
        self.tell(|| Draw::Waiting);
        if let Some(bar) = self.here() {
            let narrow = narrow();
            bar.set_style(style(if narrow { WAITING_NARROW } else { WAITING }));
        }
    }

    /// There is a source again.
    pub fn resumed(&self) {
        self.tell(|| Draw::Resumed);
        if let Some(bar) = self.here() {
            bar.reset_eta();
            bar.set_style(moving());
        }
    }

    /// Lets something else be printed.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.here() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes it away.
    pub fn clear(&self) {
        self.tell(|| Draw::Clear);
        if let Some(Drawn::Here(bar, title)) = &self.0 {
            bar.finish_and_clear();
            title.put_back();
            logging::through(Screen::Streams);
        }
    }
}

/// The terminal's title, which says how far it is to those who look at something else.
#[derive(Debug, Default)]
struct Title(AtomicU64);

impl Title {
    /// Shows it, when it says something new: the number is the percentage, and one more.
    fn show(&self, name: &str, progress: &Progress) {
        let percent = (progress.done * 100)
            .checked_div(progress.size)
            .unwrap_or(0);
        let before = self.0.swap(percent + 1, Ordering::Relaxed);
        if before == percent + 1 || !has_title() {
            return;
        }
        let keep = if before == 0 { escapes::TITLE_KEPT } else { "" };
        let title = escapes::title(&format!("{percent} % {name} - sprat"));
        // Without a standard error there is nobody to tell.
        let _ = write!(io::stderr(), "{keep}{title}");
    }

    fn put_back(&self) {
        if self.0.swap(0, Ordering::Relaxed) > 0 && has_title() {
            let _ = write!(io::stderr(), "{}", escapes::TITLE_BACK);
        }
    }
}

/// Whether this terminal is a window, or in one.
fn has_title() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    !matches!(&*term, "" | "dumb" | "linux")
}

/// The bar of a scan of the shared folder: there is one from the first news of the scan to its end.
#[derive(Debug)]
pub struct ScanBar {
    wanted: bool,
    bar: Bar,
}

impl ScanBar {
    /// None yet.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted,
            bar: Bar::default(),
        }
    }

    /// So many bytes of all are read.
    pub fn update(&mut self, done: u64, total: u64) {
        if !self.bar.shown() {
            let bar = || ProgressBar::new(total).with_style(scanning());
            self.bar = Bar::open(self.wanted, bar);
        }
        let Some(bar) = self.bar.here() else {
            return;
        };
        bar.set_style(scanning()); // The terminal may be another width now.
        bar.set_length(total);
        bar.set_position(done);
    }

    /// Everything is read.
    pub fn clear(&mut self) {
        self.bar.clear();
        self.bar = Bar::default();
    }

    /// Lets something else be printed.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

/// What stands behind the numbers.
fn message(progress: &Progress) -> String {
    // What is sent has no sources.
    if progress.sources == 0 && progress.files == 0 {
        return String::new();
    }
    let sources = text::count(u64::from(progress.sources), "source");
    if progress.files > 1 {
        format!(
            "{sources}, {}/{} files",
            progress.files_done, progress.files
        )
    } else {
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::far::Ends;
    use tokio::sync::mpsc;

    #[test]
    fn files_are_counted_when_there_are_several() {
        let mut progress = Progress {
            sources: 1,
            files: 1,
            ..Progress::default()
        };
        assert_eq!(message(&progress), "1 source");
        (progress.files, progress.files_done, progress.sources) = (12, 3, 2);
        assert_eq!(message(&progress), "2 sources, 3/12 files");
    }

    #[test]
    fn a_shell_beside_the_node_is_told_all_that_is_drawn_in_order() {
        let pipes = (mpsc::channel(1).0, mpsc::channel(1).1, mpsc::channel(1).0);
        let (out, mut told) = Out::remote(false, Ends::default(), pipes);
        assert!(!Bar::of(&out, false).shown());
        let bar = Bar::of(&out, true);
        bar.say("waiting");
        let progress = Progress {
            done: 1,
            size: 2,
            ..Progress::default()
        };
        bar.start("x", &progress);
        bar.suspend(|| out.note("a word"));
        bar.update(&progress);
        bar.waiting();
        bar.resumed();
        bar.clear();
        let mut seen = Vec::new();
        let mut shell = Bar::default();
        while let Some(mut line) = told.said() {
            let draw = line["bar"].take();
            if draw.is_null() {
                seen.push(line["err"].to_string());
                continue;
            }
            let draw: Draw = serde_json::from_value(draw).expect("it can be read back");
            seen.push(
                format!("{draw:?}")
                    .chars()
                    .take_while(|c| c.is_alphabetic())
                    .collect(),
            );
            shell.draw(draw);
        }
        assert_eq!(
            seen,
            [
                "Open",
                "Say",
                "Start",
                "\"a word\"",
                "Update",
                "Waiting",
                "Resumed",
                "Clear"
            ]
        );
    }

    #[test]
    fn without_a_terminal_there_is_no_bar_and_nothing_fails() {
        let bar = Bar::new(false);
        assert!(!bar.shown());
        bar.start("x", &Progress::default());
        bar.waiting();
        assert_eq!(bar.suspend(|| 5), 5);
        bar.clear();
    }
}
