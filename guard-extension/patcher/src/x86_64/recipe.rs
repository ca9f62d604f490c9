//! What is kept of a plan, so that the same file need not be searched and planned for again.

use super::Planner;
use super::cave::JUMP;
use super::decode::decode;
use super::plan::{displaced, in_padding};
use crate::{How, Kind, Patch, Place, Site, Text, Unplaceable};

/// How a site was made to pass through its trampoline, without the addresses of one program: a word
/// for each.
///
/// Whoever follows a recipe trusts that the text is the one it was made for. What is verified is
/// that a system call stands at the site and that what is moved are instructions up to its end, not
/// that no branch lands between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Of the site.
    offset: u32,
    /// First byte that is written over: of the displaced instructions, or of the padding.
    first: u32,
    /// How many bytes are displaced.
    length: u8,
    how: How,
    /// Whether the call's number is known.
    is_constant: bool,
}

/// What is added to a distance, which is signed.
const BIAS: u32 = 0x8000;

impl Recipe {
    /// Of a plan for a site; nothing where a site is not an ordinary call.
    pub fn of(site: &Site, patch: &Patch) -> Option<Self> {
        let first = match &patch.cave {
            Some(cave) => cave.offset(),
            None => patch.site.offset(),
        };
        let end = match patch.how {
            How::Displaced | How::Ahead => patch.site.end(),
            How::Cave => first,
            How::Replaced => return None,
        };
        (site.kind == Kind::Call).then_some(())?;
        Some(Self {
            offset: site.offset,
            first,
            length: u8::try_from(end.checked_sub(first)?).ok()?,
            how: patch.how,
            is_constant: site.number.is_some(),
        })
    }

    /// In a word; nothing where it does not fit.
    pub fn to_word(self) -> Option<u64> {
        let how = match self.how {
            How::Ahead => 0,
            How::Cave => 1,
            How::Displaced => 2,
            How::Replaced => return None,
        };
        let distance = self.first.wrapping_sub(self.offset).wrapping_add(BIAS);
        let distance = u16::try_from(distance).ok()?;
        Some(
            u64::from(self.offset)
                | u64::from(distance) << 32
                | u64::from(self.length) << 48
                | how << 56
                | u64::from(self.is_constant) << 63,
        )
    }

    /// From a word that [`Self::to_word`] made; nothing from others.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each field is cut out of the word"
    )]
    pub fn from_word(word: u64) -> Option<Self> {
        let offset = word as u32;
        let distance = u32::from((word >> 32) as u16);
        Some(Self {
            offset,
            first: offset.wrapping_add(distance).wrapping_sub(BIAS),
            length: (word >> 48) as u8,
            how: match word >> 56 & 0x7f {
                0 => How::Ahead,
                1 => How::Cave,
                2 => How::Displaced,
                _ => return None,
            },
            is_constant: word >> 63 == 1,
        })
    }

    /// Where the site is.
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// The patch, for the same text with its trampoline at `place`.
    ///
    /// # Errors
    ///
    /// When the text is another one, as far as that is seen, or out of reach.
    pub fn follow(self, text: Text<'_>, place: Place) -> Result<Patch, Unplaceable> {
        let site = Site {
            offset: self.offset,
            number: self.is_constant.then_some(0),
            // The one instruction that `How::Ahead` moves.
            boundaries: 1 << (32 - JUMP),
            ..Site::NONE
        };
        if !text.from(self.offset as usize).starts_with(&[0x0f, 0x05]) {
            return Err(Unplaceable::Doubtful);
        }
        match self.how {
            How::Ahead => Planner::new().ahead(text, &site, place),
            How::Cave => in_padding(text, &site, place, self.first),
            _ => {
                let end = self.first.saturating_add(self.length.into());
                if u32::from(self.length) < JUMP || !self.is_whole(text, end) {
                    return Err(Unplaceable::NoRoom);
                }
                displaced(text, &site, place, self.first, end)
            }
        }
    }

    /// Whether what is displaced are whole instructions, the site's among them.
    fn is_whole(self, text: Text<'_>, end: u32) -> bool {
        let (mut at, mut is_met) = (self.first, false);
        while at < end {
            is_met |= at == self.offset;
            let Some(instruction) = decode(text.from(at as usize)) else {
                return false;
            };
            at = at.saturating_add(instruction.len());
        }
        at == end && is_met
    }
}
