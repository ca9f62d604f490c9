//! One file's system calls. Knows files and addresses; not how they are printed, but for JSON.

use std::borrow::Cow;

use guard_hook::calls::{CALLS, LAST, Row, Treatment};
use guard_patcher::elf::{Elf, Machine, PT_LOAD};
use guard_patcher::{How, Kind, Patch, Place, Reach, Site, Text, Unplaceable, aarch64, x86_64};
use serde_json::{Value as Json, json};

/// Everything found in one file.
pub(super) struct Survey<'f> {
    elf: Elf<'f>,
    code: Vec<Section>,
    sites: Vec<Found>,
}

struct Section {
    address: u64,
    size: usize,
}

/// A site and what becomes of it.
pub(super) struct Found {
    /// Where it runs, before relocation.
    pub(super) address: u64,
    /// In the file.
    offset: u64,
    kind: Kind,
    number: Option<u32>,
    landings: u64,
    boundaries: u64,
    row: Option<&'static Row>,
    pub(super) fate: Fate,
}

/// What becomes of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its number is constant and needs no check.
    Left,
    /// It cannot be made to pass the check.
    Open(Unplaceable),
    /// It passes the check.
    Patched(How),
}

impl Fate {
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }

    const fn is_left(self) -> bool {
        matches!(self, Self::Left)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Open(_) => "open",
            Self::Patched(How::Ahead) => "ahead",
            Self::Patched(How::Cave) => "padding",
            Self::Patched(How::Replaced) => "replaced",
            Self::Patched(_) => "displaced",
        }
    }
}

impl Found {
    /// The call in words: "connect (42)".
    pub(super) fn call(&self) -> Cow<'static, str> {
        match (self.kind, self.number, self.row) {
            (Kind::Int80, ..) => "int 0x80".into(),
            (Kind::Sysenter, ..) => "sysenter".into(),
            (Kind::Prefixed, ..) => "a call with prefixes".into(),
            (_, Some(number), Some(row)) => format!("{} ({number})", row.name).into(),
            (_, Some(number), None) => format!("call {number}").into(),
            _ => "any call".into(),
        }
    }
}

impl<'f> Survey<'f> {
    /// Looks through `file`.
    pub(super) fn of(file: &'f [u8]) -> Result<Self, String> {
        let elf = Elf::parse(file).map_err(|error| error.to_string())?;
        if let Machine::Other(number) = elf.machine() {
            return Err(format!(
                "for ELF machine {number}; x86_64 and aarch64 are known"
            ));
        }
        // Trampolines will lie within reach; here, behind everything that the file loads.
        let end = elf
            .segments()
            .filter(|segment| segment.kind == PT_LOAD)
            .map(|segment| segment.address.saturating_add(segment.memory_size))
            .max()
            .unwrap_or(0);
        let header = end.checked_next_multiple_of(4096).unwrap_or(0);
        let place = Place {
            trampoline: header.wrapping_add(4096),
            header,
        };
        let mut survey = Self {
            elf,
            code: Vec::new(),
            sites: Vec::new(),
        };
        for code in elf.code() {
            survey.code.push(Section {
                address: code.address,
                size: code.bytes.len(),
            });
            let text = Text::new(code.bytes, code.address);
            survey.look_through(text, code.offset, place);
        }
        Ok(survey)
    }

    fn look_through(&mut self, text: Text<'_>, offset: u64, place: Place) {
        let mut planner = x86_64::Planner::new();
        let mut room = [Site::NONE; 256];
        let mut from = Some(0);
        while let Some(start) = from {
            let is_arm = self.elf.machine() == Machine::Aarch64;
            let batch = if is_arm {
                aarch64::survey(text, start, None, Reach::All, &mut room)
            } else {
                x86_64::survey(text, start, None, Reach::All, &mut room)
            };
            for site in &*batch.sites {
                let row = site.number.and_then(|number| row(is_arm, number));
                let is_left = site.number.is_some_and(|number| is_unchecked(number, row));
                let fate = if site.kind == Kind::Call && is_left {
                    Fate::Left
                } else if is_arm {
                    fate(aarch64::plan(text, site, place))
                } else {
                    fate(planner.plan(text, site, place))
                };
                self.sites.push(Found {
                    address: text.address_of(site.offset),
                    offset: offset.saturating_add(site.offset.into()),
                    kind: site.kind,
                    number: site.number,
                    landings: site.landings,
                    boundaries: site.boundaries,
                    row,
                    fate,
                });
            }
            from = batch.next;
        }
    }

    pub(super) fn sites(&self) -> &[Found] {
        &self.sites
    }

    pub(super) const fn machine(&self) -> &'static str {
        match self.elf.machine() {
            Machine::Aarch64 => "aarch64",
            _ => "x86_64",
        }
    }

    /// What starts it, in words.
    pub(super) fn start(&self) -> Cow<'static, str> {
        match self.interpreter() {
            Some(interpreter) => format!("started by {interpreter}").into(),
            None if self.elf.dynamic().next().is_none() => "static".into(),
            None => "a library, or static".into(),
        }
    }

    fn interpreter(&self) -> Option<Cow<'f, str>> {
        self.elf.interpreter().map(String::from_utf8_lossy)
    }

    pub(super) fn build_id(&self) -> Option<String> {
        let id = self.elf.build_id()?;
        Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(super) fn code_size(&self) -> usize {
        self.code.iter().map(|section| section.size).sum()
    }

    pub(super) fn count(&self, is_wanted: impl Fn(Fate) -> bool) -> usize {
        let wanted = self.sites.iter().filter(|site| is_wanted(site.fate));
        wanted.count()
    }

    /// The last line: how many there are of each.
    pub(super) fn totals(&self) -> String {
        let plural = if self.sites.len() == 1 { "" } else { "s" };
        format!(
            "{} site{plural}: {} pass the check, {} are left alone, {} stay open",
            self.sites.len(),
            self.count(|fate| matches!(fate, Fate::Patched(_))),
            self.count(Fate::is_left),
            self.count(Fate::is_open),
        )
    }

    pub(super) fn json(&self, file: &str) -> Json {
        let code = self
            .code
            .iter()
            .map(|section| json!({"address": section.address, "size": section.size}));
        let sites = self.sites.iter().map(|site| {
            json!({
                "address": site.address,
                "offset": site.offset,
                "number": site.number,
                "landings": site.landings,
                "boundaries": site.boundaries,
                "name": site.row.map(|row| row.name),
                "call": site.call(),
                "fate": site.fate.name(),
                "reason": match site.fate {
                    Fate::Open(reason) => Some(reason.to_string()),
                    _ => None,
                },
            })
        });
        json!({
            "file": file,
            "machine": self.machine(),
            "interpreter": self.interpreter(),
            "build_id": self.build_id(),
            "code": code.collect::<Vec<_>>(),
            "sites": sites.collect::<Vec<_>>(),
            "patched": self.count(|fate| matches!(fate, Fate::Patched(_))),
            "left": self.count(Fate::is_left),
            "open": self.count(Fate::is_open),
        })
    }
}

fn fate(plan: Result<Patch, Unplaceable>) -> Fate {
    match plan {
        Ok(patch) => Fate::Patched(patch.how()),
        Err(reason) => Fate::Open(reason),
    }
}

/// Whether a call is not looked at: as `guard_hook::is_checked`, for any architecture.
fn is_unchecked(number: u32, row: Option<&Row>) -> bool {
    row.map_or_else(
        || usize::try_from(number).is_ok_and(|number| number <= LAST),
        |row| row.treatment == Treatment::Unchecked,
    )
}

/// The row of a number, of the file's architecture and not this program's.
fn row(is_arm: bool, number: u32) -> Option<&'static Row> {
    CALLS.iter().find(|row| {
        let of_row = if is_arm { row.aarch64 } else { row.x86_64 };
        of_row.is_some_and(|of_row| u32::from(of_row) == number)
    })
}
