//! Elicitations by URL as facts (2025-11-25): where a server names one, and where it says that one
//! is complete (R68).

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::code;

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "elicitationId")]
    id: String,
}

/// The id that the params of an `elicitation/create` give a client, if it is sent to a URL.
pub(crate) fn created(params: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Params {
        mode: String,
        #[serde(rename = "elicitationId")]
        id: String,
    }
    let params: Params = serde_json::from_str(params).ok()?;
    (params.mode == "url").then_some(params.id)
}

/// The ids that an error response gives a client, if it is the one that asks for elicitations.
pub(crate) fn required(response: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Response {
        error: Fault,
    }
    #[derive(Deserialize)]
    struct Fault {
        code: i64,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        elicitations: Vec<Named>,
    }
    let read = serde_json::from_str::<Response>(response).map(|response| response.error);
    match read {
        Ok(fault) if fault.code == i64::from(code::URL_ELICITATION_REQUIRED) => {
            fault.data.elicitations.into_iter().map(|named| named.id).collect()
        }
        _ => Vec::new(),
    }
}

/// The id that the params of a `notifications/elicitation/complete` name.
pub(crate) fn completed(params: &str) -> Result<String> {
    let read: std::result::Result<Named, _> = serde_json::from_str(params);
    let wrong = |e| Error::new(ErrorKind::Json, format!("params.elicitationId: {e}"));
    read.map(|named| named.id).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_where_they_are_given() {
        assert_eq!(created(r#"{"mode":"url","elicitationId":"e"}"#), Some("e".to_owned()));
        for other in [r#"{"mode":"form","elicitationId":"e"}"#, r#"{"mode":"url"}"#, "{}"] {
            assert_eq!(created(other), None, "{other}");
        }
        let error = |code: i32, data: &str| {
            format!(r#"{{"id":1,"error":{{"code":{code},"message":"m","data":{data}}}}}"#)
        };
        let data = r#"{"elicitations":[{"elicitationId":"a","url":"u"},{"elicitationId":"b"}]}"#;
        assert_eq!(required(&error(-32042, data)), ["a", "b"]);
        for other in [error(-32041, data), error(-32042, "{}"), r#"{"result":{}}"#.to_owned()] {
            assert!(required(&other).is_empty(), "{other}");
        }
        assert_eq!(completed(r#"{"elicitationId":"e"}"#).unwrap(), "e");
        for wrong in ["{}", r#"{"elicitationId":7}"#] {
            let error = completed(wrong).unwrap_err();
            assert!(error.detail().contains("params.elicitationId"), "{error}");
        }
    }
}
