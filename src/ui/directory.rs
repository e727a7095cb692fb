//! `signup`, `people` and `add`: names at rendezvous servers.

use super::{
    exit::Exit, json, output::Out, sentences::directory as sentences, table, text::person,
};
use crate::{
    core::path::printable,
    node::{DirectoryError, Node},
};
use std::time::Duration;

/// Binds a name at the servers, or gives it back; a server is waited for at most so long.
pub async fn sign_up(node: &Node, out: &Out, wait: Duration, name: &str, release: bool) -> Exit {
    let results = match node.sign_up(name, release, None, wait).await {
        Ok(results) => results,
        Err(error) => return failed(out, name, &error),
    };
    let (mut done, mut failures) = (0, Vec::new());
    for (server, result) in results {
        match result {
            Ok(()) => {
                done += 1;
                if out.json() {
                    let (name, server) = (name.trim(), &*server);
                    out.object(&if release {
                        json::Event::Released { name, server }
                    } else {
                        json::Event::SignedUp { name, server }
                    });
                } else {
                    out.note(&sentences::signed_up(name.trim(), &server, release));
                }
            }
            Err(error) => failures.push(failed(out, name, &error)),
        }
    }
    Exit::of(done, &failures)
}

/// Shows who signed up.
pub async fn people(node: &Node, out: &Out, wait: Duration, pattern: Option<&str>) -> Exit {
    let rows = match node.people(pattern, wait).await {
        Ok(rows) => rows,
        Err(error) => return failed(out, pattern.unwrap_or_default(), &error),
    };
    match (rows.is_empty(), pattern) {
        (false, _) if out.json() => out.objects(rows.iter()),
        (false, _) => out.result(&table::people(&rows, out.width())),
        (true, None) => out.note("nobody of this swarm signed up there yet"),
        (true, Some(pattern)) => {
            let why = format!("nobody who signed up matches `{}`", person(pattern));
            out.error(&why);
            return Exit::NotFound;
        }
    }
    Exit::Done
}

/// Adds somebody who signed up to those who are known.
pub async fn add(node: &Node, out: &Out, wait: Duration, name: &str, trust: bool) -> Exit {
    match node.add_person(name, trust, wait).await {
        Ok(row) => {
            if out.json() {
                out.object(&json::Event::added(&row));
            } else {
                out.note(&sentences::added(&row));
            }
            Exit::Done
        }
        Err(error) => failed(out, name, &error),
    }
}

fn failed(out: &Out, name: &str, error: &DirectoryError) -> Exit {
    out.failure(name, &printable(&error.to_string()));
    Exit::from(error)
}
