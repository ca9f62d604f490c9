//! The house's automata on the prefilter's own triggers: what finding candidates would take without a
//! kernel of our own.

use aho_corasick::AhoCorasick;
use guard_core::Inspector;
use regex_automata::hybrid;
use regex_automata::hybrid::regex::Regex;
use regex_automata::util::syntax;

/// Bytes of states that are kept, none of which is made twice then.
const CACHE: usize = 64 << 20;

/// Literals that a trigger is written out to at most: others have classes that are no letters.
const LITERALS: usize = 64;

/// The triggers as regular expressions: all of them, as the prefilter has them. Its states are made as
/// they are met: a dense automaton of them all takes minutes to make.
///
/// # Panics
///
/// When they are too many for regex-automata.
#[must_use]
pub fn regex() -> Regex {
    let patterns: Vec<String> = Inspector::triggers()
        .map(|classes| {
            let class = |bytes: &Vec<u8>| {
                let bytes: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
                format!("[{bytes}]")
            };
            format!("(?-u:{})", classes.each_ref().map(class).concat())
        })
        .collect();
    Regex::builder()
        .dfa(hybrid::dfa::Config::new().cache_capacity(CACHE))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build_many(&patterns)
        .expect("an automaton")
}

/// The triggers that are a few literals, and how many that are.
///
/// # Panics
///
/// When they are too many for aho-corasick.
#[must_use]
pub fn literals() -> (AhoCorasick, usize) {
    let written = Inspector::triggers().filter_map(|classes| {
        let count: usize = classes.iter().map(Vec::len).product();
        (count <= LITERALS).then(|| {
            classes.iter().fold(vec![Vec::new()], |begun, class| {
                let with = |begin: &Vec<u8>, byte| [begin.as_slice(), &[byte]].concat();
                let longer = |begin| class.iter().map(move |byte| with(begin, *byte));
                begun.iter().flat_map(longer).collect()
            })
        })
    });
    let triggers: Vec<Vec<Vec<u8>>> = written.collect();
    let automaton = AhoCorasick::builder()
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(triggers.concat())
        .expect("an automaton");
    (automaton, triggers.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;

    #[test]
    fn the_prefilter_finds_what_a_regular_expression_finds() {
        let regex = regex();
        let mut cache = regex.create_cache();
        for event in events::rotation(300) {
            let found: Vec<usize> = Inspector::occurrences(&event.bytes)
                .map(|found| found.at())
                .collect();
            // Matches do not overlap, occurrences may; past the last four bytes there are none.
            let mut end = 0;
            let mut apart = found.iter().copied().filter(|at| {
                let is_first = *at >= end && at + 4 <= event.bytes.len();
                if is_first {
                    end = at + 4;
                }
                is_first
            });
            for found in regex.find_iter(&mut cache, &event.bytes) {
                assert_eq!(apart.next(), Some(found.start()));
            }
            assert_eq!(apart.next(), None);
        }
    }
}
