//! Functions that run code or commands, and the arguments that make a call of one an attack.
//!
//! It knows names only, not where a call stands.

use crate::rule::names::Names;

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
    /// The value a probe shows: needs a word before it that shows it.
    Shown,
    /// Makes text from character codes: needs numbers.
    Codes,
    /// Loops: needs a condition that is always true.
    Loop,
    /// Request data: needs a word before it that runs it.
    Request,
    /// Loads a file or module: needs one that gives power over the host.
    Load,
}

use Kind::{Codes, Delay, Load, Loop, Method, Request, Run, Show, Shown, Sure};

/// Longest name in [`FUNCTIONS`].
pub(super) const LONGEST: usize = 26;

static NAMES: Names<{ FUNCTIONS.len() }> = {
    let mut list = [[].as_slice(); FUNCTIONS.len()];
    let mut i = 0;
    while i < list.len() {
        list[i] = FUNCTIONS[i].0.as_bytes();
        i += 1;
    }
    Names::new(list)
};

/// The kind of the function called `name`, in any case.
pub(super) fn lookup(name: &[u8]) -> Option<Kind> {
    let found = NAMES.find_folded(name)?;
    FUNCTIONS.get(found).map(|(_, kind)| *kind)
}

const FUNCTIONS: &[(&str, Kind)] = &[
    ("__import__", Sure),
    ("_load", Run),
    ("apache_setenv", Sure),
    ("array_filter", Method),
    ("array_map", Method),
    ("array_walk", Method),
    ("assert", Run),
    ("base64_decode", Run),
    ("binding", Method),
    ("call", Method),
    ("call_user_func", Sure),
    ("call_user_func_array", Sure),
    ("capture2", Run),
    ("capture2e", Run),
    ("capture3", Run),
    ("cdll", Run),
    ("check_output", Run),
    ("chmod", Method),
    ("chr", Codes),
    ("compile", Method),
    ("constructor", Run),
    ("create_function", Sure),
    ("createobject", Method),
    ("createtextfile", Run),
    ("curl_exec", Run),
    ("defineclass", Sure),
    ("die", Show),
    ("dl", Method),
    ("dlopen", Run),
    ("dofile", Load),
    ("downloadfile", Run),
    ("downloadstring", Run),
    ("echo", Show),
    ("error_log", Show),
    ("eval", Run),
    ("exec", Method),
    ("execfile", Run),
    ("execfilesync", Sure),
    ("execl", Run),
    ("execle", Run),
    ("execlp", Run),
    ("execlpe", Run),
    ("execsync", Sure),
    ("execute", Method),
    ("execute_string", Run),
    ("execv", Run),
    ("execve", Run),
    ("execvp", Run),
    ("execvpe", Run),
    ("exit", Show),
    ("expect_popen", Sure),
    ("expr", Show),
    ("file_get_contents", Load),
    ("file_put_contents", Run),
    ("fopen", Load),
    ("forname", Method),
    ("forward_static_call", Sure),
    ("forward_static_call_array", Sure),
    ("fromcharcode", Codes),
    ("fsockopen", Run),
    ("function", Run),
    ("get_current_user", Sure),
    ("getattr", Run),
    ("getdeclaredmethod", Run),
    ("getenginebyname", Sure),
    ("gethostbyname", Run),
    ("getmethod", Method),
    ("getmyuid", Sure),
    ("getoutput", Run),
    ("getruntime", Sure),
    ("getstatusoutput", Run),
    ("gzinflate", Run),
    ("gzuncompress", Run),
    ("hex2bin", Run),
    ("highlight_file", Run),
    ("import", Load),
    ("import_module", Run),
    ("importlib", Run),
    ("include", Load),
    ("include_once", Load),
    ("ini_set", Run),
    ("instance_eval", Run),
    ("invoke", Method),
    ("invokeexact", Sure),
    ("iterator_apply", Method),
    ("lc", Show),
    ("load_extension", Run),
    ("load_file", Load),
    ("loadclass", Run),
    ("loadstring", Run),
    ("mb_ereg_replace", Run),
    ("md5", Shown),
    ("move_uploaded_file", Run),
    ("ob_start", Run),
    ("open", Load),
    ("opendir", Load),
    ("opentextfile", Run),
    ("parse_ini_file", Load),
    ("parse_str", Run),
    ("passthru", Sure),
    ("pcntl_exec", Sure),
    ("pcntl_fork", Sure),
    ("php_uname", Sure),
    ("phpcredits", Sure),
    ("phpinfo", Sure),
    ("phpversion", Sure),
    ("popen", Run),
    ("popen2", Run),
    ("popen3", Run),
    ("posix_getpwuid", Sure),
    ("posix_kill", Sure),
    ("posix_spawn", Run),
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
    ("register_shutdown_function", Run),
    ("request", Request),
    ("require", Load),
    ("require_once", Load),
    ("run", Method),
    ("runincontext", Run),
    ("runinnewcontext", Run),
    ("runinthiscontext", Run),
    ("scandir", Load),
    ("scriptenginemanager", Run),
    ("set_error_handler", Run),
    ("setaccessible", Method),
    ("setattr", Method),
    ("sha1", Shown),
    ("shell_exec", Sure),
    ("shellexecute", Sure),
    ("show_source", Run),
    ("simplexml_load_file", Load),
    ("sleep", Delay),
    ("spawn", Method),
    ("spawnl", Run),
    ("spawnlp", Run),
    ("spawnsync", Sure),
    ("spawnv", Run),
    ("spawnve", Run),
    ("spawnvp", Run),
    ("ssh2_exec", Sure),
    ("start", Method),
    ("str_rot13", Run),
    ("stream_socket_client", Run),
    ("syscall", Run),
    ("system", Run),
    ("uasort", Method),
    ("unserialize", Run),
    ("urlclassloader", Sure),
    ("usleep", Delay),
    ("usort", Method),
    ("var_dump", Show),
    ("var_export", Show),
    ("while", Loop),
    ("write", Show),
    ("writeline", Show),
    ("wscript", Run),
    ("xp_cmdshell", Sure),
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
