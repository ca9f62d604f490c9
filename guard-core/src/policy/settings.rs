//! Every setting of Guard, in one table.
//!
//! The table drives the parser, `guard explain` and the README. Knows what each setting is called,
//! accepts and means; not where its text comes from.

use std::fmt::Write as _;

use super::aws::{self, Region};
use super::choice::{AuditExcerpt, Mode, OnBlock, Require, Skip, Sni, Tier, Tmp, number, select};
use super::egress::{self, EgressRule};
use super::file::{self, ExecRule, FileRule};
use super::list::{Fault, Given, MAX_ENTRIES, Text};
use super::{Entry, Policy};
use crate::error::PolicyError;

/// One setting: its names and its documentation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// The key in the file of `GUARD_POLICY`; `None` for the variable that names the file.
    pub key: Option<&'static str>,
    /// What it accepts.
    pub grammar: &'static str,
    /// What holds when it is not set.
    pub unset: &'static str,
    /// What holds when it is set to nothing.
    pub empty: &'static str,
    /// What it is for.
    pub doc: &'static str,
    pub(super) apply: fn(&mut Policy, &Given, &mut Report<'_>),
}

/// Text of [`Setting::empty`] where nothing is not a value.
const NO_EMPTY: &str = "an error";

/// Every setting, in the order in which they are explained.
pub static SETTINGS: &[Setting] = &[
    Setting {
        variable: "GUARD_MODE",
        key: Some("mode"),
        grammar: "`monitor`, `enforce` or `off`",
        unset: "`monitor`",
        empty: NO_EMPTY,
        doc: "`monitor` records and never blocks, `enforce` blocks and records, `off` does nothing",
        apply: |policy, given, report| set(&mut policy.mode, report.whole(given, Mode::parse)),
    },
    Setting {
        variable: "GUARD_INSPECT",
        key: Some("inspect"),
        grammar: "`all`, `off`, or a comma list of families; `-family` removes one",
        unset: "`all`",
        empty: NO_EMPTY,
        doc: "families of injection looked for in caller-controlled values",
        apply: |policy, given, report| {
            let mut chosen = None;
            for text in report.texts(given, ',', true) {
                if let Some(families) = report.keep(&text, select(chosen, &text.text)) {
                    chosen = Some(families);
                }
            }
            set(&mut policy.inspect, chosen);
        },
    },
    Setting {
        variable: "GUARD_INSPECT_SKIP",
        key: Some("inspect_skip"),
        grammar: "comma list of JSON Pointers, `*` for any key or index, each with an optional \
                  `=family`",
        unset: "nothing is skipped",
        empty: "nothing is skipped",
        doc: "values of the event that are not inspected, or not for one family",
        apply: |policy, given, report| {
            let entries = report.list(given, ',', |text| Skip::parse(text).map(|skip| vec![skip]));
            policy.skips = entries.into_iter().flat_map(|entry| entry.rules).collect();
        },
    },
    Setting {
        variable: "GUARD_EGRESS_ALLOW",
        key: Some("egress_allow"),
        grammar: "comma list of `host[:port]`, `*.suffix[:port]`, IP, CIDR, \
                  `aws:SERVICE[/RESOURCE]`, `unix:/path`, or with a final `/` what is below; \
                  `udp:` before an entry, TCP without; `from-to` for a range of ports, any port \
                  without",
        unset: "not restricted, recorded",
        empty: "only what the platform needs: Runtime API, X-Ray daemon, credentials endpoint, \
                resolvers",
        doc: "where the function may connect to",
        apply: |policy, given, report| {
            let region = report.region;
            policy.egress = Some(
                report.list(given, ',', |text| match text.strip_prefix("aws:") {
                    Some(service) => {
                        aws::expand(service, region).map_err(|fault| egress::shifted(fault, 4))
                    }
                    None => EgressRule::parse(text).map(|rule| vec![rule]),
                }),
            );
        },
    },
    Setting {
        variable: "GUARD_DNS",
        key: Some("dns"),
        grammar: "comma list of `IP[:port]`",
        unset: "the resolvers of /etc/resolv.conf",
        empty: "no resolver: no name can be looked up",
        doc: "resolvers that the function may ask",
        apply: |policy, given, report| {
            policy.dns = Some(report.list(given, ',', |text| {
                let accepted = "the address of a resolver, with an optional \":port\"";
                let reason = || format!("{} is not an IP address", crate::error::quote(text));
                let socket = egress::socket(text, 53);
                socket
                    .map(|one| vec![one])
                    .ok_or_else(|| Fault::new(0, reason(), accepted))
            }));
        },
    },
    Setting {
        variable: "GUARD_EGRESS_SNI",
        key: Some("egress_sni"),
        grammar: "`off` or `verify`",
        unset: "`off`",
        empty: NO_EMPTY,
        doc: "`verify` checks the name that each TLS or HTTP connection asks for, which stops the \
              reuse of shared addresses and costs time on every connection",
        apply: |policy, given, report| set(&mut policy.sni, report.whole(given, Sni::parse)),
    },
    Setting {
        variable: "GUARD_FILE_READ",
        key: Some("file_read"),
        grammar: "colon list of absolute path prefixes and `runtime`; `@init` behind an entry \
                  limits it to the init phase",
        unset: "not restricted, recorded",
        empty: "only what the platform needs: everything of `runtime` during init, the language \
                runtime, libraries, name resolution and TLS roots after it",
        doc: "files the function may read; what it may write it may read",
        apply: |policy, given, report| {
            policy.file_read =
                Some(report.list(given, ':', |text| FileRule::parse(text, file::RUNTIME_READ)));
        },
    },
    Setting {
        variable: "GUARD_FILE_WRITE",
        key: Some("file_write"),
        grammar: "as `GUARD_FILE_READ`",
        unset: "not restricted, recorded",
        empty: "only /dev/null, /dev/stdout and /dev/stderr",
        doc: "files the function may create, change and delete",
        apply: |policy, given, report| {
            policy.file_write = Some(report.list(given, ':', |text| {
                FileRule::parse(text, file::RUNTIME_WRITE)
            }));
        },
    },
    Setting {
        variable: "GUARD_EXEC_ALLOW",
        key: Some("exec_allow"),
        grammar: "colon list of absolute paths or prefixes and `runtime`, with `@init` as above",
        unset: "not restricted, recorded",
        empty: "none after the runtime is up",
        doc: "programs the function may start",
        apply: |policy, given, report| {
            policy.exec = Some(report.list(given, ':', |text| {
                let rules = FileRule::parse(text, file::RUNTIME_EXEC)?;
                Ok(rules.into_iter().map(ExecRule).collect())
            }));
        },
    },
    Setting {
        variable: "GUARD_TMP",
        key: Some("tmp"),
        grammar: "`keep`, `wipe`, `read-only` or `none`",
        unset: "`keep`",
        empty: NO_EMPTY,
        doc: "what becomes of /tmp: kept, wiped after each invocation, not writable, not usable",
        apply: |policy, given, report| set(&mut policy.tmp, report.whole(given, Tmp::parse)),
    },
    Setting {
        variable: "GUARD_LIMIT_BYTES",
        key: Some("limit_bytes"),
        grammar: "a number of bytes, `K` or `M` for 2^10 or 2^20 of them",
        unset: "not limited",
        empty: NO_EMPTY,
        doc: "larger events are rejected before they are parsed",
        apply: |policy, given, report| {
            let limit = report.whole(given, |text| number(text, true));
            set(&mut policy.limits.bytes, limit.map(Some));
        },
    },
    Setting {
        variable: "GUARD_LIMIT_DEPTH",
        key: Some("limit_depth"),
        grammar: "a number",
        unset: "not limited",
        empty: NO_EMPTY,
        doc: "events with more objects and arrays inside each other are rejected before they are \
              parsed",
        apply: |policy, given, report| {
            let limit = report.whole(given, |text| number(text, false));
            set(&mut policy.limits.depth, limit.map(Some));
        },
    },
    Setting {
        variable: "GUARD_LIMIT_VALUES",
        key: Some("limit_values"),
        grammar: "a number",
        unset: "not limited",
        empty: NO_EMPTY,
        doc: "events with more values are rejected before they are parsed",
        apply: |policy, given, report| {
            let limit = report.whole(given, |text| number(text, false));
            set(&mut policy.limits.values, limit.map(Some));
        },
    },
    Setting {
        variable: "GUARD_TIER",
        key: Some("tier"),
        grammar: "`kernel`, `process` or `observer`",
        unset: "the best that the environment allows",
        empty: NO_EMPTY,
        doc: "highest tier of enforcement to use",
        apply: |policy, given, report| {
            set(&mut policy.tier, report.whole(given, Tier::parse).map(Some));
        },
    },
    Setting {
        variable: "GUARD_REQUIRE",
        key: Some("require"),
        grammar: "`none`, `process` or `kernel`",
        unset: "`none`",
        empty: NO_EMPTY,
        doc: "lowest tier to run with; when it is not reached, INIT fails and says why",
        apply: |policy, given, report| {
            set(&mut policy.require, report.whole(given, Require::parse));
        },
    },
    Setting {
        variable: "GUARD_ON_BLOCK",
        key: Some("on_block"),
        grammar: "`fail`, `partial` or `drop`",
        unset: "`fail`",
        empty: NO_EMPTY,
        doc: "what a blocked event without an HTTP caller gets. `fail`: the whole event errors, \
              its source keeps it. `partial`: batch item failures; only where the event source \
              mapping has ReportBatchItemFailures, without which Lambda deletes the messages. \
              `drop`: blocked records are taken out and recorded, the rest are processed",
        apply: |policy, given, report| {
            set(&mut policy.on_block, report.whole(given, OnBlock::parse));
        },
    },
    Setting {
        variable: "GUARD_AUDIT_EXCERPT",
        key: Some("audit_excerpt"),
        grammar: "`off` or `on`",
        unset: "`off`",
        empty: NO_EMPTY,
        doc: "`on` puts a bounded, redacted excerpt around a finding into its record, which \
              otherwise holds nothing of the payload",
        apply: |policy, given, report| {
            set(
                &mut policy.audit_excerpt,
                report.whole(given, AuditExcerpt::parse),
            );
        },
    },
    Setting {
        variable: "GUARD_POLICY",
        key: None,
        grammar: "an absolute path",
        unset: "no file",
        empty: NO_EMPTY,
        doc: "TOML file with the same settings, for policies beyond the 4 KB of Lambda's \
              environment: keys are the names in lower case without `GUARD_`, lists may be \
              arrays; variables win over it",
        apply: |policy, given, report| {
            policy.file = report.whole(given, file::absolute);
        },
    },
    Setting {
        variable: "GUARD_NEXT_WRAPPER",
        key: Some("next_wrapper"),
        grammar: "an absolute path",
        unset: "none",
        empty: "none",
        doc: "exec wrapper to run after Guard's, since Lambda takes only one",
        apply: |policy, given, report| {
            policy.next_wrapper = report
                .whole(given, |text| match text {
                    "" => Ok(None),
                    path => file::absolute(path).map(Some),
                })
                .flatten();
        },
    },
];

/// The settings as a Markdown table, as the README holds it.
#[must_use]
pub fn markdown() -> String {
    let mut table = String::from("| variable | accepts | unset | empty | meaning |\n");
    table.push_str("|---|---|---|---|---|\n");
    for setting in SETTINGS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} | {} |",
            setting.variable, setting.grammar, setting.unset, setting.empty, setting.doc
        );
    }
    table
}

/// Collects what goes wrong with one setting.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) name: &'a str,
    pub(super) region: Option<&'a Region>,
    pub(super) errors: &'a mut Vec<PolicyError>,
}

impl Report<'_> {
    /// Reads a setting that is not a list.
    fn whole<T>(&mut self, given: &Given, read: fn(&str) -> Result<T, Fault>) -> Option<T> {
        match given {
            Given::Whole(text) => {
                let value = read(&text.text);
                value
                    .map_err(|fault| self.errors.push(text.error(self.name, fault, false)))
                    .ok()
            }
            Given::Entries(..) => {
                let fault = Fault::new(0, "found an array", "one value");
                self.errors
                    .push(given.whole().error(self.name, fault, false));
                None
            }
        }
    }

    /// Reads a list, entry by entry.
    fn list<T>(
        &mut self,
        given: &Given,
        separator: char,
        read: impl Fn(&str) -> Result<Vec<T>, Fault>,
    ) -> Vec<Entry<T>> {
        let mut entries = Vec::new();
        for text in self.texts(given, separator, false) {
            if let Some(rules) = self.keep(&text, read(&text.text)) {
                entries.push(Entry {
                    text: text.text,
                    rules,
                });
            }
        }
        entries
    }

    /// The entries of a list, as far as they are not too many.
    fn texts(&mut self, given: &Given, separator: char, at_least_one: bool) -> Vec<Text> {
        let mut texts = given.entries(separator);
        if texts.is_empty() && at_least_one {
            texts.push(given.whole());
        }
        if texts.len() > MAX_ENTRIES {
            let fault = Fault::new(
                0,
                format!("the list has more than {MAX_ENTRIES} entries"),
                format!("at most {MAX_ENTRIES}"),
            );
            self.errors
                .push(texts[MAX_ENTRIES].error(self.name, fault, true));
            texts.truncate(MAX_ENTRIES);
        }
        texts
    }

    fn keep<T>(&mut self, text: &Text, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.errors.push(text.error(self.name, fault, true)))
            .ok()
    }
}

/// Puts a value in place if it could be read; the default stays otherwise.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
