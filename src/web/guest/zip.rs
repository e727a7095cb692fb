//! All files of a link as one archive, made while it is sent: nothing of it is kept, and its length
//! is known from the first byte.

#[cfg(test)]
mod tests;

use super::{answer::disposition, page::zip_name};
use crate::{
    core::zip::{Archive, Entry},
    node::Link,
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use std::{io, sync::Arc};

/// Rows of the directory that are sent together.
const ROWS: usize = 256;

/// Gives the archive.
pub fn give(link: &Arc<Link>) -> Response {
    let entry = |file: &crate::node::LinkFile| Entry {
        name: file.name.as_str().to_owned(),
        size: file.size,
        mtime: file.mtime(),
    };
    let archive = Archive::new(link.files().iter().map(entry).collect());
    let (size, name) = (archive.size(), zip_name(link));
    let pieces = pieces(link.clone(), archive).take_until(Box::pin(link.over()));
    let mut answer = Response::new(Body::from_stream(pieces));
    let head = answer.headers_mut();
    head.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/zip"),
    );
    head.insert(
        header::CONTENT_DISPOSITION,
        disposition("attachment", &name),
    );
    head.insert(header::CONTENT_LENGTH, size.into());
    answer
}

type Piece = io::Result<Bytes>;

fn pieces(link: Arc<Link>, archive: Archive) -> impl Stream<Item = Piece> + Send {
    let archive = Arc::new(archive);
    // The sums of the files so far: four bytes each.
    let sums = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (files, known) = (archive.clone(), sums.clone());
    let contents = stream::iter(0..archive.entries().len())
        .flat_map(move |number| file(link.clone(), files.clone(), number, known.clone()));
    let count = archive.entries().len();
    let rows = stream::iter((0..=count).step_by(ROWS)).map(move |first| {
        let mut piece = Vec::new();
        let sums = sums.lock();
        for (number, sum) in sums.iter().enumerate().skip(first).take(ROWS) {
            piece.extend(archive.row(number, *sum));
        }
        if first + ROWS > count {
            piece.extend(archive.end());
        }
        Ok(Bytes::from(piece))
    });
    contents.chain(rows)
}

/// A file with what stands around it. One that is not as long as it was ends the archive, so that
/// nobody takes it for a whole one.
fn file(
    link: Arc<Link>,
    archive: Arc<Archive>,
    number: usize,
    sums: Arc<parking_lot::Mutex<Vec<u32>>>,
) -> impl Stream<Item = Piece> + Send {
    let head = Bytes::from(archive.head(number));
    let opened = async move {
        let open = link.files()[number].open().await?;
        let size = archive.entries()[number].size;
        if open.size != size {
            return Err(io::Error::other("a file has changed since it was linked"));
        }
        let summed = (open.stream(0..size), crc32fast::Hasher::new());
        let contents = stream::try_unfold(Some(summed), move |state| {
            let (archive, sums) = (archive.clone(), sums.clone());
            async move {
                let Some((mut bytes, mut sum)) = state else {
                    return Ok(None);
                };
                if let Some(piece) = bytes.try_next().await? {
                    sum.update(&piece);
                    return Ok(Some((piece, Some((bytes, sum)))));
                }
                let sum = sum.finalize();
                sums.lock().push(sum);
                Ok(Some((Bytes::from(archive.tail(number, sum)), None)))
            }
        });
        Ok(contents)
    };
    let head = stream::once(async move { Ok(head) });
    head.chain(stream::once(opened).try_flatten())
}
