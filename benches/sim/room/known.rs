//! What a node of the room knows of the others, in eight bytes each: there are as many of these as
//! pairs of nodes.

/// Which state of a catalog: its life and the revision in that. In the room each lives once.
pub type Version = (u64, u64);

/// What is known of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    catalog: u16,
    card: u16,
    here: bool,
    rests: bool,
    /// It is being asked for its catalog.
    pub(super) asking: bool,
}

impl Known {
    /// What it offers, as far as that is known.
    pub fn catalog(self) -> Version {
        version(self.catalog)
    }

    /// The same of what it signed.
    pub fn card(self) -> Version {
        version(self.card)
    }

    pub(super) fn take_catalog(&mut self, version: Version) {
        self.catalog = self.catalog.max(revision(version));
    }

    pub(super) fn take_card(&mut self, version: Version) {
        self.card = self.card.max(revision(version));
        self.take_catalog(version);
    }
}

fn version(revision: u16) -> Version {
    (u64::from(revision > 0), revision.into())
}

fn revision((_, revision): Version) -> u16 {
    u16::try_from(revision).expect("few changes")
}

/// All, by their numbers.
#[derive(Debug, Default)]
pub struct Others {
    all: Vec<Known>,
    len: usize,
}

impl Others {
    /// How many are here.
    pub fn len(&self) -> usize {
        self.len
    }

    /// One that is here.
    pub fn get(&self, n: usize) -> Option<&Known> {
        self.all.get(n).filter(|it| it.here)
    }

    pub(super) fn get_mut(&mut self, n: usize) -> Option<&mut Known> {
        self.all.get_mut(n).filter(|it| it.here)
    }

    /// Those that are here.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Known)> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, it)| it.here)
    }

    fn at(&mut self, n: usize) -> &mut Known {
        if n >= self.all.len() {
            let more = n + 1 - self.all.len();
            self.all.reserve_exact(more + n / 16);
            self.all.resize(n + 1, Known::default());
        }
        &mut self.all[n]
    }

    /// It is here; whether that is new.
    pub(super) fn come(&mut self, n: usize) -> bool {
        let new = !std::mem::replace(&mut self.at(n).here, true);
        self.len += usize::from(new);
        new
    }

    pub(super) fn go(&mut self, n: usize) {
        let rests = self.rests(n);
        if self.get(n).is_some() {
            self.len -= 1;
            let nothing = Known::default();
            self.all[n] = Known { rests, ..nothing };
        }
    }

    pub(super) fn rests(&self, n: usize) -> bool {
        self.all.get(n).is_some_and(|it| it.rests)
    }

    pub(super) fn rest(&mut self, n: usize, rests: bool) {
        self.at(n).rests = rests;
    }
}
