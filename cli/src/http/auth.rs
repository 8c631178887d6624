//! Who calls: bearer tokens, and how much one principal may have open.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::header::{AUTHORIZATION, HeaderMap};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// The bearer tokens of a server, and whose each is. A server that has some refuses everybody else
/// with 401.
///
/// ```
/// use fanfare_cli::http::Tokens;
/// let tokens = Tokens::parse("# token principal\n5a1e7c0ffee alice\nbadc0de bob\n")?;
/// assert_eq!(tokens.len(), 2);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Hash, Arc<str>)>);

/// What is kept of a token: neither its length nor a part of it can be told by the time that a
/// comparison takes.
type Hash = [u8; 32];

impl Tokens {
    /// Of a text with `TOKEN PRINCIPAL` on each line; lines that are empty or begin with `#` say
    /// nothing. An error names the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (Some(token), Some(principal), None) = (words.next(), words.next(), words.next())
            else {
                return Err(format!("line {}: it takes TOKEN PRINCIPAL", at + 1));
            };
            let hash = hash(token.as_bytes());
            if all.iter().any(|(other, _)| *other == hash) {
                return Err(format!("line {}: the token is there already", at + 1));
            }
            all.push((hash, Arc::from(principal)));
        }
        if all.is_empty() {
            return Err("there is no token in it".to_owned());
        }
        Ok(Self(all))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: then nobody is asked for one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose request that is.
    pub(super) fn who(&self, headers: &HeaderMap) -> Result<Option<Arc<str>>, Stranger> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Stranger { has_token: false });
        };
        let token = bearer(value.as_bytes()).ok_or(Stranger { has_token: false })?;
        let hash = hash(token);
        // All are compared, whichever it is.
        let (mut found, mut at) = (Choice::from(0), 0_u64);
        for (ix, (one, _)) in (0_u64..).zip(&self.0) {
            let is_it = one.ct_eq(&hash);
            at.conditional_assign(&ix, is_it);
            found |= is_it;
        }
        match usize::try_from(at) {
            Ok(at) if found.into() => Ok(Some(Arc::clone(&self.0[at].1))),
            _ => Err(Stranger { has_token: true }),
        }
    }
}

/// The names are no secret, the tokens are.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, principal)| principal)).finish()
    }
}

/// Somebody without a token, or with one that is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    has_token: bool,
}

impl Stranger {
    /// The value of `WWW-Authenticate`, which 401 wants.
    pub(super) fn challenge(self) -> &'static str {
        if self.has_token { r#"Bearer error="invalid_token""# } else { "Bearer" }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn hash(token: &[u8]) -> Hash {
    Sha256::digest(token).into()
}

/// What each principal has open.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<Arc<str>, usize>>);

/// One request or stream of a principal.
#[derive(Debug)]
pub(super) struct Place(Option<(Arc<Places>, Arc<str>)>);

impl Places {
    /// A place, if there is one left. Who has no name is not counted.
    pub(super) fn take(
        self: &Arc<Self>,
        principal: Option<&Arc<str>>,
        most: usize,
    ) -> Option<Place> {
        let Some(principal) = principal else { return Some(Place(None)) };
        let mut all = self.lock();
        let taken = all.entry(Arc::clone(principal)).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Place(Some((Arc::clone(self), Arc::clone(principal)))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, principal)) = self.0.take() else { return };
        let mut all = places.lock();
        if let Some(taken) = all.get_mut(&principal) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(tokens: &Tokens, values: &[&str]) -> Result<Option<Arc<str>>, Stranger> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        tokens.who(&headers)
    }

    #[test]
    fn a_token_says_whose_a_request_is() {
        let tokens = Tokens::parse("aa alice\n\n# aa eve\n  bb\tbob \ncc alice\n").unwrap();
        let name = |value: &str| who(&tokens, &[value]).unwrap().unwrap().to_string();
        assert_eq!(name("Bearer aa"), "alice");
        assert_eq!(name("bearer  bb "), "bob");
        assert_eq!(name("BEARER cc"), "alice");
        for wrong in ["Bearer a", "Bearer aaa", "Bearer AA", "Bearer ", "Bearer aa alice"] {
            assert_eq!(who(&tokens, &[wrong]), Err(Stranger { has_token: true }), "{wrong}");
        }
        for none in [&[][..], &["aa"], &["Basic aa"], &["Bearer aa", "Bearer aa"], &[""]] {
            assert_eq!(who(&tokens, none), Err(Stranger { has_token: false }), "{none:?}");
        }
        assert_eq!(who(&Tokens::default(), &["Bearer aa"]), Ok(None));
    }

    #[test]
    fn a_file_that_is_wrong_names_the_line() {
        for (text, why) in [
            ("", "there is no token in it"),
            ("# x\n", "there is no token in it"),
            ("a alice\nb", "line 2: it takes TOKEN PRINCIPAL"),
            ("a alice smith", "line 1: it takes TOKEN PRINCIPAL"),
            ("a alice\na bob", "line 2: the token is there already"),
        ] {
            assert_eq!(Tokens::parse(text).unwrap_err(), why);
        }
        assert!(!format!("{:?}", Tokens::parse("secret alice").unwrap()).contains("secret"));
    }

    #[test]
    fn places_are_counted_by_name_and_given_back() {
        let places = Arc::new(Places::default());
        let (alice, bob) = (Arc::from("alice"), Arc::from("bob"));
        let first = places.take(Some(&alice), 2).unwrap();
        let _second = places.take(Some(&alice), 2).unwrap();
        assert!(places.take(Some(&alice), 2).is_none());
        assert!(places.take(Some(&bob), 2).is_some());
        assert!(places.take(None, 0).is_some());
        drop(first);
        assert!(places.take(Some(&alice), 2).is_some());
        assert_eq!(places.lock().len(), 1);
    }
}
