//! Looks for the dearest event that the test cases can be made into.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::time::Instant;

use guard_core::{Families, Inspector};

use crate::events::Event;
use crate::hostile::{self, Place};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The size that all are tried at, and those that the dearest are measured at; the last is what
/// Lambda takes (the event around the body included).
const TRIED: usize = 64 * KIB;
const SIZES: [usize; 4] = [MIB, 2 * MIB, 4 * MIB, 6 * MIB - 4 * KIB];

/// How many of the dearest are measured at every size.
const DEAREST: usize = 20;

/// An event and what it costs.
#[derive(Debug)]
pub struct Worst {
    /// What is repeated, and where.
    pub unit: String,
    /// Where it is repeated.
    pub place: Place,
    /// Inspecting it at 64 KiB, in typed parses of the same bytes.
    pub ratio: f64,
    /// Nanoseconds for inspecting and for parsing it at 1, 2, 4 and 6 MiB.
    pub sizes: Vec<(f64, f64)>,
}

impl Worst {
    /// Inspecting it at the largest size, in typed parses.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.sizes
            .last()
            .map_or(0.0, |(guard, typed)| guard / typed)
    }

    /// What a byte costs at the largest size, in what it costs at the smallest: 1 when the cost is
    /// linear.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    pub fn linearity(&self) -> f64 {
        match (&self.sizes[..], SIZES) {
            ([(first, _), .., (last, _)], [small, .., large]) => {
                last / large as f64 / (first / small as f64)
            }
            _ => 0.0,
        }
    }
}

/// Tries every unit in every place: all of them, the dearest first. Those measured at every size have
/// their `sizes`.
///
/// # Errors
///
/// If the case files cannot be read.
pub fn find(cases: &Path) -> io::Result<Vec<Worst>> {
    let mut worst = Vec::new();
    for unit in hostile::units(cases)? {
        for place in Place::ALL {
            let (guard, typed) = measure(&hostile::hostile(&unit, place, TRIED), 3);
            worst.push(Worst {
                unit: unit.clone(),
                place,
                ratio: guard / typed,
                sizes: Vec::new(),
            });
        }
    }
    let order = |a: &Worst, b: &Worst| b.ratio.total_cmp(&a.ratio);
    worst.sort_by(order);
    for worst in worst.iter_mut().take(DEAREST) {
        // Of three rounds one may be disturbed; what is reported is measured anew.
        let (guard, typed) = measure(&hostile::hostile(&worst.unit, worst.place, TRIED), 15);
        worst.ratio = guard / typed;
        let sized = |len| measure(&hostile::hostile(&worst.unit, worst.place, len), 3);
        worst.sizes = SIZES.into_iter().map(sized).collect();
    }
    let measured = DEAREST.min(worst.len());
    worst[..measured].sort_by(order);
    Ok(worst)
}

/// Nanoseconds for all that is found in an event, and for its typed parse: the least of interleaved
/// rounds, as what disturbs one only ever adds.
fn measure(event: &Event, rounds: usize) -> (f64, f64) {
    let mut samples = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        samples[0].push(nanoseconds(|| {
            let inspector = Inspector::new(Families::ALL);
            black_box(inspector.inspect(black_box(&event.bytes)).count());
        }));
        samples[1].push(nanoseconds(|| {
            black_box(event.parse_typed());
        }));
    }
    let [guard, typed] = samples.map(|samples| samples.into_iter().fold(f64::INFINITY, f64::min));
    (guard, typed)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^52")]
fn nanoseconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64
}
