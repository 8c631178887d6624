//! What the server has to say to its operator: lines on stderr. Stdout belongs to the protocol.

use std::io::Write as _;

use fanfare::Level;

/// Says what is at least this serious.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    least: Level,
}

impl Log {
    pub(crate) fn new(least: Level) -> Self {
        Self { least }
    }

    /// Says it, on one line.
    pub(crate) fn say(&self, level: Level, what: &str) {
        if level >= self.least {
            // What a client sent may stand in it: it is not to write to the terminal.
            let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let line = format!("fanfare: {level}: {what}\n");
            // Whoever closed stderr does not want to know.
            drop(std::io::stderr().lock().write_all(line.as_bytes()));
        }
    }
}
