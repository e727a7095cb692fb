//! What a faulty peer answers, and what it sends.

use super::*;

#[expect(clippy::too_many_lines, reason = "one arm for each fault")]
pub(super) fn respond(request: Request, name: &str, file: &File, fault: Fault) -> Response {
    match request {
        Request::Catalog { since, .. } => {
            let offer = Offer {
                size: file.size,
                mtime: 1_700_000_000,
                executable: false,
                mode: None,
                media: "application/octet-stream".into(),
                held: if fault == Fault::Pretends {
                    Held::Partial
                } else {
                    Held::Shared
                },
                parts: None,
            };
            let entry = |revision, name: &str| CatalogEntry {
                revision,
                name: name.to_owned(),
                file: file.id(),
                offer: Some(offer.clone()),
            };
            if matches!(fault, Fault::SlowCatalog | Fault::HalfCatalog) {
                let entry = |at| entry(at, &format!("slow/{at}"));
                let last = (since + SLOW_PAGE).min(SLOW_NAMES);
                return Response::Catalog(CatalogPage {
                    name: name.to_owned(),
                    keeps: false,
                    epoch: 1,
                    revision: SLOW_NAMES,
                    reset: since == 0,
                    more: last < SLOW_NAMES,
                    through: None,
                    names: None,
                    entries: (since + 1..=last).map(entry).collect(),
                    scan: None,
                    holds: Vec::new(),
                    unchosen: false,
                    visiting: false,
                });
            }
            if fault == Fault::Pages {
                let last = (file.also.len() as u64 + 1).max(since);
                let to = (since + MAX_CATALOG_PAGE as u64).min(last);
                let named = |at| match at {
                    1 => &file.name,
                    at => &file.also[at as usize - 2],
                };
                return Response::Catalog(CatalogPage {
                    name: name.to_owned(),
                    keeps: false,
                    unchosen: false,
                    visiting: false,
                    epoch: 1,
                    revision: last,
                    reset: since == 0,
                    more: to < last,
                    through: None,
                    names: Some(last),
                    entries: (since + 1..=to).map(|at| entry(at, named(at))).collect(),
                    scan: None,
                    holds: Vec::new(),
                });
            }
            let endless = fault == Fault::EndlessCatalog;
            let mut entries = Vec::new();
            if endless && since > 0 {
                entries.push(entry(since + 1, &format!("{since:0>250}")));
            } else {
                let names = std::iter::once(&file.name).chain(&file.also);
                entries.extend((1..).zip(names).map(|(at, name)| entry(at, name)));
            }
            if fault == Fault::OversizeCatalog {
                entries.extend((2..5000).map(|at| entry(at, &format!("{at:0>250}"))));
            }
            Response::Catalog(CatalogPage {
                name: name.to_owned(),
                keeps: false,
                unchosen: false,
                visiting: false,
                epoch: 1,
                revision: if endless {
                    u64::MAX
                } else {
                    entries.len() as u64
                },
                reset: since == 0,
                more: endless,
                through: None,
                names: None,
                entries,
                scan: (fault == Fault::Reads).then_some(Scan {
                    files: 1,
                    bytes: 1 << 20,
                    of_files: Some(3),
                    of_bytes: Some(3 << 20),
                }),
                holds: Vec::new(),
            })
        }
        Request::Manifests { files } => {
            let head = |id| {
                let mut root = file.encoded.root.clone();
                if fault == Fault::FalseManifest {
                    root[7] ^= 1;
                }
                let single = file.encoded.pages.len() == 1;
                let page = single.then(|| file.encoded.pages[0].clone().into());
                ManifestHead {
                    file: id,
                    root: root.into(),
                    page,
                }
            };
            Response::Manifests(files.into_iter().map(head).collect())
        }
        Request::Page { index, .. } => match file.page(index as usize) {
            Some(page) if fault == Fault::FalsePage => {
                let mut page = page.clone();
                *page.last_mut().unwrap() ^= 1;
                Response::Page(page.into())
            }
            Some(page) => Response::Page(page.clone().into()),
            None => Response::Missing,
        },
        Request::Have { .. } => Response::Have(Have {
            chunks: file.count,
            bits: vec![].into(),
        }),
        // A liar claims everything; the others say nothing of other files.
        Request::Chunks { ids } if fault == Fault::Misses => {
            Response::Chunks(vec![255; ids.len().div_ceil(8)].into())
        }
        Request::Chunks { .. }
        | Request::Reach { .. }
        | Request::Peers { .. }
        | Request::Haves { .. }
        | Request::Cards { .. }
        | Request::Everybody { .. }
        | Request::Compare { .. }
        | Request::Introduce { .. } => Response::Missing,
        Request::CatalogChanged { .. } | Request::Held { .. } | Request::Goodbye => Response::Done,
    }
}

pub(super) async fn serve(
    mut stream: Stream,
    file: File,
    fault: Fault,
    (asked, bulk): (Arc<AtomicUsize>, Arc<AtomicUsize>),
) {
    let mut missed = std::collections::HashSet::new();
    while let Ok(Some(question)) = Question::read(&mut stream).await {
        let Question::Get(tag, id) = question else {
            continue;
        };
        asked.fetch_add(1, Ordering::Relaxed);
        bulk.fetch_add(usize::from(stream.is_bulk()), Ordering::Relaxed);
        let Some(&(at, len)) = file.chunks.get(&id) else {
            continue;
        };
        let bytes = &file.bytes[at..at + len];
        let header = Header {
            tag,
            status: Status::Bytes(len as u32),
        }
        .to_bytes();
        let sent = match fault {
            Fault::MissesOnce if missed.insert(id) => {
                let missing = Header {
                    tag,
                    status: Status::Missing,
                }
                .to_bytes();
                send(&mut stream, &missing, &[]).await
            }
            Fault::Withdraws => {
                let gone = Header {
                    tag,
                    status: Status::Cancelled,
                }
                .to_bytes();
                send(&mut stream, &gone, &[]).await
            }
            Fault::Slow => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                send(&mut stream, &header, bytes).await
            }
            Fault::Lies => {
                let mut wrong = bytes.to_vec();
                wrong[len / 2] ^= 1;
                send(&mut stream, &header, &wrong).await
            }
            Fault::Stalls | Fault::Pretends => continue,
            Fault::HangsUp => {
                let _ = send(&mut stream, &header, &bytes[..len / 2]).await;
                return;
            }
            Fault::Floods => {
                let stray = Header {
                    tag: tag.wrapping_add(1_000_000),
                    status: Status::Bytes(len as u32),
                };
                send(&mut stream, &stray.to_bytes(), bytes).await
            }
            Fault::Misses => {
                let missing = Header {
                    tag,
                    status: Status::Missing,
                }
                .to_bytes();
                send(&mut stream, &missing, &[]).await
            }
            Fault::Trickles => {
                let mut sent = send(&mut stream, &header, &[]).await;
                for byte in bytes {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    sent = send(&mut stream, &[], &[*byte]).await;
                    if sent.is_err() {
                        break;
                    }
                }
                sent
            }
            Fault::MissesOnce => send(&mut stream, &header, bytes).await,
            Fault::DeclaresTooMuch => {
                let mut header = header;
                header[5..].copy_from_slice(&u32::MAX.to_be_bytes());
                let _ = send(&mut stream, &header, &[]).await;
                std::future::pending::<()>().await;
                return;
            }
            honest => {
                assert!(honest.serves(), "{honest:?}");
                send(&mut stream, &header, bytes).await
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn send(stream: &mut Stream, header: &[u8], bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(header).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}
