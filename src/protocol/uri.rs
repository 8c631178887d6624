//! The containers of a URI, for subscriptions that cover sub-resources (G2).

/// The URIs that contain this one by path segments, the nearest first: each with its final slash
/// and without. `file:///a/b` is contained in `file:///a/`, `file:///a` and `file:///`, and never
/// in `file:///a/bc` or in another authority.
pub(crate) fn containers(uri: &str) -> impl Iterator<Item = &str> {
    let path = path_start(uri).unwrap_or(uri.len());
    let end = uri[path..].find(['?', '#']).map_or(uri.len(), |at| path + at);
    let slashes = uri[path..end].char_indices().rev().filter(|&(_, c)| c == '/');
    slashes.flat_map(move |(at, _)| {
        let at = path + at;
        let with_slash = (at + 1 < uri.len()).then_some(&uri[..=at]);
        let without = (at > path).then_some(&uri[..at]);
        [with_slash, without].into_iter().flatten()
    })
}

/// Where the path begins: behind the scheme, and behind the authority if there is one.
fn path_start(uri: &str) -> Option<usize> {
    let after_scheme = uri.find(':')? + 1;
    let Some(hierarchical) = uri[after_scheme..].strip_prefix("//") else {
        return Some(after_scheme);
    };
    let authority = uri.len() - hierarchical.len();
    let end = hierarchical.find(['/', '?', '#'])?;
    Some(authority + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_path_segments() {
        let of = |uri| containers(uri).collect::<Vec<_>>();
        assert_eq!(
            of("file:///a/b/c"),
            ["file:///a/b/", "file:///a/b", "file:///a/", "file:///a", "file:///"]
        );
        assert_eq!(of("file:///a/"), ["file:///a", "file:///"]);
        assert_eq!(of("https://h/a?b/c#d/e"), ["https://h/"]);
        assert_eq!(of("https://h"), [""; 0]);
        assert_eq!(of("https://h?a/b"), [""; 0]);
        assert_eq!(of("doc:a/b"), ["doc:a/", "doc:a"]);
        assert_eq!(of("doc://7"), [""; 0]);
        assert_eq!(of("no scheme/at all"), [""; 0]);
        assert_eq!(of("file:///é/b"), ["file:///é/", "file:///é", "file:///"]);
        assert_eq!(of("file:///ab"), ["file:///"]);
    }
}
