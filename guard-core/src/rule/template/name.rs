//! Names that lead from a template expression to the host's objects, and how they must be used.

/// What follows a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The end of the content.
    Alone,
    Call,
    Member,
    Index,
    Filter,
    Other,
}

impl Use {
    /// What `rest`, the bytes after a name, begins with.
    pub(super) fn read(rest: &[u8]) -> Self {
        match rest.trim_ascii_start() {
            [] => Self::Alone,
            [b'(', ..] => Self::Call,
            [b'.', ..] | [b'?', b'.', ..] => Self::Member,
            [b'[', ..] => Self::Index,
            [b'|', b'|', ..] => Self::Other,
            [b'|', ..] => Self::Filter,
            _ => Self::Other,
        }
    }

    pub(super) const fn is_call(self) -> bool {
        matches!(self, Self::Call)
    }
}

/// Where a name stands in the content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// It is the content's first token.
    pub(super) first: bool,
    /// It follows a pipe.
    pub(super) filter: bool,
    /// It follows a dot.
    pub(super) member: bool,
    /// The delimiters are doubled, as in Jinja and Twig.
    pub(super) double: bool,
    /// It and one plain name after a dot are all of the content: a property of the program's
    /// settings (`java.version`), and no class, whose package has more steps.
    pub(super) property: bool,
}

/// Whether `name`, used so, gives an expression more than the data it was meant to show.
pub(super) fn reaches(name: &[u8], after: Use, place: Place) -> bool {
    if is_dunder(name) {
        return true;
    }
    let used = matches!(after, Use::Call | Use::Member | Use::Index | Use::Filter);
    let Place {
        first,
        filter,
        member,
        double,
        property,
    } = place;
    match name {
        // Reflection and processes, under any delimiter.
        b"getClass"
        | b"getClassLoader"
        | b"forName"
        | b"getRuntime"
        | b"ProcessBuilder"
        | b"ScriptEngineManager"
        | b"getEngineByName"
        | b"newInstance"
        | b"subclasses"
        | b"child_process"
        | b"mainModule"
        | b"popen"
        | b"passthru"
        | b"shell_exec"
        | b"phpinfo"
        | b"execSync"
        | b"spawnSync"
        | b"getenv"
        | b"proc_open"
        | b"phpversion"
        | b"getInputStream"
        | b"registerUndefinedFilterCallback"
        | b"file_get_contents"
        | b"file_put_contents"
        | b"getDeclaredMethod"
        | b"getMethod"
        | b"getProtectionDomain" => true,
        b"system" | b"exec" if filter => true,
        b"exec" | b"system" | b"eval" | b"mro" | b"require" | b"include" | b"sleep" | b"md5"
        | b"print" | b"dump" | b"getFilter" | b"assert" | b"T" | b"popen2" | b"readFileSync"
        | b"spawn" | b"instance_eval" | b"load" | b"println" | b"printf" | b"write"
        | b"call_user_func" | b"base64_decode" | b"var_dump" => after == Use::Call,
        b"constructor" => used || member,
        b"classLoader" | b"protectionDomain" => member,
        b"prototype" => used && member,
        // Java packages, Ruby and Node classes.
        b"java" | b"javax" | b"freemarker" | b"ognl" => {
            after == Use::Member && !member && !property
        }
        b"File" | b"IO" | b"Dir" | b"Kernel" | b"Open3" | b"Process" | b"ENV" | b"Runtime"
        | b"Object" | b"System" | b"ObjectSpace" | b"Class" => used && !member,
        b"globalThis" | b"global" => used && !member,
        b"process" => matches!(after, Use::Member) && first && double,
        // Objects of the servlet expression language and of FreeMarker, Smarty, Mako.
        b"pageContext" | b"applicationScope" | b"sessionScope" | b"requestScope" | b"initParam"
        | b"facesContext" | b"_memberAccess" | b"headerValues" | b"paramValues" => !member,
        b"smarty" => after == Use::Member,
        b"Smarty_Internal_Write_File" | b"Smarty" => true,
        // Objects of Jinja, Twig, Django.
        b"lipsum" | b"cycler" | b"joiner" | b"get_flashed_messages" | b"url_for" => {
            matches!(after, Use::Member | Use::Index | Use::Filter | Use::Alone) && !member
        }
        b"_self" | b"_context" => !member,
        b"config" | b"self" => first && double && (used || after == Use::Alone),
        b"request" => first && double && matches!(after, Use::Alone | Use::Index | Use::Filter),
        b"environ" => member && double,
        b"application" => member && double && used,
        b"SECRET_KEY" => true,
        // Filters that reach attributes or call functions by name.
        b"attr" => filter,
        b"filter" | b"map" | b"reduce" | b"sort" => filter && after == Use::Call && double,
        b"passthrough" | b"file_excerpt" => filter,
        _ => false,
    }
}

/// Functions that configuration languages with the same delimiters offer (GitHub, Azure, Ansible).
pub(super) fn is_harmless(name: &[u8]) -> bool {
    matches!(
        name,
        b"hashFiles"
            | b"contains"
            | b"startsWith"
            | b"endsWith"
            | b"format"
            | b"join"
            | b"toJSON"
            | b"fromJSON"
            | b"success"
            | b"always"
            | b"failure"
            | b"cancelled"
            | b"variables"
            | b"parameters"
            | b"lookup"
            | b"default"
            | b"replace"
            | b"t"
            | b"i18n"
            | b"__"
            | b"gettext"
            | b"trans"
            | b"asset"
            | b"route"
            | b"url"
            | b"_"
            | b"concat"
            | b"if"
            | b"for"
            | b"and"
            | b"or"
            | b"not"
            | b"in"
    )
}

/// Whether `filter` is one that a probe can tell a template language by.
pub(super) fn is_core_filter(filter: &[u8]) -> bool {
    matches!(
        filter,
        b"upper"
            | b"lower"
            | b"length"
            | b"join"
            | b"reverse"
            | b"capitalize"
            | b"title"
            | b"e"
            | b"safe"
            | b"raw"
            | b"first"
            | b"last"
            | b"int"
            | b"list"
            | b"hash('md5')"
    )
}

/// Whether a quoted text names internals, for attributes reached by a text.
pub(super) fn is_internal_text(text: &[u8]) -> bool {
    let inner = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    is_dunder(inner)
        || inner == b"constructor"
        || inner.starts_with(b"\\x5f\\x5f")
        || inner.starts_with(b"freemarker.template")
        || inner.starts_with(b"java.lang.")
        || inner.starts_with(b"javax.script")
}

/// `__class__` and its kin.
fn is_dunder(name: &[u8]) -> bool {
    let inner = name
        .strip_prefix(b"__")
        .and_then(|name| name.strip_suffix(b"__"));
    inner.is_some_and(|inner| inner.len() >= 3 && inner.iter().all(u8::is_ascii_lowercase))
}
