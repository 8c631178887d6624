//! Notifications on the screen: a line each, for a person or for a program.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::client::Notification;

/// Writes notifications to stdout.
pub(crate) struct Printer {
    json: bool,
    colour: bool,
    start: Instant,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, colour: wants_colour(), start: Instant::now() }
    }

    /// Writes one; an error means that nobody reads stdout any more.
    pub(crate) fn print(&self, heard: &Notification) -> io::Result<()> {
        let line = if self.json { json_line(heard) } else { self.text_line(heard) };
        let mut stdout = io::stdout().lock();
        stdout.write_all(line.as_bytes())?;
        stdout.flush()
    }

    fn text_line(&self, heard: &Notification) -> String {
        let (dim, colour, plain) =
            if self.colour { ("\x1b[2m", colour_of(heard), "\x1b[0m") } else { ("", "", "") };
        let seconds = self.start.elapsed().as_secs_f64();
        let kind = harmless(heard.kind());
        let detail = harmless(&detail(heard));
        let line = format!("{dim}{seconds:>9.3}s{plain}  {colour}{kind:<24}{plain}  {detail}");
        format!("{}\n", line.trim_end())
    }
}

/// Whether stdout is a terminal, of somebody who has nothing against colours.
pub(crate) fn wants_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn json_line(heard: &Notification) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let mut line = json!({ "time_ms": time, "method": heard.method });
    if !heard.params.is_null() {
        line["params"] = heard.params.clone();
    }
    format!("{line}\n")
}

/// What is worth knowing of a notification beyond its name.
pub(crate) fn detail(heard: &Notification) -> String {
    let params = &heard.params;
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match heard.kind() {
        "resources/updated" => text(&params["uri"]),
        "message" => {
            let logger = params["logger"].as_str().map(|name| format!("{name}: "));
            let (level, logger) = (text(&params["level"]), logger.unwrap_or_default());
            format!("{level:<9} {logger}{}", text(&params["data"]))
        }
        "progress" => {
            let total = params.get("total").map(|total| format!(" of {total}"));
            let message = params.get("message").map(|message| format!("  {}", text(message)));
            let (token, progress) = (&params["progressToken"], &params["progress"]);
            let (total, message) = (total.unwrap_or_default(), message.unwrap_or_default());
            format!("{token}  {progress}{total}{message}")
        }
        "subscriptions/acknowledged" => params["notifications"].to_string(),
        _ => {
            let mut rest = params.clone();
            if let Some(rest) = rest.as_object_mut() {
                rest.remove("_meta");
            }
            match rest {
                Value::Null => String::new(),
                Value::Object(rest) if rest.is_empty() => String::new(),
                rest => rest.to_string(),
            }
        }
    }
}

fn colour_of(heard: &Notification) -> &'static str {
    match heard.kind() {
        "message" => match heard.params["level"].as_str() {
            Some("debug" | "info" | "notice") => "\x1b[34m",
            Some("warning") => "\x1b[33m",
            _ => "\x1b[31m",
        },
        "progress" => "\x1b[35m",
        "subscriptions/acknowledged" => "\x1b[2m",
        kind if kind.ends_with("/list_changed") => "\x1b[36m",
        _ => "\x1b[32m",
    }
}

/// Without what could take hold of a terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(kind: &str, params: Value) -> Notification {
        Notification { method: format!("notifications/{kind}"), params }
    }

    #[test]
    fn each_kind_says_what_matters() {
        for (kind, params, expected) in [
            ("resources/updated", json!({ "uri": "file:///a" }), "file:///a"),
            ("resources/list_changed", Value::Null, ""),
            ("tools/list_changed", json!({ "_meta": { "x": 1 } }), ""),
            ("message", json!({ "level": "error", "logger": "l", "data": "d" }), "error     l: d"),
            ("message", json!({ "level": "info", "data": { "a": 1 } }), "info      {\"a\":1}"),
            (
                "progress",
                json!({ "progressToken": "t", "progress": 1, "total": 2, "message": "m" }),
                "\"t\"  1 of 2  m",
            ),
            ("progress", json!({ "progressToken": 7, "progress": 0.5 }), "7  0.5"),
            ("custom", json!({ "a": [1], "_meta": {} }), "{\"a\":[1]}"),
        ] {
            assert_eq!(detail(&heard(kind, params)), expected, "{kind}");
        }
    }

    #[test]
    fn a_server_cannot_write_to_the_terminal() {
        let printer = Printer { json: false, colour: false, start: Instant::now() };
        let evil = heard("resources/updated", json!({ "uri": "a\u{1b}[2J\nb" }));
        let line = printer.text_line(&evil);
        assert_eq!(line.matches(char::is_control).collect::<Vec<_>>(), ["\n"], "{line:?}");
    }
}
