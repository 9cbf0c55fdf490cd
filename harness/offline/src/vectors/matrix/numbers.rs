//! Numbers in `iat` (LIB-B17), and the edges of its window (LIB-B22). The clock says 1800000000.

use ekmcheck_binding::refusal::Check;
use ekmcheck_suite::case::{
    Basis::{Draft, Inherited},
    Level::{May, Must},
};

use super::super::{
    ledger::entry_of,
    plan::Plan,
    step::{Part, Step},
};

/// Numbers far outside of the window, some of which become "now" where they wrap or lose digits.
const OUTSIDE: [(&str, &str, &str); 17] = [
    ("iat-minus-one", "-1", "a second before 1970"),
    ("iat-negative", "-1800000000", "now with a minus"),
    ("iat-minus-zero", "-0", "zero with a minus"),
    ("iat-zero-point-zero", "0.0", "zero with a fraction"),
    ("iat-two-to-the-31", "2147483648", "2 to the 31st, beyond a signed number of 32 bits"),
    ("iat-now-plus-two-to-the-32", "6094967296", "now in 32 bits"),
    ("iat-now-plus-two-to-the-53", "9007201054740992", "now beyond the whole numbers of a double"),
    ("iat-two-to-the-53-plus-one", "9007199254740993", "2 to the 53rd and 1, no double"),
    ("iat-two-to-the-63", "9223372036854775808", "2 to the 63rd, beyond a signed number of 64 bits"),
    ("iat-now-plus-two-to-the-64", "18446744075509551616", "now in 64 bits"),
    ("iat-minus-two-to-the-63", "-9223372036854775808", "the least signed number of 64 bits"),
    ("iat-beyond-a-double-below", "-1e400", "beyond a double, below"),
    ("iat-underflow", "1e-400", "less than any double but 0"),
    ("iat-exponent", "1.8e10", "ten times now, with an exponent"),
    ("iat-microseconds", "1800000000000000", "now in microseconds"),
    ("iat-nanoseconds", "1800000000000000000", "now in nanoseconds"),
    ("iat-year-two-digits", "27", "the year in two digits"),
];

/// Now, in spellings that a reader of whole numbers may refuse.
const NOW: [(&str, &str); 6] = [
    ("iat-point-zero", "1800000000.0"),
    ("iat-exponent-9", "1.8e9"),
    ("iat-exponent-capital", "18E8"),
    ("iat-exponent-plus", "18e+8"),
    ("iat-exponent-zero", "1800000000e0"),
    ("iat-exponent-negative", "180000000000e-2"),
];

/// What begins like a number, and is none in JSON.
const NONE: [(&str, &str); 14] = [
    ("iat-with-plus", "+1800000000"),
    ("iat-with-leading-zero", "01800000000"),
    ("iat-point-at-end", "1800000000."),
    ("iat-point-at-start", ".18e10"),
    ("iat-hexadecimal", "0x6b49d200"),
    ("iat-octal", "0o15322351000"),
    ("iat-with-underscores", "1_800_000_000"),
    ("iat-big-integer", "1800000000n"),
    ("iat-exponent-empty", "18e"),
    ("iat-nan", "NaN"),
    ("iat-infinity", "Infinity"),
    ("iat-minus-infinity", "-Infinity"),
    ("iat-wide-digits", "\u{ff11}\u{ff18}00000000"),
    ("iat-without-value", ""),
];

pub(super) fn plans() -> Vec<Plan> {
    let set = |raw: &str| Step::set(Part::Claims, "iat", raw);
    let outside = OUTSIDE.into_iter().map(|(name, raw, what)| {
        let plan = Plan::refused(Check::Iat, name, &format!("`iat` is {raw}: {what}.")).step(set(raw));
        plan.entry(entry_of("rs.iat-window", "3.3.2 5h", Must, Draft)).flag("number-edge").row("LIB-B17").row("LIB-B02")
    });
    let now = NOW.into_iter().map(|(name, raw)| {
        let plan = Plan::open(None, name, &format!("`iat` is now, written {raw}.")).step(set(raw));
        plan.entry(entry_of("rs.iat-window", "RFC 7519 2", May, Inherited))
            .flag("number-edge")
            .row("LIB-B17")
            .row("LIB-B02")
    });
    let none = NONE.into_iter().map(|(name, raw)| {
        let plan =
            Plan::refused(Check::Format, name, &format!("`iat` is written {raw:?}, which is no JSON.")).step(set(raw));
        let plan = plan.entry(entry_of("rs.proof-form", "RFC 7519 7.2; RFC 8259 6", Must, Inherited));
        plan.flag("json-lenient").flag("number-edge").row("LIB-B17").row("LIB-B02")
    });
    outside.chain(now).chain(none).chain(edges()).chain(far()).collect()
}

/// Around both edges of the window of 300 and 60 seconds.
fn edges() -> impl Iterator<Item = Plan> {
    let seconds = [
        ("iat-300-seconds-past", "1799999700", None),
        ("iat-301-seconds-past", "1799999699", Some(Check::Iat)),
        ("iat-one-second-past", "1799999999", None),
        ("iat-one-second-ahead", "1800000001", None),
        ("iat-59-seconds-ahead", "1800000059", None),
        ("iat-60-seconds-ahead", "1800000060", None),
        ("iat-61-seconds-ahead", "1800000061", Some(Check::Iat)),
        ("iat-60-and-a-half-ahead", "1800000060.5", Some(Check::Iat)),
    ];
    seconds.into_iter().map(|(name, raw, check)| {
        let plan = Plan::open(check, name, &format!("`iat` is {raw}, at an edge of the window.")).step(Step::set(
            Part::Claims,
            "iat",
            raw,
        ));
        plan.entry(entry_of("rs.iat-window", "3.3.2 5h", May, Draft)).flag("time-window").row("LIB-B22")
    })
}

/// Beyond any window.
fn far() -> impl Iterator<Item = Plan> {
    let seconds = [
        ("iat-one-day-past", "1799913600", "a day past"),
        ("iat-one-day-ahead", "1800086400", "a day ahead"),
        ("iat-ten-years-past", "1484467200", "ten years past"),
        ("iat-ten-years-ahead", "2115619200", "ten years ahead"),
    ];
    seconds.into_iter().map(|(name, raw, what)| {
        let plan =
            Plan::refused(Check::Iat, name, &format!("`iat` is {what}.")).step(Step::set(Part::Claims, "iat", raw));
        plan.entry(entry_of("rs.iat-window", "3.3.2 5h", Must, Draft)).flag("time-window").row("LIB-B22")
    })
}
