//! Templates (G4): a host may subscribe an open or a legacy session to every URI that a template
//! of level 1 (RFC 6570) matches. Nothing on the wire makes one: a URI there that looks like a
//! template is a plain URI.
//!
//! A template is a topic that is never raised itself. Who holds it hears of a URI that it matches
//! by a passing link, as who holds a container does. There is no end to the URIs that may come,
//! and no single notice that stands for them all, so where the session's bound is used up its
//! overflow policy decides, as for an event; but one that waits is not dropped for another.
//!
//! Invariant: a topic is in `by_text`, and in `by_prefix` under its literal prefix, if and only if
//! it is a template.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::engine::Core;
use crate::engine::limits::Excess;
use crate::engine::slot::MUTED;
use crate::engine::subscription::own_sub;
use crate::engine::topic::links_bytes;
use crate::error::{Error, Result};
use crate::params::SessionId;
use crate::protocol::kind::NoticeKind;
use crate::protocol::template::Template;

/// The templates that somebody holds.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    by_text: HashMap<Box<str>, u32>,
    by_prefix: BTreeMap<Box<str>, Vec<(u32, Template)>>,
}

impl Templates {
    pub(crate) fn len(&self) -> usize {
        self.by_text.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_text.is_empty()
    }

    /// The topic of a template, by its text.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    pub(crate) fn insert(&mut self, text: &str, template: Template, topic: u32) {
        self.by_text.insert(text.into(), topic);
        self.by_prefix.entry(template.prefix().into()).or_default().push((topic, template));
    }

    pub(crate) fn remove(&mut self, text: &str, topic: u32) {
        self.by_text.remove(text);
        let prefix = text.split('{').next().unwrap_or_default();
        if let Some(those) = self.by_prefix.get_mut(prefix) {
            those.retain(|(it, _)| *it != topic);
            if those.is_empty() {
                self.by_prefix.remove(prefix);
            }
        }
    }

    /// The topics of the templates that match a URI, found by the prefixes that it has: the
    /// longest prefix first, those of one prefix in the order in which they came.
    pub(crate) fn matching(&self, uri: &str) -> Vec<u32> {
        let mut found = Vec::new();
        // Prefixes that are left to be found begin no later than this, and are a prefix of it.
        let mut upto = uri;
        loop {
            let range = (Bound::Unbounded, Bound::Included(upto));
            let Some((prefix, those)) = self.by_prefix.range::<str, _>(range).next_back() else {
                return found;
            };
            let same = prefix.bytes().zip(upto.bytes()).take_while(|(a, b)| a == b).count();
            if same < prefix.len() {
                // Between here and the text that they have in common there is none. A prefix has
                // only ASCII, so that text ends between two characters.
                upto = &uri[..same];
                continue;
            }
            let those = those.iter().filter(|(_, template)| template.matches(uri));
            found.extend(those.map(|(topic, _)| *topic));
            let Some(shorter) = prefix.len().checked_sub(1) else { return found };
            upto = &uri[..shorter];
        }
    }
}

impl Core {
    /// Subscribes a session to whatever a template matches. Twice is once.
    pub(crate) fn subscribe_template(&mut self, handle: SessionId, text: &str) -> Result<()> {
        let ix = self.session(handle)?;
        self.require_subscribing(ix)?;
        self.check_uri(text).map_err(Excess::error)?;
        let template =
            Template::parse(text).map_err(|why| Error::invalid(format!("template: {why}")))?;
        let sub = own_sub(ix);
        let topic = self.topics.templates.find(text);
        if topic.is_some_and(|topic| self.find_link(sub, topic).is_some()) {
            return Ok(());
        }
        self.check_subscription_limits(ix)
            .and_then(|()| {
                self.check_filter_bytes(ix, links_bytes([(NoticeKind::Resource, text)].into_iter()))
            })
            .map_err(Excess::error)?;
        let topic = topic.unwrap_or_else(|| self.topics.intern_template(text, template));
        let is_muted = !self.sessions.admits(ix, NoticeKind::Resource.method());
        self.add_link(sub, topic, if is_muted { MUTED } else { 0 });
        self.note_uri(ix);
        Ok(())
    }

    /// Takes that back. What is queued of URIs that nothing else of the session covers is dropped.
    pub(crate) fn unsubscribe_template(&mut self, handle: SessionId, text: &str) -> Result<()> {
        let ix = self.session(handle)?;
        self.require_own_subscription(ix)?;
        let sub = own_sub(ix);
        let held = self.topics.templates.find(text).and_then(|topic| self.find_link(sub, topic));
        let Some(slot) = held else { return Err(Error::gone("subscription")) };
        self.subs.uris -= 1;
        self.uncount_held(ix, 1);
        self.remove_link(slot);
        self.retract_uncovered(sub);
        self.follow_ears(ix);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_found_by_the_prefixes_of_a_uri() {
        let texts = [
            "{x}", "a:{x}", "a:b{x}", "a:b/{x}", "a:b/c{x}", "a:b/d{x}", "a:z{x}", "a:b", "b:{x}",
            "a:b{x}c",
        ];
        let mut templates = Templates::default();
        for (topic, text) in (0..).zip(texts) {
            templates.insert(text, Template::parse(text).unwrap(), topic);
        }
        let found = |templates: &Templates, uri: &str| -> Vec<&str> {
            templates.matching(uri).into_iter().map(|topic| texts[topic as usize]).collect()
        };
        assert_eq!(found(&templates, "a:b/c1"), ["a:b/c{x}", "a:b/{x}"]);
        assert_eq!(found(&templates, "a:bcc"), ["a:b{x}", "a:b{x}c", "a:{x}"]);
        assert_eq!(found(&templates, "a:b"), ["a:b", "a:{x}"]);
        assert_eq!(found(&templates, "q"), ["{x}"]);
        assert_eq!(found(&templates, "a:é"), [""; 0]);
        assert_eq!(found(&templates, ""), [""; 0]);
        for (topic, text) in (0..).zip(texts) {
            assert_eq!(templates.find(text), Some(topic));
            templates.remove(text, topic);
            assert_eq!(templates.find(text), None);
        }
        assert!(templates.is_empty() && templates.by_prefix.is_empty());
    }
}
