//! Joins what we report of withheld records with the handler's own response.

use core::fmt;

use crate::json::{Unescaped, elements, is_whole_object, members};

use super::batch::{push_failure, push_items, push_result};

/// A handler's response in which withheld records cannot be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeError {
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// It starts like an object and is none.
    Broken,
    /// The member that should hold them is something else.
    NotAnArray(&'static str),
    /// There is no such member.
    Missing(&'static str),
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Broken => f.write_str("response is not whole, accepted is a JSON value"),
            Reason::NotAnArray(name) => write!(f, "response: {name} is no array"),
            Reason::Missing(name) => write!(f, "response has no array {name}"),
        }
    }
}

impl core::error::Error for MergeError {}

const FAILURES: &str = "batchItemFailures";
const RECORDS: &str = "records";

/// `response` with `failures` among its `batchItemFailures`: the handler's own first, each
/// identifier once, every other byte as it is.
///
/// Nobody but the event source mapping reads the response to a batch, and it reads this member
/// only. So a response that is no object (empty, null, a text, a number, an array) is replaced by
/// one that is: to fail instead would have records processed twice.
///
/// # Errors
/// When `response` starts like an object and breaks off, or has `batchItemFailures` that are
/// neither an array nor null.
pub fn merge_failures(response: &[u8], failures: &[String]) -> Result<Vec<u8>, MergeError> {
    if failures.is_empty() {
        return Ok(response.to_vec());
    }
    let outer = response.trim_ascii();
    if outer.first() != Some(&b'{') {
        let mut out = format!("{{\"{FAILURES}\":[");
        push_items(&mut out, failures, push_failure);
        out.push_str("]}");
        return Ok(out.into_bytes());
    }
    let list = list(outer, FAILURES)?;
    let known: Vec<String> = elements(list.value)
        .filter_map(|item| {
            let id = members(item).find(|member| member.key == b"itemIdentifier")?;
            Some(Unescaped::new(id.text()?).collect())
        })
        .collect();
    let new: Vec<String> = failures
        .iter()
        .filter(|id| !known.contains(id))
        .cloned()
        .collect();
    let mut items = String::new();
    push_items(&mut items, &new, push_failure);
    Ok(list.with(outer, FAILURES, &items))
}

/// `response` with a result for each of `ids` among its `records`.
pub(super) fn merge_results(
    response: &[u8],
    ids: &[String],
    result: &str,
) -> Result<Vec<u8>, MergeError> {
    let outer = response.trim_ascii();
    let list = list(outer, RECORDS)?;
    if list.form != Form::Array {
        return Err(MergeError {
            reason: Reason::Missing(RECORDS),
        });
    }
    let mut items = String::new();
    push_items(&mut items, ids, |out, id| push_result(out, id, result));
    Ok(list.with(outer, RECORDS, &items))
}

/// Where items go.
struct List<'r> {
    form: Form,
    /// The member's bytes; where there is none, nothing, at the place where it would go.
    value: &'r [u8],
    start: usize,
}

#[derive(PartialEq, Eq)]
enum Form {
    Array,
    Null,
    Absent,
}

/// The member `name` of the object `outer`; parsers take the last of several.
fn list<'r>(outer: &'r [u8], name: &'static str) -> Result<List<'r>, MergeError> {
    if !is_whole_object(outer) {
        return Err(MergeError {
            reason: Reason::Broken,
        });
    }
    let Some(member) = members(outer).filter(|m| m.key == name.as_bytes()).last() else {
        return Ok(List {
            form: Form::Absent,
            value: &[],
            start: outer.len() - 1,
        });
    };
    let form = match member.value {
        b"null" => Form::Null,
        value if member.is_array() && value.last() == Some(&b']') => Form::Array,
        _ => {
            return Err(MergeError {
                reason: Reason::NotAnArray(name),
            });
        }
    };
    Ok(List {
        form,
        value: member.value,
        start: member.start,
    })
}

impl List<'_> {
    /// `outer` with `items` (joined by commas) at the list's end.
    fn with(&self, outer: &[u8], name: &str, items: &str) -> Vec<u8> {
        let end = self.start + self.value.len();
        let (from, to, text) = match self.form {
            Form::Array => {
                let comma = if items.is_empty() || elements(self.value).next().is_none() {
                    ""
                } else {
                    ","
                };
                (end - 1, end - 1, format!("{comma}{items}"))
            }
            Form::Null => (self.start, end, format!("[{items}]")),
            Form::Absent => {
                let comma = if members(outer).next().is_none() {
                    ""
                } else {
                    ","
                };
                (self.start, end, format!("{comma}\"{name}\":[{items}]"))
            }
        };
        let mut out = Vec::with_capacity(outer.len() + text.len());
        out.extend_from_slice(outer.get(..from).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(outer.get(to..).unwrap_or_default());
        out
    }
}
