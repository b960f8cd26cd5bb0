//! The dashboard and the alerts ask for metrics and labels that a host has.

use mdm_agent_protocol::sync::SYNC_PATH;
use mdm_tests::test_environment::{Make, TestEnvironment, http_client};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use tokio::runtime::Runtime;

/// The metrics of a server after one reset: names of metrics, and of labels.
struct DeviceInfo {
    metrics: BTreeSet<String>,
    labels: BTreeSet<String>,
}

fn told() -> DeviceInfo {
    let env = TestEnvironment::start().unwrap();
    let mut phone = env.enroll(Make::default()).unwrap();
    phone.switch_on().unwrap();
    let reset = ["password", "reset", &phone.id, "--yes"];
    let command = env.ask(&reset, "1234").unwrap();
    env.outcome(&phone, &command).unwrap();
    // A refused request, so that the label of refusals exists.
    env.refused(&["password", "reset", "nobody", "--yes"], "1234")
        .unwrap();
    // An agent, too.
    let unsigned = http_client().post(format!("{}{SYNC_PATH}", env.url()));
    let request = http_client()
        .get(format!("{}/metrics", env.url()))
        .bearer_auth(env.token().unwrap());
    let text = Runtime::new().unwrap().block_on(async {
        let refused = unsigned.body("{}").send().await.unwrap();
        assert!(refused.status().is_client_error(), "{refused:?}");
        request.send().await.unwrap().text().await.unwrap()
    });
    let (mut metrics, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            let endings: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                "gauge" => &[""],
                other => panic!("{name} is a {other}"),
            };
            metrics.extend(endings.iter().map(|end| format!("{name}{end}")));
        } else if let Some((_, rest)) = line.split_once('{') {
            let pairs = rest.split(',').filter_map(|pair| pair.split_once("=\""));
            labels.extend(pairs.map(|(label, _)| label.to_owned()));
        }
    }
    DeviceInfo { metrics, labels }
}

/// The words of a query that are metrics of ours.
fn metrics(query: &str) -> impl Iterator<Item = &str> {
    query
        .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|word| word.starts_with("mdm_"))
}

/// The labels that a query groups or selects by.
fn labels(query: &str) -> BTreeSet<&str> {
    let grouped = query.split("by (").skip(1);
    let grouped = grouped.flat_map(|rest| rest.split(')').next().unwrap_or_default().split(','));
    let selected = query.split('{').skip(1);
    let selected = selected
        .flat_map(|rest| rest.split('}').next().unwrap_or_default().split(','))
        .filter_map(|pair| pair.split(['=', '!']).next());
    // These two, Prometheus adds.
    let all = grouped.chain(selected).map(str::trim);
    all.filter(|label| !["", "instance", "job"].contains(label))
        .collect()
}

/// The texts of all fields of this name, wherever they are.
fn fields<'a>(json: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match json {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == name => found.push(text),
                    value => fields(value, name, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| fields(value, name, found)),
        _ => {}
    }
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana");
    fs::read_to_string(path.join(name)).unwrap()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_and_labels_that_a_host_has() {
    let told = told();
    let dashboard: Value = serde_json::from_str(&file("mdm-server.json")).unwrap();
    let alerts = file("alerts.yml");
    let mut queries = Vec::new();
    fields(&dashboard, "expr", &mut queries);
    fields(&dashboard, "definition", &mut queries);
    assert!(
        queries.len() > 30,
        "the queries of the dashboard were not found"
    );
    // An expression may go on over lines that are indented further.
    let rules = alerts.replace(">-\n", "").replace("\n          ", " ");
    let rules: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr:"))
        .collect();
    assert_eq!(rules.len(), alerts.matches("- alert:").count());
    for query in queries.into_iter().chain(rules) {
        let asked: Vec<_> = metrics(query).collect();
        assert!(!asked.is_empty(), "no metric in {query}");
        for metric in asked {
            assert!(told.metrics.contains(metric), "{metric} of {query}");
        }
        for label in labels(query) {
            assert!(told.labels.contains(label), "`{label}` of {query}");
        }
    }
}

#[test]
fn every_metric_that_a_host_has_is_in_the_documentation() {
    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/METRICS.md"))
            .unwrap();
    for metric in told().metrics {
        let of_histogram = ["_bucket", "_sum", "_count"];
        let base = of_histogram
            .iter()
            .find_map(|end| metric.strip_suffix(end))
            .unwrap_or(&metric);
        assert!(document.contains(base), "{base} is not in docs/METRICS.md");
    }
}
