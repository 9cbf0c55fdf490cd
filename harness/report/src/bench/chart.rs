//! Lines over requests a connection, both axes logarithmic, as SVG without a style sheet or a script.

use ekmcheck_suite::bench::Scheme;
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Colours that differ in lightness too, and a dash for whoever sees no colours.
fn look(scheme: Scheme) -> (&'static str, &'static str) {
    match scheme {
        Scheme::Bearer => ("#777777", "1 0"),
        Scheme::BearerBallast => ("#bbbbbb", "7 3"),
        Scheme::CertificateBound => ("#b8860b", "2 3"),
        Scheme::SessionBound => ("#0057b7", "1 0"),
        Scheme::SessionBoundUncached => ("#5aa9e6", "7 3"),
        Scheme::Dpop => ("#c1272d", "1 0"),
        Scheme::DpopServerTls => ("#e78284", "7 3"),
    }
}

/// `None` where there is nothing to draw.
pub(super) fn svg(title: &str, unit: &str, lines: &[(Scheme, Vec<(f64, f64)>)], level: Option<f64>) -> Option<String> {
    let all = || lines.iter().flat_map(|(_, points)| points);
    let span = |of: fn(&(f64, f64)) -> f64, more: Option<f64>| {
        let values = || all().map(of).chain(more).filter(|v| *v > 0.0).map(f64::log10);
        let (least, most) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        (most > least).then_some((least, most))
    };
    let ((left, right), (low, high)) = (span(|p| p.0, None)?, span(|p| p.1, level)?);
    let (low, high) = (low - 0.05, high + 0.05);
    let x = |v: f64| LEFT + (v.log10() - left) / (right - left) * (WIDTH - LEFT - RIGHT);
    let y = |v: f64| HEIGHT - BOTTOM - (v.log10() - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let ticks = |from: f64, to: f64, steps: &'static [f64]| {
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a measured value")]
        let decades = from.floor() as i32..=to.ceil() as i32;
        let values = decades.flat_map(move |decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        values.filter(move |v| (from - 1e-9..=to + 1e-9).contains(&v.log10()))
    };
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
            font-family="sans-serif" font-size="12" fill="#222222" {
            title { (title) }
            rect width="100%" height="100%" fill="#ffffff" {}
            text x=(LEFT) y="22" font-size="14" { (title) }
            @for v in ticks(left, right, &[1.0]) {
                (rule(x(v), TOP, x(v), HEIGHT - BOTTOM, "#dddddd"))
                text x=(at(x(v))) y=(at(HEIGHT - BOTTOM + 18.0)) text-anchor="middle" { (number(v)) }
            }
            text x=(at((LEFT + WIDTH - RIGHT) / 2.0)) y=(at(HEIGHT - 12.0)) text-anchor="middle" { "requests a connection" }
            @for v in ticks(low, high, &[1.0, 2.0, 5.0]) {
                (rule(LEFT, y(v), WIDTH - RIGHT, y(v), "#dddddd"))
                text x=(at(LEFT - 8.0)) y=(at(y(v) + 4.0)) text-anchor="end" { (number(v)) }
            }
            text x="16" y=(at(TOP - 8.0)) font-size="11" { (unit) }
            @if let Some(level) = level { (rule(LEFT, y(level), WIDTH - RIGHT, y(level), "#222222")) }
            @for (place, (scheme, points)) in lines.iter().enumerate() {
                @let (colour, dash) = look(*scheme);
                @let path = points.iter().map(|(n, v)| format!("{},{}", at(x(*n)), at(y(*v)))).collect::<Vec<_>>().join(" ");
                polyline points=(path) fill="none" stroke=(colour) stroke-width="2" stroke-dasharray=(dash) {}
                @for (n, v) in points { circle cx=(at(x(*n))) cy=(at(y(*v))) r="3" fill=(colour) {} }
                @let legend = TOP + 14.0 + place as f64 * 20.0;
                line x1=(at(WIDTH - RIGHT + 12.0)) y1=(at(legend)) x2=(at(WIDTH - RIGHT + 36.0)) y2=(at(legend))
                    stroke=(colour) stroke-width="2" stroke-dasharray=(dash) {}
                text x=(at(WIDTH - RIGHT + 42.0)) y=(at(legend + 4.0)) font-size="11" { (scheme.name()) }
            }
        }
    };
    Some(markup.into_string())
}

fn rule(x1: f64, y1: f64, x2: f64, y2: f64, colour: &str) -> Markup {
    html! { line x1=(at(x1)) y1=(at(y1)) x2=(at(x2)) y2=(at(y2)) stroke=(colour) {} }
}

fn at(v: f64) -> String {
    format!("{v:.1}")
}

/// Without digits that say nothing.
fn number(v: f64) -> String {
    let text = format!("{v:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
