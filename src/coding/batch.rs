//! Which reports go into one call. A function of the texts alone, so that an estimate and a run make the same calls.

use std::ops::Range;

/// Bytes of texts and examples in one call at most. A report that is longer goes alone. Keeps prompts far from where long ones cost a
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

/// The order in which `count` reports are asked for a second sample: those that shared a call of `batch_size` are spread
/// over other calls, the last ones come first.
///
/// A second answer says something only as far as it does not follow from the first. At temperature 0 the same request gives
/// nearly the same answer, and what a model says of one report leans on the others of the call and on its place among
/// them. So the second sample has other mates in another order, and temperature 1 where the model takes one; it costs what
/// the first did, and shares its cached prefix.
pub fn sample_order(count: usize, batch_size: u32) -> Vec<usize> {
    let size = batch_size.max(1) as usize;
    let mut order: Vec<usize> = (0..size.min(count))
        .flat_map(|first| (first..count).step_by(size))
        .collect();
    order.reverse();
    order
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

    #[test]
    fn a_second_sample_has_other_mates_in_another_order() {
        assert_eq!(sample_order(5, 2), [3, 1, 4, 2, 0]);
        assert_eq!(sample_order(3, 1), [2, 1, 0]);
        assert_eq!(sample_order(1, 10), [0]);
        assert!(sample_order(0, 2).is_empty());
        let mates = |order: &[usize], size: usize| -> std::collections::BTreeSet<(usize, usize)> {
            let pairs = order.chunks(size).flat_map(|call| {
                let pair = |a: &usize, b: &usize| (*a.min(b), *a.max(b));
                call.iter()
                    .enumerate()
                    .flat_map(move |(at, a)| call[at + 1..].iter().map(move |b| pair(a, b)))
            });
            pairs.collect()
        };
        for size in 2..=10 {
            let first: Vec<usize> = (0..100).collect();
            let second = sample_order(100, size as u32);
            let both = mates(&first, size);
            let shared = mates(&second, size).intersection(&both).count();
            assert_eq!(shared, 0, "{size} a call");
        }
    }

    proptest! {
        #[test]
        fn every_report_is_sampled_once(count in 0usize..300, size in 0u32..11) {
            let mut order = sample_order(count, size);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }

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
