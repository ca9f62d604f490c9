//! From mode and match to verdict. Knows nothing of how a verdict is carried out.

/// What the guard does about a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing is looked at.
    Off,
    /// Matches are recorded, never blocked.
    Monitor,
    /// Matches are recorded and blocked.
    Enforce,
}

impl Mode {
    /// The mode as settings and records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Monitor => "monitor",
            Self::Enforce => "enforce",
        }
    }
}

/// What happens to the event or operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes on; nothing is recorded.
    Allow,
    /// It goes on and is recorded.
    Report,
    /// It is refused and recorded.
    Block,
}

impl Verdict {
    /// The verdict as records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Report => "report",
            Self::Block => "block",
        }
    }
}

/// The verdict in `mode` on something that matched a rule, or did not.
#[must_use]
pub const fn verdict(mode: Mode, matched: bool) -> Verdict {
    match (mode, matched) {
        (Mode::Off, _) | (Mode::Monitor | Mode::Enforce, false) => Verdict::Allow,
        (Mode::Monitor, true) => Verdict::Report,
        (Mode::Enforce, true) => Verdict::Block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [(Mode, bool, Verdict); 6] = [
        (Mode::Off, false, Verdict::Allow),
        (Mode::Off, true, Verdict::Allow),
        (Mode::Monitor, false, Verdict::Allow),
        (Mode::Monitor, true, Verdict::Report),
        (Mode::Enforce, false, Verdict::Allow),
        (Mode::Enforce, true, Verdict::Block),
    ];

    #[test]
    fn every_pair() {
        for (mode, matched, wanted) in TABLE {
            assert_eq!(verdict(mode, matched), wanted, "{} {matched}", mode.name());
        }
    }
}
