//! Finds injection in caller-controlled bytes.
//!
//! One pass over the raw event looks for every family's triggers at once (`prefilter`); what
//! passes a look at the bytes around it makes the enclosing JSON string hot (`document`), which is
//! then decoded (`decode`) and parsed by the families concerned (`scan`). An event without hot
//! strings is never decoded, copied or divided, and nothing is allocated for any event.

use core::ops::Range;

use crate::event::{Encoded, EncodedValue, Encoding, Values};
use crate::rule::{Families, Family, RuleId};

mod decode;
mod document;
mod encoding;
mod noise;
mod prefilter;
mod scan;
mod text;
mod trigger;

pub(crate) use self::decode::base64_digit;
use self::document::Container;
use self::prefilter::{Candidate, Candidates};
use self::scan::{Hits, Scan};
pub(crate) use self::text::{Effort, Match, Place, Text};
pub(crate) use self::trigger::Trigger;
use self::trigger::{Class, WIDTH};

/// A rule that matched, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// The bytes of the input that it matched, encoded as they are there.
    pub span: Range<usize>,
}

/// The rule of an event that holds more candidates than the inspector looks at.
pub const EFFORT: RuleId = RuleId::new("limit.effort");

/// Looks for the families it was told to.
///
/// ```
/// use guard_core::{Families, Inspector};
///
/// let event = br#"{"body": "{\"user\": \"admin' or '1'='1\"}"}"#;
/// let finding = Inspector::new(Families::ALL).inspect(event).next().unwrap();
/// assert_eq!(finding.rule.as_str(), "sql.tautology");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Inspector {
    families: Families,
}

impl Inspector {
    /// An inspector for `families`.
    #[must_use]
    pub const fn new(families: Families) -> Self {
        Self { families }
    }

    /// The findings in a whole event, in the order in which the strings that hold them end: at most
    /// one of each family for each string. The search goes on only as findings are asked for.
    #[must_use]
    pub fn inspect<'e>(&self, event: &'e [u8]) -> Findings<'e> {
        // Where no family is wanted there is nothing to look for.
        let event = if self.families.is_empty() { &[] } else { event };
        let encoded = Encoded::of(event);
        // Nobody reads an encoded body as it lies there: the search ends with its first bytes, and
        // begins anew behind it.
        let candidates = match encoded {
            Encoded::Body { start } => {
                let searched = event.get(..start + WIDTH).unwrap_or(event);
                Candidates::new(searched, 0)
            }
            Encoded::Nothing => Candidates::new(event, 0),
            Encoded::Keys { .. } => Candidates::new(event, 0).with_keys(),
        };
        Findings {
            event,
            container: Container::of_event(event),
            candidates,
            candidate: None,
            encoded,
            values: Values::default(),
            value: None,
            scan: Scan::new(self.families, Effort::for_input(event.len())),
            from: 0,
            outer: None,
            reported: false,
            pending: Pending::default(),
        }
    }

    /// The findings in one caller-controlled value: at most one of each family.
    #[must_use]
    pub fn inspect_value(&self, value: &[u8]) -> Pending {
        let mut scan = Scan::new(self.families, Effort::for_input(value.len()));
        let mut hits = Hits::default();
        scan.value(value, &mut hits);
        let mut pending = Pending::from(hits);
        if scan.effort.is_spent() {
            pending.push(Finding {
                rule: EFFORT,
                span: 0..value.len(),
            });
        }
        pending
    }
}

/// The first two stages of inspection alone, for who measures what each costs.
#[doc(hidden)]
impl Inspector {
    /// What the prefilter finds in an event.
    pub fn occurrences(event: &[u8]) -> impl Iterator<Item = Occurrence> {
        Candidates::new(event, 0).with_keys().map(Occurrence)
    }

    /// What it looks for: each trigger's classes, a byte of which an occurrence has at each place.
    pub fn triggers() -> impl Iterator<Item = [Vec<u8>; WIDTH]> {
        prefilter::triggers().map(|trigger| {
            let held = |class: Class| (0..=u8::MAX).filter(move |byte| class.contains(*byte));
            trigger.classes.map(|class| held(class).collect())
        })
    }

    /// Whether a look at the bytes around an occurrence in `event` keeps it.
    #[must_use]
    pub fn keeps(&self, event: &[u8], occurrence: &Occurrence) -> bool {
        Scan::new(self.families, Effort::for_input(event.len())).deserves(event, occurrence.0)
    }

    /// What inspecting an event takes of its effort, and what it may take: on reading, dividing and
    /// judging, and on all together.
    #[must_use]
    pub fn spent(&self, event: &[u8]) -> [(u64, u64); 4] {
        let mut findings = self.inspect(event);
        while findings.next().is_some() {}
        findings.scan.effort.taken()
    }
}

/// A place where a trigger occurs.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Occurrence(Candidate);

impl Occurrence {
    /// The offset in the event.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.0.at
    }

    /// The families that have a trigger there.
    #[must_use]
    pub fn families(&self) -> Families {
        let families = self.0.owners.families();
        families.fold(Families::NONE, |all, index| all.with(Family::ALL[index]))
    }
}

/// The findings of one string or value.
#[derive(Debug, Default)]
pub struct Pending {
    list: [Option<Finding>; Family::ALL.len() + 1],
    next: usize,
}

impl Pending {
    fn push(&mut self, finding: Finding) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some(finding);
        }
    }
}

impl From<Hits> for Pending {
    fn from(hits: Hits) -> Self {
        let mut pending = Self::default();
        let findings = hits.into_matches().map(|hit| Finding {
            rule: hit.rule,
            span: hit.span,
        });
        for (place, finding) in pending.list.iter_mut().zip(findings) {
            *place = Some(finding);
        }
        pending
    }
}

impl Iterator for Pending {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        let finding = self.list.get_mut(self.next)?.take()?;
        self.next += 1;
        Some(finding)
    }
}

/// The findings in one event; see [`Inspector::inspect`].
#[derive(Debug)]
pub struct Findings<'e> {
    event: &'e [u8],
    container: Container,
    candidates: Candidates<'e>,
    /// The candidate that comes behind encoded values.
    candidate: Option<Candidate>,
    /// Where values are that the trigger encoded, and those of the last key.
    encoded: Encoded,
    values: Values,
    /// The next of those, looked up.
    value: Option<EncodedValue>,
    scan: Scan,
    /// Where the last unit that was searched ends.
    from: usize,
    /// The string in which `from` is, when it holds JSON that is searched string by string.
    outer: Option<Range<usize>>,
    reported: bool,
    pending: Pending,
}

impl Findings<'_> {
    /// Goes on at `offset`, leaving out what is before it: the rest of a record, say, that is
    /// blocked already.
    pub fn skip_to(&mut self, offset: usize) {
        self.pending = Pending::default();
        self.candidates.skip_to(offset);
        self.candidate.take_if(|candidate| candidate.at < offset);
        self.values = Values::default();
        self.value = None;
        if matches!(self.encoded, Encoded::Body { start } if start < offset) {
            self.encoded = Encoded::Nothing;
            self.candidates = Candidates::new(self.event, offset);
            self.candidate = None;
        }
        self.from = self.from.max(offset);
        self.outer = None;
    }

    /// Searches until something is found.
    fn search(&mut self) -> Option<Hits> {
        loop {
            if self.scan.effort.is_spent() {
                return None;
            }
            let candidate = self.candidate.take().or_else(|| self.candidates.next());
            if !self.scan.looked(&mut self.candidates) {
                return None;
            }
            let at = candidate.map_or(self.event.len(), |candidate| candidate.at);
            let hits = if let Some(value) = self.encoded_before(at) {
                self.candidate = candidate;
                let end = value.span.end;
                let hits = self.encoded_value(value);
                // Nobody reads it as it lies there.
                self.candidate.take_if(|candidate| candidate.at < end);
                if matches!(self.encoded, Encoded::Nothing) {
                    self.candidates = Candidates::new(self.event, end);
                    self.candidate = None;
                }
                self.pass(end);
                hits
            } else if let Some(candidate) = candidate.filter(|candidate| candidate.owners.key()) {
                self.key(candidate);
                continue;
            } else if let Some(candidate) = candidate
                && self.scan.deserves(self.event, candidate)
            {
                self.hot(candidate)
            } else if candidate.is_none() {
                return None;
            } else {
                continue;
            };
            if hits.is_some() {
                return hits;
            }
        }
    }

    #[inline(never)]
    fn encoded_value(&mut self, value: EncodedValue) -> Option<Hits> {
        let mut hits = Hits::default();
        self.scan.encoded(self.event, value, &mut hits);
        (!hits.is_empty()).then_some(hits)
    }

    /// What is found in the unit around a candidate. Apart from the search, whose frame
    /// has no room for hits then: most candidates get no further.
    #[inline(never)]
    fn hot(&mut self, candidate: Candidate) -> Option<Hits> {
        let mut hits = Hits::default();
        self.unit(candidate, &mut hits);
        (!hits.is_empty()).then_some(hits)
    }

    /// The next encoded value: one of the last key's, or the body if it begins before `at` or there,
    /// or right behind, for a candidate may be its opening quote.
    #[inline]
    fn encoded_before(&mut self, at: usize) -> Option<EncodedValue> {
        match self.encoded {
            Encoded::Keys { .. } => {
                self.value = self.value.take().or_else(|| self.values.next(self.event));
                self.value.take_if(|value| value.span.start <= at + 1)
            }
            Encoded::Body { start } if start <= at + 1 => {
                self.encoded = Encoded::Nothing;
                Some(EncodedValue {
                    span: Encoded::body(self.event, start),
                    encoding: Encoding::Base64,
                })
            }
            Encoded::Body { .. } | Encoded::Nothing => None,
        }
    }

    /// Goes to the values of the key that may end at a candidate, and to what else the candidate is
    /// behind them.
    fn key(&mut self, candidate: Candidate) {
        let Candidate { at, owners } = candidate;
        let owners = owners.without_key();
        self.candidate = (!owners.is_empty()).then_some(Candidate { at, owners });
        // Most events have none; a name of a header may look like a key that has been read.
        if !matches!(self.encoded, Encoded::Keys { .. }) || self.values.covers(at) {
            return;
        }
        let rest = self.event.get(at + 2..).unwrap_or_default();
        if let Some(quote) = rest.iter().take(16).position(|byte| *byte == b'"')
            && let Some(values) = self.encoded.values(self.event, at + 2 + quote)
        {
            self.values = values;
        }
    }

    /// Searches the unit around a candidate.
    fn unit(&mut self, candidate: Candidate, hits: &mut Hits) {
        let at = candidate.at;
        if let Some(outer) = self.outer.take_if(|outer| at < outer.end) {
            self.inner_unit(candidate, outer, hits);
            return;
        }
        let Some(mut unit) = self.container.unit(self.event, self.from, at, false) else {
            // Outside of all strings: none begins before it.
            self.from = self.from.max(at.saturating_sub(1));
            return;
        };
        if unit.place.is_value() && document::is_referer(self.event, unit.span.start) {
            unit.place = Place::Referer;
        }
        let holds_json = self.container == Container::Json
            && unit.encoded
            && document::is_escaped_json(&self.event[unit.span.clone()]);
        if holds_json {
            self.from = unit.span.start;
            self.inner_unit(candidate, unit.span, hits);
        } else if self.scan.stays(self.event, &unit, candidate) {
            self.scan.unit(self.container, self.event, &unit, 0, hits);
            self.pass(unit.span.end);
        }
    }

    /// The same within a string that holds JSON.
    fn inner_unit(&mut self, candidate: Candidate, outer: Range<usize>, hits: &mut Hits) {
        let at = candidate.at;
        let bytes = &self.event[..outer.end];
        if let Some(unit) = Container::Escaped.unit(bytes, self.from, at, false) {
            if self.scan.stays(bytes, &unit, candidate) {
                self.scan.unit(Container::Escaped, bytes, &unit, 0, hits);
                self.pass(unit.span.end);
            }
        } else {
            self.from = self.from.max(at.saturating_sub(1));
        }
        self.outer = Some(outer);
    }

    fn pass(&mut self, end: usize) {
        self.from = end;
        self.candidates.skip_to(end);
    }
}

impl Iterator for Findings<'_> {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        loop {
            if let Some(finding) = self.pending.next() {
                return Some(finding);
            }
            match self.search() {
                Some(hits) => self.pending = Pending::from(hits),
                None if self.scan.effort.is_spent() && !self.reported => {
                    self.reported = true;
                    return Some(Finding {
                        rule: EFFORT,
                        span: 0..self.event.len(),
                    });
                }
                None => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write;
    use std::fs;

    use super::*;

    /// What of its dearest share inspecting an event takes: reading, dividing, judging, or all.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn spent(event: &[u8]) -> f64 {
        let spent = Inspector::new(Families::ALL).spent(event);
        let parts = spent.map(|(spent, share)| spent as f64 / share as f64);
        parts.into_iter().fold(0.0, f64::max)
    }

    /// The events that texts of one kind are put together to: in each of the forms that bodies have.
    fn events(inputs: &[&str]) -> [(&'static str, String); 4] {
        let plain: Vec<String> = inputs.iter().map(|text| text.replace('\\', "")).collect();
        let strings = format!("[\"{}\"]", inputs.join("\",\""));
        let text = format!("{{\"body\":\"{}\"}}", inputs.join("\\n"));
        let form: Vec<_> = plain.iter().map(|text| percent(text)).collect();
        let form = format!("{{\"body\":\"a={}\"}}", form.join("&a="));
        let nested = strings.replace('\\', "\\\\").replace('"', "\\\"");
        let nested = format!("{{\"body\":\"{nested}\"}}");
        [
            ("strings", strings),
            ("text", text),
            ("form", form),
            ("json", nested),
        ]
    }

    /// Texts of kinds that the corpus has only the parts of, a line each, escaped as its are.
    fn composed(kinds: &BTreeMap<&str, Vec<&str>>) -> Vec<(&'static str, Vec<String>)> {
        let parts = |kind| {
            let inputs = kinds.get(kind).map(Vec::as_slice).unwrap_or_default();
            inputs.iter().copied().cycle()
        };
        let rows = parts("name_or_address")
            .zip(parts("user_text"))
            .zip(parts("url"))
            .take(600)
            .enumerate();
        let (mut csv, mut html, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for (row, ((name, text), url)) in rows {
            csv.push(format!(
                "{row};\\\"{name}\\\";\\\"{text}\\\";{url};{}.50",
                row * 7
            ));
            html.push(format!(
                "<tr style=\\\"font-family: 'Segoe UI', Arial\\\"><td align=\\\"left\\\">{name}</td>\
                 <td>{text}&nbsp;<a href=\\\"{url}\\\" target=\\\"_blank\\\">more &raquo;</a></td></tr>"
            ));
            links.push(format!("{url}?from={}&to=%2Forders%2F{row}", percent(url)));
        }
        let requests = parts("web_path").zip(parts("web_referer"));
        let requests = requests.zip(parts("user_agent")).take(600);
        let log = requests.map(|((path, referer), client)| {
            format!(
                "203.0.113.9 - - [04/Mar/2026:05:06:07 +0000] \\\"GET {path} HTTP/1.1\\\" 200 512 \
                 \\\"{referer}\\\" \\\"{client}\\\""
            )
        });
        let source = [
            include_str!("json.rs"),
            include_str!("decide.rs"),
            include_str!("inspect/document.rs"),
            include_str!("inspect/prefilter.rs"),
            include_str!("event.rs"),
        ];
        let escaped = |line: &str| line.replace('\\', r"\\").replace('"', r#"\""#);
        let source = source.iter().flat_map(|text| text.lines()).map(escaped);
        vec![
            ("csv", csv),
            ("html_mail", html),
            ("link_list", links),
            ("access_log", log.collect()),
            ("source_code", source.collect()),
        ]
    }

    fn percent(text: &str) -> String {
        text.bytes().fold(String::new(), |mut form, byte| {
            if byte.is_ascii_alphanumeric() {
                form.push(byte.into());
            } else {
                let _ = write!(form, "%{byte:02X}");
            }
            form
        })
    }

    /// Applications made of web pages run them on the machine itself.
    #[test]
    fn a_page_of_the_browsers_own_machine_is_no_request_forgery() {
        let found = |headers: &str| {
            let event = format!("{{\"headers\":{{{headers}}},\"rawPath\":\"/\"}}");
            let found = Inspector::new(Families::ALL)
                .inspect(event.as_bytes())
                .next();
            found.map_or("", |found| found.rule.as_str())
        };
        for (header, rule) in [
            (r#""referer":"https://localhost/app/home""#, ""),
            (r#""Referer" : "http://127.0.0.1/""#, ""),
            (r#""Referer":[ "http://localhost/app/home"]"#, ""),
            (
                r#""referer":"http://169.254.169.254/latest""#,
                "ssrf.metadata",
            ),
            (
                r#""x-callback":"https://localhost/app/home""#,
                "ssrf.loopback",
            ),
            (r#""a":"referer","b":"http://127.0.0.1/""#, "ssrf.loopback"),
        ] {
            assert_eq!(found(header), rule, "{header}");
        }
    }

    #[test]
    fn benign_texts_stay_far_below_their_share() {
        if cfg!(not(target_arch = "x86_64")) {
            // The same on every processor, and minutes long under emulation.
            eprintln!("benign_texts_stay_far_below_their_share: skipped, counted on x86_64");
            return;
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/dev.jsonl");
        let Ok(corpus) = fs::read_to_string(path) else {
            eprintln!("benign_texts_stay_far_below_their_share: skipped, there is no {path}");
            return;
        };
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in corpus
            .lines()
            .filter(|line| line.contains("\"malicious\": false"))
        {
            let after = |key| line.split_once(key).map(|(_, rest): (_, &str)| rest);
            let kind = after("\"kind\": \"").and_then(|rest| rest.split('"').next());
            let input = after("\"input\": \"").and_then(|rest| rest.rsplit_once('"'));
            if let (Some(kind), Some((input, _))) = (kind, input) {
                kinds.entry(kind).or_default().push(input);
            }
        }
        let composed = composed(&kinds);
        for (kind, inputs) in &composed {
            kinds.insert(kind, inputs.iter().map(String::as_str).collect());
        }
        let mut dear = Vec::new();
        for (kind, inputs) in kinds {
            // All of a kind, and parts of some 64 KiB: of which the dearest counts.
            let mut dearest = events(&inputs).map(|(name, event)| (name, spent(event.as_bytes())));
            let mut rest = inputs.as_slice();
            while !rest.is_empty() {
                let mut size = 0;
                let fits = rest.iter().take_while(|input| {
                    size += input.len();
                    size < 64 << 10
                });
                let (part, others) = rest.split_at(fits.count().max(1));
                rest = others;
                for ((_, dearest), (_, event)) in dearest.iter_mut().zip(events(part)) {
                    *dearest = dearest.max(spent(event.as_bytes()));
                }
            }
            eprintln!("{kind:<24}{dearest:.2?}");
            // Reports of false positives quote what looks like attacks, by the thousand.
            let honest = kind != "false_positive_report";
            if honest && dearest.iter().any(|(_, spent)| *spent > 0.8) {
                dear.push(kind);
            }
        }
        assert!(dear.is_empty(), "{dear:?}");
    }
}
