//! What has been seen of an engine, counted by its kind: a generator that no longer reaches
//! something is noticed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::queue::Seen;
use super::reference::Outcome;
use super::state::News;

#[derive(Debug, Default)]
pub(crate) struct Tally(pub(crate) BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn frame(&mut self, seen: &Seen) {
        let read: Value = serde_json::from_str(&seen.text).expect("frames are JSON");
        let tagged = !read["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].is_null();
        let with_context = !read["params"]["_meta"]["v"].is_null();
        let kind = match (read["method"].as_str(), read["error"]["code"].as_i64()) {
            (Some(method), _) => method.trim_start_matches("notifications/").to_owned(),
            (None, Some(code)) => format!("error {code}"),
            (None, None) => "result".to_owned(),
        };
        let tag = if tagged { ", tagged" } else { "" };
        let context = if with_context { ", with context" } else { "" };
        self.add(format!("{kind}{tag}{context}"));
        if seen.is_last == Some(true) {
            self.add("the last of its stream".to_owned());
        }
    }

    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Refused(code) => self.add(format!("refused: {code}")),
            Outcome::Matched(count) if *count > 1 => self.add("reached several".to_owned()),
            Outcome::Revoked(counts) => {
                let names = ["asked", "withdrawn", "restored", "ended"];
                for (name, _) in names.iter().zip(counts).filter(|(_, count)| **count != 0) {
                    self.add(format!("revoked: {name}"));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn news(&mut self, news: &News) {
        match news {
            News::End(_, reason) => self.add(format!("end: {}", reason.as_str())),
            News::Lag(_, _, policy) => self.add(format!("lag: {}", policy.as_str())),
        }
    }

    fn add(&mut self, what: String) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}
