//! Topics: the things that can change, interned, each with the links of those who want to know.
//!
//! Invariants: the three lists have a topic each, always, at the index of their kind; every other
//! topic exists while it has a link. A link stands at `topic_pos` of its topic's `links`.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::engine::event::ENTRY_BYTES;
use crate::engine::pool::Pool;
use crate::engine::template::Templates;
use crate::protocol::encode;
use crate::protocol::kind::NoticeKind;
use crate::protocol::template::Template;

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) kind: NoticeKind,
    /// What its notices end with. The URI is a part of it, as it stands in a JSON string.
    pub(crate) tail: Box<str>,
    pub(crate) links: Vec<u32>,
    /// It stands for the URIs that it matches, and is never raised itself.
    pub(crate) is_template: bool,
    /// How many of the links are passing ones.
    pub(crate) passing: u32,
    /// Raisings to everyone, counted round: links remember it to know how often they merged.
    pub(crate) raised: u32,
}

#[derive(Debug)]
pub(crate) struct Topics {
    pub(super) topics: Pool<Topic>,
    pub(super) names: HashTable<u32>,
    pub(crate) templates: Templates,
    hasher: RandomState,
}

impl Topics {
    pub(crate) fn new() -> Self {
        let mut topics = Pool::new();
        for kind in NoticeKind::LISTS {
            let ix = topics.insert(Topic::new(kind, encode::LIST_TAIL.into()));
            debug_assert_eq!(ix, kind as u32);
        }
        Self {
            topics,
            names: HashTable::new(),
            templates: Templates::default(),
            hasher: RandomState::default(),
        }
    }

    /// The topic of a list, or of a URI that somebody holds.
    pub(crate) fn find(&self, kind: NoticeKind, uri: &str) -> Option<u32> {
        if kind != NoticeKind::Resource {
            return Some(kind as u32);
        }
        self.find_escaped(&encode::escaped(uri))
    }

    /// The topic of a URI that stands as in a JSON string.
    pub(crate) fn find_escaped(&self, name: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.names.find(hash, |&ix| self.topics[ix].name() == name).copied()
    }

    /// The topic, made if nobody holds it yet.
    pub(crate) fn intern(&mut self, kind: NoticeKind, uri: &str) -> u32 {
        if kind != NoticeKind::Resource {
            return kind as u32;
        }
        let name = encode::escaped(uri);
        if let Some(ix) = self.find_escaped(&name) {
            return ix;
        }
        let ix = self.topics.insert(Topic::new(kind, encode::uri_tail(&name).into()));
        let (topics, hasher) = (&self.topics, &self.hasher);
        let hash = hasher.hash_one(&*name);
        self.names.insert_unique(hash, ix, |&ix| hasher.hash_one(topics[ix].name()));
        ix
    }

    /// The topic of a template, which has none yet.
    pub(crate) fn intern_template(&mut self, text: &str, template: Template) -> u32 {
        // Nothing in a template needs an escape.
        let topic = Topic::new(NoticeKind::Resource, encode::uri_tail(text).into());
        let ix = self.topics.insert(Topic { is_template: true, ..topic });
        self.templates.insert(text, template, ix);
        ix
    }

    /// Forgets a topic if nobody holds it any more.
    pub(crate) fn release(&mut self, ix: u32) {
        let topic = &self.topics[ix];
        if topic.kind != NoticeKind::Resource || !topic.links.is_empty() {
            return;
        }
        if topic.is_template {
            self.templates.remove(topic.name(), ix);
            self.topics.remove(ix);
            return;
        }
        let hash = self.hasher.hash_one(topic.name());
        if let Ok(entry) = self.names.find_entry(hash, |&other| other == ix) {
            entry.remove();
        }
        self.topics.remove(ix);
    }

    /// Topics that somebody holds.
    pub(crate) fn held(&self) -> usize {
        let lists = NoticeKind::LISTS.iter();
        self.names.len()
            + self.templates.len()
            + lists.filter(|&&kind| !self[kind as u32].links.is_empty()).count()
    }
}

impl Topic {
    /// What a link to it takes up in a session's account: the slot, and the URI, which others may
    /// share.
    pub(crate) fn link_bytes(&self) -> u32 {
        link_bytes(self.tail.len())
    }

    /// The URI of a topic that has one.
    pub(crate) fn name(&self) -> &str {
        encode::uri_of_tail(&self.tail)
    }

    /// The URI as it is, not as it stands in a JSON string; nothing for a list.
    pub(crate) fn plain_name(&self) -> String {
        match self.kind {
            NoticeKind::Resource => encode::unescaped(self.name()),
            _ => String::new(),
        }
    }

    fn new(kind: NoticeKind, tail: Box<str>) -> Self {
        Self { kind, tail, links: Vec::new(), passing: 0, raised: 0, is_template: false }
    }
}

fn link_bytes(tail: usize) -> u32 {
    (ENTRY_BYTES as usize + tail) as u32
}

/// What links to those URIs, or lists (which have none), would take up.
pub(crate) fn links_bytes<'a>(uris: impl Iterator<Item = &'a str>) -> u64 {
    let tails = uris.map(|uri| match uri {
        "" => encode::LIST_TAIL.len(),
        uri => encode::uri_tail_len(&encode::escaped(uri)),
    });
    tails.map(|tail| u64::from(link_bytes(tail))).sum()
}

impl std::ops::Index<u32> for Topics {
    type Output = Topic;

    fn index(&self, ix: u32) -> &Topic {
        &self.topics[ix]
    }
}

impl std::ops::IndexMut<u32> for Topics {
    fn index_mut(&mut self, ix: u32) -> &mut Topic {
        &mut self.topics[ix]
    }
}
