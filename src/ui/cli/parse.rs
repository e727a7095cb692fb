//! What a person types for a size, a rate, a time or a name.
//!
//! Owns the forms and the sentences for what is none of them.

use crate::node::MAX_PIN;
use std::time::Duration;

/// A PIN that others have to say.
///
/// # Errors
/// A sentence, for what nobody could type.
pub fn parse_pin(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_PIN || text.chars().any(char::is_control) {
        return Err(format!("a PIN has 1 to {MAX_PIN} bytes"));
    }
    Ok(text.to_owned())
}

/// A host and a port.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_place(text: &str) -> Result<String, String> {
    let port = |port: &str| port.parse().is_ok_and(|port: u16| port != 0);
    match text.rsplit_once(':') {
        Some((host, after)) if !host.is_empty() && port(after) => Ok(text.to_owned()),
        _ => Err("write it as HOST:PORT, such as dht.example.org:6881".to_owned()),
    }
}

/// A size in bytes: a number with K, M, G or T (1024-based; `KB`, `KiB` mean the same), or without.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write it as 500M, 1.5G or 4096");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * (1u64 << shift) as f64;
    // Nobody has more than 8 EiB.
    if bytes < (1u64 << 63) as f64 {
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

/// Bytes a second; less than 1 K would be a mistake.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0..1024 => Err(format!("`{text}` is less than 1K a second")),
        rate => Ok(rate),
    }
}

/// Reads a time such as `30m`, `12h` or `7d`, or a number of seconds.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: write it as 30m, 12h, 7d or 90");
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = match unit {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit);
    let seconds = seconds.filter(|seconds| (1..=365 * 86_400).contains(seconds));
    let seconds = seconds.ok_or("must be between a second and a year")?;
    Ok(Duration::from_secs(seconds))
}

/// Reads a number of seconds, fractions allowed; at most a year, so that no clock overflows.
///
/// # Errors
/// A sentence, for anything else.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    const YEAR: f64 = 365.0 * 86_400.0;
    let seconds: f64 = text
        .trim()
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if (0.0..=YEAR).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be between 0 and a year".to_owned())
    }
}
