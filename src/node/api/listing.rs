//! What the swarm offers, as a front end sees it, and what is not known of it yet.

use super::form;
use crate::core::id::{FileId, NodeId};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

pub use crate::wire::control::Scan;

/// A node that shares something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Owner {
    /// Who.
    #[serde(rename = "peer", serialize_with = "form::text")]
    #[cfg_attr(test, schema(value_type = String))]
    pub node: NodeId,
    /// What they are called.
    pub name: String,
}

/// One row of `list`: a name with its contents, over all nodes that offer it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Listing {
    /// The relative path, `/` between its parts.
    pub name: String,
    /// The contents.
    pub id: FileId,
    /// Bytes.
    pub size: u64,
    /// Media type.
    pub media: String,
    /// When it was changed last: seconds since 1970.
    pub mtime: i64,
    /// Other nodes in whose shared folder it lies by this name, sorted by name: 16 at most.
    pub owners: Vec<Owner>,
    /// Other nodes that fetched it by this name: 16 at most.
    pub at: Vec<Owner>,
    /// Whether it lies by this name in this node's shared folder.
    pub shared: bool,
    /// How many *other* nodes have the whole file.
    pub others: u32,
    /// How many nodes have the whole file, this one included.
    pub holders: u32,
    /// The fewest copies that any of its chunks has, among the same nodes and those that keep a
    /// part.
    pub copies: u32,
    /// How many other nodes keep a part of it for the swarm.
    pub keepers: u32,
    /// It lives on only as copies that nodes keep for the swarm: nobody here offers it as a file of
    /// their own.
    pub replica: bool,
    /// Whether this node has all of it for its own user.
    pub mine: bool,
    /// The name means other contents now.
    pub older: bool,
}

impl Listing {
    /// As one of several contents of a name.
    #[must_use]
    pub fn version(&self) -> Version {
        Version {
            id: self.id,
            size: self.size,
            mtime: self.mtime,
            owners: self.owners.clone(),
        }
    }
}

/// In JSON `older` has in it who fetched it, and only what is older has that.
impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Older<'a> {
            at: &'a [Owner],
        }
        let older = self.older.then_some(Older { at: &self.at });
        let mut row = serializer.serialize_struct("Listing", 10 + usize::from(self.older))?;
        row.serialize_field("name", &self.name)?;
        row.serialize_field("id", &self.id.to_string())?;
        row.serialize_field("size", &self.size)?;
        row.serialize_field("type", &self.media)?;
        row.serialize_field("holders", &self.holders)?;
        row.serialize_field("copies", &self.copies)?;
        row.serialize_field("replica", &self.replica)?;
        row.serialize_field("mtime", &self.mtime)?;
        row.serialize_field("mine", &self.mine)?;
        row.serialize_field("owners", &self.owners)?;
        if let Some(older) = older {
            row.serialize_field("older", &older)?;
        }
        row.end()
    }
}

/// Contents that a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The contents.
    #[serde(serialize_with = "form::text")]
    pub id: FileId,
    /// Bytes.
    pub size: u64,
    /// When it was changed last: seconds since 1970.
    pub mtime: i64,
    /// Who shares it by that name: 16 at most.
    pub owners: Vec<Owner>,
}

/// What is not known yet of what the swarm offers.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Gaps {
    /// Nodes of whose catalogs something is missing.
    #[serde(rename = "nodes")]
    pub catalogs: Vec<Gap>,
    /// Nodes that still read their shared folder, and how far they are.
    #[serde(serialize_with = "form::scans")]
    #[cfg_attr(test, schema(value_type = Vec<super::shape::TheirReading>))]
    pub scanning: Vec<(Owner, Scan)>,
    /// Nobody else is here, so what this node has of a folder or a pattern need not be all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl Gaps {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.catalogs.is_empty() && self.scanning.is_empty() && !self.alone
    }
}

/// A node of whose catalog something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Gap {
    /// Who.
    #[serde(flatten)]
    pub node: Owner,
    /// How many names are known.
    pub known: u64,
    /// How many it offers, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Why not all.
    pub why: Missing,
}

/// Why some of a catalog is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The node announced itself and is not connected yet.
    Connection,
    /// It is on its way.
    Rest,
    /// The node did not answer.
    Answer,
    /// There is no room here for all its names.
    Room,
    /// It was asked who else is here, and did not answer yet.
    Others,
}
