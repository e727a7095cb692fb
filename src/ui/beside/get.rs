//! A file's bytes by the node that runs in the home.

use super::{
    ask::not_now,
    connect::{Beside, text},
    places,
};
use crate::ui::{cli::Get, config::Setup, exit::Exit, get::Failure};
use futures::{Stream, stream};
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Request,
    body::{Bytes, Incoming},
    header,
};
use serde_json::Value;
use std::fmt::Write as _;

/// Where the end of a stream stands that broke off.
const END: &str = "x-sprat-end";
/// What a refusal may say.
const LONGEST: usize = 64 << 10;

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure {
        exit: Exit::Failed,
        why: format!("the node that runs here did not answer: {error}"),
    }
}

fn said(value: &Value) -> Failure {
    let code = value["code"]
        .as_u64()
        .and_then(|code| u8::try_from(code).ok());
    let why = value["message"].as_str();
    Failure {
        exit: code.map_or(Exit::Failed, Exit::from_code),
        why: why.unwrap_or("not all of it came").to_owned(),
    }
}

impl Beside {
    /// Asks for the bytes of a file.
    ///
    /// # Errors
    /// [`Failure`], as without a node that runs; also as the last item of the stream.
    pub async fn get(
        &mut self,
        setup: &Setup,
        what: &Get,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + use<>, Failure> {
        if let Some(why) = not_now(&setup.typed) {
            let exit = Exit::Usage;
            return Err(Failure { exit, why });
        }
        let mut path = format!(
            "/api/v1/get?what={}&wait={}",
            coded(&what.what),
            setup.wait.as_millis()
        );
        if let Some(from) = &what.from {
            let _ = write!(path, "&from={}", coded(from)); // It is a string.
        }
        if let Some(timeout) = setup.timeout {
            let _ = write!(path, "&timeout={}", timeout.as_millis());
        }
        let places = places(setup).map_err(broken)?;
        let places: Vec<_> = places.iter().map(|place| place.to_string_lossy()).collect();
        if !places.is_empty() {
            let _ = write!(path, "&reuse={}", coded(&places.join("\n")));
        }
        let mut request = Request::get(path)
            .header(header::HOST, "localhost")
            .header(header::TE, "trailers");
        if let Some(range) = &what.range {
            request = request.header(header::RANGE, format!("bytes={range}"));
        }
        let request = request.body(text(Bytes::new())).map_err(broken)?;
        let answer = self.send(request, setup.wait).await.map_err(broken)?;
        if answer.status().is_success() {
            return Ok(stream::unfold(Some(answer.into_body()), next));
        }
        let body = http_body_util::Limited::new(answer.into_body(), LONGEST);
        let body = body.collect().await.map_err(broken)?;
        Err(said(
            &serde_json::from_slice(&body.to_bytes()).unwrap_or_default(),
        ))
    }
}

async fn next(body: Option<Incoming>) -> Option<(Result<Bytes, Failure>, Option<Incoming>)> {
    let mut body = body?;
    loop {
        let frame = match body.frame().await? {
            Ok(frame) => frame,
            Err(error) => return Some((Err(broken(error)), None)),
        };
        match frame.into_data() {
            Ok(bytes) => return Some((Ok(bytes), Some(body))),
            Err(frame) => {
                if let Some(failure) = frame.trailers_ref().and_then(end) {
                    return Some((Err(failure), None));
                }
            }
        }
    }
}

fn end(trailers: &HeaderMap) -> Option<Failure> {
    let value = serde_json::from_slice(trailers.get(END)?.as_bytes());
    Some(said(&value.unwrap_or_default()))
}

/// Text as a part of a query.
fn coded(text: &str) -> String {
    let mut coded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            coded.push(char::from(byte));
        } else {
            let _ = write!(coded, "%{byte:02X}"); // It is a string.
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_stream_ended_is_told_behind_it() {
        let mut trailers = HeaderMap::new();
        assert!(end(&trailers).is_none());
        let said = "{\"code\":5,\"message\":\"nobody has grün\"}".as_bytes();
        trailers.insert(END, hyper::header::HeaderValue::from_bytes(said).unwrap());
        let failure = end(&trailers).unwrap();
        assert_eq!(
            (failure.exit, &*failure.why),
            (Exit::NotFound, "nobody has grün")
        );
    }
}
