//! What the protocols that have streams of their own are called, and which paths they take.

/// A protocol that is spoken on streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// Its name, with its version.
    pub name: &'static str,
    /// Which paths its streams take.
    pub route: Route,
}

/// Which paths streams take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The best there is now: a few lines of text need no better one.
    AtOnce,
    /// The best there is, after a moment in which a straight one may come about.
    Patient,
    /// A straight one or none: not worth what a server's owner pays for it.
    Straight,
}
