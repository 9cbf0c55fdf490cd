//! How two JOSE libraries differ from the guard: `cargo run --release -p ekmcheck-forge --features properties --example
//! differences -- 200000`, with the number of inputs. One line a class, with the first input that shows it.

#![expect(clippy::print_stdout, reason = "its purpose")]

use std::{collections::BTreeMap, env, error::Error};

use ekmcheck_forge::properties::{TARGETS, disagreements, engine::Inputs};

fn main() -> Result<(), Box<dyn Error>> {
    let count = env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let seeds = TARGETS.into_iter().find(|target| target.name == "differential").map(|target| (target.seeds)());
    let seeds = seeds.unwrap_or_default().into_iter().map(|(_, octets)| octets);
    let mut classes = BTreeMap::new();
    for octets in seeds.chain(Inputs::new(1)).take(count) {
        for disagreement in disagreements(&octets) {
            classes.entry(disagreement).or_insert_with(|| (octets.clone(), 0_u64)).1 += 1;
        }
    }
    for (class, (octets, count)) in classes {
        let input: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        let known = class.known.unwrap_or("NEW");
        println!("{} {}: {} ({count} times; {input}): {known}", class.kind, class.library, class.why);
    }
    Ok(())
}
