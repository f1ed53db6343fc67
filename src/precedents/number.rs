//! Arithmetic that gives the same bits on every machine: only operations that IEEE 754 defines exactly.
//!
//! The system's `ln` differs between C libraries in the last bit, and one bit is enough to make an artifact that was built
//! elsewhere differ.

/// The natural logarithm of a positive number, to about 1e-12.
pub(super) fn ln(x: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)); |t| < 0.172, so 9 terms reach 1e-15.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let mut sum = 0.0;
    for term in (0..9u32).rev() {
        sum = sum * square + 1.0 / f64::from(2 * term + 1);
    }
    2.0 * t * sum + f64::from(exponent) * LN_2
}

/// A seeded generator (SplitMix64): training shuffles with it, and nothing else in the program does.
#[derive(Debug, Clone)]
pub(super) struct Shuffler(u64);

impl Shuffler {
    pub(super) fn seeded(seed: u64) -> Self {
        Shuffler(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is at most 2^32.
    fn below(&mut self, limit: usize) -> usize {
        (((self.next() >> 32) * limit as u64) >> 32) as usize
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_agrees_with_the_systems() {
        for x in [1e-6, 0.3, 1.0, 1.41, 1.42, 2.0, 17.5, 5_874.0, 1e9] {
            assert!((ln(x) - x.ln()).abs() < 1e-11, "ln {x}");
        }
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_depends_on_the_seed_alone() {
        let order = |seed| {
            let mut v: Vec<u32> = (0..50).collect();
            Shuffler::seeded(seed).shuffle(&mut v);
            v
        };
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
        let mut sorted = order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
