//! Whether to leave when files would be gone with this node, and what to say.
//!
//! Decides and never waits; pure, but for [`tell`]. Invariants: a person at a terminal is held up
//! once at most, and only where something would be lost to the others; nobody else is held up at
//! all.

use super::{config::Setup, json, output::Out, sentences};
use crate::node::{Copies, Node, Safe};

/// What to do about somebody who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on.
    Nothing,
    /// Say this, and stay.
    Say(Word),
    /// Leave now.
    Leave,
}

/// Why the node stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Others are taking copies: it leaves when they have them.
    Soon(Safe),
    /// Those here who keep copies have no room for them.
    Full(Safe),
    /// Nobody here takes copies.
    Alone(Safe),
    /// What is shared is not known yet.
    Reading(Safe),
}

impl Word {
    /// What it is about.
    #[must_use]
    pub fn safe(&self) -> &Safe {
        match self {
            Self::Soon(safe) | Self::Full(safe) | Self::Alone(safe) | Self::Reading(safe) => safe,
        }
    }

    /// Why a prompt stays when it is asked to leave.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Soon(safe) => format!(
                "{} no copy elsewhere yet: leaving as soon as that is done; \
                 exit again leaves at once, cancel stays",
                sentences::only_here(safe)
            ),
            Self::Full(safe) => format!(
                "{} no copy elsewhere, and nobody here has room for one: exit again leaves all the same",
                sentences::only_here(safe)
            ),
            Self::Alone(safe) => format!(
                "{} no copy elsewhere, and nobody here keeps copies: exit again leaves all the same",
                sentences::only_here(safe)
            ),
            Self::Reading(_) => {
                "the shared folder is still being read, so what has a copy elsewhere is not known: \
                 leaving as soon as it is safe; exit again leaves at once, cancel stays"
                    .to_owned()
            }
        }
    }
}

/// What stands in the way of leaving: `None` when nothing does. Who wants one copy only has chosen.
#[must_use]
pub fn obstacle(safe: &Safe, copies: Copies) -> Option<Word> {
    if safe.to_leave() || copies == Copies::Some(1) {
        None
    } else if safe.reading {
        Some(Word::Reading(*safe))
    } else if safe.room {
        Some(Word::Soon(*safe))
    } else if safe.keepers {
        Some(Word::Full(*safe))
    } else {
        Some(Word::Alone(*safe))
    }
}

/// A prompt that somebody may want to leave.
#[derive(Debug)]
pub struct Farewell {
    copies: Copies,
    /// What was said last to the person who asked to leave.
    said: Option<Word>,
}

impl Farewell {
    /// Nobody has asked yet. So many copies of the shared files there are to be.
    #[must_use]
    pub fn new(copies: Copies) -> Self {
        Self { copies, said: None }
    }

    /// Whether somebody asked to leave and was held up.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.said.is_some()
    }

    /// Somebody asks to leave; `None` when the node does not answer any more. Asked twice, it
    /// leaves.
    pub fn ask(&mut self, safe: Option<&Safe>) -> Step {
        match safe.and_then(|safe| obstacle(safe, self.copies)) {
            Some(word) if self.said.is_none() => {
                self.said = Some(word);
                Step::Say(word)
            }
            _ => Step::Leave,
        }
    }

    /// Time has passed.
    pub fn step(&mut self, safe: Option<&Safe>) -> Step {
        let Some(said) = self.said else {
            return Step::Nothing;
        };
        match safe.and_then(|safe| obstacle(safe, self.copies)) {
            None => Step::Leave,
            Some(word) if std::mem::discriminant(&word) != std::mem::discriminant(&said) => {
                self.said = Some(word);
                Step::Say(word)
            }
            Some(_) => Step::Nothing,
        }
    }

    /// The person who asked to leave stays after all; false when nobody asked.
    pub fn stay(&mut self) -> bool {
        self.said.take().is_some()
    }
}

/// Where nobody waits: says what will be gone with this node, as far as that is known.
pub async fn tell(node: &Node, setup: &Setup, out: &Out) {
    let Some(status) = node.status().await else {
        return;
    };
    match obstacle(&status.safe, setup.settings.replicas) {
        Some(word) if out.json() => out.object(&json::Event::Leaving { safe: *word.safe() }),
        Some(word) => out.note(&sentences::left_behind(word.safe())),
        None if status.safe.downloads > 0 && !out.json() => {
            out.note(&sentences::left_to(&status.safe, &status.resting_on));
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Copies = Copies::Some(3);

    fn safe(elsewhere: u64, keepers: bool) -> Safe {
        Safe {
            files: 3,
            elsewhere,
            keepers,
            reading: false,
            room: keepers,
            downloads: 0,
        }
    }

    #[test]
    fn who_loses_nothing_leaves_at_once() {
        for (safe, copies) in [
            (Safe::default(), THREE),
            (safe(3, true), THREE),
            (safe(3, false), Copies::All),
            (safe(0, true), Copies::Some(1)),
        ] {
            assert_eq!(Farewell::new(copies).ask(Some(&safe)), Step::Leave);
        }
        assert_eq!(Farewell::new(THREE).ask(None), Step::Leave);
    }

    #[test]
    fn asked_once_it_waits_for_copies_and_asked_twice_it_leaves() {
        let mut farewell = Farewell::new(THREE);
        assert_eq!(farewell.step(Some(&safe(0, true))), Step::Nothing);
        let first = farewell.ask(Some(&safe(1, true)));
        assert_eq!(first, Step::Say(Word::Soon(safe(1, true))));
        assert!(farewell.pending());
        assert_eq!(farewell.step(Some(&safe(2, true))), Step::Nothing);
        assert_eq!(farewell.ask(Some(&safe(2, true))), Step::Leave);
        assert_eq!(farewell.step(Some(&safe(3, true))), Step::Leave);
        assert_eq!(farewell.step(None), Step::Leave);
    }

    #[test]
    fn it_says_when_those_who_keep_copies_come_or_go() {
        let mut farewell = Farewell::new(THREE);
        let alone = Step::Say(Word::Alone(safe(0, false)));
        let soon = Step::Say(Word::Soon(safe(0, true)));
        assert_eq!(farewell.ask(Some(&safe(0, false))), alone);
        assert_eq!(farewell.step(Some(&safe(0, false))), Step::Nothing);
        assert_eq!(farewell.step(Some(&safe(0, true))), soon);
        assert_eq!(farewell.step(Some(&safe(0, false))), alone);
        assert_eq!(farewell.ask(Some(&safe(0, false))), Step::Leave);
    }

    #[test]
    fn it_promises_nothing_when_nobody_has_room() {
        let full = Safe {
            room: false,
            ..safe(1, true)
        };
        let mut farewell = Farewell::new(THREE);
        assert_eq!(farewell.ask(Some(&full)), Step::Say(Word::Full(full)));
        let soon = Step::Say(Word::Soon(safe(1, true)));
        assert_eq!(farewell.step(Some(&safe(1, true))), soon);
        assert_eq!(farewell.step(Some(&full)), Step::Say(Word::Full(full)));
    }

    #[test]
    fn who_stays_after_all_is_held_up_again_the_next_time() {
        let mut farewell = Farewell::new(THREE);
        assert!(!farewell.stay());
        farewell.ask(Some(&safe(0, true)));
        assert!(farewell.stay());
        assert_eq!(farewell.step(Some(&safe(3, true))), Step::Nothing);
        let again = farewell.ask(Some(&safe(0, true)));
        assert_eq!(again, Step::Say(Word::Soon(safe(0, true))));
    }
}
