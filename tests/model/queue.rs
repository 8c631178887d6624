//! What waits, within its bounds (promises 4 and 5), and the order in which it leaves (promise 2).

use fanfare::Overflow;

use super::reference::Model;
use super::state::{Class, Entry, Life, News, Owner, Phase, Session, Stream};
use super::words::Rules;

/// A frame that came out.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) session: usize,
    /// The name of its stream; none is the one that a session has from the start.
    pub(crate) stream: Option<usize>,
    pub(crate) text: String,
    /// Nothing follows on its stream, where that is told.
    pub(crate) is_last: Option<bool>,
}

impl Session {
    /// Events that wait, and their bytes. A passing notice counts as an event without any.
    fn events(&self) -> (usize, usize) {
        let entries = self.streams.iter().filter(|it| !it.is_gone).flat_map(Stream::entries);
        entries.fold((0, 0), |(count, bytes), entry| match entry.class {
            Class::Event => (count + 1, bytes + entry.text.len()),
            Class::Passing(..) => (count + 1, bytes),
            Class::Notice(..) | Class::Reply => (count, bytes),
        })
    }

    pub(crate) fn is_full(&self, len: usize) -> bool {
        self.events().0 >= self.opening.max_frames as usize || self.lacks_bytes(len)
    }

    /// How many more events or passing notices fit, if they have no bytes.
    pub(crate) fn places_left(&self) -> usize {
        (self.opening.max_frames as usize).saturating_sub(self.events().0)
    }

    /// Whether its events would have too many bytes with so many more.
    pub(crate) fn lacks_bytes(&self, len: usize) -> bool {
        self.events().1 + len > self.opening.max_bytes as usize
    }

    /// Bytes of what is never dropped.
    pub(crate) fn reply_bytes(&self) -> usize {
        let entries = self.streams.iter().filter(|it| !it.is_gone).flat_map(Stream::entries);
        entries.filter(|it| it.class == Class::Reply).map(|it| it.text.len()).sum()
    }

    /// Whether its handshake holds back what is not asked for.
    fn is_held(&self) -> bool {
        let is_legacy = matches!(self.rules, Rules::Legacy { .. });
        is_legacy && self.phase < Phase::Initialized && self.life == Life::Live
    }

    /// How many frames of a stream can be taken.
    pub(crate) fn available(&self, at: usize) -> usize {
        let stream = &self.streams[at];
        if stream.is_gone || !stream.is_attached {
            return 0;
        }
        let is_held = at == 0 && self.is_held();
        stream.control.len() + if is_held { 0 } else { stream.main.len() }
    }

    /// Drops what is queued on a stream but for what is kept.
    pub(crate) fn retain(&mut self, at: usize, keep: impl Fn(&Entry) -> bool) {
        let before = self.events().0;
        self.streams[at].retain(keep);
        self.note_left(before);
    }

    /// Gives what is queued on a stream another class, each in its turn; without one it goes.
    pub(crate) fn reclass(&mut self, at: usize, classes: Vec<Option<Class>>) {
        let before = self.events().0;
        let main = std::mem::take(&mut self.streams[at].main);
        for (entry, class) in main.into_iter().zip(classes) {
            if let Some(class) = class {
                self.streams[at].main.push(Entry { class, ..entry });
            }
        }
        self.note_left(before);
    }

    /// Events left, of so many: the host is told again once none waits.
    fn note_left(&mut self, before: usize) {
        let now = self.events().0;
        self.is_behind &= now != 0 || now == before;
    }
}

impl Model {
    // ---- in ----

    /// Queues an event, if the policy lets it.
    pub(crate) fn offer(&mut self, s: usize, at: usize, text: String, owner: Owner) -> bool {
        if !self.make_room(s, at, text.len()) {
            return false;
        }
        let entry = Entry { raising: self.raising, text, owner, class: Class::Event };
        self.sessions[s].streams[at].main.push(entry);
        true
    }

    /// Applies the policy until something of that length fits, or says that it may not.
    pub(crate) fn make_room(&mut self, s: usize, at: usize, len: usize) -> bool {
        loop {
            let session = &self.sessions[s];
            if !session.is_full(len) {
                return true;
            }
            let policy = session.opening.policy;
            let can_fit = len <= session.opening.max_bytes as usize;
            let is_ear = session.hears_all_uris();
            self.count_dropped(s);
            let session = &mut self.sessions[s];
            match policy {
                Overflow::Close => session.is_lagging = true,
                Overflow::DropOldest if can_fit => {
                    // The oldest event; a notice only where there is no event to go.
                    let main = &mut session.streams[at].main;
                    let event = main.iter().position(|it| it.class == Class::Event);
                    let passing = main.iter().position(|it| matches!(it.class, Class::Passing(..)));
                    if let Some(oldest) = event.or(passing.filter(|_| is_ear)) {
                        main.remove(oldest);
                        continue;
                    }
                }
                Overflow::DropOldest | Overflow::DropNewest => {}
            }
            return false;
        }
    }

    /// An event is lost: that is counted, and told once.
    pub(crate) fn count_dropped(&mut self, s: usize) {
        self.sessions[s].dropped += 1;
        self.tell_lag(s, self.sessions[s].opening.policy);
    }

    fn tell_lag(&mut self, s: usize, policy: Overflow) {
        let session = &mut self.sessions[s];
        if !std::mem::replace(&mut session.is_behind, true) {
            let queued = session.gauges()[0];
            self.news.push(News::Lag(s, queued, policy));
        }
    }

    /// Queues what is never dropped; a client that leaves too much of it unread is ended.
    pub(crate) fn reply(
        &mut self,
        s: usize,
        at: usize,
        text: String,
        owner: Owner,
        is_control: bool,
    ) {
        let session = &self.sessions[s];
        let is_too_much = session.reply_bytes() > self.setup.max_reply_bytes;
        if is_too_much && session.life == Life::Live && !session.is_lagging {
            self.tell_lag(s, Overflow::Close);
            self.sessions[s].is_lagging = true;
        }
        self.raising += 1;
        let entry = Entry { raising: self.raising, text, owner, class: Class::Reply };
        let stream = &mut self.sessions[s].streams[at];
        if is_control { stream.control.push(entry) } else { stream.main.push(entry) }
    }

    /// What is queued of a request or a listen goes before what overtakes now, in its order.
    pub(crate) fn overtake(&mut self, s: usize, at: usize, is_its: impl Fn(&Entry) -> bool) {
        let session = &mut self.sessions[s];
        let before = session.events().0;
        let stream = &mut session.streams[at];
        for entry in &mut stream.control {
            if is_its(entry) {
                super::state::outlive(entry);
            }
        }
        let main = std::mem::take(&mut stream.main);
        for mut entry in main {
            if is_its(&entry) {
                super::state::outlive(&mut entry);
                stream.control.push(entry);
            } else {
                stream.main.push(entry);
            }
        }
        session.note_left(before);
    }

    // ---- out ----

    /// Checks what a drain of a stream, of a session or of all gave, frame by frame, and takes it
    /// out here as well. The error says what was expected.
    pub(crate) fn drained(
        &mut self,
        session: Option<usize>,
        stream: Option<usize>,
        max: usize,
        seen: &Result<Vec<Seen>, &str>,
    ) -> Result<(), String> {
        let scope = self.scope(session, stream);
        let (scope, seen) = match (scope, seen) {
            (Ok(scope), Ok(seen)) => (scope, seen),
            (Err(code), Err(given)) if code == *given => return Ok(()),
            (scope, seen) => return Err(format!("expected {scope:?}, got {seen:?}")),
        };
        let waiting = scope.iter().map(|&(s, at)| self.sessions[s].available(at)).sum::<usize>();
        if seen.len() != waiting.min(max) {
            let expected: Vec<String> = scope.iter().map(|&(s, at)| self.shown(s, at)).collect();
            let got: Vec<&str> = seen.iter().map(|it| it.text.as_str()).collect();
            let due = waiting.min(max);
            return Err(format!(
                "{due} frames are due, of\n  {}\ngot {}:\n  {}",
                expected.join("\n  "),
                got.len(),
                got.join("\n  ")
            ));
        }
        for frame in seen {
            let is_its = |&&(s, at): &&(usize, usize)| {
                s == frame.session && self.sessions[s].streams[at].name == frame.stream
            };
            let Some(&(s, at)) = scope.iter().find(is_its) else {
                return Err(format!("nobody asked for a frame of that stream: {frame:?}"));
            };
            self.take(s, at, frame)?;
        }
        Ok(())
    }

    /// The streams of a drain.
    fn scope(
        &mut self,
        session: Option<usize>,
        stream: Option<usize>,
    ) -> Result<Vec<(usize, usize)>, &'static str> {
        let Some(s) = session else {
            let offered = self.sessions.iter().enumerate();
            let offered = offered.filter(|(_, it)| it.life != Life::Gone && !it.is_paused);
            let all = offered.flat_map(|(s, it)| (0..it.streams.len()).map(move |at| (s, at)));
            return Ok(all.filter(|&(s, at)| !self.sessions[s].streams[at].is_gone).collect());
        };
        if let Some(name) = stream {
            return Ok(vec![(s, self.stream_named(s, name)?)]);
        }
        let streams = &self.present(s)?.streams;
        Ok((0..streams.len()).filter(|&at| !streams[at].is_gone).map(|at| (s, at)).collect())
    }

    /// Takes one frame out of a stream: it has to be the first there, or another one of the same
    /// raising.
    fn take(&mut self, s: usize, at: usize, frame: &Seen) -> Result<(), String> {
        let wrong = |model: &Self, why: &str| {
            let expected = model.shown(s, at);
            Err(format!("{why} of session s{s}\ngot      {}\nexpected {expected}", frame.text))
        };
        let session = &mut self.sessions[s];
        let before = session.events().0;
        if session.available(at) == 0 {
            return wrong(self, "a frame too many");
        }
        let stream = &mut session.streams[at];
        let lane = if stream.control.is_empty() { &mut stream.main } else { &mut stream.control };
        let first = lane[0].raising;
        let mut group = lane.iter().take_while(|entry| entry.raising == first);
        let Some(place) = group.position(|entry| is_same(&entry.text, &frame.text)) else {
            return wrong(self, "the wrong frame");
        };
        lane.remove(place);
        let is_last = stream.is_finished && stream.len() == 0;
        if frame.is_last.is_some_and(|told| told != is_last) {
            return wrong(self, "the wrong word on whether more follows");
        }
        session.delivered += 1;
        session.note_left(before);
        if is_last && session.life == Life::Live {
            session.streams[at].is_gone = true;
        }
        self.bury(s);
        Ok(())
    }

    /// What waits on a stream, for a person.
    fn shown(&self, s: usize, at: usize) -> String {
        let stream = &self.sessions[s].streams[at];
        let texts: Vec<&str> = stream.entries().map(|entry| entry.text.as_str()).collect();
        format!("s{s} stream {at}: [{}]", texts.join(" | "))
    }

    /// The sessions that are offered to a host.
    pub(crate) fn ready(&self) -> Vec<usize> {
        let is_ready = |session: &Session| {
            session.life != Life::Gone
                && !session.is_paused
                && (0..session.streams.len()).any(|at| session.available(at) != 0)
        };
        (0..self.sessions.len()).filter(|&s| is_ready(&self.sessions[s])).collect()
    }
}

/// Whether two frames say the same: the order of an object's members means nothing.
fn is_same(expected: &str, got: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    expected == got || read(expected).is_some_and(|value| Some(value) == read(got))
}
