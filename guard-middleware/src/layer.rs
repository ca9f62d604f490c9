//! What a handler is given: the layer and what can be made of it.

use std::env;
use std::fs::File;
use std::sync::Arc;

use guard_core::Finding;
use guard_core::decide::Guard;
use guard_core::error::PolicyErrors;
use guard_core::policy::{Mode, Policy, read_text};
use guard_core::secret::Secrets;
use http::Uri;
use tower_layer::Layer;

use crate::records::Records;
use crate::responses::Responses;
use crate::runtime_api::RuntimeApi;
use crate::service::GuardService;
use crate::shared::Shared;

/// Guards a function from inside its own runtime. Cheap to clone: clones share everything.
///
/// What a `with_` method changes holds for what is made from the layer afterwards.
#[derive(Debug, Clone)]
pub struct GuardLayer {
    shared: Arc<Shared>,
}

impl GuardLayer {
    /// A layer for the policy in the environment's `GUARD_` variables.
    ///
    /// In `monitor`, which is the default, a policy with errors is used as far as it can be read:
    /// the status record lists the errors.
    ///
    /// # Errors
    /// In `enforce`, or where the mode itself cannot be read: every error of the policy. Returned
    /// from `main` it ends the process, which Lambda reports as a failed INIT.
    pub fn from_env() -> Result<Self, PolicyErrors> {
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let file = variable("GUARD_POLICY")
            .and_then(|path| Some((read_text(File::open(&path).ok()?).ok()?, path)));
        let file = file
            .as_ref()
            .map(|(text, path)| (path.as_str(), text.as_str()));
        match Policy::from_vars_and_file(variable, names, file) {
            Ok(policy) => Ok(Self::new(policy)),
            Err(errors) if errors.mode() == Mode::Enforce => Err(errors),
            Err(errors) => {
                let problems = errors.errors().iter().map(ToString::to_string).collect();
                Ok(Self::with_problems(errors.readable().clone(), problems))
            }
        }
    }

    /// A layer for `policy`. The secrets to look for in responses are the environment's.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_problems(policy, Vec::new())
    }

    fn with_problems(policy: Policy, problems: Vec<String>) -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_encoded_bytes()))
        });
        let secrets = Secrets::from_variables(variables);
        Self {
            shared: Arc::new(Shared::new(Guard::new(policy), secrets, problems)),
        }
    }

    /// Hands each audit record, one line of JSON with its line feed, to `write` instead of writing
    /// it to standard output. It runs on the invocation's own path and should not block.
    #[must_use]
    pub fn with_records_to(mut self, write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.change().records = Arc::new(Records::to(Box::new(write)));
        self
    }

    /// Answers blocked events at `endpoint` instead of where `AWS_LAMBDA_RUNTIME_API` points.
    #[must_use]
    pub fn with_runtime_api(mut self, endpoint: Uri) -> Self {
        self.change().api = Arc::new(RuntimeApi::at(endpoint));
        self
    }

    /// Looks for `secrets` in responses instead of those of the environment. They are kept until
    /// the process ends.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.change().secrets = Box::leak(Box::new(secrets));
        self
    }

    fn change(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.shared.guard.policy()
    }

    /// Findings in other bytes than the event's: a third party's response, a file, a message taken
    /// from a queue by the handler itself. At most one of each family; nothing is recorded, and
    /// what follows is up to the caller. Empty in `off`.
    #[must_use]
    pub fn inspect(&self, bytes: &[u8]) -> Vec<Finding> {
        match self.policy().mode() {
            Mode::Off => Vec::new(),
            _ => self.shared.guard.inspector().inspect_value(bytes).collect(),
        }
    }

    /// `handler` with its responses looked at, see [`Responses`].
    ///
    /// Hand the result to the runtime in the handler's place. For `lambda_http`, `handler` is its
    /// `Adapter` or `StreamAdapter` around the handler.
    #[must_use]
    pub fn responses_of<H, B, S>(&self, handler: H) -> Responses<H, B, S> {
        Responses::new(handler, Arc::clone(&self.shared))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        self.shared.announce();
        GuardService::new(inner, Arc::clone(&self.shared))
    }
}

/// A variable of the environment. One that is not UTF-8 is still set: what it holds in place of
/// the wrong bytes is for the policy to refuse.
fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
