//! What the comparison with the last release's dump must see, and what it must not mind: the header
//! with one change each.

use super::dump::{Additions, Dumps, as_known_to};
use super::header::Header;
use super::{header, lacks_abigail};

struct Change {
    what: &'static str,
    /// Each of them once.
    from: &'static str,
    to: &'static str,
    /// A word of the report. None: nothing is reported.
    reported: Option<&'static str>,
}

const CHANGES: [Change; 22] = [
    Change {
        what: "a function is gone",
        from: "FANFARE_API const char *fanfare_version_string(void);",
        to: "",
        reported: Some("Removed function"),
    },
    Change {
        what: "an argument has another type",
        from: "fanfare_status_name(int32_t status)",
        to: "fanfare_status_name(int64_t status)",
        reported: Some("fanfare_status_name"),
    },
    Change {
        what: "an argument has another type of the same size",
        from: "fanfare_status_name(int32_t status)",
        to: "fanfare_status_name(uint32_t status)",
        reported: Some("fanfare_status_name"),
    },
    Change {
        what: "a function takes one more",
        from: "fanfare_status_name(int32_t status)",
        to: "fanfare_status_name(int32_t status, int32_t language)",
        reported: Some("fanfare_status_name"),
    },
    Change {
        what: "a function returns something else",
        from: "uint32_t fanfare_version(void)",
        to: "uint64_t fanfare_version(void)",
        reported: Some("fanfare_version"),
    },
    Change {
        what: "what was const is not",
        from: "const char *fanfare_status_text(",
        to: "char *fanfare_status_text(",
        reported: Some("fanfare_status_text"),
    },
    Change {
        what: "a callback takes something else",
        from: "(*fanfare_log_fn)(void *ctx, const fanfare_log_record *record)",
        to: "(*fanfare_log_fn)(void *ctx, fanfare_log_record *record)",
        reported: Some("fanfare_log_fn"),
    },
    Change {
        what: "two fields have changed places",
        from: "    size_t withdrawn;\n    /// Subscriptions that hear of a topic again.\n    size_t restored;\n",
        to: "    size_t restored;\n    size_t withdrawn;\n",
        reported: Some("'size_t restored' offset changed"),
    },
    Change {
        what: "a field has another name",
        from: "    uint64_t raised;\n",
        to: "    uint64_t risen;\n",
        reported: Some("fanfare_counters::raised"),
    },
    Change {
        what: "a field is new, and not at the end",
        from: "    uint64_t raised;\n",
        to: "    uint64_t earlier;\n    uint64_t raised;\n",
        reported: Some("'uint64_t raised' offset changed"),
    },
    Change {
        what: "a field is gone",
        from: "    uint64_t limited;\n} fanfare_counters;",
        to: "} fanfare_counters;",
        reported: Some("'uint64_t limited'"),
    },
    Change {
        what: "a field has another type of the same size",
        from: "    uint64_t raised;\n",
        to: "    int64_t raised;\n",
        reported: Some("'uint64_t raised'"),
    },
    Change {
        what: "a struct that never changes has grown",
        from: "    uint32_t len;\n} fanfare_record;",
        to: "    uint32_t len;\n    uint64_t more;\n} fanfare_record;",
        reported: Some("fanfare_record"),
    },
    Change {
        what: "a number has another value",
        from: "#define FANFARE_END_LIMIT 4",
        to: "#define FANFARE_END_LIMIT 9",
        reported: Some("FANFARE_END_LIMIT' from value '4' to '9'"),
    },
    Change {
        what: "a large number has another value",
        from: "18446744073709551615ull",
        to: "18446744073709551614ull",
        reported: Some("FANFARE_NEVER"),
    },
    Change {
        what: "a status has another value",
        from: "FANFARE_E_GONE = -5,",
        to: "FANFARE_E_GONE = -99,",
        reported: Some("FANFARE_E_GONE' from value '-5' to '-99'"),
    },
    Change {
        what: "a number is gone",
        from: "#define FANFARE_END_LIMIT 4",
        to: "",
        reported: Some("FANFARE_END_LIMIT"),
    },
    Change {
        what: "a function has come",
        from: "FANFARE_API const char *fanfare_version_string(void);",
        to: "FANFARE_API const char *fanfare_version_string(void);\n\
             FANFARE_API const char *fanfare_version_name(void);",
        reported: None,
    },
    Change {
        what: "a number has come",
        from: "#define FANFARE_END_LIMIT 4",
        to: "#define FANFARE_END_LIMIT 4\n#define FANFARE_END_BORED 99",
        reported: None,
    },
    Change {
        what: "a status has come",
        from: "FANFARE_E_GONE = -5,",
        to: "FANFARE_E_GONE = -5,\n    FANFARE_E_BORED = -99,",
        reported: None,
    },
    Change {
        what: "a struct that may grow has grown at its end",
        from: "    uint64_t limited;\n} fanfare_counters;",
        to: "    uint64_t limited;\n    uint64_t more;\n} fanfare_counters;",
        reported: None,
    },
    Change {
        what: "a reserved field has got a meaning",
        from: "    uint32_t reserved;\n} fanfare_lag;",
        to: "    uint32_t meaning;\n} fanfare_lag;",
        reported: None,
    },
];

/// What `reported` says is judged against the header itself, whatever has changed since the last
/// release.
#[test]
fn each_change_is_judged() {
    if lacks_abigail() {
        return;
    }
    let now = header();
    let dumps = Dumps::new();
    let base = dumps.dump(&now);
    for Change { what, from, to, reported } in CHANGES {
        assert_eq!(now.text.matches(from).count(), 1, "{what}: the header has {from:?} once");
        let changed = Header::read(&now.text.replacen(from, to, 1));
        let seen = dumps.dump(&as_known_to(&base, &changed));
        let found = dumps.difference(&base, &seen, Additions::AreNone);
        match reported {
            Some(word) => {
                assert!(!found.is_none, "{what}: not seen");
                assert!(
                    found.report.contains(word),
                    "{what}: {word} is not named:\n{}",
                    found.report
                );
            }
            None => assert!(found.is_none, "{what}: minded\n{}", found.report),
        }
    }
}
