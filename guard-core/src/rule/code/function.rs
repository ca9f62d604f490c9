//! Functions that run code or commands, and the arguments that make a call of one an attack.
//!
//! It knows names only, not where a call stands.

/// What a call of a function must look like to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but code to be run names it: `phpinfo`, `proc_open`.
    Sure,
    /// Runs its argument: needs a text, a variable, or another call as the first argument.
    Run,
    /// The same, and known as a method of harmless objects too: `exec`, `open`, `write`.
    Method,
    /// Shows what it is given, as probes do: needs a value computed on the way.
    Show,
    /// Delays: needs a number.
    Delay,
    /// Loads a file or module: needs one that gives power over the host.
    Load,
}

use Kind::{Delay, Load, Method, Run, Show, Sure};

/// Longest name in [`FUNCTIONS`].
pub(super) const LONGEST: usize = 24;

/// The kind of the function called `name`, in any case.
pub(super) fn lookup(name: &[u8]) -> Option<Kind> {
    let mut folded = [0; LONGEST];
    let slot = folded.get_mut(..name.len())?;
    slot.copy_from_slice(name);
    slot.make_ascii_lowercase();
    let found = FUNCTIONS.binary_search_by(|(known, _)| known.as_bytes().cmp(slot)).ok()?;
    FUNCTIONS.get(found).map(|(_, kind)| *kind)
}

const FUNCTIONS: &[(&str, Kind)] = &[
    ("__import__", Sure),
    ("array_filter", Method),
    ("array_map", Method),
    ("assert", Run),
    ("call_user_func", Sure),
    ("call_user_func_array", Sure),
    ("check_output", Run),
    ("compile", Method),
    ("create_function", Sure),
    ("createobject", Method),
    ("die", Show),
    ("dl", Method),
    ("echo", Show),
    ("error_log", Show),
    ("eval", Run),
    ("exec", Method),
    ("execfile", Run),
    ("execfilesync", Sure),
    ("execsync", Sure),
    ("execute", Method),
    ("execute_string", Run),
    ("exit", Show),
    ("expr", Show),
    ("file_get_contents", Load),
    ("file_put_contents", Run),
    ("fopen", Load),
    ("forname", Method),
    ("fsockopen", Run),
    ("function", Run),
    ("gethostbyname", Run),
    ("getruntime", Sure),
    ("highlight_file", Run),
    ("import", Load),
    ("include", Load),
    ("include_once", Load),
    ("ini_set", Run),
    ("instance_eval", Run),
    ("lc", Show),
    ("load_file", Load),
    ("open", Load),
    ("passthru", Sure),
    ("pcntl_exec", Sure),
    ("phpcredits", Sure),
    ("phpinfo", Sure),
    ("phpversion", Sure),
    ("popen", Run),
    ("preg_replace", Method),
    ("print", Show),
    ("print_r", Show),
    ("printf", Show),
    ("println", Show),
    ("proc_open", Sure),
    ("processbuilder", Run),
    ("putenv", Run),
    ("puts", Show),
    ("readdirsync", Load),
    ("readfile", Load),
    ("readfilesync", Load),
    ("require", Load),
    ("require_once", Load),
    ("scandir", Load),
    ("shell_exec", Sure),
    ("show_source", Run),
    ("sleep", Delay),
    ("spawn", Method),
    ("spawnsync", Sure),
    ("start", Method),
    ("system", Run),
    ("unserialize", Run),
    ("usleep", Delay),
    ("var_dump", Show),
    ("var_export", Show),
    ("write", Show),
    ("writeline", Show),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_and_short() {
        for pair in FUNCTIONS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{pair:?}");
        }
        assert!(FUNCTIONS.iter().all(|(name, _)| name.len() <= LONGEST));
        assert_eq!(lookup(b"PhpInfo"), Some(Sure));
        assert_eq!(lookup(b"info"), None);
    }
}
