//! The reports within a user message: `<incident index="N">text</incident>`, the text XML-escaped (DESIGN §6).

use std::borrow::Cow;

/// One report of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// Its number in the request.
    pub(super) index: u64,
    /// Its text as it was before it was escaped.
    pub(super) text: String,
}

/// The reports in `message`, in order. What stands in an `<example>` is none.
pub(super) fn find(message: &str) -> Vec<Report> {
    let mut found = Vec::new();
    let mut rest = message;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if is_element(rest, "example") {
            rest = rest.split_once("</example>").map_or("", |(_, rest)| rest);
        } else if is_element(rest, "incident") {
            // An escaped text has no angle bracket of its own.
            let Some((attributes, content)) = rest.split_once('>') else {
                break;
            };
            let Some((text, behind)) = content.split_once("</incident>") else {
                break;
            };
            found.extend(index(attributes).map(|index| Report {
                index,
                text: unescape(text).into_owned(),
            }));
            rest = behind;
        }
    }
    found
}

fn is_element(text: &str, name: &str) -> bool {
    text.strip_prefix(name)
        .is_some_and(|behind| behind.starts_with([' ', '>', '\n']))
}

fn index(attributes: &str) -> Option<u64> {
    let (_, value) = attributes.split_once("index=")?;
    let value = value.trim_start_matches(['"', '\'']);
    let digits = value.find(|c: char| !c.is_ascii_digit());
    value[..digits.unwrap_or(value.len())].parse().ok()
}

/// Undoes the five entities and numeric ones, in one pass: an escaped escape is undone once.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let meant = end.and_then(|end| Some((character(&rest[1..end])?, end)));
        match meant {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_found_in_order_and_unescaped_once() {
        let message = "Code these.\n<incident index=\"0\">A &lt;b&gt; &amp;amp; &#233;&#xE9; & c</incident>\n\
            <fault index=\"0\">no</fault><incident index=\"7\"></incident>";
        let found = find(message);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].index, found[1].index), (0, 7));
        assert_eq!(found[0].text, "A <b> &amp; éé & c");
        assert_eq!(found[1].text, "");
    }

    #[test]
    fn examples_are_no_reports() {
        let message = "<example><incident index=\"0\">OLD</incident><answer>x</answer></example>\
            <incident index=\"0\">NEW</incident><incidental index=\"3\">no</incidental>";
        let texts: Vec<String> = find(message).into_iter().map(|r| r.text).collect();
        assert_eq!(texts, ["NEW"]);
    }

    #[test]
    fn what_is_not_closed_is_no_report() {
        for message in [
            "<incident index=\"0\">TEXT",
            "<incident index=\"0\"",
            "<example>",
            "<",
        ] {
            assert_eq!(find(message), [], "{message}");
        }
    }
}
