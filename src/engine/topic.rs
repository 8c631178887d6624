//! Topics: the things that can change, interned. Who wants to know of each is in its crowd.
//!
//! Invariants: the three lists have a topic each, always, at the index of their kind; every other
//! topic exists while it has a link.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::engine::event::ENTRY_BYTES;
use crate::engine::names::Names;
use crate::engine::pool::Pool;
use crate::engine::template::Templates;
use crate::protocol::encode;
use crate::protocol::kind::NoticeKind;
use crate::protocol::template::Template;

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) kind: NoticeKind,
    /// What its notices end with. The URI is a part of it, as it stands in a JSON string. That of
    /// a task is its id alone, which stands likewise.
    pub(crate) tail: Box<str>,
    /// It stands for the URIs that it matches, and is never raised itself.
    pub(crate) is_template: bool,
    /// How many of the links are passing ones.
    pub(crate) passing: u32,
}

#[derive(Debug)]
pub(crate) struct Topics {
    pub(super) topics: Pool<Topic>,
    pub(super) names: Names,
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
            names: Names::new(),
            templates: Templates::default(),
            hasher: RandomState::default(),
        }
    }

    /// The topic of a list, or of a URI or a task that somebody holds.
    pub(crate) fn find(&self, kind: NoticeKind, name: &str) -> Option<u32> {
        if !kind.is_named() {
            return Some(kind as u32);
        }
        self.find_named(kind, &encode::escaped(name), |_| ())
    }

    /// The topic of a URI that stands as in a JSON string.
    pub(crate) fn find_escaped(&self, uri: &str) -> Option<u32> {
        self.find_named(NoticeKind::Resource, uri, |_| ())
    }

    /// What is most likely it is looked at by the caller too, before it is known to be it.
    #[inline]
    fn find_named(&self, kind: NoticeKind, name: &str, look: impl Fn(u32)) -> Option<u32> {
        let key = (kind, name);
        let is_it = |ix| {
            look(ix);
            self.topics[ix].key() == key
        };
        self.names.find(self.hasher.hash_one(key), is_it)
    }

    /// The topic, made if nobody holds it yet.
    pub(crate) fn intern(&mut self, kind: NoticeKind, name: &str) -> u32 {
        self.intern_after(kind, name, |_| ())
    }

    /// The same for a caller that has something of the topic to [`look`](crate::engine::ahead) at.
    #[inline]
    pub(crate) fn intern_after(&mut self, kind: NoticeKind, name: &str, look: impl Fn(u32)) -> u32 {
        if !kind.is_named() {
            return kind as u32;
        }
        let name = encode::escaped(name);
        if let Some(ix) = self.find_named(kind, &name, look) {
            return ix;
        }
        let tail = match kind {
            NoticeKind::Task => name.as_ref().into(),
            _ => encode::uri_tail(&name).into(),
        };
        let ix = self.topics.insert(Topic::new(kind, tail));
        self.names.insert(self.hasher.hash_one((kind, &*name)), ix);
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

    /// Forgets a topic that nobody holds any more. The lists stay.
    pub(super) fn release(&mut self, ix: u32) {
        let topic = &self.topics[ix];
        if !topic.kind.is_named() {
            return;
        }
        if topic.is_template {
            self.templates.remove(topic.name(), ix);
            self.topics.remove(ix);
            return;
        }
        let hash = self.hasher.hash_one(topic.key());
        self.names.remove(hash, ix);
        self.topics.remove(ix);
    }

    /// Topics with a name.
    pub(crate) fn named(&self) -> usize {
        self.names.len() + self.templates.len()
    }
}

impl Topic {
    /// What a link to it takes up in a session's account: the slot, and the name, which others may
    /// share.
    pub(crate) fn link_bytes(&self) -> u32 {
        link_bytes(self.tail.len())
    }

    /// The URI or the task id of a topic that has one.
    pub(crate) fn name(&self) -> &str {
        match self.kind {
            NoticeKind::Task => &self.tail,
            _ => encode::uri_of_tail(&self.tail),
        }
    }

    /// What tells a topic with a name from all others: a task is never a resource.
    fn key(&self) -> (NoticeKind, &str) {
        (self.kind, self.name())
    }

    /// The URI or task id as it is, not as it stands in a JSON string; nothing for a list.
    pub(crate) fn plain_name(&self) -> String {
        match self.kind {
            NoticeKind::Resource | NoticeKind::Task => encode::unescaped(self.name()),
            _ => String::new(),
        }
    }

    fn new(kind: NoticeKind, tail: Box<str>) -> Self {
        Self { kind, tail, passing: 0, is_template: false }
    }
}

fn link_bytes(tail: usize) -> u32 {
    (ENTRY_BYTES as usize + tail) as u32
}

/// What links to topics of those kinds and names would take up.
pub(crate) fn links_bytes<'a>(topics: impl Iterator<Item = (NoticeKind, &'a str)>) -> u64 {
    let tails = topics.map(|(kind, name)| match kind {
        NoticeKind::Resource => encode::uri_tail_len(&encode::escaped(name)),
        NoticeKind::Task => encode::escaped(name).len(),
        NoticeKind::ToolList | NoticeKind::PromptList | NoticeKind::ResourceList => {
            encode::LIST_TAIL.len()
        }
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
