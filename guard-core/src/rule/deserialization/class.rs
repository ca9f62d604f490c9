//! Type names that callers put into JSON, YAML or XML to have objects of their choice built.

use crate::json::begins_array;

/// Whether a Java class of this name has no place in data: the JDK's inner parts, and the
/// libraries whose classes start look-ups, load code or open connections when properties are set.
pub(super) fn is_java_gadget(name: &[u8]) -> bool {
    const PACKAGES: [&[u8]; 45] = [
        b"com.sun.",
        b"sun.",
        b"javax.",
        b"jdk.",
        b"java.io.",
        b"java.net.",
        b"java.lang.Runtime",
        b"java.lang.Process",
        b"java.lang.Class",
        b"java.lang.Thread",
        b"java.lang.AutoCloseable",
        b"java.lang.Exception",
        b"java.lang.reflect.",
        b"java.lang.invoke.",
        b"java.beans.",
        b"java.rmi.",
        b"java.security.",
        b"java.util.logging.",
        b"java.util.PriorityQueue",
        b"org.apache.",
        b"org.springframework.",
        b"org.codehaus.",
        b"org.hibernate.",
        b"org.jboss.",
        b"org.mozilla.",
        b"org.python.",
        b"org.h2.",
        b"ch.qos.logback.",
        b"com.mchange.",
        b"com.zaxxer.",
        b"com.caucho.",
        b"com.alibaba.fastjson",
        b"com.alibaba.druid",
        b"com.ibatis.",
        b"com.mysql.",
        b"oracle.jdbc.",
        b"net.sf.",
        b"br.com.anteros.",
        b"bsh.",
        b"clojure.",
        b"groovy.",
        b"ognl.",
        b"jodd.",
        b"com.vaadin.",
        b"com.rometools.",
    ];
    // Type descriptors, as fastjson takes them: `Lcom.sun.X;`, `[com.sun.X`.
    let marks = name
        .iter()
        .take(4)
        .take_while(|b| matches!(b, b'L' | b'['))
        .count();
    let name = name.get(marks..).unwrap_or_default();
    let first = name.first();
    PACKAGES
        .iter()
        .any(|p| p.first() == first && name.starts_with(p))
}

/// Whether a .NET type of this name does more than hold data.
pub(super) fn is_net_gadget(name: &[u8]) -> bool {
    const NAMESPACES: [&[u8]; 20] = [
        b"System.Windows.",
        b"System.Diagnostics.",
        b"System.Configuration.",
        b"System.Security.",
        b"System.Management.",
        b"System.IO.",
        b"System.Activities.",
        b"System.Web.",
        b"System.CodeDom",
        b"System.Data.",
        b"System.Resources.",
        b"System.AddIn.",
        b"System.Runtime.",
        b"System.Workflow.",
        b"System.ComponentModel.",
        b"System.Drawing.",
        b"System.Reflection.",
        b"Microsoft.VisualStudio.",
        b"Microsoft.PowerShell.",
        b"Microsoft.IdentityModel.",
    ];
    NAMESPACES.iter().any(|n| name.starts_with(n))
}

/// Where the name of a class begins that `bytes[at..]` is part of, if it is the first element of an
/// array, or begins the text: what is before that is not known here.
pub(super) fn element(bytes: &[u8], at: usize) -> Option<usize> {
    /// What stands before the part that is looked for, as in `[Lch.qos.`
    const BEFORE: usize = 16;
    let head = bytes.get(..at)?;
    let name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'[');
    let length = head.iter().rev().take(BEFORE).take_while(name).count();
    let start = at - length;
    (start == 0 || begins_array(&head[..start])).then_some(start)
}

/// How long the name of a class is that `bytes` begin with.
pub(super) fn name_end(bytes: &[u8]) -> usize {
    let of_name = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'$' | b'_' | b';' | b'[')
    };
    bytes.iter().take_while(of_name).count()
}

/// What follows the quote that `bytes` begin with, however often it is escaped.
pub(super) fn behind_quote(bytes: &[u8]) -> Option<&[u8]> {
    let escapes = bytes.iter().take(8).take_while(|b| **b == b'\\').count();
    bytes.get(escapes..)?.strip_prefix(b"\"")
}

/// Whether what follows the name of a class in an array is one element that an object can be built
/// from: its members or elements, or an address.
pub(super) fn is_built_from(after: &[u8]) -> bool {
    /// How much of the second element is looked at: what is longer is taken for the last.
    const LONGEST: usize = 256;
    let Some(second) = after.trim_ascii_start().strip_prefix(b",") else {
        return false;
    };
    let second = second.trim_ascii_start();
    let second = second.get(..LONGEST).unwrap_or(second);
    match second {
        [b'{' | b'[', ..] => true,
        _ => behind_quote(second).is_some_and(|text| {
            let end = text.iter().position(|b| *b == b'"').unwrap_or(text.len());
            let behind = text.get(end + 1..).unwrap_or_default().trim_ascii_start();
            text[..end].contains(&b':') && matches!(behind.first(), Some(b']') | None)
        }),
    }
}

/// The string that follows a key in JSON, the key's closing quote first if there is one; quotes may
/// be escaped, as they are in JSON within JSON.
pub(super) fn value_after(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(..bytes.len().min(192))?;
    rest = skip_quote(rest);
    rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let quoted = rest.trim_ascii_start();
    let value = skip_quote(quoted);
    if value.len() == quoted.len() {
        return None;
    }
    let end = value
        .iter()
        .position(|b| matches!(b, b'"' | b'\''))
        .unwrap_or(value.len());
    value.get(..end)
}

fn skip_quote(bytes: &[u8]) -> &[u8] {
    let escapes = bytes.iter().take(8).take_while(|b| **b == b'\\').count();
    match bytes.get(escapes) {
        Some(b'"' | b'\'') => bytes.get(escapes + 1..).unwrap_or_default(),
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read() {
        assert!(is_java_gadget(b"com.sun.rowset.JdbcRowSetImpl"));
        assert!(is_java_gadget(b"Lcom.sun.rowset.JdbcRowSetImpl;"));
        assert!(!is_java_gadget(b"com.example.Order"));
        assert!(!is_java_gadget(b"java.util.ArrayList"));
        assert!(is_net_gadget(
            b"System.Windows.Data.ObjectDataProvider, PresentationFramework"
        ));
        assert!(!is_net_gadget(b"System.Collections.Generic.List`1"));
        assert_eq!(value_after(b"\": \"a.B\"}"), Some(b"a.B".as_slice()));
        assert_eq!(value_after(b"\\\":\\\"a.B\\\"}"), Some(b"a.B\\".as_slice()));
        assert_eq!(value_after(b"\": 5"), None);
        assert_eq!(element(b"x [ \"[Lcom.sun.X", 8), Some(5));
        assert_eq!(element(b"x, \"com.sun.X", 4), None);
        assert!(is_built_from(b" , {}]"));
        assert!(is_built_from(b",\"http://x\" ]"));
        assert!(is_built_from(
            [b",\"ftp:".as_slice(), &[b'x'; 400]].concat().as_slice()
        ));
        assert!(is_built_from(
            [&[b' '; 400], b",[]]".as_slice()].concat().as_slice()
        ));
        assert!(!is_built_from(b",\"http://x\",\"http://y\"]"));
        assert!(!is_built_from(b",\"com.sun.Y\"]"));
        assert!(!is_built_from(b"]"));
    }
}
