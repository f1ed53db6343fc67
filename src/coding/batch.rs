//! Which reports go into one call. A function of the texts alone, so that an estimate and a run make the same calls.

use std::ops::Range;

/// Bytes of texts in one call at most. A report that is longer goes alone. Keeps prompts far from where long ones cost a
/// multiple, and one call's failure cheap.
pub const MAX_CALL_BYTES: usize = 48 * 1024;

/// Cuts reports of these lengths into calls: in order, up to `batch_size` and [`MAX_CALL_BYTES`] each.
pub fn pack(bytes: impl IntoIterator<Item = usize>, batch_size: u32) -> Vec<Range<usize>> {
    let mut calls: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for (position, bytes) in bytes.into_iter().enumerate() {
        match calls.last_mut() {
            Some(call)
                if call.len() < batch_size.max(1) as usize && filled + bytes <= MAX_CALL_BYTES =>
            {
                call.end = position + 1;
                filled += bytes;
            }
            _ => {
                calls.push(position..position + 1);
                filled = bytes;
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn calls_hold_up_to_batch_size_reports_and_long_ones_go_alone() {
        assert_eq!(pack([10, 20, 30], 2), [0..2, 2..3]);
        assert_eq!(
            pack([MAX_CALL_BYTES + 1, 5, MAX_CALL_BYTES, 5], 10),
            [0..1, 1..2, 2..3, 3..4]
        );
        assert_eq!(pack([1, 1], 0), [0..1, 1..2]);
        assert!(pack([], 3).is_empty());
    }

    proptest! {
        #[test]
        fn every_report_is_in_exactly_one_call(bytes in prop::collection::vec(0usize..60_000, 0..60), size in 1u32..11) {
            let calls = pack(bytes.iter().copied(), size);
            let all: Vec<usize> = calls.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..bytes.len()).collect::<Vec<_>>());
            for call in calls {
                prop_assert!(call.len() <= size as usize);
                prop_assert!(call.len() == 1 || bytes[call].iter().sum::<usize>() <= MAX_CALL_BYTES);
            }
        }
    }
}
