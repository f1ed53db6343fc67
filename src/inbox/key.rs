//! Keys as S3 writes them into its event notifications.

use percent_encoding::percent_decode;

/// The key behind a form-encoded one: `+` is a space and `%XX` a byte, `/` may be written either way (FACTS §2). None: the
/// bytes are not UTF-8, which no key of S3 is. EventBridge's events hold keys as they are and do not pass here.
pub fn form_decoded(key: &str) -> Option<String> {
    let spaced: Vec<u8> = key
        .bytes()
        .map(|byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    String::from_utf8(percent_decode(&spaced).collect()).ok()
}

#[cfg(test)]
mod tests {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    /// As S3 does it: `/` and the unreserved characters stay.
    const S3: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'*');

    fn encoded(key: &str, set: &'static AsciiSet) -> String {
        utf8_percent_encode(key, set)
            .to_string()
            .replace("%20", "+")
    }

    proptest! {
        #[test]
        fn any_key_comes_back_however_it_was_form_encoded(key in any::<String>()) {
            prop_assert_eq!(form_decoded(&encoded(&key, S3)), Some(key.clone()));
            prop_assert_eq!(form_decoded(&encoded(&key, NON_ALPHANUMERIC)), Some(key.clone()));
            let spaces_as_bytes = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(form_decoded(&spaces_as_bytes), Some(key));
        }

        #[test]
        fn no_key_whatsoever_ends_the_decoder(key in any::<String>()) {
            let decoded = form_decoded(&key);
            prop_assert!(decoded.is_none_or(|decoded| decoded.len() <= key.len()));
        }
    }

    #[test]
    fn plus_is_a_space_and_an_encoded_plus_a_plus() {
        assert_eq!(form_decoded("a+b%2Bc.csv").unwrap(), "a b+c.csv");
        assert_eq!(form_decoded("in%2Fgr%C3%BCn.csv").unwrap(), "in/grün.csv");
        assert_eq!(form_decoded("100%").unwrap(), "100%");
        assert_eq!(form_decoded("%FF.csv"), None);
    }
}
