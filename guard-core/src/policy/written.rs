//! The policy as it was written: every setting with its value.

use core::net::IpAddr;

use super::aws::Region;
use super::compiled::Builder;
use super::list::{Fault, Given, Text};
use super::settings::{Report, SETTINGS};
use super::{document, file, near, platform};
use crate::error::{Place, PolicyError, PolicyErrors, quote};
use crate::rule::Families;

pub use super::choice::{AuditExcerpt, Limits, Mode, OnBlock, Require, Skip, Sni, Tier, Tmp};
pub use super::effect::Suggestion;
pub use super::egress::{Cidr, EgressRule, HostPattern, Ports, Target};
pub use super::file::{ExecRule, FileRule};
use super::operation::{Access, Origin, Phase, Protocol};

/// Every setting of a function, read and checked.
///
/// Lists are `None` where they are unset: operations of that kind are recorded, not restricted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) mode: Mode,
    pub(super) inspect: Families,
    pub(super) skips: Vec<Skip>,
    pub(super) egress: Option<Vec<Entry<EgressRule>>>,
    pub(super) dns: Option<Vec<Entry<(IpAddr, u16)>>>,
    pub(super) sni: Sni,
    pub(super) file_read: Option<Vec<Entry<FileRule>>>,
    pub(super) file_write: Option<Vec<Entry<FileRule>>>,
    pub(super) exec: Option<Vec<Entry<ExecRule>>>,
    pub(super) tmp: Tmp,
    pub(super) limits: Limits,
    pub(super) tier: Option<Tier>,
    pub(super) require: Require,
    pub(super) on_block: OnBlock,
    pub(super) audit_excerpt: AuditExcerpt,
    pub(super) file: Option<String>,
    pub(super) next_wrapper: Option<String>,
    pub(super) region: Option<Region>,
    pub(super) platform: Vec<Entry<EgressRule>>,
}

/// One entry of a list: its text and the rules it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// The entry as it was written.
    pub text: String,
    /// The rules.
    pub rules: Vec<T>,
}

impl Default for Policy {
    /// The policy of a function that has only just attached Guard: everything is recorded, nothing
    /// is refused.
    fn default() -> Self {
        Self {
            mode: Mode::Monitor,
            inspect: Families::ALL,
            skips: Vec::new(),
            egress: None,
            dns: None,
            sni: Sni::Off,
            file_read: None,
            file_write: None,
            exec: None,
            tmp: Tmp::Keep,
            limits: Limits::default(),
            tier: None,
            require: Require::None,
            on_block: OnBlock::Fail,
            audit_excerpt: AuditExcerpt::Off,
            file: None,
            next_wrapper: None,
            region: None,
            platform: Vec::new(),
        }
    }
}

// Reading.
impl Policy {
    /// Reads the policy through a function that looks variables up.
    ///
    /// ```
    /// use guard_core::policy::{Mode, Policy};
    ///
    /// let variables = [("GUARD_MODE", "enforce"), ("GUARD_EGRESS_ALLOW", "api.*.com,10.0.0.0/8")];
    /// let lookup = |name: &str| {
    ///     variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    /// };
    /// let errors = Policy::from_vars(lookup).unwrap_err();
    /// assert_eq!(errors.mode(), Mode::Enforce);
    /// assert_eq!(errors.errors()[0].entry(), Some("api.*.com"));
    /// ```
    ///
    /// # Errors
    /// When anything is wrong with any setting, all of it at once; also when `GUARD_POLICY` names a
    /// file, which takes [`Self::from_vars_and_file`].
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, PolicyErrors> {
        Self::from_vars_and_file(lookup, [""; 0], None)
    }

    /// Reads the policy as [`Self::from_vars`] does, and takes offence at names that begin with
    /// `GUARD_` and are no setting: a mistyped variable is a hole in the policy.
    ///
    /// # Errors
    /// As [`Self::from_vars`], and for unknown names.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, PolicyErrors> {
        Self::from_vars_and_file(lookup, names, None)
    }

    /// Reads the policy from variables and from the path and text of the file that `GUARD_POLICY`
    /// names, if the caller has read it. Variables win over the file, setting by setting.
    ///
    /// # Errors
    /// As [`Self::from_lookup`], with lines and columns for what is in the file.
    pub fn from_vars_and_file(
        lookup: impl Fn(&str) -> Option<String>,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        file: Option<(&str, &str)>,
    ) -> Result<Self, PolicyErrors> {
        let region = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
        let region = region.as_deref().and_then(Region::parse);
        let mut document = file
            .map(|(path, text)| document::parse(path, text))
            .unwrap_or_default();
        let mut errors = std::mem::take(&mut document.errors);
        let mut policy = Self::default();
        let mut mode = None;
        for setting in SETTINGS {
            let before = errors.len();
            let in_file = document
                .values
                .iter()
                .find(|(variable, _)| *variable == setting.variable);
            let variable = lookup(setting.variable).map(|text| {
                Given::Whole(Text {
                    text,
                    place: Place::Variable { offset: 0 },
                })
            });
            if let (Some((_, given)), Some(key)) = (in_file, setting.key) {
                // What a variable overrides is still checked, and then forgotten.
                let mut scratch = policy.clone();
                let target = if variable.is_some() {
                    &mut scratch
                } else {
                    &mut policy
                };
                let region = region.as_ref();
                (setting.apply)(
                    target,
                    given,
                    &mut Report {
                        name: key,
                        region,
                        errors: &mut errors,
                    },
                );
            }
            if let Some(given) = &variable {
                let (name, region) = (setting.variable, region.as_ref());
                (setting.apply)(
                    &mut policy,
                    given,
                    &mut Report {
                        name,
                        region,
                        errors: &mut errors,
                    },
                );
            }
            if setting.variable == "GUARD_MODE" && errors.len() == before {
                mode = Some(policy.mode);
            }
        }
        policy.region = region;
        policy.platform = platform::destinations(&lookup);
        errors.extend(policy.conflicts(file.is_some()));
        errors.extend(
            names
                .into_iter()
                .filter_map(|name| unknown_name(name.as_ref())),
        );
        if errors.is_empty() {
            return Ok(policy);
        }
        // A file that cannot be read may have set the mode.
        let is_lost = errors.iter().any(|error| error.setting == "GUARD_POLICY");
        if is_lost && lookup("GUARD_MODE").is_none() {
            mode = None;
        }
        Err(PolicyErrors {
            errors,
            mode,
            readable: Box::new(policy),
        })
    }

    /// Settings that contradict each other.
    fn conflicts(&self, file_was_read: bool) -> Vec<PolicyError> {
        let whole = Text {
            text: String::new(),
            place: Place::Variable { offset: 0 },
        };
        let mut errors = Vec::new();
        if let Some(tier) = self.tier
            && !self.require.is_met_by(tier)
        {
            let reason = format!(
                "{} is above GUARD_TIER {}",
                quote(self.require.name()),
                quote(tier.name())
            );
            let fault = Fault::new(0, reason, "a tier that GUARD_TIER lets be reached");
            errors.push(whole.error("GUARD_REQUIRE", fault, false));
        }
        if let (Some(path), false) = (&self.file, file_was_read) {
            let reason = format!("the file {} was not read", quote(path));
            let fault = Fault::new(0, reason, "the path of a file that can be read");
            errors.push(whole.error("GUARD_POLICY", fault, false));
        }
        errors
    }
}

// What the settings say.
impl Policy {
    /// `GUARD_MODE`.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Sets `GUARD_MODE`: to see in `monitor`, say, what `enforce` would stop.
    pub const fn set_mode(&mut self, mode: Mode) -> &mut Self {
        self.mode = mode;
        self
    }

    /// `GUARD_INSPECT`.
    #[must_use]
    pub const fn inspect(&self) -> Families {
        self.inspect
    }

    /// `GUARD_INSPECT_SKIP`.
    #[must_use]
    pub fn skips(&self) -> &[Skip] {
        &self.skips
    }

    /// `GUARD_EGRESS_ALLOW`.
    #[must_use]
    pub fn egress(&self) -> Option<&[Entry<EgressRule>]> {
        self.egress.as_deref()
    }

    /// `GUARD_DNS`: addresses and ports of resolvers.
    #[must_use]
    pub fn dns(&self) -> Option<&[Entry<(IpAddr, u16)>]> {
        self.dns.as_deref()
    }

    /// `GUARD_EGRESS_SNI`.
    #[must_use]
    pub const fn sni(&self) -> Sni {
        self.sni
    }

    /// `GUARD_FILE_READ`.
    #[must_use]
    pub fn file_read(&self) -> Option<&[Entry<FileRule>]> {
        self.file_read.as_deref()
    }

    /// `GUARD_FILE_WRITE`.
    #[must_use]
    pub fn file_write(&self) -> Option<&[Entry<FileRule>]> {
        self.file_write.as_deref()
    }

    /// `GUARD_EXEC_ALLOW`.
    #[must_use]
    pub fn exec(&self) -> Option<&[Entry<ExecRule>]> {
        self.exec.as_deref()
    }

    /// `GUARD_TMP`.
    #[must_use]
    pub const fn tmp(&self) -> Tmp {
        self.tmp
    }

    /// `GUARD_LIMIT_BYTES`, `GUARD_LIMIT_DEPTH`, `GUARD_LIMIT_VALUES`.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// `GUARD_TIER`: the highest to use; `None` for the best there is.
    #[must_use]
    pub const fn tier(&self) -> Option<Tier> {
        self.tier
    }

    /// `GUARD_REQUIRE`.
    #[must_use]
    pub const fn require(&self) -> Require {
        self.require
    }

    /// `GUARD_ON_BLOCK`.
    #[must_use]
    pub const fn on_block(&self) -> OnBlock {
        self.on_block
    }

    /// `GUARD_AUDIT_EXCERPT`.
    #[must_use]
    pub const fn audit_excerpt(&self) -> AuditExcerpt {
        self.audit_excerpt
    }

    /// `GUARD_POLICY`.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// `GUARD_NEXT_WRAPPER`.
    #[must_use]
    pub fn next_wrapper(&self) -> Option<&str> {
        self.next_wrapper.as_deref()
    }

    /// What the platform needs to reach, whatever `GUARD_EGRESS_ALLOW` says.
    #[must_use]
    pub fn platform(&self) -> &[Entry<EgressRule>] {
        &self.platform
    }
}

// Compiling.
impl Policy {
    /// The same with every allowlist empty: what the platform needs and nothing else.
    #[must_use]
    pub fn platform_alone(&self) -> Self {
        Self {
            egress: Some(Vec::new()),
            file_read: Some(Vec::new()),
            file_write: Some(Vec::new()),
            exec: Some(Vec::new()),
            ..self.clone()
        }
    }

    /// The flat form that [`CompiledPolicy`](super::CompiledPolicy) reads.
    #[must_use]
    pub fn compile(&self) -> Vec<u8> {
        let mut builder = Builder::new(self.mode as u8);
        self.compile_egress(&mut builder);
        self.compile_files(&mut builder);
        if let Some(entries) = &self.exec {
            builder.restrict_exec();
            for entry in entries {
                let id = builder.entry(Origin::ExecAllow, &entry.text);
                for rule in &entry.rules {
                    phases(&rule.0, |path, phase| builder.exec(path, phase, id));
                }
            }
            for rule in file::platform_exec() {
                let id = builder.entry(Origin::Platform, &rule.path);
                phases(&rule, |path, phase| builder.exec(path, phase, id));
            }
        }
        builder.finish()
    }

    fn compile_egress(&self, builder: &mut Builder) {
        let Some(entries) = &self.egress else { return };
        builder.restrict_egress();
        let written = entries.iter().map(|entry| (Origin::EgressAllow, entry));
        let platform = self.platform.iter().map(|entry| (Origin::Platform, entry));
        for (origin, entry) in written.chain(platform) {
            let id = builder.entry(origin, &entry.text);
            for rule in &entry.rules {
                let how = (rule.ports, rule.protocol);
                match &rule.target {
                    Target::Host(host) => builder.host(host.name(), host.is_suffix(), how, id),
                    Target::Network(net) => builder.network(net.bits(), net.prefix_v6(), how, id),
                    Target::Unix(path) => builder.unix(path, id),
                }
            }
        }
        for entry in self.dns.iter().flatten() {
            let id = builder.entry(Origin::Dns, &entry.text);
            for (ip, port) in &entry.rules {
                let cidr = Cidr::one(*ip);
                for protocol in [Protocol::Udp, Protocol::Tcp] {
                    let how = (Ports::one(*port), protocol);
                    builder.network(cidr.bits(), cidr.prefix_v6(), how, id);
                }
            }
        }
    }

    fn compile_files(&self, builder: &mut Builder) {
        let lists = [
            (Access::Read, Origin::FileRead, &self.file_read),
            (Access::Write, Origin::FileWrite, &self.file_write),
        ];
        for (access, origin, list) in lists {
            let Some(entries) = list else { continue };
            builder.restrict_files(access);
            for entry in entries {
                let id = builder.entry(origin, &entry.text);
                for rule in &entry.rules {
                    phases(rule, |path, phase| {
                        builder.file(path, access, phase, id);
                        if access == Access::Write {
                            builder.file(path, Access::Read, phase, id);
                        }
                    });
                }
            }
            for rule in file::platform(access) {
                let id = builder.entry(Origin::Platform, &rule.path);
                phases(&rule, |path, phase| builder.file(path, access, phase, id));
            }
        }
    }
}

fn phases(rule: &FileRule, mut allow: impl FnMut(&str, Phase)) {
    allow(&rule.path, Phase::Init);
    if !rule.only_init {
        allow(&rule.path, Phase::Invoke);
    }
}

fn unknown_name(name: &str) -> Option<PolicyError> {
    /// What all names begin with, so that it says nothing about which is meant.
    const PREFIX: &str = "GUARD_";
    /// No setting, but how programs under guard find it: nobody's mistake.
    const RENDEZVOUS: &str = "GUARD_RENDEZVOUS";
    let own = name.strip_prefix(PREFIX)?;
    if name == RENDEZVOUS {
        return None;
    }
    if SETTINGS.iter().any(|setting| setting.variable == name) {
        return None;
    }
    let known = SETTINGS
        .iter()
        .filter_map(|setting| setting.variable.strip_prefix(PREFIX));
    let reason = match near::nearest(own, known) {
        Some(near) => {
            format!(
                "no setting has this name (did you mean {}?)",
                quote(&format!("{PREFIX}{near}"))
            )
        }
        None => "no setting has this name".to_owned(),
    };
    let names: Vec<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
    Some(PolicyError {
        setting: name.chars().take(80).flat_map(char::escape_debug).collect(),
        place: Place::Variable { offset: 0 },
        entry: None,
        reason,
        accepted: names.join(", "),
    })
}
