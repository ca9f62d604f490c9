//! How far the inspector reaches: every attack that it finds as a plain value is planted in whole
//! events, in every place that a trigger gives a caller and in every encoding that a receiver
//! undoes, and looked for again.
//!
//! Prints the share found for each place and encoding, and for each class; benign siblings are
//! planted likewise and counted where they are found. `--misses PLACE/ENCODING` prints what was
//! missed there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;

use guard_benches::plant::{ENCODINGS, PLACES};
use guard_core::{Families, Inspector};
use serde_json::Value;

/// Attacks of each class taken from the corpus.
const SAMPLE: usize = 40;

struct Text {
    class: String,
    input: String,
    /// The families that find it as a plain value, none in a benign text.
    families: Vec<String>,
}

#[derive(Default, Clone, Copy)]
struct Score {
    found: u32,
    all: u32,
}

impl Score {
    fn add(&mut self, found: bool) {
        self.all += 1;
        self.found += u32::from(found);
    }

    fn percent(self) -> f64 {
        100.0 * f64::from(self.found) / f64::from(self.all.max(1))
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let misses = match args.as_slice() {
        [] => None,
        [option, cell] if option == "--misses" => Some(cell.as_str()),
        _ => {
            eprintln!("reach: only --misses PLACE/ENCODING is accepted");
            return ExitCode::from(64);
        }
    };
    match run(misses) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reach: {error}");
            ExitCode::FAILURE
        }
    }
}

fn families(findings: impl Iterator<Item = guard_core::Finding>) -> Vec<String> {
    findings
        .filter_map(|finding| Some(finding.rule.as_str().split('.').next()?.to_owned()))
        .collect()
}

fn cases(inspector: &Inspector) -> io::Result<Vec<Text>> {
    let mut texts = Vec::new();
    for file in fs::read_dir("tests/data/cases")? {
        let path = file?.path();
        let table: toml::Table =
            toml::from_str(&fs::read_to_string(&path)?).map_err(io::Error::other)?;
        let class = path.file_stem().unwrap_or_default().display().to_string();
        for case in table
            .get("case")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
        {
            let field = |name| case.get(name);
            let Some(input) = field("input").and_then(toml::Value::as_str) else {
                continue;
            };
            let benign = field("expect")
                .and_then(toml::Value::as_array)
                .is_none_or(Vec::is_empty);
            let families = families(inspector.inspect_value(input.as_bytes()));
            if benign == families.is_empty() {
                texts.push(Text {
                    class: class.clone(),
                    input: input.to_owned(),
                    families,
                });
            }
        }
    }
    Ok(texts)
}

/// A sample of the corpus, if it is there: attacks that are found as plain values.
fn corpus(inspector: &Inspector) -> io::Result<Vec<Text>> {
    let path = Path::new("../shared/corpus/dev.jsonl");
    let Ok(file) = fs::File::open(path) else {
        println!("corpus: skipped, there is no {}", path.display());
        return Ok(Vec::new());
    };
    let mut classes: BTreeMap<String, Vec<Text>> = BTreeMap::new();
    for line in io::BufReader::new(file).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let is = |name: &str| line.get(name).and_then(Value::as_bool) == Some(true);
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        if is("weak") || !is("malicious") {
            continue;
        }
        let families = families(inspector.inspect_value(text("input").as_bytes()));
        if !families.is_empty() {
            classes
                .entry(text("class").to_owned())
                .or_default()
                .push(Text {
                    class: text("class").to_owned(),
                    input: text("input").to_owned(),
                    families,
                });
        }
    }
    Ok(classes
        .into_values()
        .flat_map(|all| {
            let step = all.len().div_ceil(SAMPLE).max(1);
            all.into_iter().step_by(step)
        })
        .collect())
}

fn run(misses: Option<&str>) -> io::Result<()> {
    let inspector = Inspector::new(Families::ALL);
    let mut texts = cases(&inspector)?;
    texts.extend(corpus(&inspector)?);
    let mut out = io::stdout().lock();
    let benign = texts.iter().filter(|text| text.families.is_empty()).count();
    writeln!(
        out,
        "{} attacks, {benign} benign texts",
        texts.len() - benign
    )?;
    write!(out, "{:<24}", "found, %")?;
    for encoding in ENCODINGS {
        write!(out, "{:>10}", encoding.name)?;
    }
    writeln!(out, "{:>8}", "benign")?;
    let mut by_class: BTreeMap<&str, Vec<Score>> = BTreeMap::new();
    let (mut total, mut alarms) = (Score::default(), Score::default());
    for place in PLACES {
        let mut row = vec![Score::default(); ENCODINGS.len()];
        let mut alarm = Score::default();
        for text in &texts {
            for (nth, encoding) in ENCODINGS.iter().enumerate() {
                let Some(event) = place.event(&text.input, encoding) else {
                    continue;
                };
                let found = families(inspector.inspect(&event));
                let cell = || format!("{}/{}", place.name, encoding.name);
                if text.families.is_empty() {
                    alarm.add(!found.is_empty());
                    if !found.is_empty() && misses == Some(&format!("benign/{}", cell())) {
                        writeln!(out, "{}: {found:?} in {:?}", text.class, text.input)?;
                    }
                    continue;
                }
                let hit = text.families.iter().any(|family| found.contains(family));
                if !hit && misses == Some(&cell()) {
                    writeln!(out, "{}: {:?}", text.class, text.input)?;
                }
                row[nth].add(hit);
                total.add(hit);
                let class = by_class.entry(&text.class);
                class.or_insert_with(|| vec![Score::default(); ENCODINGS.len()])[nth].add(hit);
            }
        }
        write!(out, "{:<24}", place.name)?;
        print_row(&mut out, &row)?;
        writeln!(out, "{:>8}", alarm.found)?;
        alarms.all += alarm.all;
        alarms.found += alarm.found;
    }
    writeln!(out, "\nby class")?;
    for (class, row) in by_class {
        write!(out, "{class:<24}")?;
        print_row(&mut out, &row)?;
        writeln!(out)?;
    }
    writeln!(
        out,
        "\n{} of {} planted attacks found ({:.2} %); {} of {} benign siblings",
        total.found,
        total.all,
        total.percent(),
        alarms.found,
        alarms.all
    )
}

fn print_row(out: &mut impl Write, row: &[Score]) -> io::Result<()> {
    for score in row {
        if score.all == 0 {
            write!(out, "{:>10}", "-")?;
        } else {
            write!(out, "{:>10.1}", score.percent())?;
        }
    }
    Ok(())
}
