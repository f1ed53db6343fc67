//! Decimals as people write prices, read digit by digit: a price is never a floating-point number on its way.

/// Dollars per million tokens with at most six decimals are a whole number of pico-dollars a token.
const DECIMALS: usize = 6;

/// No price is higher than this, in US dollars per million tokens: it is a slip of the pen.
const MAX_USD_PER_MILLION: u64 = 1_000_000;

/// Reads US dollars per million tokens as pico-dollars a token: `0.125` is 125,000.
///
/// # Errors
/// What was expected, in words that follow "expected".
pub(super) fn pico_usd(text: &str) -> Result<u64, String> {
    let expected = || {
        format!(
            "US dollars per million tokens as a plain decimal with at most {DECIMALS} decimals, such as \"0.125\""
        )
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(expected()),
        None => (text, ""),
    };
    let is_digits = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || !is_digits(whole)
        || !is_digits(fraction)
        || fraction.trim_end_matches('0').len() > DECIMALS
    {
        return Err(expected());
    }
    let mut pico = 0u64;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0'));
    for digit in whole.bytes().chain(digits.take(DECIMALS)) {
        let more = pico
            .checked_mul(10)
            .and_then(|p| p.checked_add(u64::from(digit - b'0')));
        pico = match more {
            Some(more) if more <= MAX_USD_PER_MILLION * 1_000_000 => more,
            _ => return Err(format!("at most {MAX_USD_PER_MILLION} US dollars")),
        };
    }
    Ok(pico)
}

/// `pico` times `tenths` / 10, half a pico-dollar rounded up. A price with five decimals or fewer leaves no remainder.
pub(super) fn times_tenths(pico: u64, tenths: u64) -> u64 {
    (pico * tenths + 5) / 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::money::usd_per_million;
    use proptest::prelude::*;

    #[test]
    fn prices_are_read_to_the_last_digit() {
        for (text, pico) in [
            ("0.125", 125_000),
            ("0.000001", 1),
            ("0.1250000000", 125_000),
            ("15", 15_000_000),
            ("0", 0),
            ("1000000", 1_000_000_000_000),
        ] {
            assert_eq!(pico_usd(text), Ok(pico), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused_and_not_rounded() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e-3",
            "0.0000001",
            "1,5",
            "1_0",
            " 1",
            "nan",
            "1000000.000001",
            "99999999999999999999999",
        ] {
            assert!(pico_usd(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tenth_more_than_an_eighth_of_a_dollar_is_exact() {
        assert_eq!(times_tenths(125_000, 11), 137_500);
        assert_eq!(times_tenths(3_000_000, 12), 3_600_000);
        // The rule for what does not come out even: half up.
        assert_eq!([1, 5, 15].map(|pico| times_tenths(pico, 11)), [1, 6, 17]);
    }

    proptest! {
        #[test]
        fn a_price_that_is_shown_reads_back_as_itself(pico in 0u64..MAX_USD_PER_MILLION * 1_000_000) {
            prop_assert_eq!(pico_usd(&usd_per_million(pico)), Ok(pico));
        }
    }
}
