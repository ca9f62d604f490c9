//! A buffered response on its way to the runtime.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A buffered response: as the handler gave it, or already serialized.
#[derive(Debug)]
#[non_exhaustive]
pub enum Body<B> {
    /// The handler's value, which nobody had to look at.
    Value(B),
    /// JSON that was looked at, written out as it is.
    Json(Box<RawValue>),
}

impl<B: Serialize> Serialize for Body<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Json(json) => json.serialize(serializer),
        }
    }
}
