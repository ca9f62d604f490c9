//! An event with something to decide about. None of this runs for one without.

use core::ops::Range;

use super::source::Source;
use super::{DecisionRecord, Guard};
use crate::audit::{Excerpt, FindingSubject};
use crate::event::{
    self, LimitExceeded, Location, Origin, Place, Record, Records, TriggerKind, Walk,
};
use crate::inspect::{EFFORT, Finding, Findings};
use crate::policy::AuditExcerpt;
use crate::reply::{Answer, Blocked, OnBlock, answer};
use crate::rule::{Families, Family, RuleId};
use crate::verdict::{Verdict, verdict};

/// Most findings reported of one event in `monitor`, where it goes on to its handler and every
/// finding in it could be reported: enough to see what a policy would do, too few to flood a log by
/// one request. What is blocked is recorded without exception, each batch record at most once.
const REPORTS: usize = 32;

/// Most times that places are looked up from the event's start again. A finding stands before the
/// one reported last only where an encoding is announced behind what it encodes, as in HTTP bodies.
const RESTARTS: u8 = 4;

pub(super) struct Case<'a> {
    guard: &'a Guard,
    event: &'a [u8],
    request_id: &'a str,
    kind: TriggerKind,
    principal: Option<&'a [u8]>,
}

impl<'a> Case<'a> {
    #[cold]
    pub(super) fn new(guard: &'a Guard, event: &'a [u8], request_id: &'a str) -> Self {
        let kind = TriggerKind::of(event);
        let principal = event::principal(event, kind).map(|principal| principal.value);
        Self {
            guard,
            event,
            request_id,
            kind,
            principal,
        }
    }

    /// Decides about an event that exceeds a limit: the answer if it is blocked.
    pub(super) fn exceeded(
        &self,
        exceeded: &LimitExceeded,
        record: &mut impl FnMut(DecisionRecord<'_>),
    ) -> Option<Answer> {
        let mut source = Source::new();
        // An event that is too long has no one value to blame.
        if exceeded.rule() != "limit.bytes" {
            // Ends early at the source's bound: what was written stands.
            let _ = event::write_pointer(self.event, exceeded.at(), &mut source);
        }
        let at = exceeded.at();
        let verdict = self.record(exceeded.rule(), None, at..at, &source, record);
        (verdict == Verdict::Block).then(|| self.answer(exceeded.rule(), &[]))
    }

    /// Decides about findings, of which `first` is the first: the answer if anything is blocked.
    pub(super) fn found(
        &self,
        first: Finding,
        rest: &mut Findings<'_>,
        record: &mut impl FnMut(DecisionRecord<'_>),
    ) -> Option<Answer> {
        let mut places = Places::new(self);
        let mut batch = self.batch();
        let mut blocked = Vec::new();
        let mut blocking = None;
        let mut reports = 0;
        let mut next = Some(first);
        while let Some(Finding { rule, span, .. }) = next {
            let family = family_of(rule);
            let location = places.locate(span.start);
            if location.as_ref().is_some_and(|location| {
                location.origin == Origin::Platform
                    || places.is_left_out(family, location.place == Place::Key)
            }) {
                next = rest.next();
                continue;
            }
            match self.record(rule.as_str(), family, span, places.source(), record) {
                Verdict::Block => {
                    let first = *blocking.get_or_insert(rule);
                    // An effort spent concerns whatever follows, in whichever record.
                    let within = location.filter(|_| rule != EFFORT).and_then(|l| l.record);
                    let Some(withheld) = within.and_then(|index| record_at(&mut batch, index))
                    else {
                        return Some(self.answer(first.as_str(), &[]));
                    };
                    blocked.push(withheld.index);
                    if self.ends_batch() {
                        break;
                    }
                    rest.skip_to(withheld.span.end);
                }
                Verdict::Report => {
                    reports += 1;
                    if reports == REPORTS {
                        break;
                    }
                }
                Verdict::Allow => {}
            }
            next = rest.next();
        }
        blocking.map(|rule| self.answer(rule.as_str(), &blocked))
    }

    /// Whether the first blocked record settles what becomes of those behind it: all fail, or a
    /// stream is read again from that record on.
    fn ends_batch(&self) -> bool {
        let stream = matches!(self.kind, TriggerKind::Kinesis | TriggerKind::DynamoDb);
        match self.guard.policy.on_block() {
            OnBlock::Drop => false,
            OnBlock::Fail => true,
            OnBlock::Partial => stream,
        }
    }

    fn record(
        &self,
        rule: &'static str,
        family: Option<Family>,
        span: Range<usize>,
        source: &Source,
        record: &mut impl FnMut(DecisionRecord<'_>),
    ) -> Verdict {
        let mode = self.guard.policy.mode();
        let verdict = verdict(mode, true);
        let excerpt = match self.guard.policy.audit_excerpt() {
            AuditExcerpt::Off => None,
            AuditExcerpt::On => Some(Excerpt::new(self.event, span.clone())),
        };
        record(DecisionRecord {
            rule,
            verdict,
            mode,
            subject: FindingSubject {
                trigger: self.kind,
                source: source.as_str(),
                family,
                span,
                principal: self.principal,
                excerpt,
            },
        });
        verdict
    }

    fn answer(&self, rule: &str, records: &[usize]) -> Answer {
        // What blocks a batch as a whole is not each record's fault: dropped with it, clean ones
        // would be lost.
        let whole_batch = records.is_empty() && self.batch().next().is_some();
        let on_block = match self.guard.policy.on_block() {
            OnBlock::Drop if whole_batch => OnBlock::Fail,
            on_block => on_block,
        };
        answer(&Blocked {
            event: self.event,
            kind: self.kind,
            records,
            rule,
            request_id: self.request_id,
            on_block,
        })
    }

    fn batch(&self) -> Records<'a> {
        event::records(self.event, self.kind)
    }
}

fn family_of(rule: RuleId) -> Option<Family> {
    rule.as_str().split('.').next().and_then(Family::from_name)
}

/// The record of that index, records before it being done with.
fn record_at<'e>(batch: &mut Records<'e>, index: usize) -> Option<Record<'e>> {
    batch.find(|record| record.index == index)
}

/// Where findings stand, one after the other.
struct Places<'a> {
    case: &'a Case<'a>,
    walk: Walk<'a>,
    at: usize,
    restarts: u8,
    /// The string last located. An attacker can put many findings into one, and what is known of
    /// its place is then known for all of them.
    string: Option<Range<usize>>,
    source: Option<Source>,
    left_out: Option<Families>,
    /// How many bytes of pointers may still be written to find out what the policy leaves out.
    budget: usize,
}

/// What every event may spend on pointers; beyond it, as much as the event is long. Honest findings
/// are farther apart than their pointers are long. An event that puts thousands of them below one
/// long key is not owed the courtesy of being left out.
const BUDGET: usize = 64 << 10;

impl<'a> Places<'a> {
    fn new(case: &'a Case<'a>) -> Self {
        Self {
            case,
            walk: Walk::new(case.event, case.kind),
            at: 0,
            restarts: 0,
            string: None,
            source: None,
            left_out: None,
            budget: case.event.len().saturating_add(BUDGET),
        }
    }

    /// Where `offset` stands; nothing if that would take too long to find out.
    fn locate(&mut self, offset: usize) -> Option<Location> {
        let again = self
            .string
            .as_ref()
            .is_some_and(|string| string.contains(&offset));
        if offset < self.at && !again {
            if self.restarts == RESTARTS {
                self.string = None;
                self.source = Some(Source::new());
                self.left_out = Some(Families::NONE);
                return None;
            }
            self.restarts += 1;
            self.walk = Walk::new(self.case.event, self.case.kind);
        }
        let location = self.walk.locate(offset);
        if !again {
            self.at = offset;
            self.string.clone_from(&location.string);
            self.source = None;
            self.left_out = None;
        }
        Some(location)
    }

    /// The pointer of the place last located.
    fn source(&mut self) -> &Source {
        self.source.get_or_insert_with(|| {
            let mut source = Source::new();
            // Ends early at the source's bound: what was written stands.
            let _ = self.walk.write_pointer(&mut source);
            source
        })
    }

    /// Whether the policy leaves `family` out at the place last located. What has no family is not
    /// a matter of taste and never left out.
    fn is_left_out(&mut self, family: Option<Family>, is_key: bool) -> bool {
        let policy = &self.case.guard.policy;
        if policy.skips().is_empty() {
            return false;
        }
        let left_out = match self.left_out {
            Some(left_out) => left_out,
            None if self.budget == 0 => Families::NONE,
            None => {
                let source = self.source();
                let covering = policy
                    .skips()
                    .iter()
                    .filter(|skip| source.is_covered_by(skip, is_key));
                let left_out = covering
                    .flat_map(|skip| skip.families().iter())
                    .fold(Families::NONE, Families::with);
                let length = source.as_str().len();
                self.budget = self.budget.saturating_sub(length);
                *self.left_out.insert(left_out)
            }
        };
        family.is_some_and(|family| left_out.contains(family))
    }
}
