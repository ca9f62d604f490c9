//! What a family's rules are shown and what they answer.

use core::ops::Range;

use crate::rule::RuleId;

/// One caller-controlled text with every encoding undone, or a part of a very long one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) bytes: &'t [u8],
    /// Whether `bytes` begins where the text does.
    pub(crate) starts: bool,
    /// Whether `bytes` ends where the text does.
    pub(crate) ends: bool,
    pub(crate) place: Place<'t>,
}

/// Where a text stands in the document that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'t> {
    /// A value, or a text that no structure holds.
    Value,
    /// The key of a JSON object's member or of a form field; with the document's bytes after the
    /// key (its closing quote excluded), still encoded as the document is.
    Key(&'t [u8]),
    /// The first of several elements of a JSON array; with the document's bytes after the string
    /// (its closing quote excluded), still encoded as the document is.
    First(&'t [u8]),
    /// The value of a request's `Referer`: the page that a browser shows, which in an application
    /// that is made of web pages is one of the machine it runs on.
    Referer,
}

impl Place<'_> {
    /// Whether what stands there is a value of which nothing else is known.
    pub(crate) const fn is_value(self) -> bool {
        matches!(self, Self::Value | Self::First(_))
    }
}

impl<'t> Text<'t> {
    /// A whole value.
    #[cfg(test)]
    pub(crate) const fn value(bytes: &'t [u8]) -> Self {
        Self {
            bytes,
            starts: true,
            ends: true,
            place: Place::Value,
        }
    }
}

/// A confirmed rule and the bytes of the text that it matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) rule: RuleId,
    pub(crate) span: Range<usize>,
}

/// What effort is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Undoing encodings and searching what comes of it for triggers.
    Reading,
    /// Dividing texts into the units that they hold.
    Dividing,
    /// Looks around candidates, and confirmations.
    Judging,
}

impl Work {
    pub(crate) const ALL: [Self; 3] = [Self::Reading, Self::Dividing, Self::Judging];

    /// What an event may spend on it, however short, and beyond that for every two of its bytes.
    ///
    /// Of the benign texts at hand, put together by kind into events of 64 KiB, the dearest take just
    /// below four fifths of a share, where a test holds all: URLs that are encoded twice, one a line,
    /// of reading, rows of HTML e-mail of dividing. What texts take of judging is far below it: that
    /// share is for single values that are dear for their length, and are sent fifty times in one
    /// event. Some 4 KiB that a script tells of a browser, in random punctuation, are among the
    /// dearest; a short one has the free part.
    const fn share(self) -> (u64, u64) {
        match self {
            Self::Reading => (12 << 10, 28),
            Self::Dividing => (12 << 10, 9),
            Self::Judging => (24 << 10, 16),
        }
    }
}

/// The same for all work together: no benign text takes much of everything.
const TOGETHER: (u64, u64) = (28 << 10, 35);

/// How much work may still be done for one event.
///
/// A unit of effort is about a nanosecond of a current processor, or five instructions: what the
/// parts of an inspection cost was fitted to the times of thousands of hostile and benign events. A
/// candidate costs its author three or four bytes and us up to a microsecond. What may be spent in
/// all is a small multiple of the event's length, so the worst event stays linear; an event that
/// uses it up is itself reported (`limit.effort`), never passed unlooked.
///
/// Each kind of work has a share of its own beside the whole: what makes an event dear to read does
/// not make it dear to judge, so that each share can be near what benign events need of it, and an
/// attacker who is after one kind of work does not get what is there for the others.
#[derive(Debug)]
pub(crate) struct Effort {
    left: [u64; Work::ALL.len()],
    together: u64,
    /// The length that the event is measured by: its own, and what it has grown by.
    len: usize,
    spent: bool,
}

impl Effort {
    /// So much of each kind of work, and of all.
    #[cfg(test)]
    pub(crate) const fn new(units: u64) -> Self {
        Self {
            left: [units; Work::ALL.len()],
            together: units,
            len: 0,
            spent: false,
        }
    }

    /// Notes that work of this cost was done on judging; see [`Self::spend_on`].
    #[must_use]
    pub(crate) const fn spend(&mut self, units: usize) -> bool {
        self.spend_on(Work::Judging, units)
    }

    /// Notes that work of this cost was done; false once the event's share is used up, when the
    /// caller gives up with no match.
    #[must_use]
    pub(crate) const fn spend_on(&mut self, work: Work, units: usize) -> bool {
        let units = units as u64;
        let share = &mut self.left[work as usize];
        self.spent |= *share < units || self.together < units;
        *share = share.saturating_sub(units);
        self.together = self.together.saturating_sub(units);
        !self.spent
    }

    /// The share of an input of `len` bytes.
    pub(crate) fn for_input(len: usize) -> Self {
        let share = |(free, each)| free + each * len as u64 / 2;
        Self {
            left: Work::ALL.map(|work| share(work.share())),
            together: share(TOGETHER),
            len,
            spent: false,
        }
    }

    /// What an input that is `len` bytes longer would have.
    pub(crate) fn grow(&mut self, len: usize) {
        let grown = |each: u64| each * len as u64 / 2;
        for (left, work) in self.left.iter_mut().zip(Work::ALL) {
            *left += grown(work.share().1);
        }
        self.together += grown(TOGETHER.1);
        self.len += len;
    }

    /// Gives up what is left.
    pub(crate) const fn exhaust(&mut self) {
        self.spent = true;
    }

    /// What is left of each kind, in the order of [`Work::ALL`], and of all together.
    const fn left(&self) -> [u64; Work::ALL.len() + 1] {
        let [reading, dividing, judging] = self.left;
        [reading, dividing, judging, self.together]
    }

    /// What was taken of each kind, in the order of [`Work::ALL`], and of all together, and what there was.
    pub(crate) fn taken(&self) -> [(u64, u64); Work::ALL.len() + 1] {
        let mut left = self.left().into_iter();
        let shares = Self::for_input(self.len).left();
        shares.map(|share| (share - left.next().unwrap_or(0).min(share), share))
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.spent
    }
}
