//! Who is here, and what they offer.

pub mod catalog;
pub mod peers;
pub mod survey;
