//! What LocalSend apps say to one another (its published specification, version 2.1; apps since
//! 1.18 speak 2.2): names, limits and JSON.
//!
//! Owns the shapes. Never believes a length, a count or a name: each is bounded here before it is
//! kept, and what is not known is ignored.

#[cfg(test)]
mod tests;

use crate::core::{date, id::ChunkId};
use core::net::{Ipv4Addr, Ipv6Addr};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// The UDP port of announcements, and the TCP port where an app usually is.
pub const PORT: u16 = 53317;
/// The group of announcements.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 167);
/// The group of those since 1.18.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0xfd3a, 0xe420);
/// What this node speaks.
pub const VERSION: &str = "2.1";
/// Bytes of the longest announcement: they have some 250.
pub const MAX_ANNOUNCEMENT: usize = 2 << 10;
/// Bytes of what somebody says of themselves by HTTP, and of short answers.
pub const MAX_INFO: usize = 16 << 10;
/// Bytes of the longest ask, and of the answer with its tokens.
pub const MAX_PREPARE: usize = 2 << 20;
/// Files of one ask.
pub const MAX_FILES: usize = 4096;
/// The longest name that somebody is remembered by, in bytes.
pub const MAX_ALIAS: usize = super::MAX_NAME;
/// The longest id of a file, in bytes: apps take UUIDs, or names of files.
pub const MAX_ID: usize = 255;
/// The longest token or session's id of somebody else's, in bytes.
pub const MAX_TOKEN: usize = 256;
/// The longest id of a session in which something is fetched, in bytes: a node has a pass for each
/// of its links in it.
pub const MAX_SESSION: usize = 4096;

/// What somebody says of themselves: to all (with `announce`), and in every request and answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// What they call themselves.
    pub alias: String,
    /// What they speak.
    #[serde(default)]
    pub version: String,
    /// Of what kind the device is, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_model: Option<String>,
    /// `mobile`, `desktop`, `web`, `headless` or `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// With https the SHA-256 of their certificate in hexadecimal, else any text.
    #[serde(default)]
    pub fingerprint: String,
    /// Where they listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Whether they have files to fetch.
    #[serde(default)]
    pub download: Option<bool>,
    /// In a datagram: whether an answer is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announce: Option<bool>,
}

impl Info {
    /// What this node says of itself.
    #[must_use]
    pub fn own(alias: &str, fingerprint: &[u8; 32], port: u16) -> Self {
        Self {
            alias: alias.to_owned(),
            version: VERSION.to_owned(),
            device_model: Some("sprat".to_owned()),
            device_type: Some("desktop".to_owned()),
            fingerprint: hex(fingerprint),
            port: Some(port),
            protocol: Some("https".to_owned()),
            download: Some(false),
            announce: None,
        }
    }

    /// As it goes to all.
    #[must_use]
    pub fn announced(self) -> Self {
        Self {
            announce: Some(true),
            ..self
        }
    }

    /// As it goes to all in answer to somebody who cannot be told by HTTP.
    #[must_use]
    pub fn replied(self) -> Self {
        Self {
            announce: Some(false),
            ..self
        }
    }

    /// As it stands in an answer.
    #[must_use]
    pub fn answered(self) -> Self {
        Self {
            port: None,
            protocol: None,
            announce: None,
            ..self
        }
    }

    /// Reads a datagram or a body of so many bytes at most.
    #[must_use]
    pub fn parse(bytes: &[u8], most: usize) -> Option<Self> {
        if bytes.len() > most {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }

    /// The name, without what no name has and cut to [`MAX_ALIAS`].
    #[must_use]
    pub fn name(&self) -> String {
        let mut name: String = self.alias.trim().chars().take(MAX_ALIAS).collect();
        name.retain(|c| !c.is_control());
        while name.len() > MAX_ALIAS {
            name.pop();
        }
        match name.trim() {
            "" => "unnamed".to_owned(),
            name => name.to_owned(),
        }
    }

    /// The SHA-256 of their certificate, if they say one.
    #[must_use]
    pub fn key(&self) -> Option<[u8; 32]> {
        ChunkId::from_hex(&self.fingerprint).map(|id| id.0)
    }

    /// Whether they can be spoken to without others reading along.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.protocol.as_deref() == Some("https")
    }

    /// Where they listen.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.filter(|port| *port > 0).unwrap_or(PORT)
    }
}

/// A fingerprint as it is written.
#[must_use]
pub fn hex(fingerprint: &[u8; 32]) -> String {
    ChunkId(*fingerprint).to_string().to_uppercase()
}

/// An ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// Who asks.
    pub info: Info,
    /// What, by their ids.
    #[serde(deserialize_with = "bounded_files")]
    pub files: BTreeMap<String, File>,
}

/// What should be a sum is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSum;

/// A file of an ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// The key by which it stands in the ask.
    #[serde(default)]
    pub id: String,
    /// Its name, with the folders that it lies in.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// Its media type.
    #[serde(default)]
    pub file_type: String,
    /// The SHA-256 of its contents in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When it was written and read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Times of a file, as RFC 3339 has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// When it was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// When it was last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessed: Option<String>,
}

impl Metadata {
    /// Of times in seconds since 1970.
    #[must_use]
    pub fn of(modified: Option<u64>, accessed: Option<u64>) -> Self {
        let written = |seconds: u64| date::Moment::of(seconds).to_string();
        Self {
            modified: modified.map(written),
            accessed: accessed.map(written),
        }
    }
}

impl File {
    /// The sum that its contents must have, if one is said.
    ///
    /// # Errors
    /// When what is said is none.
    pub fn sum(&self) -> Result<Option<[u8; 32]>, NoSum> {
        match self.sha256.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => ChunkId::from_hex(text).map(|id| Some(id.0)).ok_or(NoSum),
        }
    }

    /// When it was last written and last read, in seconds since 1970. What is no time counts as not
    /// said.
    #[must_use]
    pub fn times(&self) -> (Option<u64>, Option<u64>) {
        let said = self.metadata.as_ref();
        let time = |text: Option<&String>| text.and_then(|text| date::parse(text));
        (
            time(said.and_then(|said| said.modified.as_ref())),
            time(said.and_then(|said| said.accessed.as_ref())),
        )
    }
}

/// The answer to an ask: which files may come, each with what opens the door to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// Stands in every upload.
    pub session_id: String,
    /// The tokens by the ids of the files.
    #[serde(deserialize_with = "bounded_tokens")]
    pub files: BTreeMap<String, String>,
}

/// The answer to somebody who asks what there is to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// Who offers.
    pub info: Info,
    /// Stands in every question for a file.
    #[serde(deserialize_with = "bounded_session")]
    pub session_id: String,
    /// The files, by their ids.
    #[serde(deserialize_with = "bounded_files")]
    pub files: BTreeMap<String, File>,
}

fn bounded_files<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, File>, D::Error> {
    from.deserialize_map(Bounded(PhantomData))
}

fn bounded_session<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let session = String::deserialize(from)?;
    if session.len() > MAX_SESSION {
        return Err(D::Error::custom("the session's id is too long"));
    }
    Ok(session)
}

fn bounded_tokens<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let tokens: BTreeMap<String, String> = from.deserialize_map(Bounded(PhantomData))?;
    if tokens.values().any(|token| token.len() > MAX_TOKEN) {
        return Err(D::Error::custom("a token is too long"));
    }
    Ok(tokens)
}

/// A map that ends with an error at the first entry beyond [`MAX_FILES`], before that is kept.
struct Bounded<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "at most {MAX_FILES} files")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((id, value)) = entries.next_entry::<String, T>()? {
            if map.len() == MAX_FILES {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_FILES} files"
                )));
            }
            if id.len() > MAX_ID {
                return Err(A::Error::custom("the id of a file is too long"));
            }
            map.insert(id, value);
        }
        Ok(map)
    }
}
