//! The words of the guests' page, in the languages that there are: one table each.

use axum::http::{HeaderMap, header};

/// See the module. `{}` stands for what is put in.
pub struct Words {
    pub lang: &'static str,
    pub from: &'static str,
    pub files: &'static str,
    pub file: &'static str,
    pub all_as_zip: &'static str,
    pub preview: &'static str,
    pub open: &'static str,
    pub page: &'static str,
    pub previous: &'static str,
    pub next: &'static str,
    pub not_encrypted: &'static str,
    pub encrypted: &'static str,
    pub nothing: &'static str,
    pub over: &'static str,
    pub https_only: &'static str,
    pub pin: &'static str,
    pub type_pin: &'static str,
    pub wrong_pin: &'static str,
    pub resting: &'static str,
    pub go_on: &'static str,
    pub hand_in: &'static str,
    pub your_name: &'static str,
    pub choose: &'static str,
    pub send: &'static str,
    pub asked_first: &'static str,
    pub needs_script: &'static str,
    pub asking: &'static str,
    pub sending: &'static str,
    pub done: &'static str,
    pub refused: &'static str,
    pub failed: &'static str,
}

static ENGLISH: Words = Words {
    lang: "en",
    from: "Files from {}",
    files: "{} files",
    file: "1 file",
    all_as_zip: "Download all as a zip",
    preview: "Preview",
    open: "Play or show",
    page: "Page {}",
    previous: "Previous page",
    next: "Next page",
    not_encrypted: "This connection is not encrypted: others on this network could read along.",
    encrypted: "This connection is encrypted. Your browser cannot know the certificate: compare its fingerprint with the one that you were told.",
    nothing: "There is nothing here. The link may have been taken back.",
    over: "This link is over: its time has passed, or it was used as often as it may be.",
    https_only: "This link works by https:// alone.",
    pin: "PIN",
    type_pin: "This link has a PIN. Ask the person who gave it to you.",
    wrong_pin: "That is not the PIN. Tries left: {}",
    resting: "Too many wrong PINs. Try again in ten minutes.",
    go_on: "Continue",
    hand_in: "Send files to {}",
    your_name: "Your name",
    choose: "Files",
    send: "Ask and send",
    asked_first: "The other side is asked first; nothing is stored before they say yes.",
    needs_script: "Sending files needs JavaScript.",
    asking: "Waiting for a yes …",
    sending: "Sending {}",
    done: "Everything has arrived.",
    refused: "They did not take it.",
    failed: "It did not work: {}",
};

static GERMAN: Words = Words {
    lang: "de",
    from: "Dateien von {}",
    files: "{} Dateien",
    file: "1 Datei",
    all_as_zip: "Alles als Zip herunterladen",
    preview: "Vorschau",
    open: "Abspielen oder zeigen",
    page: "Seite {}",
    previous: "Vorige Seite",
    next: "Nächste Seite",
    not_encrypted: "Diese Verbindung ist nicht verschlüsselt: Andere in diesem Netz könnten mitlesen.",
    encrypted: "Diese Verbindung ist verschlüsselt. Der Browser kann das Zertifikat nicht kennen: Vergleichen Sie seinen Fingerabdruck mit dem, der Ihnen genannt wurde.",
    nothing: "Hier ist nichts. Vielleicht wurde der Link zurückgenommen.",
    over: "Dieser Link gilt nicht mehr: Seine Zeit ist um, oder er wurde so oft benutzt, wie er darf.",
    https_only: "Dieser Link geht nur mit https://.",
    pin: "PIN",
    type_pin: "Dieser Link hat eine PIN. Fragen Sie, wer ihn Ihnen gegeben hat.",
    wrong_pin: "Das ist nicht die PIN. Versuche übrig: {}",
    resting: "Zu viele falsche PINs. In zehn Minuten geht es wieder.",
    go_on: "Weiter",
    hand_in: "Dateien an {} senden",
    your_name: "Ihr Name",
    choose: "Dateien",
    send: "Fragen und senden",
    asked_first: "Die andere Seite wird zuerst gefragt; vor ihrem Ja wird nichts gespeichert.",
    needs_script: "Zum Senden von Dateien ist JavaScript nötig.",
    asking: "Warten auf ein Ja …",
    sending: "{} wird gesendet",
    done: "Alles ist angekommen.",
    refused: "Es wurde nicht angenommen.",
    failed: "Es hat nicht geklappt: {}",
};

impl Words {
    /// Those of the first language that a browser likes and that is here.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> &'static Self {
        let liked = headers.get(header::ACCEPT_LANGUAGE);
        let liked = liked.and_then(|liked| liked.to_str().ok()).unwrap_or("");
        for language in liked.split(',').take(16) {
            let tag = language.split(';').next().unwrap_or_default().trim();
            match tag.get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("de") => return &GERMAN,
                Some("en") => return &ENGLISH,
                _ => {}
            }
        }
        &ENGLISH
    }
}
