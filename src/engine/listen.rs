//! `subscriptions/listen`: how one starts, acknowledged before anything else of it (R41), and the
//! ways in which it ends.

use crate::engine::Core;
use crate::engine::access::Denied;
use crate::engine::limits::Excess;
use crate::engine::owned::Owner;
use crate::engine::pool::NONE;
use crate::engine::session::{Rules, closing_frame};
use crate::engine::slot::Lane;
use crate::engine::topic::links_bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::framing::Framing;
use crate::params::{EndReason, SessionId, SubscriptionId};
use crate::protocol::encode;
use crate::protocol::filter::Filter;
use crate::protocol::id::Id;

impl Core {
    /// Starts a listen: the acknowledgment is queued before there is a link, so that nothing of
    /// the subscription can come before it (R41). Nothing honoured: the end follows at once,
    /// unless such listens are held (G11). Yields the handle, which is stale in that case.
    ///
    /// The filter is what is honoured of the client's.
    pub(crate) fn start_listen(
        &mut self,
        ix: u32,
        stream: u32,
        id: Id,
        honoured: Filter,
    ) -> std::result::Result<u64, Excess> {
        self.check_subscription_limits(ix)?;
        let topics = honoured.topics.iter().map(|(kind, name)| (*kind, &**name));
        self.check_filter_bytes(ix, id.as_json().len() as u64 + links_bytes(topics))?;
        let id_bytes = id.as_json().len() as u32;
        let sub = self.subs.insert((ix, &mut self.sessions[ix]), stream, id.clone());
        self.count_held(ix);
        self.sessions[ix].filter_bytes += id_bytes;
        self.expect_answer(stream);
        let ack = encode::acknowledged(&id, &honoured.to_json());
        let ack = self.push_reply(stream, ack, Owner::Subscription(sub), Lane::Control);
        self.subs.subs[sub].ack = ack;
        let handle = self.subs.subs.handle(sub);
        let is_empty = honoured.topics.is_empty();
        for (kind, name) in &honoured.topics {
            let out = &self.out;
            let look = |topic| out.fetch_crowd(topic);
            let topic = self.topics.intern_after(*kind, name, look);
            self.add_link(sub, topic, 0);
            self.settle_access(ix, topic, true);
        }
        if is_empty && !self.config.hold_empty_listen {
            self.end_subscription_ix(sub, EndReason::Graceful);
        }
        Ok(handle)
    }

    /// A listen asked for by the host rather than on the wire.
    pub(crate) fn listen(
        &mut self,
        handle: SessionId,
        stream: Option<crate::params::StreamId>,
        id: &str,
        filter: &str,
    ) -> Result<u64> {
        let ix = self.session(handle)?;
        let stream = self.stream_of(ix, stream)?;
        if self.sessions[ix].rules != Rules::Modern {
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                "only a session of 2026-07-28 can listen",
            ));
        }
        let id = Id::parse(id)
            .ok_or_else(|| Error::invalid("id must be the JSON text of a string or an integer"))?;
        self.check_filter_text(filter).map_err(Excess::error)?;
        // Whether its client declares an extension is known to the host, which asks for it.
        let filter = Filter::parse(filter, &self.sessions[ix].capabilities())
            .map_err(|why| Error::new(ErrorKind::Json, why))?;
        self.check_filter(&filter).map_err(Excess::error)?;
        if self.is_id_in_use(ix, &id) {
            return Err(Error::invalid(format!("id {id} is in use on this session")));
        }
        self.check_subscription_limits(ix).map_err(Excess::error)?;
        let honoured = self.honoured(ix, filter).map_err(Denied::error)?;
        self.start_listen(ix, stream, id, honoured).map_err(Excess::error)
    }

    pub(crate) fn subscription(&self, handle: SessionId, id: &str) -> Result<u64> {
        let ix = self.session_even_ending(handle)?;
        let id = Id::parse(id)
            .ok_or_else(|| Error::invalid("id must be the JSON text of a string or an integer"))?;
        let sub = self.find_listen(ix, &id).ok_or_else(|| Error::gone("subscription"))?;
        Ok(self.subs.subs.handle(sub))
    }

    pub(crate) fn end_subscription(
        &mut self,
        handle: SubscriptionId,
        reason: EndReason,
    ) -> Result<()> {
        let sub = self.subs.subs.resolve(handle.0).ok_or_else(|| Error::gone("subscription"))?;
        self.end_subscription_ix(sub, reason);
        self.settle_lagging();
        Ok(())
    }

    /// Queues the last frame of a listen, where its end is told.
    pub(crate) fn tell_end(&mut self, stream: u32, id: &Id, reason: EndReason, lane: Lane) {
        let Some(body) = closing_frame(id, reason) else { return };
        if self.config.send_cancelled && self.out.streams[stream].framing != Framing::Sse {
            // G1: some clients wait for it.
            self.push_reply(stream, encode::cancelled(id), Owner::Session, lane);
        }
        self.push_reply(stream, body, Owner::Session, lane);
    }

    /// Ends a listen. What is queued of it goes out first, then its result (R48) or the error that
    /// says why. If the client cancelled, or does not read, what is queued is dropped (R47).
    pub(crate) fn end_subscription_ix(&mut self, sub: u32, reason: EndReason) {
        let (stream, id) = (self.stream_of_sub(sub), self.subs.id(sub).cloned());
        let ix = self.session_of_sub(sub);
        if reason.keeps_queue() {
            // Its waiting notices move behind its acknowledgment, in their order.
            for slot in self.out.in_order(self.queued_links(sub)) {
                self.materialise(slot);
                self.out.requeue(slot, Lane::Control);
            }
            let ack = self.subs.subs[sub].ack;
            if ack != NONE {
                self.own_by_session(ack);
            }
        }
        self.remove_subscription(sub);
        if let Some(id) = id {
            self.tell_end(stream, &id, reason, Lane::Control);
        }
        self.finish_if_answered(stream);
        self.bury_if_drained(ix);
    }
}
