//! Scores the inspector on the labelled corpus: detection by class, false positives by kind.
//!
//! A class's figure is the mean over its sources, the macro figure the mean over classes, since
//! single lists are large. `--misses CLASS` and `--false KIND` print what was missed or wrongly
//! found, `all` for every one; `--rule ID` only what that rule found among the benign.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use guard_core::{Families, Inspector};
use serde_json::Value;

#[derive(Default)]
struct Score {
    hits: u32,
    all: u32,
}

impl Score {
    fn add(&mut self, hit: bool) {
        self.all += 1;
        self.hits += u32::from(hit);
    }

    fn percent(&self) -> f64 {
        100.0 * f64::from(self.hits) / f64::from(self.all.max(1))
    }
}

struct Options {
    path: String,
    misses: Option<String>,
    wrong: Option<String>,
    rule: Option<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        path: "../shared/corpus/dev.jsonl".into(),
        misses: None,
        wrong: None,
        rule: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--corpus" => options.path = value()?,
            "--misses" => options.misses = Some(value()?),
            "--false" => options.wrong = Some(value()?),
            "--rule" => options.rule = Some(value()?),
            _ => {
                return Err(format!(
                    "\"{arg}\" is not --corpus, --misses, --false or --rule"
                ));
            }
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options).map_err(|e| e.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("detection: {error}");
            ExitCode::from(64)
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let file = match std::fs::File::open(&options.path) {
        Ok(file) => file,
        Err(error) => {
            println!("detection: skipped, no corpus at {}: {error}", options.path);
            return Ok(());
        }
    };
    let inspector = Inspector::new(Families::ALL);
    let mut classes: BTreeMap<String, BTreeMap<String, Score>> = BTreeMap::new();
    let mut kinds: BTreeMap<String, Score> = BTreeMap::new();
    let mut blamed: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut caught, mut benign) = (Score::default(), Score::default());
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::BufReader::new(file).lines() {
        let row: Value = serde_json::from_str(&line?)?;
        if row["weak"] == true {
            continue;
        }
        let field = |name: &str| row[name].as_str().unwrap_or_default();
        let findings: Vec<_> = inspector.inspect_value(field("input").as_bytes()).collect();
        let hit = !findings.is_empty();
        if row["malicious"] == true {
            let class = field("class");
            let source = field("source").split(':').next().unwrap_or_default();
            let sources = classes.entry(class.into()).or_default();
            sources.entry(source.into()).or_default().add(hit);
            caught.add(hit);
            if !hit
                && options
                    .misses
                    .as_deref()
                    .is_some_and(|c| c == "all" || c == class)
            {
                writeln!(out, "missed {class} {source}: {}", row["input"])?;
            }
        } else {
            let kind = field("kind");
            kinds.entry(kind.into()).or_default().add(hit);
            benign.add(hit);
            for finding in &findings {
                *blamed.entry(finding.rule.as_str()).or_default() += 1;
            }
            let wanted = options
                .wrong
                .as_deref()
                .is_some_and(|k| k == "all" || k == kind)
                || findings
                    .iter()
                    .any(|f| Some(f.rule.as_str()) == options.rule.as_deref());
            if hit && wanted {
                let rules: Vec<_> = findings.iter().map(|f| f.rule.as_str()).collect();
                writeln!(out, "false {kind} {}: {}", rules.join(","), row["input"])?;
            }
        }
    }
    writeln!(
        out,
        "\n{:<22} {:>8} {:>8} {:>8}",
        "class", "macro %", "all %", "cases"
    )?;
    let mut sum = 0.0;
    for (class, sources) in &classes {
        let macro_ = sources.values().map(Score::percent).sum::<f64>() / sources.len() as f64;
        let all: u32 = sources.values().map(|s| s.all).sum();
        let hits: u32 = sources.values().map(|s| s.hits).sum();
        let micro = 100.0 * f64::from(hits) / f64::from(all);
        sum += macro_;
        writeln!(out, "{class:<22} {macro_:>8.1} {micro:>8.1} {all:>8}")?;
    }
    let macro_ = sum / classes.len() as f64;
    writeln!(
        out,
        "{:<22} {macro_:>8.1} {:>8.1} {:>8}",
        "all",
        caught.percent(),
        caught.all
    )?;
    writeln!(
        out,
        "\n{:<22} {:>8} {:>8} {:>8}",
        "benign kind", "false %", "false", "cases"
    )?;
    for (kind, score) in &kinds {
        writeln!(
            out,
            "{kind:<22} {:>8.2} {:>8} {:>8}",
            score.percent(),
            score.hits,
            score.all
        )?;
    }
    writeln!(
        out,
        "{:<22} {:>8.3} {:>8} {:>8}",
        "all",
        benign.percent(),
        benign.hits,
        benign.all
    )?;
    for (rule, n) in blamed {
        writeln!(out, "  {n:>6} {rule}")?;
    }
    out.flush()
}
