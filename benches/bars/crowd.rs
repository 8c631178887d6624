//! A population with one resource in common: sessions that came in order, or came and went.

use std::hint::black_box;

use fanfare::{Batch, Engine, Framing, Profile, Raise, SessionId, SessionParams, VectoredBatch};

use crate::holding;
use crate::measure::Random;

/// What all of them hold.
pub(crate) const SHARED: &str = "file:///srv/data/shared.json";
/// How many resources the sessions hold beside the shared one, three each.
const OTHERS: usize = 1000;
const BATCH: usize = 1024;

/// An engine with listeners to four resources each, one of which all of them hold.
pub(crate) struct Crowd {
    pub(crate) engine: Engine,
    sessions: Vec<SessionId>,
    batch: VectoredBatch,
    made: usize,
    framing: Framing,
}

impl Crowd {
    /// Sessions that came in order.
    pub(crate) fn new(count: usize, framing: Framing) -> Self {
        let mut crowd = Self {
            engine: holding::large(),
            sessions: Vec::new(),
            batch: VectoredBatch::new(),
            made: 0,
            framing,
        };
        for _ in 0..count {
            let session = crowd.open();
            crowd.listen(session);
            crowd.sessions.push(session);
        }
        assert_eq!(crowd.drain(), count, "one acknowledgment each");
        crowd
    }

    /// A population that came and went: subscribed in random order, then ten times as many
    /// closings and openings as there are sessions.
    pub(crate) fn churned(count: usize) -> Self {
        let mut crowd = Self::new(0, Framing::Json);
        let mut random = Random::new(7);
        crowd.sessions = (0..count).map(|_| crowd.open()).collect();
        let mut order = crowd.sessions.clone();
        for at in (1..count).rev() {
            order.swap(at, random.below(at + 1));
        }
        for session in order {
            crowd.listen(session);
        }
        for _ in 0..10 * count {
            let at = random.below(count);
            crowd.engine.close(crowd.sessions[at]).expect("it is open");
            let session = crowd.open();
            crowd.listen(session);
            crowd.sessions[at] = session;
            if random.below(64) == 0 {
                crowd.drain();
            }
        }
        crowd.drain();
        crowd
    }

    fn open(&self) -> SessionId {
        let params = SessionParams::new(Profile::Modern).framing(self.framing);
        self.engine.open(params).expect("it opens")
    }

    fn listen(&mut self, session: SessionId) {
        let (id, filter) = request(self.made);
        self.engine.listen(session, None, &id, &filter).expect("it listens");
        self.made += 1;
    }

    /// Raises what all hold, and gives how many it reached.
    pub(crate) fn raise(&self) -> usize {
        self.engine.notify_resource_updated(SHARED, &Raise::ALL).expect("it is raised")
    }

    /// Takes out all frames, lent in parts, and looks at each as a host must that writes it
    /// somewhere.
    pub(crate) fn drain(&mut self) -> usize {
        let (mut frames, batch) = (0, &mut self.batch);
        while let taken @ 1.. = self.engine.recv_vectored(None, BATCH, batch).expect("it drains") {
            frames += taken;
            batch.iter().for_each(|frame| {
                black_box(frame);
            });
        }
        frames
    }

    /// Both, for all.
    pub(crate) fn round(&mut self) {
        let count = self.sessions.len();
        assert_eq!(self.raise(), count);
        assert_eq!(self.drain(), count);
    }
}

/// The id of the listen that was made so many before it, and its filter. Ids are numbers that go
/// round, as those of real clients: mostly different, and short.
pub(crate) fn request(made: usize) -> (String, String) {
    let id = (made % 10_000).to_string();
    let other = |n: usize| (made * 3 + n) % OTHERS;
    let filter = format!(
        r#"{{"resourceSubscriptions":["file:///srv/other/{}","{SHARED}","file:///srv/other/{}","file:///srv/other/{}"]}}"#,
        other(0),
        other(1),
        other(2)
    );
    (id, filter)
}

/// Takes out all frames of all sessions, so many at a time, and looks at each.
pub(crate) fn drain(engine: &Engine, at_a_time: usize, batch: &mut Batch) -> usize {
    let mut frames = 0;
    while let taken @ 1.. = engine.recv(None, at_a_time, batch).expect("it drains") {
        frames += taken;
        batch.iter().for_each(|frame| {
            black_box(frame);
        });
    }
    frames
}
