//! A second thread that raises without pause, for the rules that hold under any interleaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use fanfare::Engine;

pub(crate) struct Raiser {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Raiser {
    pub(crate) fn start(engine: &Arc<Engine>, raise: impl Fn(&Engine) + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (engine, over) = (engine.clone(), is_over.clone());
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                raise(&engine);
            }
        });
        Self { is_over, thread }
    }

    /// Repeats `round` until what it found is wrong, or until it has heard that much of the
    /// raiser, so that the two threads have met for certain. Yields what was wrong.
    pub(crate) fn until<T>(
        self,
        enough: usize,
        mut round: impl FnMut(usize) -> Result<usize, T>,
    ) -> Option<T> {
        let mut heard = 0;
        let mut wrong = None;
        for n in 0.. {
            match round(n) {
                Ok(more) => heard += more,
                Err(found) => wrong = Some(found),
            }
            if wrong.is_some() || heard >= enough || self.thread.is_finished() {
                break;
            }
        }
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("raising does not panic");
        wrong
    }
}
