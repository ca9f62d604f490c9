//! Rules of the `sql` family: text that continues a statement it should only have been a value of.
//!
//! Knows the grammar of SQL (MySQL, PostgreSQL, SQL Server, Oracle, SQLite and what they share), and
//! where in it an injected text must stand: behind a quote or a number that ends the program's
//! value, in front of what the program appends. It has no notion of JSON or of who sent the text.

use core::cell::Cell;
use core::ops::Deref;

use crate::inspect::{Effort, Match, Text, Trigger};
use crate::rule::{Family, RuleId, Rules};

use self::before::Look;
use self::token::Tokens;

mod before;
mod boolean;
mod expr;
mod hint;
mod query;
mod statement;
mod tail;
mod token;
mod words;

pub(super) const RULES: Rules = Rules {
    family: Family::Sql,
    triggers: TRIGGERS,
    glance: 16,
    context,
    hopeless: None,
    confirm,
};

const TRIGGERS: &[Trigger] = &[
    // Connectives, and the same as operators. Sets that are no product of nibbles are divided.
    Trigger::new("[ +/%&'\")]or[\\b('\"`@!~{#\\xa0]"),
    Trigger::new("[\\n\\t\\r\\x0b\\x0c]or[\\b('\"`@!~{#\\xa0]"),
    Trigger::new("\\dor[\\b('\"`@!~{#\\xa0]"),
    Trigger::new("`or[\\b('\"`@!~{#\\xa0]"),
    Trigger::new("xor[\\b('\"`@!~{#\\xa0]"),
    Trigger::new("[\\xa0\\xc2\\\\]or[\\b('\"`@!~{#\\xa0]"),
    Trigger::new("or[\\b('\"][\\d'\"(\\\\]"),
    Trigger::new("or\\\\[tnr]"),
    Trigger::new("and[ +/%&'\"(@!#\\n\\r\\t\\x0b\\x0c]"),
    Trigger::new("and[\\\\`~{\\xc2\\xa0]"),
    Trigger::new("\\|\\|[\\b'\"(\\w@]"),
    Trigger::new("[\\b'\"`)\\d]&&[\\b'\"(\\d!~]"),
    // Queries and clauses.
    Trigger::new("unio"),
    Trigger::new("sele"),
    Trigger::new("er\\bb"),
    Trigger::new("up\\bb"),
    Trigger::new("ng\\b[\\d'\"(\\\\]"),
    Trigger::new("y[sz]e\\("),
    Trigger::new("[tp]fil"),
    // Statements.
    // Not `execute-api`, which is in the host of every API.
    Trigger::new("xec[^\\w-]"),
    Trigger::new("ute[\\b('@\\[]"),
    Trigger::new("xp_[cdfrs]"),
    Trigger::new("clar"),
    Trigger::new("shut"),
    Trigger::new("aitf"),
    Trigger::new("[er]\\bta"),
    Trigger::new("drop"),
    Trigger::new("te\\b[fuo]"),
    Trigger::new("['\")];[\\b\\w\\0][^=]"),
    Trigger::new(";cal"),
    Trigger::new(";\\bca"),
    Trigger::new("rt\\bi"),
    Trigger::new("\\bset"),
    // Functions that wait, fail on purpose or read files.
    Trigger::new("slee"),
    Trigger::new("benc"),
    Trigger::new("ctva"),
    Trigger::new("xml\\("),
    Trigger::new("d_fi"),
    Trigger::new("xp_s"),
    Trigger::new("mblo"),
    Trigger::new("rt\\(i"),
    Trigger::new("iif\\("),
    Trigger::new("se\\bw"),
    // A literal left for an operator.
    Trigger::new("['\"][-+*&!%][-+=<>!~'\"\\d( @]"),
    Trigger::new("['\"][<>=][-+=<>!~'\"\\d( @]"),
    Trigger::new("['\"][|^~][-+=<>!~'\"\\d( @]"),
    Trigger::new("['\"] [-+*!]['\"\\d( !~@=+-]"),
    Trigger::new("['\"] [<>=]['\"\\d( !~@=+-]"),
    Trigger::new("['\"] [|^~]['\"\\d( !~@=+-]"),
    Trigger::new("'[-&^*+=|]'"),
    Trigger::new("ike'"),
    Trigger::new("ke\\b'"),
    // A literal left and the rest commented out.
    Trigger::new("['\")][-\\b;)][-#;]"),
    Trigger::new("`[-\\b;)][-#;]"),
    Trigger::new("['\")]#"),
    Trigger::new("['\")]/\\*"),
    Trigger::new("['\")][\\b)]/\\*"),
    // Comments inside words and versioned comments.
    Trigger::new("/\\*!"),
    Trigger::new("\\w/\\*\\*"),
];

/// What kind of construct a trigger's occurrence may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// A connective of this many bytes at this offset.
    Connective {
        at: usize,
        length: usize,
    },
    Union,
    Select,
    OrderBy,
    Having,
    Analyse,
    OutFile,
    /// A statement; the offset is of its verb.
    Statement(usize),
    /// A function; the offset is of its name.
    Function(usize),
    /// `case when`; the offset is of `case`.
    Case(usize),
    /// A quote or parenthesis with a comment or operator after it.
    Tail,
    /// A quote with an operator in letters after it; the offset is of the quote.
    Literal(usize),
    /// The name of an extended procedure.
    Extended,
    Versioned,
    Broken,
}

#[cfg(test)]
mod tests;

/// What a confirmation costs at least, in units of effort.
const CONFIRM: usize = 16;

/// A text, and what reading in it has cost so far.
struct Subject<'t> {
    text: Text<'t>,
    work: Cell<usize>,
}

impl<'t> Deref for Subject<'t> {
    type Target = Text<'t>;

    fn deref(&self) -> &Text<'t> {
        &self.text
    }
}

impl Subject<'_> {
    /// At most `limit` tokens from `at` on.
    const fn tokens(&self, at: usize, limit: u8) -> Tokens<'_> {
        Tokens::new(self.text.bytes, at, limit, &self.work)
    }

    /// What precedes `at`.
    fn look(&self, at: usize) -> Look {
        let look = before::look(self.text.bytes, at, self.text.starts);
        self.note(before::COST + before::STEP * at.saturating_sub(look.at));
        look
    }

    /// Notes that something of this cost was done.
    fn note(&self, cost: usize) {
        self.work.set(self.work.get() + cost);
    }
}

const fn rule(id: &'static str) -> RuleId {
    RuleId::new(id)
}

fn starts(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    bytes
        .get(at..at + word.len())
        .is_some_and(|b| b.eq_ignore_ascii_case(word))
}

/// Where `word` begins when `tail` of its bytes from the `skip`th on are at `bytes[at..]`.
fn around(bytes: &[u8], at: usize, skip: usize, word: &[u8]) -> Option<usize> {
    let begin = at.checked_sub(skip)?;
    starts(bytes, begin, word).then_some(begin)
}

fn anchor(bytes: &[u8], at: usize) -> Option<Anchor> {
    let four: [u8; 4] =
        core::array::from_fn(|i| bytes.get(at + i).copied().unwrap_or(0).to_ascii_lowercase());
    match &four {
        // What prose has most of comes first.
        [b' ' | b'+', b'o', b'r', _] => Some(Anchor::Connective {
            at: at + 1,
            length: 2,
        }),
        [b'a', b'n', b'd', _] => Some(Anchor::Connective { at, length: 3 }),
        b"unio" => Some(Anchor::Union),
        b"sele" => Some(Anchor::Select),
        b"slee" => Some(Anchor::Function(at)),
        b"benc" => starts(bytes, at, b"benchmark").then_some(Anchor::Function(at)),
        b"ctva" => around(bytes, at, 5, b"extractvalue").map(Anchor::Function),
        b"xml(" => around(bytes, at, 6, b"updatexml").map(Anchor::Function),
        b"d_fi" => around(bytes, at, 3, b"load_file").map(Anchor::Function),
        b"drop" => Some(Anchor::Statement(at)),
        b"xp_s" => around(bytes, at, 4, b"regexp_substring").map(Anchor::Function),
        b"mblo" => around(bytes, at, 5, b"randomblob").map(Anchor::Function),
        b"iif(" => Some(Anchor::Function(at)),
        [b's', b'e', _, b'w'] => around(bytes, at, 2, b"case").map(Anchor::Case),
        [b'x', b'e', b'c', _] => around(bytes, at, 1, b"exec").map(Anchor::Statement),
        [b'u', b't', b'e', _] => around(bytes, at, 4, b"execute").map(Anchor::Statement),
        b"clar" => around(bytes, at, 2, b"declare").map(Anchor::Statement),
        b"shut" => starts(bytes, at, b"shutdown").then_some(Anchor::Statement(at)),
        b"aitf" => around(bytes, at, 1, b"waitfor").map(Anchor::Statement),
        [b't' | b'p', b'f', b'i', b'l'] => around(bytes, at, 2, b"outfile")
            .or_else(|| around(bytes, at, 3, b"dumpfile"))
            .map(|_| Anchor::OutFile),
        [b'y', b's' | b'z', b'e', b'('] => Some(Anchor::Analyse),
        [b'e', b'r', _, b'b'] => around(bytes, at, 3, b"order").map(|_| Anchor::OrderBy),
        [b'u', b'p', _, b'b'] => around(bytes, at, 3, b"group").map(|_| Anchor::OrderBy),
        [b'r', b't', b'(', b'i'] => around(bytes, at, 5, b"convert").map(Anchor::Function),
        [b'x', b'p', b'_', _] => Some(Anchor::Extended),
        [b'n', b'g', ..] => around(bytes, at, 4, b"having").map(|_| Anchor::Having),
        [b't', b'e', _, b'f' | b'u' | b'o'] => around(bytes, at, 4, b"delete")
            .or_else(|| around(bytes, at, 4, b"create"))
            .map(Anchor::Statement),
        [b'\'' | b'"' | b')', b';', next, _] if *next != b'-' && *next != b'#' && *next != 0 => {
            hint::verb(bytes, at + 2)
                .map(Anchor::Statement)
                .or(Some(Anchor::Tail))
        }
        [b';', b'c', ..] => Some(Anchor::Statement(at + 1)),
        [b';', _, b'c', b'a'] => Some(Anchor::Statement(at + 2)),
        [b'k', b'e', ..] => around(bytes, at, 2, b"like")
            .and_then(|like| (0..8).find_map(|i| around(bytes, like, i, b"'")))
            .map(Anchor::Literal),
        [b'i', b'k', b'e', _] => (0..12)
            .find_map(|i| around(bytes, at, i, b"'"))
            .map(Anchor::Literal),
        [b'r', b't', _, b'i'] => around(bytes, at, 4, b"insert").map(Anchor::Statement),
        [b'e' | b'p' | b'r', _, b't', b'a'] => around(bytes, at, 5, b"create")
            .or_else(|| around(bytes, at, 4, b"alter"))
            .or_else(|| around(bytes, at, 7, b"truncate"))
            .map(Anchor::Statement),
        [_, b's', b'e', b't'] => statement::update(bytes, at).map(Anchor::Statement),
        [b'o', b'r', ..] => Some(Anchor::Connective { at, length: 2 }),
        [b'x', b'o', b'r', _] => Some(Anchor::Connective { at, length: 3 }),
        [_, b'o', b'r', _] => Some(Anchor::Connective {
            at: at + 1,
            length: 2,
        }),
        [b'|', b'|', ..] => Some(Anchor::Connective { at, length: 2 }),
        [_, b'&', b'&', _] => Some(Anchor::Connective {
            at: at + 1,
            length: 2,
        }),
        [b'/', b'*', b'!', _] => Some(Anchor::Versioned),
        [_, b'/', b'*', b'*'] => Some(Anchor::Broken),
        [b'\'' | b'"' | b'`' | b')', ..] => Some(Anchor::Tail),
        _ => None,
    }
}

fn context(bytes: &[u8], at: usize) -> bool {
    match anchor(bytes, at) {
        Some(Anchor::Connective { at, length }) => hint::connective(bytes, at, length),
        Some(Anchor::Union) => hint::union(bytes, at),
        Some(Anchor::Select) => hint::select(bytes, at),
        Some(
            Anchor::Extended
            | Anchor::Literal(_)
            | Anchor::Case(_)
            | Anchor::Having
            | Anchor::Analyse
            | Anchor::OutFile,
        ) => true,
        Some(Anchor::OrderBy) => hint::by(bytes, at),
        Some(Anchor::Statement(verb)) => hint::statement(bytes, verb),
        Some(Anchor::Function(name)) => hint::function(bytes, name),
        Some(Anchor::Tail) => hint::tail(bytes, at),
        Some(Anchor::Versioned) => hint::versioned(bytes, at),
        Some(Anchor::Broken) => hint::broken(bytes, at),
        None => false,
    }
}

fn confirm(text: &Text<'_>, at: usize, effort: &mut Effort) -> Option<Match> {
    let anchor = anchor(text.bytes, at)?;
    let text = Subject {
        text: *text,
        work: Cell::new(CONFIRM),
    };
    let found = judge(&text, anchor, at);
    // What one confirmation may cost is bounded: it is known once it is done.
    (effort.spend(text.work.get()) || found.is_some())
        .then_some(found)
        .flatten()
}

fn judge(text: &Subject<'_>, anchor: Anchor, at: usize) -> Option<Match> {
    match anchor {
        Anchor::Connective { at, length } => boolean::connective(text, at, length),
        Anchor::Having => boolean::having(text, at.checked_sub(4)?),
        Anchor::Union => query::union(text, at),
        Anchor::Select => query::select(text, at),
        Anchor::OrderBy => query::order_by(text, at.checked_sub(3)?),
        Anchor::Analyse => query::analyse(text, at),
        Anchor::OutFile => query::out_file(text, at),
        Anchor::Statement(verb) => statement::statement(text, verb),
        Anchor::Function(name) => tail::function(text, name),
        Anchor::Case(at) => query::case(text, at),
        Anchor::Tail => tail::comment(text, at).or_else(|| boolean::operator(text, at)),
        Anchor::Literal(quote) => boolean::operator(text, quote),
        Anchor::Extended => statement::extended(text, at),
        Anchor::Versioned => tail::versioned(text, at),
        Anchor::Broken => tail::broken(text, at),
    }
}
