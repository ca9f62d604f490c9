//! Single values, one to a line of JSON Lines.
//!
//! Nothing is kept from line to line: input of any length goes through as it comes.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};

use guard_core::inspect::EFFORT;
use guard_core::policy::Policy;
use guard_core::{Finding, Inspector};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{LARGEST, Outcome, open};

/// Answers each line of `files` with the findings in its `field`.
///
/// # Errors
/// Those of `out`.
pub(super) fn inspect(
    field: &str,
    policy: &Policy,
    files: &[OsString],
    out: &mut impl Write,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let inspector = Inspector::new(policy.inspect());
    let mut line = Vec::new();
    for file in files {
        let (name, opened) = open(file);
        let mut input = match opened {
            Ok(input) => BufReader::with_capacity(256 << 10, input),
            Err(error) => {
                outcome.failed(&format!("{name}: {error}"));
                continue;
            }
        };
        for number in 1_u64.. {
            // Whoever writes a line and waits for the answer gets it.
            if input.buffer().is_empty() {
                out.flush()?;
            }
            match next_line(&mut input, &mut line) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    outcome.failed(&format!("{name}:{number}: {error}"));
                    break;
                }
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let mut row = Row::default();
            match row.value(&line, field) {
                Ok(value) => {
                    let count = answer(out, row.id, inspector.inspect_value(&value))?;
                    outcome.add(count);
                }
                Err(reason) => {
                    refuse(out, row.id, &reason)?;
                    outcome.failed(&format!("{name}:{number}: {reason}"));
                }
            }
        }
    }
    Ok(())
}

/// Reads the next line without its line feed; false at the end. Of a line that is too long, only so
/// much is kept that it is seen to be.
fn next_line(input: &mut BufReader<Box<dyn Read>>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = input.by_ref().take(LARGEST + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if is_too_long(line) {
        input.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

fn is_too_long(line: &[u8]) -> bool {
    u64::try_from(line.len()).is_ok_and(|length| length > LARGEST)
}

/// Writes the findings of one value; answers how many there are.
fn answer(
    out: &mut impl Write,
    id: Option<&RawValue>,
    findings: impl Iterator<Item = Finding>,
) -> io::Result<u64> {
    write_id(out, id)?;
    out.write_all(b",\"findings\":[")?;
    let mut count = 0;
    for Finding { rule, span, .. } in findings {
        let comma = if count == 0 { "" } else { "," };
        write!(out, "{comma}{{\"family\":")?;
        // Rules are ours: words and dots, nothing to escape.
        match rule.as_str().split_once('.') {
            Some((family, _)) if rule != EFFORT => write!(out, "\"{family}\"")?,
            _ => out.write_all(b"null")?,
        }
        let (start, end) = (span.start, span.end);
        write!(
            out,
            ",\"rule\":\"{rule}\",\"start\":{start},\"end\":{end}}}"
        )?;
        count += 1;
    }
    out.write_all(b"]}\n")?;
    Ok(count)
}

/// Answers a line that cannot be used.
fn refuse(out: &mut impl Write, id: Option<&RawValue>, reason: &str) -> io::Result<()> {
    write_id(out, id)?;
    writeln!(out, ",\"error\":{}}}", serde_json::Value::from(reason))
}

fn write_id(out: &mut impl Write, id: Option<&RawValue>) -> io::Result<()> {
    write!(out, "{{\"id\":{}", id.map_or("null", RawValue::get))
}

/// What is of interest in a line.
#[derive(Debug, Default)]
struct Row<'l> {
    id: Option<&'l RawValue>,
    value: Option<&'l RawValue>,
}

impl<'l> Row<'l> {
    /// Reads `line`; answers its string `field`, or what is wrong with the line. As for most that
    /// read JSON, the last of several members of one name counts.
    fn value(&mut self, line: &'l [u8], field: &str) -> Result<Cow<'l, [u8]>, String> {
        if is_too_long(line) {
            return Err(format!("line of more than {} MiB", LARGEST >> 20));
        }
        let mut json = serde_json::Deserializer::from_slice(line);
        Members { row: self, field }
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| not_an_object(&error))?;
        let Some(value) = self.value else {
            return Err(format!("no field {field:?}"));
        };
        if !value.get().starts_with('"') {
            return Err(format!("field {field:?} is not a string"));
        }
        let mut json = serde_json::Deserializer::from_str(value.get());
        Bytes::deserialize(&mut json)
            .map(|Bytes(bytes)| bytes)
            .map_err(|error| format!("field {field:?} is not a string ({error})"))
    }
}

fn not_an_object(error: &serde_json::Error) -> String {
    let message = error.to_string();
    // The line is named already, and is always the first to the parser.
    let reason = message.split(" at line ").next().unwrap_or_default();
    match error.is_data() {
        true => format!("not a JSON object ({reason})"),
        false => format!("not JSON at column {} ({reason})", error.column()),
    }
}

/// Reads an object's members into a row.
struct Members<'r, 'l, 'f> {
    row: &'r mut Row<'l>,
    field: &'f str,
}

impl<'l> DeserializeSeed<'l> for Members<'_, 'l, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'l>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'l> Visitor<'l> for Members<'_, 'l, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'l>>(self, mut members: M) -> Result<(), M::Error> {
        while let Some(key) = members.next_key::<Bytes<'l>>()? {
            let (is_id, is_field) = (*key.0 == *b"id", *key.0 == *self.field.as_bytes());
            if !is_id && !is_field {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = Some(members.next_value()?);
            if is_id {
                self.row.id = value;
            }
            if is_field {
                self.row.value = value;
            }
        }
        Ok(())
    }
}

/// The content of a string: as bytes, since a lone surrogate is no reason not to look at what
/// stands around it.
struct Bytes<'l>(Cow<'l, [u8]>);

impl<'l> Deserialize<'l> for Bytes<'l> {
    fn deserialize<D: Deserializer<'l>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'l> Visitor<'l> for BytesVisitor {
    type Value = Bytes<'l>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'l [u8]) -> Result<Bytes<'l>, E> {
        Ok(Bytes(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes<'l>, E> {
        Ok(Bytes(Cow::Owned(bytes.to_vec())))
    }
}
