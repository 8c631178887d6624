//! The streams of a session: which one a message goes out on, and what happens when one goes.

use std::iter::Chain;
use std::{array, vec};

use crate::engine::Core;
use crate::engine::limits::Excess;
use crate::engine::news::{News, StreamEnd};
use crate::engine::outbox::{BUSY, COLD, DETACHED, FINISHED, NAMED, NUMBERED};
use crate::engine::pool::NONE;
use crate::engine::session::Rules;
use crate::engine::slot::Lane;
use crate::error::{Error, ErrorKind, Result};
use crate::params::{SessionId, StreamId, StreamKind};

impl Core {
    /// Opens a stream. A session has a duplex one from the start; opening a duplex or a
    /// standalone one by name makes that one explicit, opening one for a request or a listen
    /// says that there is more than one way out, and what belongs to no request then waits for
    /// a standalone stream (G19, G20).
    pub(crate) fn open_stream(&mut self, handle: SessionId, kind: StreamKind) -> Result<u64> {
        let ix = self.session(handle)?;
        let home = self.sessions[ix].home;
        let is_named = self.out.streams[home].is(NAMED);
        match kind {
            StreamKind::Duplex | StreamKind::Standalone => {
                if is_named {
                    return Err(Error::new(
                        ErrorKind::State,
                        "the session has a stream for what belongs to no request already",
                    ));
                }
                self.out.streams[home].kind = kind;
                self.out.set_flags(home, NAMED, DETACHED);
                self.number_stream(home);
                self.watch(home);
                self.settle_carrier(ix);
                Ok(self.out.streams.handle(home))
            }
            StreamKind::Request | StreamKind::Listen => {
                if is_named && self.out.streams[home].kind == StreamKind::Duplex {
                    return Err(Error::new(
                        ErrorKind::State,
                        "a session with a duplex stream has no other",
                    ));
                }
                self.check_stream_limit(ix).map_err(Excess::error)?;
                if !is_named {
                    self.out.set_flags(home, DETACHED, 0);
                }
                let mut stream = self.new_stream(ix, kind, NAMED);
                stream.session_next = self.out.streams[home].session_next;
                let stream = self.out.streams.insert(stream);
                self.out.streams[home].session_next = stream;
                self.sessions.rare_mut(ix).more_streams += 1;
                self.number_stream(stream);
                Ok(self.out.streams.handle(stream))
            }
        }
    }

    /// The connection of a stream is gone. A duplex one is the session itself. For the others
    /// 2026-07-28 takes it as a cancellation, older revisions do not (R35): what belongs to no
    /// request waits for the next standalone stream, a request goes on. A stream with event ids
    /// waits to be resumed.
    pub(crate) fn close_stream(&mut self, handle: StreamId) -> Result<()> {
        let stream = self.stream_ix(handle)?;
        let ix = self.out.streams[stream].session();
        match self.out.streams[stream].kind {
            StreamKind::Duplex => self.disconnect(ix),
            _ if self.out.streams[stream].is(NUMBERED) => self.detach(stream),
            StreamKind::Standalone => {
                self.out.set_flags(stream, DETACHED, NAMED);
                // Whoever opens it next gets a handle of their own: that of this connection, which
                // may be closed late or twice, is stale.
                self.out.streams.renew(stream);
                self.settle_carrier(ix);
                if self.sessions[ix].is_ending() {
                    // Nobody will.
                    self.empty_stream(stream);
                    self.bury_if_drained(ix);
                }
            }
            StreamKind::Request | StreamKind::Listen => {
                let is_modern = self.sessions[ix].rules == Rules::Modern;
                let requests = self.requests.of_session(self.sessions[ix].requests);
                let of_stream: Vec<u32> =
                    requests.filter(|&r| self.requests[r].stream == stream).collect();
                for request in of_stream {
                    if is_modern {
                        self.forget_request(request);
                    } else {
                        self.requests[request].stream = NONE;
                    }
                }
                for sub in self.subs_of(ix) {
                    if self.stream_of_sub(sub) == stream {
                        self.remove_subscription(sub);
                    }
                }
                self.drop_stream(stream);
                self.bury_if_drained(ix);
            }
        }
        Ok(())
    }

    /// The stream that a session has without naming it.
    pub(crate) fn default_stream(&self, handle: SessionId) -> Result<u64> {
        let ix = self.session_even_ending(handle)?;
        Ok(self.out.streams.handle(self.choose_stream(ix)?))
    }

    /// The stream that a call means: the one it names, or the only one there is.
    pub(crate) fn stream_of(&self, ix: u32, named: Option<StreamId>) -> Result<u32> {
        let Some(named) = named else { return self.choose_stream(ix) };
        let stream = self.stream_ix(named)?;
        if self.out.streams[stream].session() != ix {
            return Err(Error::invalid("the stream is another session's"));
        }
        Ok(stream)
    }

    pub(crate) fn stream_ix(&self, handle: StreamId) -> Result<u32> {
        self.out.streams.resolve(handle.0).ok_or_else(|| Error::gone("stream"))
    }

    fn choose_stream(&self, ix: u32) -> Result<u32> {
        let mut open = self.each_stream(ix).filter(|&stream| {
            let stream = &self.out.streams[stream];
            !stream.is(DETACHED)
        });
        match (open.next(), open.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Error::new(ErrorKind::State, "the session has no open stream")),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::State,
                "the session has several streams; the call must name one",
            )),
        }
    }

    /// The streams of a session, the newest first. They are known before the first one is yielded,
    /// so each may be removed then; for a session that has only one nothing is allocated.
    #[inline]
    pub(crate) fn each_stream(
        &self,
        ix: u32,
    ) -> Chain<vec::IntoIter<u32>, array::IntoIter<u32, 1>> {
        let home = self.sessions[ix].home;
        let mut more = Vec::new();
        let mut at = self.out.streams[home].session_next;
        while at != NONE {
            more.push(at);
            at = self.out.streams[at].session_next;
        }
        more.into_iter().chain([home])
    }

    /// The same as a list.
    pub(crate) fn streams_of(&self, ix: u32) -> Vec<u32> {
        self.each_stream(ix).collect()
    }

    /// Drops whatever is queued on a stream.
    pub(crate) fn empty_stream(&mut self, stream: u32) {
        for lane in [Lane::Control, Lane::Main] {
            for slot in self.out.lane(stream, lane) {
                self.discard(slot);
            }
        }
    }

    /// Takes a stream that is not its session's home out of the session.
    pub(crate) fn drop_stream(&mut self, stream: u32) {
        self.empty_stream(stream);
        self.forget_kept(stream);
        let ix = self.out.streams[stream].session();
        let counts = self.out.counts(stream);
        let rare = self.sessions.rare_mut(ix);
        rare.delivered += counts.0;
        rare.merged += counts.1;
        rare.more_streams -= 1;
        let next = self.out.streams[stream].session_next;
        let mut at = self.sessions[ix].home;
        while self.out.streams[at].session_next != stream {
            at = self.out.streams[at].session_next;
        }
        self.out.streams[at].session_next = next;
        self.out.remove_stream(stream);
        self.settle_carrier(ix);
    }

    /// Where the host wants that, and the session has no stream for what belongs to no request, it
    /// goes out on that of a request as long as that is open (G20): one that has it keeps it.
    pub(crate) fn settle_carrier(&mut self, ix: u32) {
        if !self.config.unrelated_rides {
            return;
        }
        let home = self.sessions[ix].home;
        let is_homeless = matches!(self.sessions[ix].rules, Rules::Legacy { .. })
            && self.out.streams[home].is(DETACHED)
            && !self.sessions[ix].is_ending();
        let can_carry = |stream: &u32| {
            let record = &self.out.streams[*stream];
            let is_open = record.open_requests != 0 && !record.is(DETACHED | FINISHED);
            is_homeless && record.kind == StreamKind::Request && is_open
        };
        let present = self.out.carriers.get(&home).copied();
        if present.as_ref().is_some_and(can_carry) {
            return;
        }
        let next = self.each_stream(ix).find(can_carry);
        if let Some(present) = present {
            self.out.uncarry(present);
        }
        if let Some(next) = next {
            self.out.carry(next, home);
        }
    }

    /// A request came in by this stream. If what is queued there was all there would ever be, as
    /// after the first element of a batch, it is no more.
    pub(crate) fn expect_answer(&mut self, stream: u32) {
        self.out.streams[stream].open_requests += 1;
        self.out.set_flags(stream, 0, FINISHED);
        self.watch(stream);
        self.settle_carrier(self.out.streams[stream].session());
    }

    /// Marks that the last response of a request's own stream is queued (R78).
    pub(crate) fn finish_if_answered(&mut self, stream: u32) {
        let record = &self.out.streams[stream];
        let is_own = matches!(record.kind, StreamKind::Request | StreamKind::Listen);
        if is_own && record.open_requests == 0 {
            self.out.set_flags(stream, FINISHED, 0);
            self.settle_carrier(self.out.streams[stream].session());
            if self.out.streams[stream].is(NUMBERED) {
                self.note_finished(stream);
            }
            if self.out.streams[stream].queued == 0 {
                // Not at once: the message at hand may go on with it.
                self.over.push(self.out.streams.handle(stream));
            }
        }
    }

    /// Ends the streams that have nothing to say any more, and no last frame that could say so:
    /// what was queued was withdrawn.
    pub(crate) fn settle_over(&mut self) {
        while let Some(handle) = self.over.pop() {
            if let Some(stream) = self.out.streams.resolve(handle)
                && self.is_over(stream)
            {
                self.end_unsaid(stream);
            }
        }
    }

    /// Whether a stream is finished, and connected, and its last frame is out or was withdrawn. One
    /// on whose session a callback is at work may yet have a frame in its hands.
    pub(crate) fn is_over(&self, stream: u32) -> bool {
        let record = &self.out.streams[stream];
        record.is(FINISHED)
            && record.queued == 0
            && !record.is(COLD | BUSY | DETACHED)
            && !self.sessions[record.session()].is_ending()
    }

    /// Closes a stream of which no frame has said that it was the last, and tells the host.
    pub(crate) fn end_unsaid(&mut self, stream: u32) {
        let session = SessionId(self.out.streams[stream].session_handle());
        let user_data = self.sessions.user_data(self.out.streams[stream].session());
        let handle = StreamId(self.out.streams.handle(stream));
        self.close_drained(stream);
        self.news.push(News::StreamEnd(StreamEnd { session, stream: handle, user_data }));
    }
}
