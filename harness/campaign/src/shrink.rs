//! Makes a mutant as small as it can be.

use super::random::Mutant;

/// Ways to make a mutant smaller, one after the other; what was taken before stays taken.
pub(super) struct Shrinker {
    smallest: Mutant,
    at: At,
}

/// What is left out next.
enum At {
    Warm,
    Claims,
    /// The change before this place.
    Before(usize),
}

impl Shrinker {
    pub(super) fn new(mutant: Mutant) -> Self {
        Self { smallest: mutant, at: At::Warm }
    }

    /// The next thing to try; `None` when nothing is left to try.
    pub(super) fn next(&mut self) -> Option<Mutant> {
        loop {
            let mut candidate = self.smallest.clone();
            match self.at {
                At::Warm => {
                    self.at = At::Claims;
                    candidate.warm = false;
                }
                At::Claims => {
                    self.at = At::Before(candidate.mutations.len());
                    candidate.claims = [false; 3];
                }
                At::Before(0) => return None,
                At::Before(place) => {
                    self.at = At::Before(place - 1);
                    // A mutant without changes is none.
                    if candidate.mutations.len() > 1 {
                        candidate.mutations.remove(place - 1);
                    }
                }
            }
            if candidate != self.smallest {
                return Some(candidate);
            }
        }
    }

    /// It deviates as well: on from there.
    pub(super) fn take(&mut self, candidate: Mutant) {
        self.smallest = candidate;
    }

    pub(super) fn smallest(self) -> Mutant {
        self.smallest
    }
}

#[cfg(test)]
mod tests {
    use ekmcheck_forge::mutation::Mutation;

    use super::*;

    /// Shrinks a mutant with three changes, of which `deviates` says which are needed.
    fn shrunk(deviates: impl Fn(&Mutant) -> bool) -> Mutant {
        let mutations = ["a", "b", "c"].map(|row| Mutation::Row(row.to_owned())).to_vec();
        let mut shrinker = Shrinker::new(Mutant { mutations, claims: [true, false, false], warm: true });
        while let Some(candidate) = shrinker.next() {
            if deviates(&candidate) {
                shrinker.take(candidate);
            }
        }
        shrinker.smallest()
    }

    #[test]
    fn what_is_not_needed_is_left_out_and_nothing_else() {
        let needs = |row: &'static str| move |m: &Mutant| m.mutations.contains(&Mutation::Row(row.to_owned()));
        for row in ["a", "b", "c"] {
            let smallest = shrunk(needs(row));
            assert_eq!(smallest.mutations, [Mutation::Row(row.to_owned())]);
            assert_eq!((smallest.claims, smallest.warm), ([false; 3], false));
        }
        let smallest = shrunk(|m| needs("a")(m) && needs("c")(m) && m.warm && m.claims[0]);
        assert_eq!(smallest.mutations.len(), 2);
        assert_eq!((smallest.claims, smallest.warm), ([true, false, false], true));
    }

    #[test]
    fn one_change_always_stays() {
        assert_eq!(shrunk(|_| true).mutations.len(), 1);
        assert_eq!(shrunk(|_| false).mutations.len(), 3);
    }
}
