//! Who may hear of what, by the rules of a script: the host's side of authorization.

use std::sync::{Arc, Mutex};

use fanfare::{Access, AccessRequest, Topic};

use crate::jsonl::{Failure, Fields};

/// One rule of a script. What it leaves out it leaves open.
pub(super) struct Rule {
    pub(super) principal: Option<String>,
    pub(super) topic: Option<TopicName>,
    pub(super) access: Access,
}

impl Rule {
    fn is_about(&self, request: &AccessRequest<'_>) -> bool {
        let principal = self.principal.as_deref();
        principal.is_none_or(|principal| request.principal == Some(principal))
            && self.topic.as_ref().is_none_or(|topic| topic.as_topic() == request.topic)
    }
}

/// The rules in the order in which they were given: the latest that fits a question answers it.
#[derive(Clone, Default)]
pub(super) struct Policy(Arc<Mutex<Vec<Rule>>>);

impl Policy {
    pub(super) fn add(&self, rule: Rule) {
        let mut rules = self.0.lock().expect("nothing panics while it is held");
        // What the new one says of all that an older one was about, the older one says no more.
        rules.retain(|old| old.principal != rule.principal || old.topic != rule.topic);
        rules.push(rule);
    }

    /// What the rules say; everything is allowed of which they say nothing.
    pub(super) fn access(&self, request: &AccessRequest<'_>) -> Access {
        let rules = self.0.lock().expect("nothing panics while it is held");
        let rule = rules.iter().rev().find(|rule| rule.is_about(request));
        rule.map_or(Access::Allow, |rule| rule.access)
    }
}

/// A topic in the words of a script.
#[derive(PartialEq, Eq)]
pub(super) enum TopicName {
    Tools,
    Prompts,
    Resources,
    Uri(String),
    Task(String),
}

impl TopicName {
    /// `uri`, or `task`, or `list`: "tools", "prompts" or "resources". None of them: every topic.
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Option<Self>, Failure> {
        const LISTS: [&str; 3] = ["tools", "prompts", "resources"];
        let uri = fields.string("uri")?;
        let task = fields.string("task")?;
        let list = fields.word("list", &LISTS, |name| name)?;
        match (uri, task, list) {
            (Some(uri), None, None) => Ok(Some(Self::Uri(uri))),
            (None, Some(id), None) => Ok(Some(Self::Task(id))),
            (None, None, Some("tools")) => Ok(Some(Self::Tools)),
            (None, None, Some("prompts")) => Ok(Some(Self::Prompts)),
            (None, None, Some(_)) => Ok(Some(Self::Resources)),
            (None, None, None) => Ok(None),
            (_, _, Some(_)) => Err(fields.bad("list", "give one of uri, task and list")),
            (..) => Err(fields.bad("task", "give one of uri, task and list")),
        }
    }

    pub(super) fn as_topic(&self) -> Topic<'_> {
        match self {
            Self::Tools => Topic::ToolList,
            Self::Prompts => Topic::PromptList,
            Self::Resources => Topic::ResourceList,
            Self::Uri(uri) => Topic::Resource(uri),
            Self::Task(id) => Topic::Task(id),
        }
    }
}
