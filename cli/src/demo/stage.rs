//! What the demo shows: a line for each expectation, and whether it held.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::listen::client::Notification;
use crate::listen::print::{detail, harmless, wants_colour};

/// Shows and counts.
pub(super) struct Stage {
    colour: bool,
    acts: usize,
    held: usize,
    failed: usize,
    /// What stands in every URI here and says nothing.
    base: String,
}

impl Stage {
    /// `base` is left out of what is shown.
    pub(super) fn new(base: String) -> Self {
        Self { colour: wants_colour(), acts: 0, held: 0, failed: 0, base }
    }

    /// A line of explanation.
    pub(super) fn say(&self, line: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{line}")
    }

    /// Something is about to happen.
    pub(super) fn act(&mut self, what: &str) -> io::Result<()> {
        self.acts += 1;
        let (bold, plain) = self.style("\x1b[1m");
        writeln!(io::stdout(), "\n{bold}{}. {what}{plain}", self.acts)
    }

    /// Somebody heard what it had to hear, or (`None`) did not.
    pub(super) fn heard(
        &mut self,
        who: &str,
        what: &str,
        heard: Option<&Notification>,
        after: Duration,
    ) -> io::Result<()> {
        match heard {
            Some(heard) => {
                let detail = harmless(&self.detail(heard)).replace(&self.base, "");
                let (kind, took) = (heard.kind(), after.as_millis());
                self.expect(true, who, &format!("hears {kind:<22} {detail} (after {took} ms)"))
            }
            None => self.expect(false, who, &format!("did not hear {what}")),
        }
    }

    /// What is worth knowing of a notification; of an alert, which file and why.
    fn detail(&self, heard: &Notification) -> String {
        let data = &heard.params["data"];
        match (data["uri"].as_str(), data["error"].as_str()) {
            (Some(uri), Some(error)) if !error.contains(uri) => format!("error: {uri}: {error}"),
            (Some(_), Some(error)) => format!("error: {error}"),
            _ => detail(heard),
        }
    }

    /// An expectation, and whether it held.
    pub(super) fn expect(&mut self, held: bool, who: &str, what: &str) -> io::Result<()> {
        let count = if held { &mut self.held } else { &mut self.failed };
        *count += 1;
        let (colour, plain) = self.style(if held { "\x1b[32m" } else { "\x1b[31m" });
        let sign = if held { "✓" } else { "✗ NOT:" };
        writeln!(io::stdout(), "   {colour}{sign}{plain} {who:<7} {what}")
    }

    /// The last line; says whether everything held.
    pub(super) fn curtain(&self, took: Duration) -> io::Result<bool> {
        let seconds = took.as_secs_f64();
        let all = self.held + self.failed;
        let (colour, plain) = self.style(if self.failed == 0 { "\x1b[32m" } else { "\x1b[31m" });
        writeln!(
            io::stdout(),
            "\n{colour}{} of {all} expectations held{plain}, in {seconds:.1} s",
            self.held
        )?;
        Ok(self.failed == 0)
    }

    fn style(&self, code: &'static str) -> (&'static str, &'static str) {
        if self.colour { (code, "\x1b[0m") } else { ("", "") }
    }
}
