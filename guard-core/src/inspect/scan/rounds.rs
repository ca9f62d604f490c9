//! A further round of encodings in a text that has been searched.
//!
//! Most of a long text in which something is encoded is not, and becomes the same again. Knows where
//! a round changes a text, and leaves the rest out.

use core::ops::Range;

use super::{Hits, Scan, Work, encoding};
use crate::inspect::decode::{self, Decoder, Layer, Source};
use crate::inspect::document::{Container, Guess, SNIFFED, Unit};
use crate::inspect::text::{Match, Text};
use crate::rule::Family;

/// Bytes that are searched for what is encoded, for one unit of effort.
const SKIPPED: usize = 4;

/// No family looks farther from a candidate, back or ahead.
const FARTHEST: usize = 2 << 10;

impl Scan {
    /// Undoes a round of encodings. Of a long text only what is near a change is undone and searched
    /// again: of the rest nothing has become known.
    pub(super) fn next_round(&mut self, text: &Text<'_>, depth: u32, hits: &mut Hits) {
        let len = text.bytes.len();
        if len <= 4 * FARTHEST || text.starts && becomes_container(text.bytes) {
            self.round(text, 0..len, depth, hits);
            return;
        }
        let mut from = 0;
        while from < len && !self.effort.is_spent() {
            let found = decode::changed(text.bytes, from, FARTHEST);
            let next = found.as_ref().map_or(len, |(_, next)| *next);
            let skipped = (next - from) / SKIPPED;
            if let Some((stretch, _)) = found
                && self.effort.spend_on(Work::Reading, skipped)
            {
                self.round(text, stretch, depth, hits);
            }
            from = next;
        }
    }

    /// The same for a part of the text.
    fn round(&mut self, text: &Text<'_>, span: Range<usize>, depth: u32, hits: &mut Hits) {
        let source = text.bytes.get(span.clone()).unwrap_or_default();
        let unit = Unit {
            starts: text.starts && span.start == 0,
            ends: text.ends && span.end == text.bytes.len(),
            span: 0..source.len(),
            encoded: true,
            place: text.place,
        };
        let mut decoder = Decoder::new(Layer::Loose, source);
        let mut inner = Hits::default();
        // Of markup that is looked at as a whole, the parts undo what they hold.
        let wanted = self.wanted;
        if self.markup {
            self.wanted = wanted.only(&[Family::Xss, Family::Xxe]);
        }
        self.decoded(
            &mut decoder,
            source.len(),
            self.markup.then_some(Container::Plain),
            &unit,
            depth + 1,
            &mut inner,
        );
        self.wanted = wanted;
        hits.adopt(&inner, |hit| {
            let origin = decode::origin(Layer::Loose, source, &hit.span);
            Match {
                span: origin.start + span.start..origin.end + span.start,
                ..hit
            }
        });
    }
}

/// Whether a long text may be read as something that holds units, or as base64, once a round of
/// encodings is undone.
fn becomes_container(text: &[u8]) -> bool {
    let mut head = [0; SNIFFED];
    let len = Decoder::new(Layer::Loose, text).read(&mut head);
    let head = head.get(..len).unwrap_or_default();
    encoding::may_be_base64(head) || Container::of(head) != Guess::sure(Container::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::scan::DEPTH;
    use crate::inspect::{Effort, Place};
    use crate::random::Random;
    use crate::{Families, Inspector};

    /// Long prose with `attack` in the middle and harmless escapes at `others`.
    fn text(attack: &str, others: &[usize]) -> String {
        let mut text = String::new();
        while text.len() < 40 << 10 {
            if others.iter().any(|at| text.len() / 40 == at / 40) {
                text.push_str("50%25 ");
            }
            if text.len() / 40 == 500 {
                text.push_str(attack);
            }
            text.push_str("The quick brown fox jumps over the dog. ");
        }
        text
    }

    #[test]
    fn what_is_encoded_in_a_long_text_is_found_where_it_is() {
        let attacks = [
            ("%3Cscript%3Ealert(1)%3C/script%3E", "xss"),
            ("%253Cscript%253Ealert(1)%253C/script%253E", "xss"),
            ("&#60;script&#62;alert(1)&#60;/script&#62;", "xss"),
            ("\\u003cscript\\u003ealert(1)\\u003c/script\\u003e", "xss"),
            ("..%2f..%2f..%2fetc%2fpasswd", "path"),
            ("$%257Bjndi:ldap://x.example/a%7D", "jndi"),
        ];
        for others in [
            &[][..],
            &[10],
            &[18_000, 22_000],
            &[1_000, 9_000, 30_000, 39_000],
        ] {
            for (attack, family) in attacks {
                let text = text(attack, others);
                let at = text.find(attack).unwrap();
                let found = Inspector::new(Families::ALL).inspect_value(text.as_bytes());
                let found: Vec<_> = found.collect();
                assert!(
                    found.iter().any(|finding| {
                        finding.rule.as_str().starts_with(family)
                            && finding.span.start < at + attack.len()
                            && finding.span.end > at
                    }),
                    "{attack} {others:?} {found:?}"
                );
            }
            let found = Inspector::new(Families::ALL).inspect_value(text("", others).as_bytes());
            assert_eq!(found.count(), 0, "{others:?}");
        }
    }

    /// What is found in a text where the next round undoes all of it.
    fn naive(text: &Text<'_>) -> Vec<Match> {
        let mut scan = Scan::new(Families::ALL, Effort::new(1 << 40));
        let mut hits = Hits::default();
        scan.plain(text, DEPTH, &mut hits);
        scan.round(text, 0..text.bytes.len(), 0, &mut hits);
        hits.into_matches().collect()
    }

    /// What lies around matches.
    fn excerpts<'m>(text: &[u8], matches: impl Iterator<Item = &'m Match>) -> String {
        let around = |hit: &Match| {
            let (from, to) = (hit.span.start.saturating_sub(100), hit.span.end + 100);
            let excerpt = &text[from..to.min(text.len())];
            format!("\n{}: {}", hit.rule.as_str(), excerpt.escape_ascii())
        };
        matches.map(around).collect()
    }

    #[test]
    fn what_lies_near_changes_is_all_that_a_round_has_to_undo() {
        const PIECES: [&str; 24] = [
            "%3Cscript%3Ealert(1)%3C/script%3E",
            "%253Cimg src=x onerror%253Dalert(1)%253E",
            "x' or '1'%3D'1",
            "' union%20select a, b from users-- ",
            "';%20drop table users--",
            "..%2f..%2f..%2fetc%2fpasswd",
            "$%7Bjndi:ldap://x.example/a%7D",
            "{{7*7%7D}",
            "$(cat%20/etc/passwd)",
            ";%20cat /etc/passwd",
            "<!ENTITY x SYSTEM &quot;file:///etc/passwd&quot;>",
            "http:%2f%2f169.254.169.254/latest/meta-data/",
            "%0aINFO 2026-03-04 05:06:07 admin logged in",
            "*)(uid=*))(|(uid%3D*",
            "50%25 ",
            "&amp; ",
            "\\u0041",
            "caf\u{e9} ",
            "\u{ff07} or 1=1-- ",
            "%",
            "'",
            "<",
            "\n",
            "a=1&b=2 ",
        ];
        let mut random = Random::new();
        let mut found = 0;
        for _ in 0..if cfg!(debug_assertions) { 60 } else { 3_000 } {
            // In one window: what is cut by another may be found in one way and not in the other.
            let mut text = String::from("x ");
            let len = (8 << 10) + random.below(1 << 10);
            while text.len() < len {
                match random.below(40) {
                    0 => text.push_str(random.one_of::<&str>(&PIECES)),
                    // Nothing but prose for a while.
                    1 => text.push_str(&"and so on, ".repeat(random.below(600))),
                    _ => text.push_str("The quick brown fox jumps over the dog. "),
                }
            }
            let text = Text {
                bytes: text.as_bytes(),
                starts: true,
                ends: true,
                place: Place::Value,
            };
            let mut scan = Scan::new(Families::ALL, Effort::new(1 << 40));
            let mut hits = Hits::default();
            scan.plain(&text, 0, &mut hits);
            let near: Vec<_> = hits.into_matches().collect();
            let whole = naive(&text);
            // Of a family one is told, and which of several lies deeper each finds in its order.
            let families = |matches: &[Match]| -> Vec<_> {
                let rules = matches
                    .iter()
                    .map(|hit| hit.rule.as_str().split('.').next());
                rules.collect()
            };
            assert_eq!(
                families(&near),
                families(&whole),
                "{near:?} {whole:?} {}",
                excerpts(text.bytes, near.iter().chain(&whole))
            );
            found += near.len();
        }
        assert!(found > 0);
    }
}
