//! The scenarios are embedded: a new file must be seen even where no known one has changed.

fn main() {
    println!("cargo::rerun-if-changed=../../scenarios");
}
