//! The shapes of what is serialised by hand, for the description of the API. A test holds them
//! against what is served.

use super::Owner;
use utoipa::ToSchema;

/// Gives a type the description of its shape.
macro_rules! described {
    ($($kind:ident),*) => {$(
        impl utoipa::PartialSchema for super::$kind {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                <$kind as utoipa::PartialSchema>::schema()
            }
        }

        impl ToSchema for super::$kind {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($kind).into()
            }

            fn schemas(
                all: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
            ) {
                <$kind as ToSchema>::schemas(all);
            }
        }
    )*};
}

described!(AskInfo, LaterInfo, Listing, Safe);

/// Somebody asks to send something.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct AskInfo {
    /// The number for the answer.
    ask: u32,
    from: String,
    /// The key; a guest has none.
    peer: Option<String>,
    /// What it is called together.
    name: String,
    size: u64,
    r#type: String,
    /// The id, when it is one file.
    id: Option<String>,
    /// Seconds since 1970.
    time: u64,
    /// Who was asked.
    to: Vec<String>,
    /// Bytes that lack on the disk here for taking it.
    lacking: u64,
    /// When it is not one file.
    files: Option<Vec<AskedFile>>,
    /// Another key was known for that name.
    key_changed: Option<bool>,
}

/// A file that somebody asks to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct AskedFile {
    name: String,
    size: u64,
    r#type: String,
    /// Not known of what a guest hands in.
    id: Option<String>,
}

/// Files that wait for somebody.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct LaterInfo {
    /// What takes it back.
    later: u32,
    to: String,
    peer: String,
    /// What they are called together.
    name: String,
    files: Vec<String>,
    /// Seconds since 1970.
    since: u64,
}

/// A name with its contents.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Listing {
    name: String,
    id: String,
    size: u64,
    r#type: String,
    /// Nodes that have the whole file, this one included.
    holders: u32,
    /// The fewest copies that any part of it has.
    copies: u32,
    /// Nobody offers it any more; copies live on.
    replica: bool,
    /// Seconds since 1970.
    mtime: i64,
    /// All of it is here.
    mine: bool,
    owners: Vec<Owner>,
    /// The name means other contents now.
    older: Option<Older>,
}

/// An older version.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Older {
    /// Who fetched it.
    at: Vec<Owner>,
}

/// Whether what this node shares would still be there without it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Safe {
    to_leave: bool,
    files: u64,
    elsewhere: u64,
    /// The shared folder is not read for the first time.
    reading: Option<bool>,
    /// Files that rest on others' downloads.
    downloads: Option<u64>,
}

/// Somebody at another node, or a guest.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Somebody {
    name: String,
    /// The key; a guest has none.
    peer: Option<String>,
}

/// How far the shared folder is read.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Reading {
    done: u64,
    total: Option<u64>,
    files: u64,
    of_files: Option<u64>,
}

/// How far another node is with its folder.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct TheirReading {
    peer: String,
    name: String,
    files: u64,
    bytes: u64,
    of_files: Option<u64>,
    of_bytes: Option<u64>,
}

/// How far a download is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Downloading {
    name: String,
    done: u64,
    size: u64,
}

/// How long the turns of the actor took: the task that everything about who is here goes through.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Turns {
    count: u64,
    longest_us: u64,
    /// Turns of more than 20 ms.
    over_20_ms: u64,
    /// Where the buckets end, in microseconds.
    up_to_us: Vec<u64>,
    /// How many turns are in each; the last one has no end.
    counts: Vec<u64>,
}
