//! How long to wait before connecting again, and how often to try.

use std::time::Duration;

/// What the user wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// How often to try in a row; 0 is never.
    pub(crate) retries: u32,
    /// The longest first delay. Each later one may be twice as long as the one before.
    pub(crate) first: Duration,
    /// The longest delay of all, unless the server asks for a longer one.
    pub(crate) max: Duration,
}

/// Counts the tries of one connection.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: Policy,
    tries: u32,
    last_delay: Duration,
}

impl Backoff {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, tries: 0, last_delay: Duration::ZERO }
    }

    /// How many tries there were since it last went well.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// How many there may be.
    pub(crate) fn retries(&self) -> u32 {
        self.policy.retries
    }

    /// A connection was up for so long before it was lost. If that was longer than what was waited
    /// for it, the count begins anew; a server that accepts and hangs up does not count as well.
    pub(crate) fn lived(&mut self, time: Duration) {
        if time > self.last_delay {
            self.reset();
        }
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
        self.last_delay = Duration::ZERO;
    }

    /// The delay before the next try, which is not shorter than what the server asks for (R74);
    /// none if there were enough. `chance` spreads those who were disconnected together over half
    /// of the delay: 0 is the shortest, `u32::MAX` the longest.
    pub(crate) fn next(&mut self, asked: Option<Duration>, chance: u32) -> Option<Duration> {
        if self.tries >= self.policy.retries {
            return None;
        }
        let doubled = self.policy.first.saturating_mul(1 << self.tries.min(31));
        let half = doubled.min(self.policy.max) / 2;
        let delay = half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX));
        self.tries += 1;
        self.last_delay = delay.max(asked.unwrap_or_default());
        Some(self.last_delay)
    }
}

/// A number that nobody else who lost a connection now has too.
pub(crate) fn chance() -> u32 {
    // Without randomness, the whole delay is as good as any.
    getrandom::u32().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn backoff(retries: u32) -> Backoff {
        Backoff::new(Policy { retries, first: MS(100), max: MS(1000) })
    }

    #[test]
    fn delays_double_up_to_the_longest_and_end() {
        for (chance, delays) in
            [(u32::MAX, [100, 200, 400, 800, 1000, 1000]), (0, [50, 100, 200, 400, 500, 500])]
        {
            let mut backoff = backoff(6);
            let got: Vec<_> = std::iter::from_fn(|| backoff.next(None, chance)).collect();
            assert_eq!(got, delays.map(MS));
            assert_eq!(backoff.tries(), 6);
        }
        assert_eq!(backoff(0).next(None, 0), None);
        let mut endless = backoff(u32::MAX);
        assert!((0..100).all(|_| endless.next(None, 0).is_some()));
    }

    #[test]
    fn chance_stays_within_half_of_the_delay() {
        for chance in (0..=u32::MAX).step_by(1 << 26) {
            let delay = backoff(1).next(None, chance).unwrap();
            assert!((MS(50)..=MS(100)).contains(&delay), "{delay:?}");
        }
        let middle = backoff(1).next(None, u32::MAX / 2).unwrap();
        assert!((MS(74)..=MS(76)).contains(&middle), "{middle:?}");
    }

    #[test]
    fn a_server_can_ask_for_more_but_not_for_less() {
        let mut backoff = backoff(9);
        assert_eq!(backoff.next(Some(MS(5000)), u32::MAX), Some(MS(5000)));
        assert_eq!(backoff.next(Some(MS(1)), u32::MAX), Some(MS(200)));
    }

    #[test]
    fn only_a_connection_that_outlives_the_wait_for_it_makes_the_count_begin_anew() {
        let mut backoff = backoff(9);
        backoff.next(None, u32::MAX);
        backoff.lived(MS(100));
        assert_eq!((backoff.tries(), backoff.next(None, u32::MAX)), (1, Some(MS(200))));
        backoff.lived(MS(201));
        assert_eq!((backoff.tries(), backoff.next(None, u32::MAX)), (0, Some(MS(100))));
    }
}
