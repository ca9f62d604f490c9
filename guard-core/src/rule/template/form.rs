//! Contents that are telling by how they begin, each in the language of its delimiter.

/// Commands as literals of Ruby, and Python's way to import inside a tag.
pub(super) fn runs(content: &[u8], delimiter: &[u8]) -> bool {
    let content = content.trim_ascii_start();
    match delimiter.first() {
        Some(b'#') => content.starts_with(b"`") || content.starts_with(b"%x"),
        Some(b'<') => {
            content.starts_with(b"`")
                || content.starts_with(b"%x")
                || content.starts_with(b"import ")
        }
        _ => false,
    }
}

/// `${#ctx}`, `${#a=1}`: the expression's own objects and variables (Thymeleaf, OGNL); `double` for
/// delimiters of languages that have none.
pub(super) fn names_context(content: &[u8], double: bool) -> bool {
    let Some(object) = content.strip_prefix(b"#").filter(|_| !double) else {
        return false;
    };
    let name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    let length = object.iter().take_while(name).count();
    let (object, rest) = object.split_at_checked(length).unwrap_or_default();
    let known: [&[u8]; 12] = [
        b"ctx",
        b"vars",
        b"root",
        b"strings",
        b"request",
        b"response",
        b"session",
        b"servletContext",
        b"context",
        b"execInfo",
        b"this",
        b"application",
    ];
    known.contains(&object) || length > 0 && matches!(rest, [b'=', next, ..] if *next != b'=')
}

/// Directives: blocks of Handlebars, calls of Go templates, page directives of JSP and ASP, special
/// variables of FreeMarker, a delimiter of another language inside; `whole` if the content and its
/// delimiters are all there is.
pub(super) fn is_directive(content: &[u8], delimiter: &[u8], whole: bool) -> bool {
    let trimmed = content.trim_ascii_start();
    let starts = |words: &[&[u8]]| {
        words.iter().any(|word| {
            trimmed
                .get(..word.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(word))
        })
    };
    match delimiter {
        [b'<', b'%', b'@', ..] => starts(&[b"page ", b"include ", b"taglib ", b"import "]),
        [b'{', b'{', ..] | [b'$', b'{', b'{', ..] => {
            let go: [&[u8]; 5] = [b"printf \"", b"print \"", b"html \"", b"js \"", b"call ."];
            starts(&[b"#with \"", b"#with '"])
                || go.iter().any(|call| trimmed.starts_with(call))
                || content.starts_with(b"<%")
                || whole && content == b"."
        }
        [b'$', b'{', ..] => matches!(
            content,
            b".version" | b".data_model" | b".globals" | b".now" | b".template_name" | b".main"
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_read_in_the_language_of_the_delimiter() {
        assert!(runs(b" `id` ", b"<%="));
        assert!(!runs(b"`id`", b"{{"));
        assert!(names_context(b"#ctx", false));
        assert!(names_context(b"#a=1", false));
        assert!(!names_context(b"#list[@]", false));
        assert!(is_directive(b" Page Language=x", b"<%@", false));
        assert!(!is_directive(b" page ", b"<%", false));
        assert!(is_directive(b".", b"{{", true));
        assert!(!is_directive(b".", b"{{", false));
    }
}
