//! The guests' page, made here so that it works without a script: names stand in it as text, and
//! every file is a plain link.
//!
//! Invariant: what anybody named goes through [`text`] (or is percent-encoded) before it stands in
//! the page.

use super::{
    super::bytes::shown,
    answer::{encoded, encoded_path},
    listen::Visit,
    words::Words,
};
use crate::{
    core::path::printable,
    node::{Link, LinkFile},
};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use std::fmt::Write as _;

/// Files on one page.
pub const ROWS: usize = 500;

/// Foreign text as a browser is to show it: no markup, and nothing that reorders or hides.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `3.2 MiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A whole page around `body`.
fn whole(status: StatusCode, words: &Words, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"dark light\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><link rel=\"icon\" href=\"/icon.svg\">\
         <link rel=\"stylesheet\" href=\"/colours.css\">\
         <link rel=\"stylesheet\" href=\"/guest.css\"></head>\n\
         <body><main>\n<h1>{title}</h1>\n{body}</main></body></html>\n",
        words.lang
    );
    let media = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, media, page).into_response()
}

/// A page with a sentence.
pub fn message(status: StatusCode, words: &Words, sentence: &str) -> Response {
    whole(
        status,
        words,
        "sprat",
        &format!("<p>{}</p>\n", text(sentence)),
    )
}

/// A page that asks for the PIN; the form works without a script.
pub fn pin(status: StatusCode, words: &Words, sentence: &str) -> Response {
    let body = format!(
        "<p>{}</p>\n<form method=\"post\" action=\"pin\">\
         <label for=\"pin\">{}</label> <input id=\"pin\" name=\"pin\" autocomplete=\"off\" maxlength=\"64\" required autofocus>\
         <button>{}</button></form>\n",
        text(sentence),
        words.pin,
        words.go_on
    );
    whole(status, words, words.pin, &body)
}

/// Whether others could read along.
fn privacy(words: &Words, visit: Visit) -> String {
    let (class, sentence) = if visit.tls {
        ("note", words.encrypted)
    } else {
        ("warning", words.not_encrypted)
    };
    format!("<p class=\"{class}\">{sentence}</p>\n")
}

/// A page for handing files in.
pub fn upload(called: &str, words: &Words, visit: Visit) -> Response {
    let title = words.hand_in.replace("{}", &text(called));
    let mut body = privacy(words, visit);
    let _ = write!(
        body,
        "<p>{}</p>\n<noscript><p class=\"warning\">{}</p></noscript>\n\
         <form id=\"hand-in\" hidden><label for=\"name\">{}</label>\
         <input id=\"name\" name=\"name\" maxlength=\"40\" autocomplete=\"name\">\
         <label for=\"files\">{}</label><input id=\"files\" name=\"files\" type=\"file\" multiple required>\
         <button>{}</button></form>\n\
         <p id=\"status\" role=\"status\" data-asking=\"{}\" data-sending=\"{}\" data-done=\"{}\" data-refused=\"{}\" data-failed=\"{}\"></p>\n\
         <progress id=\"bar\" value=\"0\" hidden aria-labelledby=\"status\"></progress>\n\
         <script type=\"module\" src=\"/guest.js\"></script>\n",
        words.asked_first,
        words.needs_script,
        words.your_name,
        words.choose,
        words.send,
        words.asking,
        words.sending,
        words.done,
        words.refused,
        words.failed,
    );
    whole(StatusCode::OK, words, &title, &body)
}

/// The files of a link; `number` counts pages from 1.
pub fn list(link: &Link, called: &str, words: &Words, visit: Visit, number: usize) -> Response {
    let files = link.files();
    let pages = files.len().div_ceil(ROWS).max(1);
    let number = number.clamp(1, pages);
    let title = words.from.replace("{}", &text(called));
    let mut body = privacy(words, visit);
    let count = match files.len() {
        1 => words.file.to_owned(),
        count => words.files.replace("{}", &count.to_string()),
    };
    let _ = writeln!(body, "<p>{count}, {}</p>", size(link.size()));
    if files.len() > 1 {
        let name = encoded(&zip_name(link));
        let _ = writeln!(
            body,
            "<p><a class=\"button\" href=\"zip/{name}\" download>{}</a></p>",
            words.all_as_zip
        );
    }
    body.push_str("<ul class=\"files\">\n");
    let first = (number - 1) * ROWS;
    for (at, file) in files.iter().enumerate().skip(first).take(ROWS) {
        row(&mut body, at, file, words);
    }
    body.push_str("</ul>\n");
    if pages > 1 {
        let _ = write!(
            body,
            "<nav>{} / {pages}",
            words.page.replace("{}", &number.to_string())
        );
        for (to, word) in [(number - 1, words.previous), (number + 1, words.next)] {
            if (1..=pages).contains(&to) {
                let _ = write!(body, " <a href=\"?page={to}\">{word}</a>");
            }
        }
        body.push_str("</nav>\n");
    }
    whole(StatusCode::OK, words, &title, &body)
}

fn row(body: &mut String, at: usize, file: &LinkFile, words: &Words) {
    let (name, path) = (text(file.name.as_str()), encoded(file.name.file_name()));
    let _ = write!(
        body,
        "<li><a href=\"f/{at}/{path}\" download>{name}</a> <span class=\"size\">{}</span>",
        size(file.size)
    );
    let media = shown(&file.media()).and_then(|media| media.split_once('/'));
    if let Some((kind @ ("image" | "audio" | "video"), _)) = media {
        let source = format!("v/{at}/{path}");
        let _ = write!(body, "<details><summary>{}</summary>", words.preview);
        // What is closed is not fetched.
        let _ = match kind {
            "image" => write!(
                body,
                "<img loading=\"lazy\" alt=\"{name}\" src=\"{source}\">"
            ),
            "audio" => write!(
                body,
                "<audio controls preload=\"none\" src=\"{source}\"></audio>"
            ),
            _ => write!(
                body,
                "<video controls playsinline preload=\"none\" src=\"{source}\"></video>"
            ),
        };
        let _ = write!(
            body,
            "<p><a href=\"{source}\">{}</a></p></details>",
            words.open
        );
    }
    body.push_str("</li>\n");
}

/// What all files together are saved as.
pub fn zip_name(link: &Link) -> String {
    let name = link.name().trim_end_matches('/');
    format!("{}.zip", if name.is_empty() { "files" } else { name })
}

/// The line of a file in the list for programs.
pub fn seed_line(file: &LinkFile) -> String {
    format!("{}\n", encoded_path(file.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_nothing_else() {
        assert_eq!(
            text("<img src=x onerror='a(\"b\")'>&\u{202e}"),
            "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;\\u{202e}"
        );
    }
}
