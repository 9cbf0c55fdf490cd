//! SARIF 2.1.0: violations only, a rule a requirement, a result a case that shows it.

use ekmcheck_suite::{outcome::Verdict, requirement::Requirement};
use serde_json::{Map, Value, json};

use crate::{
    Material, ReportFault, again,
    groups::{self, Group, Same},
    json::pretty,
    words,
};

/// The home of the project's rules, where a requirement has no clause to be read.
pub(crate) const DRAFT_PAGE: &str = "https://datatracker.ietf.org/doc/draft-mw-oauth-tls-session-bound-tokens/";

pub(crate) fn json(material: &Material<'_>) -> Result<String, ReportFault> {
    let (mut rules, mut results) = (Vec::<Value>::new(), Vec::new());
    for verdict in [Verdict::Fail, Verdict::Warn].into_iter().filter(|v| material.violates(*v)) {
        let level = if verdict == Verdict::Fail { "error" } else { "warning" };
        for group in groups::by_requirement(material, verdict) {
            let known = rules.iter().position(|r| r["id"] == group.id);
            let index = known.unwrap_or_else(|| {
                rules.push(rule(&group, level));
                rules.len() - 1
            });
            results.extend(group.cases.iter().filter_map(|same| result(material, &group, same, index, level)));
        }
    }
    let run = Run {
        version: &material.report.ekmcheck,
        category: format!("ekmcheck/{}/", material.report.subject),
        properties: json!({ "conclusion": material.conclusion(), "counts": material.report.counts }),
        rules,
        results,
    };
    run.json()
}

/// A log with one run.
pub(crate) struct Run<'a> {
    /// Of the tool.
    pub(crate) version: &'a str,
    /// Results of one category replace the earlier ones.
    pub(crate) category: String,
    pub(crate) properties: Value,
    pub(crate) rules: Vec<Value>,
    pub(crate) results: Vec<Value>,
}

impl Run<'_> {
    pub(crate) fn json(self) -> Result<String, ReportFault> {
        Ok(pretty(&json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "ekmcheck",
                    "semanticVersion": self.version,
                    "informationUri": DRAFT_PAGE,
                    "rules": self.rules,
                }},
                "automationDetails": { "id": self.category },
                "columnKind": "unicodeCodePoints",
                "properties": self.properties,
                "results": self.results,
            }],
        }))?)
    }
}

fn rule(group: &Group<'_>, level: &str) -> Value {
    let mut rule = Map::new();
    rule.insert("id".to_owned(), json!(group.id));
    rule.insert("defaultConfiguration".to_owned(), json!({ "level": level }));
    if let Some(Requirement { text, clause, level, basis, revision, .. }) = group.requirement {
        let help = format!(
            "{text}\n\nClause {clause} (revision {revision}); {} {}.\n\n`ekmcheck list requirements` names the cases.",
            words::basis(*basis),
            words::level(*level)
        );
        rule.insert("shortDescription".to_owned(), json!({ "text": text }));
        rule.insert("fullDescription".to_owned(), json!({ "text": format!("{text} (clause {clause})") }));
        rule.insert("help".to_owned(), json!({ "text": help, "markdown": help }));
        rule.insert(
            "properties".to_owned(),
            json!({ "tags": ["conformance", words::basis(*basis), words::level(*level)] }),
        );
        rule.insert(
            "helpUri".to_owned(),
            json!(words::clause_address(clause).unwrap_or_else(|| DRAFT_PAGE.to_owned())),
        );
    }
    Value::Object(rule)
}

fn result(material: &Material<'_>, group: &Group<'_>, same: &Same<'_>, index: usize, level: &str) -> Option<Value> {
    let outcome = same.outcome()?;
    let transports = same.transports().join(" ");
    // Readers of SARIF make links of what stands in brackets.
    let plain = |text: &str| text.replace('[', "(").replace(']', ")");
    let text = format!(
        "{}: {}. Expected {}; seen {} on {transports}. Again: {}",
        plain(&outcome.title),
        plain(same.reason),
        plain(&outcome.expected),
        plain(&outcome.seen),
        plain(&again(&material.report, outcome)),
    );
    Some(json!({
        "ruleId": group.id,
        "ruleIndex": index,
        "level": level,
        "kind": "fail",
        "message": { "text": text },
        "locations": [{
            // What is at fault is a server; the file that can be named is the one that says how it was asked.
            "physicalLocation": {
                "artifactLocation": { "uri": case_file(&outcome.id) },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{ "fullyQualifiedName": outcome.id, "kind": "member" }],
        }],
        "partialFingerprints": { "ekmcheckCase/v1": format!("{}/{}/{transports}", group.id, outcome.id) },
    }))
}

/// Ids are paths: `rs.exporter.zero` is `scenarios/resource-server/exporter/zero.json`.
fn case_file(id: &str) -> String {
    let path = id.strip_prefix("rs.").unwrap_or(id).bytes();
    // What is no id of ours stays a path below that folder (RFC 3986 section 2.1).
    let in_path = |octet: u8| match octet {
        b'.' => "/".to_owned(),
        octet if octet.is_ascii_alphanumeric() || b"-_".contains(&octet) => char::from(octet).to_string(),
        octet => format!("%{octet:02X}"),
    };
    format!("scenarios/resource-server/{}.json", path.map(in_path).collect::<String>())
}
