//! Steps through an event value by value, along its trigger's shape.

use super::shape::{self, CALLER, Node, Role};
use super::{Origin, TriggerKind};
use crate::json::{Lexer, Token};

/// How many levels of nesting the path names.
pub(super) const LEVELS: usize = 64;

/// A container that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// What is known of it.
    node: &'static Node,
    /// What is known of its current member or element.
    value: &'static Node,
    /// The current member: the bytes of its key; of an array the index of the current element.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) array: bool,
    /// Whether there is a current member.
    pub(super) named: bool,
}

/// One step through an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An object or array begins here.
    Open { at: usize },
    /// One has ended here.
    Close { at: usize },
    /// A member's key, quotes excluded.
    Key { start: usize, end: usize },
    /// A string, quotes excluded.
    String { start: usize, end: usize },
    /// A number, a literal, or bytes that are neither.
    Scalar { start: usize, end: usize },
    /// The event is over.
    End,
}

/// Steps through an event. Fixed size; containers below [`LEVELS`] are counted, not named.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'e> {
    lexer: Lexer<'e>,
    root: &'static Node,
    frames: [Frame; LEVELS],
    depth: usize,
    /// What is known of the value or member of the last step.
    node: &'static Node,
    /// Who chose the key of the last step, if it was one.
    key_origin: Origin,
    /// The record that the last step is in.
    record: Option<usize>,
    /// At which depth it lies.
    record_depth: usize,
    /// Whether it ended with the last step.
    record_ends: bool,
    /// How many have begun.
    records: usize,
}

impl<'e> Cursor<'e> {
    pub(super) const fn new(event: &'e [u8], kind: TriggerKind) -> Self {
        let frame = Frame {
            node: &CALLER,
            value: &CALLER,
            start: 0,
            end: 0,
            array: false,
            named: false,
        };
        let root = shape::of(kind);
        Self {
            lexer: Lexer::new(event),
            root,
            frames: [frame; LEVELS],
            depth: 0,
            node: root,
            key_origin: Origin::Caller,
            record: None,
            record_depth: 0,
            record_ends: false,
            records: 0,
        }
    }

    pub(super) const fn event(&self) -> &'e [u8] {
        self.lexer.bytes()
    }

    /// The offset just past the last step.
    pub(super) const fn position(&self) -> usize {
        self.lexer.position()
    }

    /// How many containers are open.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// What is known of the value of the last step, or of the member whose key it was.
    pub(super) const fn node(&self) -> &'static Node {
        self.node
    }

    /// Who chose the key of the last step.
    pub(super) const fn key_origin(&self) -> Origin {
        self.key_origin
    }

    /// The record that the last step is in.
    pub(super) const fn record(&self) -> Option<usize> {
        self.record
    }

    /// Whether that record ended with the last step.
    pub(super) const fn record_ended(&self) -> bool {
        self.record_ends
    }

    /// The containers that are open, outermost first, as far as they are named.
    pub(super) fn path(&self) -> &[Frame] {
        self.frames.get(..self.depth).unwrap_or(&self.frames)
    }

    pub(super) fn step(&mut self) -> Step {
        if self.record_ends {
            self.record = None;
            self.record_ends = false;
        }
        loop {
            match self.lexer.next() {
                Token::Open { at, array } => {
                    self.begin_value();
                    self.open(array);
                    return Step::Open { at };
                }
                Token::Close { at } => {
                    self.depth = self.depth.saturating_sub(1);
                    self.record_ends = self.record.is_some() && self.depth <= self.record_depth;
                    return Step::Close { at };
                }
                Token::String { start, end } => {
                    if self.is_key() {
                        self.name(start, end);
                        return Step::Key { start, end };
                    }
                    self.begin_value();
                    self.record_ends = self.record.is_some() && self.depth == self.record_depth;
                    return Step::String { start, end };
                }
                Token::Scalar { start, end } => {
                    self.begin_value();
                    self.record_ends = self.record.is_some() && self.depth == self.record_depth;
                    return Step::Scalar { start, end };
                }
                Token::Comma => {
                    if let Some(top) = self.top()
                        && top.array
                    {
                        top.start = top.start.saturating_add(1);
                    }
                }
                Token::Colon => {}
                Token::End => return Step::End,
            }
        }
    }

    /// The innermost container, if it is one that is named.
    fn top(&mut self) -> Option<&mut Frame> {
        self.frames.get_mut(self.depth.checked_sub(1)?)
    }

    /// Whether the string just read is a key. What follows it tells also where the container is
    /// one that is only counted.
    fn is_key(&mut self) -> bool {
        let nested = self.depth > 0;
        let in_object = self.top().map_or(nested, |top| !top.array);
        in_object && self.lexer.colon_follows()
    }

    fn name(&mut self, start: usize, end: usize) {
        let key = self.event().get(start..end).unwrap_or_default();
        let mut known = (&CALLER, false);
        if let Some(top) = self.top() {
            known = top.node.member(key);
            top.value = known.0;
            top.start = u32::try_from(start).unwrap_or(u32::MAX);
            top.end = u32::try_from(end).unwrap_or(u32::MAX);
            top.named = true;
        }
        self.node = known.0;
        self.key_origin = if known.1 {
            Origin::Platform
        } else {
            Origin::Caller
        };
    }

    fn begin_value(&mut self) {
        let root = self.root;
        let outermost = self.depth == 0;
        self.node = match self.top() {
            Some(top) => {
                top.named |= top.array;
                top.value
            }
            None if outermost => root,
            None => &CALLER,
        };
        if self.node.role == Role::Record && self.record.is_none() {
            self.record = Some(self.records);
            self.records += 1;
            self.record_depth = self.depth;
        }
    }

    fn open(&mut self, array: bool) {
        let node = self.node;
        if let Some(frame) = self.frames.get_mut(self.depth) {
            let value = if array { node.element() } else { &CALLER };
            *frame = Frame {
                node,
                value,
                start: 0,
                end: 0,
                array,
                named: false,
            };
        }
        self.depth += 1;
    }
}
