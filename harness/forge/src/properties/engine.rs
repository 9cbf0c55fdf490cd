//! A small engine without feedback: the same inputs for the same seed, on any toolchain. What it finds in time, one that
//! measures coverage finds as well.

/// Makes inputs for a property.
#[derive(Debug, Clone)]
pub struct Inputs {
    state: u64,
    /// The inputs that were kept, to be changed and put together.
    pool: Vec<Vec<u8>>,
    made: u64,
}

/// The longest input: as many choices as a plan can have.
const LONGEST: usize = 64;

/// How many inputs are kept.
const POOL: usize = 64;

impl Inputs {
    /// From nothing but a number.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x9e37_79b9_7f4a_7c15, pool: Vec::new(), made: 0 }
    }

    /// SplitMix64, in our own words: a counter whose bits are mixed.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.number() % limit).unwrap_or(0)
    }

    fn octet(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// Octets; half of them small, as most choices have few alternatives and nothing chosen is the first one.
    fn fresh(&mut self) -> Vec<u8> {
        let length = 1 + self.below(LONGEST);
        let sparse = self.below(2) == 0;
        (0..length)
            .map(|_| match (sparse, self.below(4)) {
                (true, 0..=2) => 0,
                _ => self.octet(),
            })
            .collect()
    }

    fn changed(&mut self) -> Vec<u8> {
        let at = self.below(self.pool.len());
        let mut octets = self.pool.get(at).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            let place = self.below(octets.len() + 1);
            match self.below(4) {
                0 if octets.len() < LONGEST => octets.insert(place, self.octet()),
                1 if place < octets.len() => _ = octets.remove(place),
                _ => {
                    let octet = self.octet();
                    if let Some(found) = octets.get_mut(place) {
                        *found = octet;
                    }
                }
            }
        }
        octets
    }
}

impl Iterator for Inputs {
    type Item = Vec<u8>;

    /// The first is empty, as libFuzzer's is.
    fn next(&mut self) -> Option<Vec<u8>> {
        self.made += 1;
        if self.made == 1 {
            return Some(Vec::new());
        }
        let octets = if self.pool.is_empty() || self.below(2) == 0 { self.fresh() } else { self.changed() };
        if self.pool.len() < POOL {
            self.pool.push(octets.clone());
        } else if self.below(16) == 0 {
            let at = self.below(POOL);
            if let Some(kept) = self.pool.get_mut(at) {
                kept.clone_from(&octets);
            }
        }
        Some(octets)
    }
}
