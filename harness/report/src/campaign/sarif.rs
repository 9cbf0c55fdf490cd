//! A campaign's violations in SARIF 2.1.0.

use ekmcheck_suite::{
    campaign::{Campaign, Finding, Weight},
    inert::inert,
};
use serde_json::{Value, json};

use crate::{
    ReportFault,
    json::line,
    sarif::{DRAFT_PAGE, Run},
};

pub(super) fn json(done: &Campaign) -> Result<String, ReportFault> {
    let firm: Vec<&Finding> = done.findings.iter().filter(|f| f.weight == Weight::Violation).collect();
    let rules: Vec<Value> = firm.iter().map(|finding| rule(finding)).collect();
    let results = firm.iter().enumerate().flat_map(|(index, finding)| results(done, finding, index)).collect();
    let run = Run {
        version: &done.ekmcheck,
        category: format!("ekmcheck-fuzz/{}/", inert(&done.subject)),
        properties: json!({ "requests": done.requests, "mutants": done.mutants, "seed": done.seed }),
        rules,
        results,
    };
    run.json()
}

fn rule(finding: &Finding) -> Value {
    json!({
        "id": inert(&finding.id),
        "shortDescription": { "text": format!("{}: {}", finding.class.name(), inert(&finding.check)) },
        "defaultConfiguration": { "level": "error" },
        "helpUri": DRAFT_PAGE,
        "properties": { "tags": ["fuzzing", finding.class.name()] },
    })
}

/// A result each of the examples that weigh as much.
fn results(done: &Campaign, finding: &Finding, index: usize) -> Vec<Value> {
    // Readers of SARIF make links of what stands in brackets.
    let plain = |text: &str| inert(text).replace('[', "(").replace(']', ")");
    let firm = finding.examples.iter().filter(|example| example.weight == Weight::Violation);
    let result = |example: &ekmcheck_suite::campaign::Example| {
        let text = format!(
            "The reference: {}; the subject: {}; on {} with {}. Again: {}",
            plain(&example.expected),
            plain(&example.seen),
            example.transport.name(),
            plain(&line(&example.mutations).unwrap_or_default()),
            plain(&done.again("campaign.json")),
        );
        json!({
            "ruleId": inert(&finding.id),
            "ruleIndex": index,
            "level": "error",
            "kind": "fail",
            "message": { "text": text },
            "locations": [{
                // What is at fault is a server; the file that can be named is the one that plays it again.
                "physicalLocation": { "artifactLocation": { "uri": "campaign.json" }, "region": { "startLine": 1 } },
                "logicalLocations": [{ "fullyQualifiedName": inert(&finding.id), "kind": "member" }],
            }],
            "partialFingerprints": { "ekmcheckFinding/v1": format!("{}/{}", inert(&finding.id), line(&example.mutations).unwrap_or_default()) },
        })
    };
    firm.map(result).collect()
}
