//! From candidates to hits: finds the unit around a candidate, undoes what it is encoded in, and has
//! the families confirm, as deep as encodings nest.
//!
//! Nothing is allocated: each level that has to be decoded has a buffer in its own stack frame and
//! passes it on in windows that overlap. Work is bounded by [`Effort`] and by [`DEPTH`].

use core::mem::{replace, take};
use core::ops::Range;

use crate::event::{EncodedValue, Encoding, TriggerKind};
use crate::rule::{Families, Family, RULES};

use super::decode::{self, By, Decoder, Gunzip, Layer, Source};
use super::document::{Container, Guess, Unit, after_escape};
use super::encoding;
use super::noise::Noise;
use super::prefilter::{Candidate, Candidates};
use super::text::{Effort, Match, Place, Text, Work};

mod fields;
mod rounds;

/// How many encodings may lie around a value: JSON in a JSON string in a queue's record, with a
/// form's double percent encoding inside, takes seven.
const DEPTH: u32 = 10;

/// How many of a text's encodings may each be taken for two things at once. Every one doubles the
/// work.
const ALTERNATIVES: u32 = 1;

/// What things cost, in units of effort: an offset at which triggers seem to occur, a candidate, a
/// name or value of a form, asking a family to confirm, finding a unit, a buffer to undo it into,
/// telling of a finding, telling text from chance around a candidate.
const LOOK: usize = 5;
const CANDIDATE: usize = 5;
const FIELD: usize = 24;
const CONFIRM: usize = 6;
const UNIT: usize = 104;
const BUFFER: usize = 22;
const FINDING: usize = 128;
const NOISE: usize = 64;

/// Longest unit of which a candidate is looked at once more before the unit is searched.
const STAYS: usize = 256;

/// Where the value of an event of CloudWatch Logs begins at the latest, with some white space.
const LOGS: usize = 64;

/// A byte that is decoded and searched.
const DECODED: usize = 2;

/// Bytes that are cleared, or of a form's field looked through, for one unit of effort.
const CLEARED: usize = 10;

/// A window of decoded text. Small sources get a small one: clearing it is most of the cost.
const WINDOW: usize = 16 << 10;
const SMALL: usize = 1 << 10;
const TINY: usize = 128;

/// What of a window is looked at again with the next: the longest construct that cannot hide on a
/// border.
const OVERLAP: usize = 1 << 10;

/// The hits in one unit of an event, at most one of each family.
#[derive(Debug, Default)]
pub(super) struct Hits {
    found: Option<Families>,
    list: [Option<Match>; Family::ALL.len()],
}

impl Hits {
    fn families(&self) -> Families {
        self.found.unwrap_or(Families::NONE)
    }

    /// Adds a hit unless there is one of its family: what was looked at first knows best.
    fn add(&mut self, family: Family, hit: Match) {
        if self.families().contains(family) {
            return;
        }
        self.found = Some(self.families().with(family));
        self.list[family as usize] = Some(hit);
    }

    /// Takes what was found in a part, with its spans put where they belong in the whole.
    fn adopt(&mut self, part: &Self, place: impl Fn(Match) -> Match) {
        if part.is_empty() {
            return;
        }
        for family in part.families().iter() {
            if let Some(hit) = part.list[family as usize].clone() {
                self.add(family, place(hit));
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.found.is_none()
    }

    pub(super) fn into_matches(self) -> impl Iterator<Item = Match> {
        self.list.into_iter().flatten()
    }
}

/// One event's search.
#[derive(Debug)]
pub(super) struct Scan {
    wanted: Families,
    pub(super) effort: Effort,
    /// Texts being looked at as a whole of which the parts are looked at, too.
    alternatives: u32,
    /// What is searched came as bytes, and no structure says that they are text.
    is_raw: bool,
    /// Whether the text that is searched is markup, being looked at as a whole. A round of encodings
    /// leaves it what it is, and its parts are looked at already.
    markup: bool,
}

/// A text that is being searched window by window.
#[derive(Debug, Clone, Copy)]
struct Progress {
    guess: Option<Guess>,
    inside: bool,
}

impl Scan {
    pub(super) const fn new(wanted: Families, effort: Effort) -> Self {
        Self {
            wanted,
            effort,
            alternatives: 0,
            is_raw: false,
            markup: false,
        }
    }

    /// Searches a text that nothing encloses.
    pub(super) fn value(&mut self, value: &[u8], hits: &mut Hits) {
        let mut progress = Progress {
            guess: None,
            inside: false,
        };
        let text = Text {
            bytes: value,
            starts: true,
            ends: true,
            place: Place::Value,
        };
        self.window(&mut progress, &text, 0, hits);
    }

    /// Searches one unit of a document, in which `at` is the first candidate. Spans in `hits` are
    /// those of the document.
    pub(super) fn unit(
        &mut self,
        container: Container,
        bytes: &[u8],
        unit: &Unit<'_>,
        depth: u32,
        hits: &mut Hits,
    ) {
        if !self.effort.spend_on(Work::Dividing, UNIT) {
            return;
        }
        let content = &bytes[unit.span.clone()];
        let start = unit.span.start;
        let mut inner = Hits::default();
        let was_raw = self.is_raw;
        self.is_raw &= matches!(container, Container::Multipart | Container::Plain);
        let (layer, held) = match container {
            Container::Json | Container::Content => (Some(Layer::Json), None),
            Container::Escaped => (Some(Layer::Json), Some(Container::Content)),
            Container::Form => (Some(Layer::Form), None),
            Container::Encoded => (Some(Layer::Form), Some(Container::Plain)),
            Container::Multipart
            | Container::Cookie
            | Container::Path
            | Container::Xml
            | Container::Plain => (None, None),
        };
        match layer {
            Some(layer) if unit.encoded => {
                let mut source = Decoder::new(layer, content);
                let len = content.len();
                self.decoded(&mut source, len, held, unit, depth + 1, &mut inner);
                hits.adopt(&inner, |hit| {
                    let origin = decode::origin(layer, content, &hit.span);
                    Match {
                        span: origin.start + start..origin.end + start,
                        ..hit
                    }
                });
            }
            _ => {
                let mut progress = Progress {
                    guess: None,
                    inside: !unit.starts,
                };
                let text = Text {
                    bytes: content,
                    starts: unit.starts,
                    ends: unit.ends,
                    place: unit.place,
                };
                self.window(&mut progress, &text, depth + 1, &mut inner);
                hits.adopt(&inner, |hit| Match {
                    span: hit.span.start + start..hit.span.end + start,
                    ..hit
                });
            }
        }
        self.is_raw = was_raw;
    }

    /// Searches what base64 text holds, inflated when it is gzip. Spans in `hits` are those of the
    /// text, the whole of it for gzip.
    fn base64(&mut self, text: &[u8], by: By, depth: u32, hits: &mut Hits) {
        if depth >= DEPTH {
            return;
        }
        let was_raw = self.is_raw;
        self.is_raw = true;
        if text.starts_with(b"H4sI") {
            let mut inner = Hits::default();
            self.gzip(text, by, depth, &mut inner);
            hits.adopt(&inner, |hit| Match {
                span: 0..text.len(),
                ..hit
            });
        } else {
            self.undone(Layer::Base64, text, depth, hits);
        }
        self.is_raw = was_raw;
    }

    /// Searches base64 that stands in a text.
    fn embedded(&mut self, bytes: &[u8], span: Range<usize>, depth: u32, hits: &mut Hits) {
        if !self.effort.spend_on(Work::Dividing, UNIT) {
            return;
        }
        let start = span.start;
        let mut inner = Hits::default();
        let text = bytes.get(span).unwrap_or_default();
        let outer = take(&mut self.markup);
        self.base64(text, By::Caller, depth, &mut inner);
        self.markup = outer;
        hits.adopt(&inner, |hit| Match {
            span: hit.span.start + start..hit.span.end + start,
            ..hit
        });
    }

    /// Searches what `layer` makes of a whole text. Spans in `hits` are those of the text.
    fn undone(&mut self, layer: Layer, text: &[u8], depth: u32, hits: &mut Hits) {
        let mut source = Decoder::new(layer, text);
        let mut inner = Hits::default();
        let whole = encoded_whole(text);
        self.decoded(&mut source, text.len(), None, &whole, depth + 1, &mut inner);
        hits.adopt(&inner, |hit| Match {
            span: decode::origin(layer, text, &hit.span),
            ..hit
        });
    }

    #[inline(never)]
    fn gzip(&mut self, text: &[u8], by: By, depth: u32, hits: &mut Hits) {
        let Some(mut source) = Gunzip::new(text, by) else {
            return;
        };
        let whole = encoded_whole(text);
        self.decoded(&mut source, usize::MAX, None, &whole, depth + 1, hits);
        if source.is_cut() {
            self.effort.exhaust();
        }
    }

    fn decoded(
        &mut self,
        source: &mut impl Source,
        longest: usize,
        held: Option<Container>,
        unit: &Unit<'_>,
        depth: u32,
        hits: &mut Hits,
    ) {
        if depth > DEPTH {
            return;
        }
        if longest <= TINY {
            self.windows::<TINY>(source, held, unit, depth, hits);
        } else if longest <= SMALL {
            self.windows::<SMALL>(source, held, unit, depth, hits);
        } else {
            self.windows::<WINDOW>(source, held, unit, depth, hits);
        }
    }

    /// Reads `source` into a buffer of `N` bytes again and again and searches each. `held` is how the
    /// text holds its units, where that is known.
    #[inline(never)]
    fn windows<const N: usize>(
        &mut self,
        source: &mut impl Source,
        held: Option<Container>,
        unit: &Unit<'_>,
        depth: u32,
        hits: &mut Hits,
    ) {
        let mut buffer = [0; N];
        let mut progress = Progress {
            guess: held.map(Guess::sure),
            inside: !unit.starts,
        };
        let (mut base, mut filled) = (0, 0);
        if !self.effort.spend_on(Work::Dividing, BUFFER + N / CLEARED) {
            return;
        }
        loop {
            let read = source.read(&mut buffer[filled..]);
            filled += read;
            let growth = source.grown(read);
            self.effort.grow(growth.counted);
            let charged = (read - growth.read) * DECODED;
            if !self.effort.spend_on(Work::Reading, charged) {
                return;
            }
            let text = Text {
                bytes: &buffer[..filled],
                starts: unit.starts && base == 0,
                ends: unit.ends && source.is_done(),
                place: unit.place,
            };
            let mut found = Hits::default();
            let done = self.window(&mut progress, &text, depth, &mut found);
            hits.adopt(&found, |hit| Match {
                span: hit.span.start + base..hit.span.end + base,
                ..hit
            });
            if source.is_done() || self.effort.is_spent() {
                return;
            }
            buffer.copy_within(done..filled, 0);
            base += done;
            filled -= done;
        }
    }

    /// Searches a window; returns what of it need not be seen again with the next. Something is
    /// always done with.
    fn window(
        &mut self,
        progress: &mut Progress,
        text: &Text<'_>,
        depth: u32,
        hits: &mut Hits,
    ) -> usize {
        let mut is_base64 = false;
        let guess = *progress.guess.get_or_insert_with(|| {
            let whole = text.place.is_value() && text.starts;
            is_base64 = whole && encoding::is_base64(text.bytes);
            if whole && !is_base64 {
                Container::of(text.bytes)
            } else {
                Guess::sure(Container::Plain)
            }
        });
        let container = guess.container;
        if container == Container::Plain || depth >= DEPTH {
            self.plain(text, depth, hits);
            if is_base64 {
                self.embedded(text.bytes, 0..text.bytes.len(), depth, hits);
            }
            progress.inside = true;
            return if text.ends {
                text.bytes.len()
            } else {
                kept(text.bytes)
            };
        }
        // Markup is for those to see first who know it; other containers know their units best.
        if container == Container::Xml {
            self.whole(guess, text, depth, hits);
        }
        let done = if container == Container::Form {
            self.fields(progress, text, depth, hits)
        } else {
            self.divided(container, progress, text, depth, hits)
        };
        if container != Container::Xml {
            self.whole(guess, text, depth, hits);
        }
        done
    }

    /// Searches a window undivided if it may be none of what it looks like.
    fn whole(&mut self, guess: Guess, text: &Text<'_>, depth: u32, hits: &mut Hits) {
        if guess.whole && self.alternatives < ALTERNATIVES && !self.effort.is_spent() {
            self.alternatives += 1;
            let outer = replace(&mut self.markup, guess.container == Container::Xml);
            self.plain(text, depth, hits);
            self.markup = outer;
            self.alternatives -= 1;
        }
    }

    /// Searches the units of a window that have candidates.
    fn divided(
        &mut self,
        container: Container,
        progress: &mut Progress,
        text: &Text<'_>,
        depth: u32,
        hits: &mut Hits,
    ) -> usize {
        let bytes = text.bytes;
        let mut candidates = Candidates::new(bytes, 0);
        let mut from = 0;
        while let Some(candidate) = candidates.next() {
            if !self.looked(&mut candidates) {
                break;
            }
            if container != Container::Content && !self.deserves(bytes, candidate) {
                continue;
            }
            let inside = progress.inside && from == 0;
            let Some(unit) = container.unit(bytes, from, candidate.at, inside) else {
                // In no unit, and nothing that would begin one lies before it.
                from = from.max(candidate.at.saturating_sub(1));
                continue;
            };
            if !unit.ends && !text.ends && unit.span.start > bytes.len() / 2 {
                // The rest of it comes with the next window: it is looked at then, as a whole.
                let quote = usize::from(container == Container::Json);
                progress.inside = false;
                return unit.span.start - quote;
            }
            let unit = Unit {
                ends: unit.ends || text.ends,
                ..unit
            };
            if container == Container::Json && !self.stays(bytes, &unit, candidate) {
                continue;
            }
            let wanted = self.wanted;
            if container == Container::Xml
                && memchr::memchr(b'&', &bytes[unit.span.clone()]).is_none()
            {
                // Nothing of it was hidden from who reads the markup around it.
                self.wanted = wanted.without(Family::Xss).without(Family::Xxe);
            }
            self.unit(container, bytes, &unit, depth, hits);
            self.wanted = wanted;
            from = unit.span.end;
            candidates.skip_to(from);
        }
        if text.ends {
            return bytes.len();
        }
        let (done, inside) = container.resume(bytes, OVERLAP);
        progress.inside = inside;
        done.max(1)
    }

    /// Notes what finding the last candidates cost.
    pub(super) fn looked(&mut self, candidates: &mut Candidates<'_>) -> bool {
        let looks = candidates.looked();
        looks == 0 || self.effort.spend_on(Work::Reading, looks * LOOK)
    }

    /// Whether any of the candidate's owners wants a closer look.
    pub(super) fn deserves(&mut self, bytes: &[u8], candidate: Candidate) -> bool {
        let at = candidate.at;
        if !self.effort.spend(CANDIDATE) {
            return false;
        }
        (candidate.owners.encoding() && encoding::introduces(bytes, at))
            || candidate.owners.families().any(|index| {
                let rules = &RULES[index];
                self.wanted.contains(rules.family)
                    && self.effort.spend(rules.glance)
                    && (rules.context)(bytes, at)
            })
    }

    /// Whether a candidate that deserves a closer look still does now that its unit is known: what
    /// follows the unit meant nothing to it. Asked only where nothing in the unit is hidden, and of
    /// short ones: they are found anew for each candidate that does not stay.
    pub(super) fn stays(&mut self, bytes: &[u8], unit: &Unit<'_>, candidate: Candidate) -> bool {
        let content = bytes.get(unit.span.clone()).unwrap_or_default();
        match candidate.at.checked_sub(unit.span.start) {
            Some(at) if !unit.encoded && at < content.len() && content.len() <= STAYS => {
                self.effort.spend(LOOK) && self.deserves(content, candidate.moved_to(at))
            }
            _ => true,
        }
    }

    /// Searches what a value holds that its trigger encoded.
    pub(super) fn encoded(&mut self, event: &[u8], value: EncodedValue, hits: &mut Hits) {
        let start = value.span.start;
        let content = event.get(value.span).unwrap_or_default();
        let mut inner = Hits::default();
        match value.encoding {
            Encoding::Bytes => {
                self.is_raw = true;
                self.undone(Layer::Numbers, content, 0, &mut inner);
                self.is_raw = false;
            }
            _ => {
                // That event has this one value, right at its beginning; others are not asked what they are.
                let is_logs =
                    start <= LOGS && TriggerKind::of(event) == TriggerKind::CloudWatchLogs;
                let by = if is_logs { By::Platform } else { By::Caller };
                self.base64(content, by, 0, &mut inner);
            }
        }
        hits.adopt(&inner, |hit| Match {
            span: hit.span.start + start..hit.span.end + start,
            ..hit
        });
    }

    /// Has the families confirm in a text that no structure divides, then undoes a round of
    /// encodings if there are any.
    fn plain(&mut self, text: &Text<'_>, depth: u32, hits: &mut Hits) {
        let mut encoded = false;
        let mut noise = Noise::new(*text);
        let mut candidates = Candidates::new(text.bytes, 0);
        while let Some(candidate) = candidates.next() {
            let at = candidate.at;
            if !self.looked(&mut candidates) || !self.effort.spend(CANDIDATE) {
                return;
            }
            if self.is_raw && noise.surrounds(at) && (!self.effort.spend(NOISE) || noise.hides(at))
            {
                continue;
            }
            if candidate.owners.encoding() {
                if let Some(span) = encoding::token(text.bytes, at) {
                    // The whole of a value is for who asked for the value.
                    if span.start > 0 || !encoding::is_base64(text.bytes) {
                        self.embedded(text.bytes, span, depth, hits);
                    }
                } else if !encoded {
                    encoded = encoding::undoes(text.bytes, at);
                }
            }
            if encoding::ends_reference(text.bytes, at) {
                continue;
            }
            for index in candidate.owners.families() {
                let rules = &RULES[index];
                if !self.wanted.contains(rules.family)
                    || hits.families().contains(rules.family)
                    || rules.hopeless.is_some_and(|hopeless| hopeless(text, at))
                    || !self.effort.spend(rules.glance)
                    || !(rules.context)(text.bytes, at)
                {
                    continue;
                }
                if !self.effort.spend(CONFIRM) {
                    return;
                }
                if let Some(hit) = (rules.confirm)(text, at, &mut self.effort) {
                    // Spent or not: what was found is told.
                    let _ = self.effort.spend(FINDING);
                    hits.add(rules.family, hit);
                }
                if self.effort.is_spent() {
                    return;
                }
            }
        }
        // What was looked at behind the last candidate.
        if !self.looked(&mut candidates) {
            return;
        }
        if encoded && depth < DEPTH {
            self.next_round(text, depth, hits);
        }
    }
}

/// A text that is undone as a whole.
const fn encoded_whole(text: &[u8]) -> Unit<'_> {
    Unit {
        span: 0..text.len(),
        starts: true,
        ends: true,
        encoded: true,
        place: Place::Value,
    }
}

/// How much of a plain window is done with when more follows.
fn kept(bytes: &[u8]) -> usize {
    after_escape(bytes, bytes.len().saturating_sub(OVERLAP)).max(1)
}
