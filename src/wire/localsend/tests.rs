//! Exchanges as they stand in the specification, and what strangers make of them.

use super::*;
use proptest::prelude::*;

/// Section 3.1: the announcement.
const ANNOUNCEMENT: &str = r#"{
  "alias": "Nice Orange",
  "version": "2.0",
  "deviceModel": "Samsung",
  "deviceType": "mobile",
  "fingerprint": "random string",
  "port": 53317,
  "protocol": "https",
  "download": true,
  "announce": true
}"#;
/// Section 3.1: what `register` answers.
const ANSWER: &str = r#"{
  "alias": "Secret Banana",
  "version": "2.0",
  "deviceModel": "Windows",
  "deviceType": "desktop",
  "fingerprint": "random string",
  "download": true
}"#;
/// Section 4.1: the ask.
const PREPARE: &str = r#"{
  "info": {
    "alias": "Nice Orange",
    "version": "2.0",
    "deviceModel": null,
    "deviceType": "mobile",
    "fingerprint": "random string",
    "port": 53317,
    "protocol": "https",
    "download": true
  },
  "files": {
    "some file id": {
      "id": "some file id",
      "fileName": "my image.png",
      "size": 324242,
      "fileType": "image/jpeg",
      "sha256": null,
      "preview": "*preview data*",
      "metadata": { "modified": "2021-01-01T12:34:56Z", "accessed": "2021-01-01T12:34:56Z" }
    },
    "another file id": {
      "id": "another file id",
      "fileName": "trip/another image.jpg",
      "size": 1234,
      "fileType": "image/jpeg",
      "sha256": "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
    }
  }
}"#;
/// Section 4.1: its answer.
const PREPARED: &str = r#"{
  "sessionId": "mySessionId",
  "files": { "someFileId": "someFileToken", "someOtherFileId": "someOtherFileToken" }
}"#;

#[test]
fn what_the_specification_shows_is_read() {
    let info = Info::parse(ANNOUNCEMENT.as_bytes(), MAX_ANNOUNCEMENT).unwrap();
    assert_eq!((info.name().as_str(), info.port()), ("Nice Orange", 53317));
    assert!(info.is_encrypted() && info.announce == Some(true));
    assert_eq!(info.key(), None, "a random text is the sum of nothing");
    let answer = Info::parse(ANSWER.as_bytes(), MAX_INFO).unwrap();
    assert_eq!(
        (answer.port, answer.name().as_str()),
        (None, "Secret Banana")
    );
    let ask: Prepare = serde_json::from_str(PREPARE).unwrap();
    let image = &ask.files["some file id"];
    assert_eq!((&*image.file_name, image.size), ("my image.png", 324_242));
    assert_eq!(image.sum(), Ok(None));
    let then = Some(1_609_504_496);
    assert_eq!(image.times(), (then, then));
    assert_eq!(ask.files["another file id"].times(), (None, None));
    assert!(ask.files["another file id"].sum().unwrap().is_some());
    let prepared: Prepared = serde_json::from_str(PREPARED).unwrap();
    assert_eq!(prepared.files["someFileId"], "someFileToken");
}

#[test]
fn what_this_node_says_has_the_fields_of_the_specification() {
    let own = Info::own("anna", &[0xab; 32], 53317);
    let said = |info: &Info| serde_json::to_value(info).unwrap();
    let all = serde_json::json!({
        "alias": "anna",
        "version": "2.1",
        "deviceModel": "sprat",
        "deviceType": "desktop",
        "fingerprint": "AB".repeat(32),
        "port": 53317,
        "protocol": "https",
        "download": false,
        "announce": true,
    });
    assert_eq!(said(&own.clone().announced()), all);
    let reply = said(&own.clone().replied());
    assert_eq!(reply["announce"], false);
    let answer = said(&own.clone().answered());
    assert!(answer.get("port").is_none() && answer.get("protocol").is_none());
    assert_eq!(own.key(), Some([0xab; 32]));
    let prepared = Prepared {
        session_id: "s".into(),
        files: BTreeMap::from([("a".into(), "t".into())]),
    };
    let text = serde_json::to_string(&prepared).unwrap();
    assert_eq!(text, r#"{"sessionId":"s","files":{"a":"t"}}"#);
    let times = Metadata::of(Some(1_609_504_496), None);
    let text = serde_json::to_string(&times).unwrap();
    assert_eq!(text, r#"{"modified":"2021-01-01T12:34:56Z"}"#);
}

#[test]
fn names_are_cut_and_have_nothing_that_no_name_has() {
    let named = |alias: &str| Info::own(alias, &[0; 32], 1).name();
    assert_eq!(named(" a\u{1b}[31m\r\nb "), "a[31mb");
    assert_eq!(named("\u{7}"), "unnamed");
    assert_eq!(named(""), "unnamed");
    assert!(named(&"ä".repeat(500)).len() <= MAX_ALIAS);
}

#[test]
fn more_files_than_an_ask_may_have_end_it_where_they_begin() {
    let ask = |count: usize| {
        let files: Vec<String> = (0..count)
            .map(|n| format!(r#""{n}":{{"fileName":"a","size":0}}"#))
            .collect();
        format!(
            r#"{{"info":{{"alias":"a"}},"files":{{{}}}}}"#,
            files.join(",")
        )
    };
    let read = |text: &str| serde_json::from_str::<Prepare>(text);
    assert_eq!(read(&ask(MAX_FILES)).unwrap().files.len(), MAX_FILES);
    let error = read(&ask(MAX_FILES + 1)).unwrap_err().to_string();
    assert!(error.contains("more than 4096 files"), "{error}");
    let long = format!(
        r#"{{"info":{{"alias":"a"}},"files":{{"{}":{{"fileName":"a","size":0}}}}}}"#,
        "i".repeat(MAX_ID + 1)
    );
    assert!(read(&long).is_err());
    let token = format!(
        r#"{{"sessionId":"s","files":{{"a":"{}"}}}}"#,
        "t".repeat(257)
    );
    assert!(serde_json::from_str::<Prepared>(&token).is_err());
}

proptest! {
    #[test]
    fn no_bytes_of_a_stranger_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Some(info) = Info::parse(&bytes, MAX_ANNOUNCEMENT) {
            prop_assert!(info.name().len() <= MAX_ALIAS);
        }
        let _ = serde_json::from_slice::<Prepare>(&bytes);
    }

    #[test]
    fn what_is_said_is_read_back(alias in ".{0,80}", key: [u8; 32], port in 1_u16..) {
        let own = Info::own(&alias, &key, port).announced();
        let bytes = serde_json::to_vec(&own).unwrap();
        let read = Info::parse(&bytes, MAX_ANNOUNCEMENT).unwrap();
        prop_assert_eq!(&read, &own);
        prop_assert_eq!((read.key(), read.port()), (Some(key), port));
    }
}
